"""How large the training of a 3D system is: networks, steps, memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from petsynth.data.volumes import BatchPartition
from petsynth.networks.layers import count_parameters
from petsynth.networks.patchgan3d import PatchGan3d
from petsynth.networks.unet3d import Generator3d
from petsynth.preprocessing.grids import conformed_grid, grid_in_paper_order, pet_grid
from petsynth.systems.resources import (
    Resources,
    memory_rows,
    run_and_measure,
    shape_text,
    training_memory,
)
from petsynth.systems.volumes.config import VolumeConfig
from petsynth.systems.volumes.networks import build_cnn, build_generator
from petsynth.systems.volumes.system import count_steps

MEMORY_DEFINITION = (
    "estimate in bytes, float32: weights; as much again for gradients; twice as much for Adam; "
    "activations: what autograd keeps of one batch's pass of the generator and of BERT, and of "
    "two of the CNN discriminator, as if all were held at once; with checkpointing the inputs of "
    "the networks' parts and the inside of the largest. Not counted: libraries, work space of "
    "convolutions, data."
)

PAPER_PAIRS = {"AV45": 2387, "AV1451": 536, "FDG": 3108}
"""Pairs of T1 and PET of paper B (section 3.1)."""


@dataclass(frozen=True)
class NetworkSize:
    """How one network of a training is measured.

    Parameters
    ----------
    build : function from bool to torch.nn.Module
        Makes it, with or without checkpointing.
    inputs : function from ((B, 1, X, Y, Z) tensor, (B, T, Y, X, Z) tensor) to tuple
        What it is called with, from a batch of T1s and PETs.
    parts : function from module to list of modules
        Whose insides are computed again with checkpointing; empty if it has none.
    is_checkpointed : bool
        Whether the configuration asks for checkpointing.
    describe : function from (module, T1s, PETs, result) to dict
        Shapes and the like, ready for JSON.
    rows : function from dict to list of (str, str)
        The same as a table.
    passes : int
        Passes of one step whose activations are held.
    """

    build: Callable[[bool], nn.Module]
    inputs: Callable[[Tensor, Tensor], tuple[Any, ...]]
    parts: Callable[[Any], list[nn.Module]]
    is_checkpointed: bool
    describe: Callable[[Any, Tensor, Tensor, Any], dict[str, Any]]
    rows: Callable[[dict[str, Any]], list[tuple[str, str]]]
    passes: int = 1


def generator_size(config: VolumeConfig, with_checkpointing: Callable[[bool], Any]) -> NetworkSize:
    """Return how the generator is measured.

    Parameters
    ----------
    config : VolumeConfig
        As given.
    with_checkpointing : function from bool to VolumeConfig
        The same configuration with checkpointing on or off.
    """
    return NetworkSize(
        build=lambda is_on: build_generator(with_checkpointing(is_on)),
        inputs=lambda mri, pet: (mri,),
        parts=_generator_parts,
        is_checkpointed=config.generator.checkpointing,
        describe=lambda network, mri, pet, result: {
            "input_shape": list(mri.shape[1:]),
            "output_shape": list(result.shape[1:]),
        },
        rows=lambda content: [
            ("generator", f"{content['parameters']:,} parameters"),
            (
                "  T1 in, PET out",
                f"{shape_text(content['input_shape'])} -> {shape_text(content['output_shape'])}",
            ),
        ],
    )


def cnn_size(config: VolumeConfig) -> NetworkSize:
    """Return how the CNN discriminator is measured."""
    return NetworkSize(
        build=lambda is_on: build_cnn(config),
        inputs=lambda mri, pet: (mri, pet),
        parts=lambda network: [],
        is_checkpointed=False,
        describe=_describe_cnn,
        rows=lambda content: [
            ("CNN discriminator", f"{content['parameters']:,} parameters"),
            ("  receptive field", f"{content['receptive_field']} voxels of the PET"),
            ("  logits out", shape_text(content["output_shape"])),
        ],
        passes=2,
    )


def volume_resources(
    config: VolumeConfig, sizes: Mapping[str, NetworkSize], *, subjects: int | None = None
) -> Resources:
    """Describe a training of paper B.

    Parameters
    ----------
    config : VolumeConfig
        What would be trained.
    sizes : dict of str to NetworkSize
        Its networks, generator first.
    subjects : int, optional
        Training subjects; by default the paper's 3,108 pairs with FDG.
    """
    batch, frames = config.training.batch_size, config.data.frames
    mri = torch.empty(batch, 1, *conformed_grid(config.data.voxel_mm).shape, device="meta")
    shape_YXZ = grid_in_paper_order(pet_grid(config.data.voxel_mm)).shape
    pet = torch.empty(batch, frames, *shape_YXZ, device="meta")
    content: dict[str, Any] = {}
    rows: list[tuple[str, str]] = []
    kept = {"without": 0, "with": 0, "configured": 0}
    parameters = 0
    for name, size in sizes.items():
        with torch.device("meta"):
            plain, saving = (size.build(is_on).to("meta") for is_on in (False, True))
        inputs = size.inputs(mri, pet)
        result, everything = run_and_measure(plain, *inputs)
        less = _with_recomputation(size, plain, saving, inputs)
        kept["without"] += size.passes * everything
        kept["with"] += size.passes * less
        kept["configured"] += size.passes * (less if size.is_checkpointed else everything)
        parameters += count_parameters(plain)
        content[name] = {"parameters": count_parameters(plain)}
        content[name] |= size.describe(plain, mri, pet, result)
        rows += size.rows(content[name])
    content["training"] = _steps(config, subjects or PAPER_PAIRS["FDG"])
    content["memory"] = training_memory(parameters, kept["configured"], MEMORY_DEFINITION)
    content["memory"] |= {
        "activations_bytes_without_checkpointing": kept["without"],
        "activations_bytes_with_checkpointing": kept["with"],
    }
    return Resources(content, rows + _training_rows(content["training"], content["memory"]))


def _steps(config: VolumeConfig, subjects: int) -> dict[str, Any]:
    training = config.training
    partition = BatchPartition(training.batch_size, training.accumulate)
    epoch, steps = count_steps(config, partition, subjects)
    return {
        "subjects": subjects,
        "batch_size": training.batch_size,
        "accumulate": training.accumulate,
        "samples_per_step": partition.samples,
        "steps_per_epoch": epoch,
        "steps": steps,
    }


def _training_rows(training: dict[str, Any], memory: dict[str, Any]) -> list[tuple[str, str]]:
    saved, whole = (
        memory[f"activations_bytes_{word}_checkpointing"] / 2**30 for word in ("with", "without")
    )
    total, definition = memory_rows(memory)
    return [
        ("training", f"{training['subjects']:,} subjects"),
        (
            "  per epoch",
            f"{training['steps_per_epoch']:,} steps of batch {training['accumulate']} x "
            f"{training['batch_size']}",
        ),
        ("  in all", f"{training['steps']:,} steps"),
        total,
        ("  activations", f"{whole:.2f} GiB, with checkpointing {saved:.2f} GiB"),
        definition,
    ]


def _with_recomputation(
    size: NetworkSize, plain: nn.Module, saving: nn.Module, inputs: tuple[Any, ...]
) -> int:
    """Return what a checkpointed network keeps: the inputs of its parts, and one part's inside."""
    calls: list[tuple[nn.Module, tuple[Any, ...], dict[str, Any]]] = []
    handles = [
        part.register_forward_pre_hook(
            lambda _, args, more, same=same: calls.append((same, args, more)), with_kwargs=True
        )
        for part, same in zip(size.parts(saving), size.parts(plain), strict=True)
    ]
    _, outside = run_and_measure(saving, *inputs)
    for handle in handles:
        handle.remove()
    entering = {
        id(tensor): tensor.numel() * tensor.element_size()
        for _, args, _ in calls
        for tensor in args
        if isinstance(tensor, Tensor)
    }
    inside = [run_and_measure(part, *args, **more)[1] for part, args, more in calls]
    return outside + sum(entering.values()) + max(inside, default=0)


def _generator_parts(network: Generator3d) -> list[nn.Module]:
    return [network.outermost, network.second, *network.downs, *network.ups]


def _describe_cnn(network: PatchGan3d, mri: Tensor, pet: Tensor, result: Tensor) -> dict[str, Any]:
    return {
        "receptive_field": network.receptive_field(),
        "input_shapes": {"mri": list(mri.shape[1:]), "pet": list(pet.shape[1:])},
        "output_shape": list(result.shape[1:]),
    }
