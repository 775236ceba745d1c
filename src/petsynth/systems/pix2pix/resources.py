"""What a configuration of paper A means before anything is trained: sizes, memory, steps.

Networks are built and run on torch's meta device, which knows shapes but holds no numbers.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn

from petsynth.config import SliceConfig, config_hash
from petsynth.errors import ConfigError
from petsynth.networks.layers import count_parameters
from petsynth.preprocessing.grid import model_grid
from petsynth.slicing import AXIS
from petsynth.systems.pix2pix.dataset import check_canvas, steps_per_epoch
from petsynth.systems.pix2pix.networks import build_discriminator, build_generator

PAPER_SUBJECTS = 12
"""Training subjects of paper A (section 2.2)."""
USUAL_VOXELS_MM = (1.5, 2.0, 3.0, 4.0, 6.0)

MEMORY_DEFINITION = (
    "estimate in bytes, float32: weights; as much again for gradients; twice as much for Adam; "
    "activations: what autograd keeps of the generator's pass and of the discriminator's on the "
    "real and the generated batch. Not counted: libraries, work space of convolutions, data."
)


def estimate(
    config: SliceConfig,
    *,
    grid_shape: tuple[int, int, int] | None = None,
    subjects: int | None = None,
) -> dict[str, Any]:
    """Describe a training of paper A.

    Parameters
    ----------
    config : Config
        What would be trained.
    grid_shape : tuple of 3 int, optional
        Of the prepared data. By default the models' grid at the smallest usual voxel size
        whose slices fit the canvas: 121 x 145 x 121 at paper size.
    subjects : int, optional
        Training subjects; by default paper A's 12.

    Returns
    -------
    dict
        Plain values, ready for JSON.

    Raises
    ------
    ConfigError
        If slices do not fit the canvas.
    """
    shape = grid_shape or _grid_that_fits(config.data.canvas)
    check_canvas(shape, config.data.planes, config.data.canvas)
    batch, side = config.training.batch_size, config.data.canvas
    with torch.device("meta"):
        generator = build_generator(config.system, **dataclasses.asdict(config.generator))
        discriminator = build_discriminator(
            config.system, **dataclasses.asdict(config.discriminator)
        )
        image = torch.empty(batch, 1, side, side)
        draws = torch.arange(batch, device="cpu")
        pet, generator_bytes = run_and_measure(generator, image, draws)
        logits, discriminator_bytes = run_and_measure(discriminator, image, image)
    return {
        "system": config.system,
        "config_hash": config_hash(config),
        "generator": {
            "parameters": count_parameters(generator),
            "input_shape": list(image.shape),
            "output_shape": list(pet.shape),
        },
        "discriminator": {
            "parameters": count_parameters(discriminator),
            "receptive_field": discriminator.receptive_field(),
            "input_shapes": {"mri": list(image.shape), "pet": list(image.shape)},
            "output_shape": list(logits.shape),
        },
        "training": _count_steps(config, shape, subjects or PAPER_SUBJECTS),
        "memory": add_up(
            count_parameters(generator) + count_parameters(discriminator),
            generator_bytes + 2 * discriminator_bytes,
        ),
    }


def run_and_measure(network: nn.Module, *inputs: Any, **more: Any) -> tuple[Any, int]:
    """Return a network's result, and the bytes that autograd keeps for its backward pass."""
    weights = {id(weight.untyped_storage()) for weight in network.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if id(storage) not in weights:
            kept[id(storage)] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = network(*inputs, **more)
    return result, sum(storage.nbytes() for storage in kept.values())


def _count_steps(
    config: SliceConfig, grid_shape: tuple[int, int, int], subjects: int
) -> dict[str, Any]:
    slices = subjects * sum(grid_shape[AXIS[plane]] for plane in config.data.planes)
    epoch = steps_per_epoch(slices, config.training.batch_size)
    steps = config.training.epochs * epoch
    return {
        "subjects": subjects,
        "grid_shape": list(grid_shape),
        "planes": list(config.data.planes),
        "slices_per_epoch": slices,
        "batch_size": config.training.batch_size,
        "steps_per_epoch": epoch,
        "steps": min(steps, config.training.max_steps or steps),
    }


def add_up(parameters: int, activations_bytes: int) -> dict[str, Any]:
    """Return the memory of a training in all, and what it consists of."""
    weights = 4 * parameters
    total = 4 * weights + activations_bytes
    return {
        "weights_bytes": weights,
        "gradients_bytes": weights,
        "optimiser_bytes": 2 * weights,
        "activations_bytes": activations_bytes,
        "total_bytes": total,
        "total_gib": round(total / 2**30, 3),
        "definition": MEMORY_DEFINITION,
    }


def _grid_that_fits(canvas: int) -> tuple[int, int, int]:
    for voxel_mm in USUAL_VOXELS_MM:
        shape = model_grid(voxel_mm).shape
        if max(shape) <= canvas:
            return shape
    raise ConfigError(
        f"data.canvas {canvas} holds no slices of {USUAL_VOXELS_MM[-1]} mm voxels; make it larger"
    )
