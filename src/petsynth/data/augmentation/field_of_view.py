"""Incomplete scans: skull-stripped, defaced, cut off at the border of the field of view.

Where the T1 shows nothing, nothing is to be predicted: the PET is taken away there too, but for
what the scanner's blur spills over.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.data.augmentation.pair import FloatField, VolumePair

LARGEST_CUT = 0.35
"""Largest fraction of the brain's extent that is cut off at one side."""
SPILL_MM = 6.0
"""Width of the border, half of it outside, over which PET fades where tissue ends."""


def strip_skull(random: np.random.Generator, pair: VolumePair) -> VolumePair:
    """Keep the brain only, cut generously or sparingly."""
    margin = int(random.integers(-1, 3))
    kept = pair.mask
    if margin > 0:
        kept = ndimage.binary_dilation(kept, iterations=margin)
    elif margin < 0:
        kept = ndimage.binary_erosion(kept)
    return pair.where(kept, spill(kept, pair.voxel_mm))


def deface(random: np.random.Generator, pair: VolumePair) -> VolumePair:
    """Take away everything before and below a plane in front of the brain."""
    tilt = np.deg2rad(random.uniform(20, 70))
    normal = np.array([0, np.cos(tilt), -np.sin(tilt)])
    forward = _along(normal, pair.mri.shape)
    limit = float(np.percentile(forward[pair.mask], 99.9)) if pair.mask.any() else 0.0
    kept = forward < limit + random.uniform(0, 8) / pair.voxel_mm
    return pair.where(kept | pair.mask, spill(kept | pair.mask, pair.voxel_mm))


def cut_field_of_view(random: np.random.Generator, pair: VolumePair) -> VolumePair:
    """Cut off one or two sides; below and above the brain more often than others."""
    kept = np.ones(pair.mri.shape, bool)
    if not pair.mask.any():
        return pair
    places = np.nonzero(pair.mask)
    for axis in random.choice(3, int(random.integers(1, 3)), p=[0.15, 0.15, 0.7], replace=False):
        low, high = places[axis].min(), places[axis].max() + 1
        depth = (high - low) * LARGEST_CUT * random.beta(1, 2)
        index = np.arange(pair.mri.shape[axis])
        inside = index >= low + depth if random.random() < 0.6 else index < high - depth
        kept &= np.expand_dims(inside, [other for other in range(3) if other != axis])
    return pair.where(kept, spill(kept, pair.voxel_mm))


def spill(visible: NDArray[np.bool_], voxel_mm: float) -> FloatField:
    """Return the fraction of PET to be seen: 1 in what is visible, falling to 0 beside it."""
    reach = SPILL_MM / 2 / voxel_mm
    near = ndimage.uniform_filter(visible.astype(np.float32), 2 * round(reach) + 1)
    return np.where(visible, np.float32(1), np.clip(2 * near, 0, 1)).astype(np.float32)


def _along(normal: NDArray[Any], shape: tuple[int, ...]) -> FloatField:
    axes = np.ogrid[tuple(slice(length) for length in shape)]
    total = sum(component * axis for component, axis in zip(normal, axes, strict=True))
    return np.asarray(total, dtype=np.float32)
