"""A network's weights in one file, with what is needed to use them.

The format is safetensors: plain tensors and text, nothing that could run code on loading.
The metadata are one JSON object under one key, since safetensors writes keys in no fixed
order and the same weights should give the same file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import nn

from petsynth.errors import RunError

_KEY = "petsynth"


def save_weights(path: str | Path, network: nn.Module, metadata: dict[str, Any]) -> None:
    """Write a network's weights and metadata to ``path`` (not atomically: see `io.atomic`)."""
    tensors = {name: weight.contiguous().cpu() for name, weight in network.state_dict().items()}
    text = {_KEY: json.dumps(metadata)}
    Path(path).write_bytes(safetensors.torch.save(tensors, text))


def load_weights(path: str | Path, network: nn.Module) -> None:
    """Fill ``network`` with the weights of a file, in place.

    Raises
    ------
    RunError
        If the file is missing, damaged, or of a network of another shape.
    """
    _check_readable(path)
    try:
        network.load_state_dict(safetensors.torch.load_file(path))
    except RuntimeError:
        raise RunError(
            f"{path}: these weights belong to a network of another size than the configuration's"
        ) from None


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Return the metadata of a weights file without reading its tensors.

    Raises
    ------
    RunError
        If the file is missing or damaged.
    """
    _check_readable(path)
    with safetensors.safe_open(path, framework="numpy") as file:
        return json.loads((file.metadata() or {}).get(_KEY, "{}"))


def _check_readable(path: str | Path) -> None:
    if not Path(path).is_file():
        raise RunError(f"{path}: no such weights file; has the training finished an epoch?")
    try:
        with safetensors.safe_open(path, framework="numpy"):
            pass
    except safetensors.SafetensorError as error:
        raise RunError(f"{path}: damaged weights file ({error}); copy it again") from None
