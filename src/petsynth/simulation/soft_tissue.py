"""What takes up tracer outside the brain: scalp, muscle, mucosa, marrow.

A real PET shows more than the brain. Where the tissue is comes from the T1's own intensities:
bright subcutaneous fat takes up little, muscle of middling intensity more, and what lies deep in
the face and below the skull (mucosa, glands, eye muscles, tongue) most.

References
----------
.. [1] Wang et al., "Standardized uptake value atlas: characterization of physiological
   2-deoxy-2-[18F]fluoro-D-glucose uptake in normal tissues", Molecular Imaging and Biology 9,
   2007: muscle and fat are far below brain; mucosa, glands and marrow between.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.simulation.fields import FloatField
from petsynth.volume import BoolArray, Grid, Volume

AIR = 0.12
"""Below this fraction of the brain's intensity, a T1 outside the head shows nothing."""
TISSUE = (0.2, 0.5)
"""Between these fractions, soft tissue begins to be seen; darker is bone or air."""
FAT = (1.0, 1.5)
"""Between these fractions, muscle becomes fat."""
FAT_UPTAKE = 0.5
"""Of fat, relative to muscle's."""
BONE_UPTAKE = 0.35
"""Of bone with its marrow, and of air cells that cannot be told from it, relative to muscle's."""
DEEP_UPTAKE = 2.5
"""Of what lies `DEEP_MM` or more below the skin, relative to muscle's."""
DEEP_MM = 35.0
CLEARANCE_MM = 3.0
"""Meninges and fluid around the brain; only AV1451 is taken up here (`meninges`)."""


def soft_tissue(mri: Volume, mask: BoolArray, labelled: FloatField) -> FloatField:
    """Return how much each voxel outside the brain takes up, relative to muscle.

    Parameters
    ----------
    mri : Volume
        (X, Y, Z) T1 of a head.
    mask : (X, Y, Z) bool array
        Brain.
    labelled : (X, Y, Z) float32 array
        Fraction of labelled tissue outside the mask, which has its own uptake.

    Returns
    -------
    (X, Y, Z) float32 array
        0 in air and in the brain, about 1 in muscle.
    """
    bright = max(float(np.percentile(mri.data[mask], 50)), 1e-6)
    relative = ndimage.gaussian_filter(mri.data / np.float32(bright), 0.5)
    near = ndimage.distance_transform_edt(~mask, mri.grid.voxel_mm) <= CLEARANCE_MM
    depth = ndimage.distance_transform_edt(find_head(relative, mask), mri.grid.voxel_mm)
    seen = _ramp(relative, *TISSUE)
    uptake = BONE_UPTAKE + (1 - BONE_UPTAKE) * seen
    uptake *= 1 - (1 - FAT_UPTAKE) * _ramp(relative, *FAT)
    uptake *= 1 + (DEEP_UPTAKE - 1) * _ramp(depth, 0.0, DEEP_MM) * seen
    outside = (depth > 0) & ~near & (labelled == 0)
    return np.asarray((uptake * outside).astype(np.float32))


def meninges(mask: BoolArray, grid: Grid) -> FloatField:
    """Return the fraction of meninges and inner skull around the brain.

    Parameters
    ----------
    mask : (X, Y, Z) bool array
        Brain.
    grid : Grid
        Its lattice.

    Returns
    -------
    (X, Y, Z) float32 array
        1 within `CLEARANCE_MM` of the brain, 0 elsewhere.
    """
    distance = ndimage.distance_transform_edt(~mask, grid.voxel_mm)
    return np.asarray(((distance > 0) & (distance <= CLEARANCE_MM)).astype(np.float32))


def find_head(relative: NDArray[Any], mask: BoolArray) -> BoolArray:
    """Return the head with its bone and cavities, from a T1 relative to the brain's intensity."""
    shown = ndimage.binary_opening(relative > AIR) | mask
    solid = ndimage.binary_fill_holes(ndimage.binary_closing(shown, iterations=2) | mask)
    labels, _ = ndimage.label(solid)
    return np.asarray(labels == np.bincount(labels[mask]).argmax())


def _ramp(values: NDArray[Any], low: float, high: float) -> NDArray[Any]:
    """Return 0 below ``low``, 1 above ``high``, and a line between."""
    return np.clip((values - low) / (high - low), 0, 1)
