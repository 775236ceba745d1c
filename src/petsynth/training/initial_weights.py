"""Start a training from weights that were trained before: adapt a model to a new site.

``petsynth train CONFIG --from petsynth-fdg``: a pretrained model, a run folder or its weights file.
The generator takes over the weights; discriminators take over theirs where a run folder still has
its last checkpoint, and start anew otherwise.
"""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from petsynth.config import parse_config, read_toml
from petsynth.data.prepared import PreparedData
from petsynth.errors import ArgumentError, InputError, PetsynthError, RunError
from petsynth.networks.weights import check_metadata_unchanged, load_weights, read_metadata
from petsynth.systems.base import System, Training
from petsynth.systems.fields import SystemConfig
from petsynth.systems.registry import build_system
from petsynth.volume import Grid

logger = logging.getLogger(__name__)

_SAME_SCALE = 1e-6
"""Relative difference of two PET scales that counts as none."""


@dataclass(frozen=True)
class Start:
    """Where a training starts from.

    Parameters
    ----------
    weights : Path
        The weights file; the run's ``config.toml`` stands beside it.
    freeze : int
        Levels of the encoder, the outermost first, whose weights stay as they are.
    """

    weights: Path
    freeze: int = 0

    def describe(self) -> dict[str, Any]:
        """Return what the run's files tell of it; plain values."""
        metadata = read_metadata(self.weights)
        return {
            "name": str(metadata.get("name", metadata.get("system", "unknown"))),
            "weights_sha256": metadata["weights_sha256"],
            "steps": metadata.get("steps"),
            "frozen_levels": self.freeze,
        }


def adapt_config(config: SystemConfig, weights: Path | None = None) -> SystemConfig:
    """Return a configuration with the defaults of a training that starts from trained weights.

    Parameters
    ----------
    config : SystemConfig
        Of a training from random weights; its system says what changes: a smaller learning rate and
        fewer epochs.
    weights : Path, optional
        The weights file. The network's settings become those that it was trained with; what differs
        is logged. Weights of another system change nothing here: `start_from` refuses them.

    Raises
    ------
    RunError
        If the configuration beside the weights cannot be used.
    """
    changes = build_system(config).adaptation_tables()
    for table, values in _network_tables(config, weights).items():
        own = vars(getattr(config, table))
        differing = {name: value for name, value in values.items() if own[name] != value}
        changes[table] = changes.get(table, {}) | differing
        for name, value in differing.items():
            logger.info(f"{table}.{name} = {value!r}, as the weights that it starts from have it")
    return dataclasses.replace(
        config,
        **{
            table: dataclasses.replace(getattr(config, table), **values)
            for table, values in changes.items()
        },
    )


def _network_tables(config: SystemConfig, weights: Path | None) -> dict[str, dict[str, Any]]:
    if weights is None:
        return {}
    trained = _config_of(weights)
    return build_system(trained).network_tables() if type(trained) is type(config) else {}


def _config_of(weights: Path) -> SystemConfig:
    path = weights.with_name("config.toml")
    try:
        return parse_config(read_toml(path), source=str(path))
    except PetsynthError as error:
        raise RunError(f"--from {weights}: its configuration cannot be used: {error}") from None


def start_from(
    start: Start, system: System[Any], training: Training[Any], data: PreparedData
) -> None:
    """Put trained weights into the networks of a training that has not begun.

    Parameters
    ----------
    start : Start
        The weights.
    system : System
        What is trained.
    training : Training
        Its networks are changed in place.
    data : PreparedData
        What it is trained on.

    Raises
    ------
    RunError
        If the weights are missing or damaged, or of other networks.
    InputError
        If they were trained for another tracer, unit, voxel size or number of frames than the data.
    """
    metadata = read_metadata(start.weights)
    _check_system(start.weights, system)
    check_metadata_unchanged(start.weights, metadata)
    check_fits(start.weights, metadata, data)
    generator = training.networks.generator
    load_weights(
        start.weights, generator, lambda weights: system.extend_weights(generator, weights)
    )
    _load_discriminators(start.weights, training)
    factor = float(metadata["pet_scale"]) / data.pet_scale
    if abs(factor - 1) > _SAME_SCALE and not system.conformed_t1:
        done = system.rescale_output(generator, factor)
        how = "its output is rescaled" if done else "the first steps have to learn the difference"
        logger.info(
            "PET scale of %s is %.4g %s, of the data %.4g: %s",
            start.weights,
            metadata["pet_scale"],
            data.unit,
            data.pet_scale,
            how,
        )


def check_fits(weights: Path, metadata: dict[str, Any], data: PreparedData) -> None:
    """Raise InputError unless weights were trained for what the data are."""
    there = Grid.from_dict(metadata["grid"]).voxel_mm[0]
    here = data.grid.voxel_mm[0]
    for what, old, new, remedy in (
        ("tracer", metadata["tracer"], data.tracer, "start from a model of that tracer"),
        ("unit", metadata["unit"], data.unit, "prepare the data in that unit (--units)"),
        ("frames", metadata.get("frames", 1), data.frames, "prepare the data with --frames"),
        ("voxels in mm", f"{there:g}", f"{here:g}", f"prepare the data with --voxel-mm {there:g}"),
    ):
        if old != new:
            raise InputError(
                f"--from {weights}: was trained for {what} {old}, {data.folder} has {new}; "
                f"{remedy}, or train without --from"
            )


def _check_system(weights: Path, system: System[Any]) -> None:
    other = _config_of(weights)
    if type(other) is not type(system.config):
        raise RunError(
            f"--from {weights}: is a {other.system}, the configuration asks for "
            f"{system.config.system}; take a configuration of {other.system}"
        )


def _load_discriminators(weights: Path, training: Training[Any]) -> None:
    path = weights.with_name("checkpoints") / "last.pt"
    if not path.is_file():
        return
    state = torch.load(path, map_location="cpu", weights_only=True)["networks"]
    for name, part in vars(training.networks).items():
        if isinstance(part, torch.nn.Module) and name != "generator" and name in state:
            part.load_state_dict(state[name])


def freeze(levels: int, system: System[Any], training: Training[Any]) -> None:
    """Keep the weights of the encoder's outermost levels as they are.

    Raises
    ------
    ArgumentError
        If the encoder has not so many.
    """
    if not levels:
        return
    encoder = system.encoder_levels(training.networks.generator)
    if not 0 < levels <= len(encoder):
        raise ArgumentError(
            f"--freeze {levels}: the encoder of {system.config.system} has {len(encoder)} levels"
        )
    for level in encoder[:levels]:
        level.requires_grad_(False)
