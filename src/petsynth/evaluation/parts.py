"""Errors in parts of the brain: by depth, and inside and around a lesion that the T1 shows.

These metrics are ours. Paper B shows errors by depth in figures alone; paper A names heterogeneous
data with lesions as a next step. The difference of means tells whether a method gives a lesion its
uptake, or fills it with normal uptake.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.volume import BoolArray

DEPTHS_MM = {"rim": (0.0, 10.0), "middle": (10.0, 25.0), "centre": (25.0, np.inf)}
"""Shells of the brain by distance from its surface, in mm."""

AROUND_MM = 10.0
"""How far the tissue around a lesion reaches, in mm."""

LESION_METRICS = {
    "inside_mae": "MAE inside",
    "inside_mean": "difference of means inside",
    "around_mae": "MAE around",
    "around_mean": "difference of means around",
}
"""Metrics, with their titles."""


@functools.lru_cache(maxsize=4)
def _depth(
    mask: bytes, shape: tuple[int, ...], voxel_mm: tuple[float, float, float]
) -> NDArray[np.floating]:
    """Return the distance of each voxel of a brain from its surface, in mm; 0 outside.

    All methods are measured in the same brain, and this takes longer than an index.
    """
    brain = np.frombuffer(mask, dtype=bool).reshape(shape)
    depth: NDArray[np.floating] = ndimage.distance_transform_edt(np.pad(brain, 1), voxel_mm)
    depth.flags.writeable = False
    return depth[1:-1, 1:-1, 1:-1]


def compute_depth_metrics(
    pet: NDArray[Any],
    synthetic_pet: NDArray[Any],
    mask: BoolArray,
    voxel_mm: tuple[float, float, float],
    counted: BoolArray | None = None,
) -> dict[str, float]:
    """Return the mean absolute error in each shell of `DEPTHS_MM`; NaN where there is none.

    Parameters
    ----------
    pet, synthetic_pet : (X, Y, Z) array
        In PET units.
    mask : (X, Y, Z) bool array
        Brain.
    voxel_mm : tuple of 3 float
        Edges of a voxel.
    counted : (X, Y, Z) bool array, optional
        Voxels whose error counts; all if left out. The depth is that in the whole brain.
    """
    brain = np.ascontiguousarray(mask, dtype=bool)
    depth = _depth(brain.tobytes(), brain.shape, tuple(voxel_mm))
    where = brain if counted is None else brain & counted
    depth = depth[where]
    error = np.abs(np.asarray(synthetic_pet[where], dtype=float) - pet[where])
    found = {}
    for name, (low, high) in DEPTHS_MM.items():
        shell = (depth > low) & (depth <= high)
        found[name] = float(error[shell].mean()) if shell.any() else float("nan")
    return found


def compute_lesion_metrics(
    pet: NDArray[Any],
    synthetic_pet: NDArray[Any],
    lesion: BoolArray,
    counted: BoolArray,
    voxel_mm: tuple[float, float, float],
) -> dict[str, float]:
    """Return errors inside a lesion and within `AROUND_MM` of it, in PET units.

    Parameters
    ----------
    pet, synthetic_pet : (X, Y, Z) array
        In PET units.
    lesion : (X, Y, Z) bool array
        Where the T1 shows it.
    counted : (X, Y, Z) bool array
        Voxels of the brain that the reference PET measured; others count nothing.
    voxel_mm : tuple of 3 float
        Edges of a voxel.

    Returns
    -------
    dict of float
        `LESION_METRICS`: mean absolute errors, and absolute differences of the mean uptake; NaN
        where there is no voxel.
    """
    distance = ndimage.distance_transform_edt(~lesion, voxel_mm) if lesion.any() else np.inf
    parts = {"inside": lesion & counted, "around": ~lesion & (distance <= AROUND_MM) & counted}
    difference = np.asarray(synthetic_pet, dtype=float) - pet
    found = {}
    for name, part in parts.items():
        errors = difference[part]
        found[f"{name}_mae"] = float(np.abs(errors).mean()) if errors.size else float("nan")
        found[f"{name}_mean"] = float(abs(errors.mean())) if errors.size else float("nan")
    return found
