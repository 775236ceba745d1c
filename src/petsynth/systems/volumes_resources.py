"""What a configuration of paper B means before anything is trained: sizes, memory, steps.

Networks are built and run on torch's meta device, which knows shapes but holds no numbers.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn

from petsynth.config import GanbertConfig, VolumeConfig, config_hash
from petsynth.data.volumes import Portion
from petsynth.networks.layers import count_parameters
from petsynth.networks.patchgan3d import PatchGan3d
from petsynth.networks.unet3d import Generator3d
from petsynth.preprocessing.paper_b_grids import conformed_grid, grid_in_paper_order, pet_grid
from petsynth.systems.ganbert.bert import BertDiscriminator
from petsynth.systems.ganbert.masking import draw_masking
from petsynth.systems.ganbert.sequence import Layout
from petsynth.systems.pix2pix.resources import add_up, run_and_measure
from petsynth.systems.volumes import count_steps
from petsynth.systems.volumes_networks import build_bert, build_cnn, build_generator3d

MEMORY_DEFINITION = (
    "estimate in bytes, float32: weights; as much again for gradients; twice as much for Adam; "
    "activations: what autograd keeps of one batch's pass of the generator and of BERT, and of "
    "two of the CNN discriminator, as if all were held at once; with checkpointing the inputs of "
    "the networks' parts and the inside of the largest. Not counted: libraries, work space of "
    "convolutions, data."
)
_PASSES = {"generator": 1, "bert": 1, "cnn": 2}

PAPER_PAIRS = {"AV45": 2387, "AV1451": 536, "FDG": 3108}
"""Pairs of T1 and PET of paper B (section 3.1)."""


def estimate_volumes(config: VolumeConfig, *, subjects: int | None = None) -> dict[str, Any]:
    """Describe a training of paper B.

    Parameters
    ----------
    config : VolumeConfig
        What would be trained.
    subjects : int, optional
        Training subjects; by default the paper's 3,108 pairs with FDG.

    Returns
    -------
    dict
        Plain values, ready for JSON.
    """
    batch, frames = config.training.batch_size, config.data.frames
    plain, saving = (_build(_with_checkpointing(config, is_on=is_on)) for is_on in (False, True))
    mri = torch.empty(batch, 1, *conformed_grid(config.data.voxel_mm).shape, device="meta")
    shape_YXZ = grid_in_paper_order(pet_grid(config.data.voxel_mm)).shape
    pet = torch.empty(batch, frames, *shape_YXZ, device="meta")
    inputs = {name: _inputs(network, mri, pet) for name, network in plain.items()}
    content: dict[str, Any] = {"system": config.system, "config_hash": config_hash(config)}
    kept, kept_saving, kept_as_configured = 0, 0, 0
    for name, network in plain.items():
        result, everything = run_and_measure(network, *inputs[name])
        less = _with_recomputation(network, saving[name], inputs[name])
        kept += _PASSES[name] * everything
        kept_saving += _PASSES[name] * less
        is_saving = getattr(getattr(config, name), "checkpointing", False)
        kept_as_configured += _PASSES[name] * (less if is_saving else everything)
        content[name] = _describe(network, mri, pet, result)
    portion = Portion(batch, config.training.accumulate)
    subjects = subjects or PAPER_PAIRS["FDG"]
    epoch, steps = count_steps(config, portion, subjects)
    content["training"] = {
        "subjects": subjects,
        "batch_size": batch,
        "accumulate": config.training.accumulate,
        "samples_per_step": portion.samples,
        "steps_per_epoch": epoch,
        "steps": steps,
    }
    parameters = sum(count_parameters(network) for network in plain.values())
    content["memory"] = add_up(parameters, kept_as_configured)
    content["memory"] |= {
        "activations_bytes_without_checkpointing": kept,
        "activations_bytes_with_checkpointing": kept_saving,
        "definition": MEMORY_DEFINITION,
    }
    return content


def _build(config: VolumeConfig) -> dict[str, nn.Module]:
    with torch.device("meta"):
        networks: dict[str, nn.Module] = {"generator": build_generator3d(config)}
        if isinstance(config, GanbertConfig):
            networks["bert"] = build_bert(config)
        if not isinstance(config, GanbertConfig) or config.has_cnn:
            networks["cnn"] = build_cnn(config)
    return {name: network.to("meta") for name, network in networks.items()}


def _with_checkpointing(config: VolumeConfig, *, is_on: bool) -> VolumeConfig:
    generator = dataclasses.replace(config.generator, checkpointing=is_on)
    if isinstance(config, GanbertConfig):
        bert = dataclasses.replace(config.bert, checkpointing=is_on)
        return dataclasses.replace(config, generator=generator, bert=bert)
    return dataclasses.replace(config, generator=generator)


def _inputs(network: nn.Module, mri: Tensor, pet: Tensor) -> tuple[Any, ...]:
    if isinstance(network, Generator3d):
        return (mri,)
    if isinstance(network, PatchGan3d):
        return mri, pet
    layout = Layout()
    masking = draw_masking(torch.arange(len(mri)), layout).to("meta")
    values = torch.empty(len(mri), layout.count, device="meta")
    return values, values, masking


def _with_recomputation(plain: nn.Module, saving: nn.Module, inputs: tuple[Any, ...]) -> int:
    """Return what a checkpointed network keeps: the inputs of its parts, and one part's inside."""
    calls: list[tuple[nn.Module, tuple[Any, ...], dict[str, Any]]] = []
    handles = [
        part.register_forward_pre_hook(
            lambda _, args, more, same=same: calls.append((same, args, more)), with_kwargs=True
        )
        for part, same in zip(_parts(saving), _parts(plain), strict=True)
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


def _parts(network: nn.Module) -> list[nn.Module]:
    if isinstance(network, Generator3d):
        return [network.outermost, network.second, *network.downs, *network.ups]
    if isinstance(network, BertDiscriminator):
        return list(network.bert.bert.encoder.layer)
    return []


def _describe(network: nn.Module, mri: Tensor, pet: Tensor, result: Any) -> dict[str, Any]:
    content: dict[str, Any] = {"parameters": count_parameters(network)}
    if isinstance(network, Generator3d):
        shapes = {"input_shape": list(mri.shape[1:]), "output_shape": list(result.shape[1:])}
        return content | shapes
    if isinstance(network, BertDiscriminator):
        return content | {
            "sequence_length": network.layout.length,
            "vocabulary": network.tokens.size,
            "layers": len(network.bert.bert.encoder.layer),
        }
    assert isinstance(network, PatchGan3d)
    return content | {
        "receptive_field": network.receptive_field(),
        "input_shapes": {"mri": list(mri.shape[1:]), "pet": list(pet.shape[1:])},
        "output_shape": list(result.shape[1:]),
    }
