"""Coarser scans: thick slices in any plane, blur, and the sharpening that some scanners add."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.data.augmentation.pair import FloatField, VolumePair

THICKEST_MM = 6.5
BLUR_MM = 3.5
"""Largest blur (full width at half maximum)."""
SHARPENING = 1.2
"""Largest fraction of the fine detail that is added once more."""

_FWHM_PER_SIGMA = 2.3548
"""Rounded, as it was when the bundled models were trained."""


def cut_thick_slices(random: np.random.Generator, pair: VolumePair) -> VolumePair:
    """Average over thick slices along one axis and interpolate between them."""
    axis = int(random.integers(3))
    thickest_mm = max(THICKEST_MM, 1.5 * pair.voxel_mm)
    thickness = random.uniform(pair.voxel_mm, thickest_mm) / pair.voxel_mm
    phase = random.random()
    return pair.with_mri(resample_thick(pair.mri, axis, thickness, phase))


def resample_thick(image: FloatField, axis: int, thickness: float, phase: float) -> FloatField:
    """Return what is left of an image after slices of this thickness.

    Parameters
    ----------
    image : (X, Y, Z) float32 array
        The image.
    axis : int
        Across which the slices lie.
    thickness : float
        In voxels, at least 1; slices touch each other.
    phase : float
        Where the first slice begins, 0 to 1 slice.
    """
    length = image.shape[axis]
    edges = np.arange(-(1 + phase), length / thickness + 2) * thickness
    covered = np.minimum(edges[1:, None], np.arange(1, length + 1)) - np.maximum(
        edges[:-1, None], np.arange(length)
    )
    averaging = np.clip(covered, 0, None)
    total = averaging.sum(axis=1, keepdims=True)
    averaging = averaging[total[:, 0] > 0] / total[total > 0][:, None]
    middles = ((edges[:-1] + edges[1:]) / 2)[total[:, 0] > 0]
    voxels = np.arange(length) + 0.5
    spreading = np.stack([np.interp(voxels, middles, row) for row in np.eye(len(middles))], axis=1)
    return _along(image, spreading @ averaging, axis)


def blur(random: np.random.Generator, pair: VolumePair) -> VolumePair:
    """Blur evenly."""
    sigma = random.uniform(0, BLUR_MM) / _FWHM_PER_SIGMA / pair.voxel_mm
    return pair.with_mri(ndimage.gaussian_filter(pair.mri, sigma, truncate=3))


def sharpen(random: np.random.Generator, pair: VolumePair) -> VolumePair:
    """Exaggerate edges."""
    detail = pair.mri - ndimage.gaussian_filter(pair.mri, 1.0, truncate=3)
    return pair.with_mri(
        np.maximum(pair.mri + np.float32(random.uniform(0, SHARPENING)) * detail, 0)
    )


def _along(image: FloatField, matrix: NDArray[Any], axis: int) -> FloatField:
    moved = np.tensordot(image, matrix.astype(np.float32), axes=([axis], [1]))
    return np.ascontiguousarray(np.moveaxis(moved, -1, axis))
