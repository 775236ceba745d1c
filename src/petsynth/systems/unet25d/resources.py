"""What a pretrained model's configuration means before anything is trained."""

from __future__ import annotations

from typing import Any

import torch

from petsynth.config import StackConfig, config_hash
from petsynth.networks.layers import count_parameters
from petsynth.systems.pix2pix.resources import add_up, run_and_measure
from petsynth.systems.unet25d.system import build_stack_generator

SUBJECTS = 87
"""Training subjects of the pretrained model."""

MEMORY_DEFINITION = (
    "estimate in bytes, float32: weights; as much again for gradients; twice as much for Adam; "
    "activations: what autograd keeps of one batch's pass. Not counted: libraries, work space of "
    "convolutions, data."
)


def estimate_stacks(config: StackConfig, *, subjects: int | None = None) -> dict[str, Any]:
    """Describe a training; `subjects` are 87 by default, as many as the pretrained model has."""
    heads, batch = subjects or SUBJECTS, config.training.batch_size
    side, slices = config.data.canvas, config.data.slices
    with torch.device("meta"):
        generator = build_stack_generator(config)
        (pet, _), activations_bytes = run_and_measure(
            generator, torch.empty(batch, slices, side, side)
        )
    epoch = -(-heads * config.data.slices_per_head // batch)
    steps = config.training.epochs * epoch
    return {
        "system": config.system,
        "config_hash": config_hash(config),
        "generator": {
            "parameters": count_parameters(generator),
            "input_shape": [batch, slices, side, side],
            "output_shape": list(pet.shape),
        },
        "training": {
            "subjects": heads,
            "slices_per_epoch": heads * config.data.slices_per_head,
            "batch_size": batch,
            "steps_per_epoch": epoch,
            "steps": min(steps, config.training.max_steps or steps),
        },
        "memory": add_up(count_parameters(generator), activations_bytes)
        | {"definition": MEMORY_DEFINITION},
    }
