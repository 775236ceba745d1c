"""Rotate, shift, scale and flip a pair: how it lies when the alignment is not perfect."""

from __future__ import annotations

from typing import Any

import numpy as np
from nibabel.affines import from_matvec
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from petsynth.data.augmentation.pair import FloatField, VolumePair

ROTATION_DEGREES = 6.0
"""Standard deviation of the rotation about each axis; three times that at most."""
SHIFT_MM = 12.0
"""Largest shift along each axis; evenly distributed."""
SIZE = 0.06
"""Standard deviation of the logarithm of the size."""
STRETCH = 0.03
"""The same for each axis by itself."""


def transform_volume(random: np.random.Generator, pair: VolumePair) -> VolumePair:
    """Sample a pose and a size, and interpolate everything there linearly."""
    matrix = sample_matrix(random)
    flip = random.random() < 0.5
    if flip:
        matrix = matrix @ np.diag([-1.0, 1.0, 1.0])
    shift = random.uniform(-SHIFT_MM, SHIFT_MM, 3) / pair.voxel_mm
    middle = (np.array(pair.mri.shape) - 1) / 2
    offset = middle - matrix @ middle + shift

    def interpolate(image: NDArray[Any]) -> FloatField:
        result: FloatField = ndimage.affine_transform(
            image, matrix, offset, order=1, output=np.float32
        )
        return result

    return VolumePair(
        interpolate(pair.mri),
        interpolate(pair.mask.astype(np.float32)) > 0.5,
        np.stack([interpolate(image) for image in pair.pet]),
        pair.voxel_mm,
        flip_sides(flip) @ pair.to_mni @ from_matvec(matrix, offset),
    )


def flip_sides(flip: bool = True) -> NDArray[np.float64]:
    """Return the transform of MNI space by which a flipped head's left is on the left, (4, 4)."""
    return np.diag([-1.0 if flip else 1.0, 1.0, 1.0, 1.0])


def sample_matrix(random: np.random.Generator) -> NDArray[np.float64]:
    """Return a small rotation times a size, shape (3, 3)."""
    angles = ROTATION_DEGREES * np.clip(random.standard_normal(3), -3, 3)
    rotation = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    size = SIZE * random.standard_normal() + STRETCH * random.standard_normal(3)
    result: NDArray[np.float64] = rotation @ np.diag(np.exp(np.clip(size, -0.2, 0.2)))
    return result
