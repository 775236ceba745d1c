"""A network's weights in one file, with what is needed to use them.

The format is safetensors: plain tensors and text, nothing that could run code on loading.
The metadata are one JSON object under one key, since safetensors writes keys in no fixed
order and the same weights should give the same file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from petsynth.errors import RunError

FORMAT = 2
"""Version of the metadata and of the configuration beside the weights; others are refused."""

_KEY = "petsynth"
_CHECKSUM = "metadata_sha256"


def save_weights(path: str | Path, network: nn.Module, metadata: dict[str, Any]) -> None:
    """Write a network's weights and metadata to ``path`` (not atomically: see `io.atomic`).

    The format's version and a checksum of the weights are added to the metadata.
    """
    tensors = {name: weight.contiguous().cpu() for name, weight in network.state_dict().items()}
    described = {**metadata, "format": FORMAT, "weights_sha256": weights_checksum(tensors)}
    Path(path).write_bytes(safetensors.torch.save(tensors, _as_text(described)))


def copy_weights(source: str | Path, target: str | Path, changes: dict[str, Any]) -> None:
    """Write the weights of a file to another, with some of the metadata changed (not atomically).

    Raises
    ------
    RunError
        If the source is missing or damaged.
    """
    metadata = read_metadata(source) | changes
    tensors = _read_tensors(source, metadata["weights_sha256"])
    Path(target).write_bytes(safetensors.torch.save(tensors, _as_text(metadata)))


def _as_text(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return metadata as safetensors keeps them, with a checksum of their own."""
    return {_KEY: json.dumps({**metadata, _CHECKSUM: metadata_checksum(metadata)})}


def metadata_checksum(metadata: Mapping[str, Any]) -> str:
    """Return the SHA-256 of metadata, whatever their order, without that of the checksum itself.

    Examples
    --------
    >>> metadata_checksum({"a": 1, "b": 2}) == metadata_checksum({"b": 2, "a": 1})
    True
    """
    told = {key: value for key, value in metadata.items() if key != _CHECKSUM}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def check_metadata_unchanged(path: str | Path, metadata: Mapping[str, Any]) -> None:
    """Refuse metadata that are not as they were written; files of earlier versions cannot tell.

    Raises
    ------
    RunError
        If they were changed.
    """
    expected = metadata.get(_CHECKSUM)
    if expected is not None and expected != metadata_checksum(metadata):
        raise RunError(
            f"{path}: its metadata (tracer, unit, PET scale, grid, ...) are not those that were "
            "written; copy the file again"
        )


def load_weights(
    path: str | Path,
    network: nn.Module,
    extend: Callable[[dict[str, Tensor]], dict[str, Tensor]] = lambda tensors: tensors,
) -> None:
    """Fill ``network`` with the weights of a file, in place.

    Parameters
    ----------
    path : str or Path
        What `save_weights` wrote.
    network : torch.nn.Module
        Changed in place.
    extend : function from dict of tensors to dict of tensors
        Adds what the network has and the file's lacks.

    Raises
    ------
    RunError
        If the file is missing, damaged, or of a network of another shape.
    """
    tensors = _read_tensors(path, read_metadata(path)["weights_sha256"])
    try:
        network.load_state_dict(extend(tensors))
    except RuntimeError:
        raise RunError(
            f"{path}: these weights belong to a network of another size than the configuration's"
        ) from None


def _read_tensors(path: str | Path, expected: str) -> dict[str, Tensor]:
    tensors = safetensors.torch.load_file(path)
    found = weights_checksum(tensors)
    if found != expected:
        raise RunError(
            f"{path}: damaged weights (SHA-256 {found[:12]}..., written were "
            f"{str(expected)[:12]}...); copy the file again"
        )
    return tensors


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Return the metadata of a weights file without reading its tensors.

    Raises
    ------
    RunError
        If the file is missing or damaged, or was written by a petsynth with another format.
    """
    _check_readable(path)
    with safetensors.safe_open(path, framework="numpy") as file:
        text = (file.metadata() or {}).get(_KEY, "{}")
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: damaged metadata ({error}); copy the file again") from None
    if not isinstance(metadata, dict):
        raise RunError(f"{path}: damaged metadata; copy the file again")
    if metadata.get("format") != FORMAT or "weights_sha256" not in metadata:
        raise RunError(
            f"{path}: was not written by this version of petsynth, whose files have format "
            f"{FORMAT}; train the model again"
        )
    return metadata


def weights_checksum(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of named tensors: names, types, shapes and bytes, whatever their order.

    Examples
    --------
    >>> one, two = torch.zeros(2), torch.ones(2)
    >>> weights_checksum({"a": one, "b": two}) == weights_checksum({"b": two, "a": one})
    True
    >>> weights_checksum({"a": one}) == weights_checksum({"a": two})
    False
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _check_readable(path: str | Path) -> None:
    if not Path(path).is_file():
        raise RunError(f"{path}: no such weights file; has the training finished an epoch?")
    try:
        with safetensors.safe_open(path, framework="numpy"):
            pass
    except safetensors.SafetensorError as error:
        raise RunError(f"{path}: damaged weights file ({error}); copy it again") from None
