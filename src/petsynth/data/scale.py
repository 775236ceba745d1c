"""PET between its own units and the network's [-1, 1], by one constant of the training set.

Scaling every PET by its own maximum would tell the network about the answer, and could not be
undone for a subject without PET (design decision; see docs/decisions/0021).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsynth.errors import InputError

PERCENTILE = 99.9
"""Percentile of the training set's PET that becomes 1."""

DEFINITION = (
    f"{PERCENTILE}th percentile of PET (mean over frames), in PET units, over the voxels inside "
    "the brain masks of all training subjects"
)


def to_network(pet: NDArray[Any], pet_scale: float) -> NDArray[np.float32]:
    """Map 0...pet_scale to [-1, 1]; values beyond are clipped.

    Examples
    --------
    >>> to_network(np.array([-0.5, 0.0, 1.0, 2.0, 3.0]), pet_scale=2.0).tolist()
    [-1.0, -1.0, 0.0, 1.0, 1.0]
    """
    result: NDArray[np.float32] = np.clip(
        2 * np.asarray(pet, dtype=np.float32) / pet_scale - 1, -1, 1
    )
    return result


def from_network(pet: NDArray[Any], pet_scale: float) -> NDArray[np.float32]:
    """Map [-1, 1] back to PET units; undoes `to_network` where nothing was clipped.

    Examples
    --------
    >>> from_network(np.array([-1.0, 0.0, 1.0]), pet_scale=2.0).tolist()
    [0.0, 1.0, 2.0]
    """
    return ((np.asarray(pet, dtype=np.float32) + 1) / 2 * pet_scale).astype(np.float32)


def training_scale(
    participants: Sequence[str],
    load: Callable[[str], tuple[NDArray[Any], NDArray[Any]]],
    bins: int = 65536,
) -> float:
    """Return the PET scale of a training set.

    The percentile is read from a histogram, in two passes over the subjects (its range, then
    its counts), so that memory does not grow with their number; it differs from the exact one
    by at most 1 / ``bins`` of the largest value.

    Parameters
    ----------
    participants : sequence of str
        The training subjects.
    load : function from str to ((X, Y, Z) float array, (X, Y, Z) bool array)
        Static PET and brain mask of one of them.
    bins : int
        Number of bins of the histogram.

    Raises
    ------
    InputError
        If there is no training subject, or no positive PET inside the masks.

    Examples
    --------
    >>> pet = np.linspace(0, 2, 8000).reshape(20, 20, 20)
    >>> round(training_scale(["sub-01"], lambda name: (pet, pet >= 0)), 3)
    1.998
    """
    highest = max((_highest(*load(participant)) for participant in participants), default=0.0)
    if highest <= 0:
        raise InputError(
            "PET scale: no positive PET value inside the brain masks of the training subjects"
        )
    counts = np.zeros(bins, dtype=np.int64)
    for participant in participants:
        pet, mask = load(participant)
        inside = np.clip(pet[mask], 0, highest)
        counts += np.histogram(inside, bins=bins, range=(0, highest))[0]
    reached = np.cumsum(counts) >= PERCENTILE / 100 * counts.sum()
    return float((np.argmax(reached) + 1) / bins * highest)


def _highest(pet: NDArray[Any], mask: NDArray[Any]) -> float:
    return float(pet[mask].max(initial=0))
