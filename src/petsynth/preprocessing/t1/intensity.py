"""T1 intensities, which have no unit, to the network's [-1, 1]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from petsynth.errors import InputError

LOW_PERCENTILE = 0.5
"""Percentile of the whole aligned volume that becomes -1: air."""
HIGH_PERCENTILE = 99.9
"""Percentile inside the brain mask that becomes 1: the brightest white matter and vessels."""


def scale_mri(mri: NDArray, mask: NDArray) -> NDArray[np.float32]:
    """Map a T1 linearly to [-1, 1] by its own robust percentiles.

    The upper limit is taken inside the brain, since fat and vessels outside it differ between
    scanners and sequences more than the brain does.

    Parameters
    ----------
    mri : (X, Y, Z) float array
        T1 on the model's grid, any unit.
    mask : (X, Y, Z) bool array
        Brain.

    Returns
    -------
    (X, Y, Z) float32 array
        In [-1, 1], clipped.

    Raises
    ------
    InputError
        If the mask is empty or the T1 has no contrast inside it.

    References
    ----------
    Ours; paper A does not state how its MRI slices were scaled (section 2.2).
    """
    if not mask.any():
        raise InputError("brain mask is empty on the model's grid: check the mask's affine")
    low = float(np.percentile(mri, LOW_PERCENTILE))
    high = float(np.percentile(mri[mask], HIGH_PERCENTILE))
    if not high > low:
        raise InputError(f"T1 has no contrast inside the brain mask (from {low:g} to {high:g})")
    scaled = 2 * (np.asarray(mri, dtype=np.float32) - low) / (high - low) - 1
    return np.clip(scaled, -1, 1).astype(np.float32)
