"""Where a training stands: kept in a checkpoint, taken up again from one.

Everything random is keyed by seed and step (dropout, order, flipping), so a checkpoint needs
no random states: weights, both optimisers, the step and the running figures are all.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from petsynth.errors import InputError, RunError, TrainingError
from petsynth.io.atomic import atomic_path
from petsynth.io.text import check_file
from petsynth.systems.optimisation import Networks
from petsynth.training.logs import RunningMeans

FORMAT = 3
"""Version of the checkpoint's layout."""


@dataclass
class TrainingState:
    """Everything that changes during training.

    Parameters
    ----------
    networks : Networks
        Networks and optimisers.
    step : int
        How many steps are done.
    seconds : float
        Time spent training, over all processes of this run.
    best_mae : float
        Smallest validation error so far, in PET units.
    means : RunningMeans
        Losses since the last row of the log.
    """

    networks: Networks
    step: int = 0
    seconds: float = 0.0
    best_mae: float = math.inf
    means: RunningMeans = field(default_factory=RunningMeans)


def save_checkpoint(path: Path, state: TrainingState) -> None:
    """Write a checkpoint atomically: tensors and plain values only.

    Raises
    ------
    TrainingError
        If a weight is not finite; the earlier checkpoint stays.
    OutputError
        If the disk is full; the earlier checkpoint stays.
    """
    for network in state.networks.modules():
        _check_finite(network, state.step)
    content = {
        "format": FORMAT,
        "networks": state.networks.state_dict(),
        "step": state.step,
        "seconds": state.seconds,
        "best_mae": state.best_mae,
        "sums": dict(state.means.sums),
        "count": state.means.count,
    }
    content["sha256"] = _checksum(content)
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        torch.save(content, file)


def load_checkpoint(path: Path, state: TrainingState) -> None:
    """Take up a checkpoint, in place.

    Raises
    ------
    RunError
        If it is damaged or of another version.
    """
    damaged = RunError(
        f"{path}: damaged checkpoint; it cannot be gone on from, train again with --overwrite"
    )
    try:
        content = torch.load(check_file(path), map_location="cpu", weights_only=True)
    except InputError as error:
        raise RunError(f"{error}; train again with --overwrite") from None
    except MemoryError:
        raise RunError(f"{path}: does not fit into the memory, or is damaged") from None
    except Exception:  # what a damaged pickle raises depends on the byte
        raise damaged from None
    if not isinstance(content, dict) or "format" not in content:
        raise damaged
    if content["format"] != FORMAT:
        raise RunError(
            f"{path}: checkpoint of another petsynth version; train with that version, or anew "
            "with --overwrite"
        )
    if content.pop("sha256", None) != _checksum(content):
        raise damaged
    try:
        state.networks.load_state_dict(content["networks"])
    except (RuntimeError, KeyError, ValueError):
        raise damaged from None
    state.step = content["step"]
    state.seconds = content["seconds"]
    state.best_mae = content["best_mae"]
    state.means.sums, state.means.count = content["sums"], content["count"]


def _check_finite(network: nn.Module, step: int) -> None:
    for name, weight in network.named_parameters():
        if not torch.isfinite(weight).all():
            raise TrainingError(
                f"weights {name} are no longer finite after step {step}; lower "
                "optimiser.learning_rate, or look for extreme values in the prepared data"
            )


def _checksum(content: dict[str, Any]) -> str:
    """Return the SHA-256 of nested dictionaries and lists of tensors and plain values."""
    digest = hashlib.sha256()
    for part in _bytes_of(content):
        digest.update(part)
    return digest.hexdigest()


def _bytes_of(value: Any) -> Iterator[bytes]:
    if isinstance(value, dict):
        for key in sorted(value, key=str):
            yield f"{key!r}:".encode()
            yield from _bytes_of(value[key])
    elif isinstance(value, list | tuple):
        yield b"["
        for each in value:
            yield from _bytes_of(each)
        yield b"]"
    elif isinstance(value, Tensor):
        yield f"{value.dtype} {tuple(value.shape)}".encode()
        yield value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
    else:
        yield f"{value!r};".encode()
