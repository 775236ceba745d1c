"""Check what a weights file says of itself, before anything is computed or named after it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from petsynth.errors import RunError
from petsynth.io.bids.names import SPACES
from petsynth.io.checks import check_positive, check_text
from petsynth.volume import Grid, check_grid, check_tracer

NEEDED = ("config_hash", "petsynth_version", "tracer", "unit", "pet_scale", "grid", "simulated")
"""Entries without which a model's PET means nothing."""


def check_metadata(path: str | Path, metadata: Mapping[str, Any]) -> None:
    """Refuse metadata that are incomplete or impossible.

    Tracer and name become parts of file names, the PET scale multiplies every voxel, and the grid
    says how much memory is taken.

    Parameters
    ----------
    path : str or Path
        The weights file, for the message.
    metadata : mapping
        From `petsynth.networks.weights.read_metadata`.

    Raises
    ------
    RunError
        If an entry is missing or cannot be; one line that names file and entry.
    """
    missing = [key for key in NEEDED if key not in metadata]
    if missing:
        raise RunError(
            f"{path}: does not say its {', '.join(missing)}; was it made by petsynth train?"
        )
    try:
        _check_entries(metadata)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise RunError(f"{path}: damaged metadata ({error}); copy the file again") from None


def _check_entries(metadata: Mapping[str, Any]) -> None:
    check_tracer(metadata["tracer"])
    for key in ("unit", "config_hash", "petsynth_version", "name", "system", "earlier_config_hash"):
        check_text(key, metadata.get(key, "none"))
    for key in ("pet_scale", "error_to_std"):
        check_positive(key, metadata.get(key, 1.0))
    for key in ("steps", "frames", "training_subjects"):
        value = metadata.get(key, 1)
        if value is not None and (not isinstance(value, int) or value < 0):
            raise ValueError(f"{key} is {value!r}, not a whole number")
    if not isinstance(metadata["simulated"], bool):
        raise ValueError(f"simulated is {metadata['simulated']!r}, not true or false")
    for key in ("grid", "t1_grid"):
        if key in metadata:
            check_grid(Grid.from_dict(metadata[key]))
    preprocessing = metadata.get("preprocessing", {})
    if not isinstance(preprocessing, Mapping):
        raise ValueError(f"preprocessing is {preprocessing!r}, not a table")
    if preprocessing.get("registration", "rigid") not in SPACES:
        raise ValueError(f"registration is {preprocessing['registration']!r}")
