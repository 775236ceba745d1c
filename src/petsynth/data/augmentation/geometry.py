"""Turn, shift, scale and mirror a head: how it lies when the alignment is not perfect."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from petsynth.data.augmentation.pair import FloatField, HeadPair

TURN_DEGREES = 6.0
"""Standard deviation of the turn about each axis; three times that at most."""
SHIFT_MM = 12.0
"""Largest shift along each axis; evenly distributed."""
SIZE = 0.06
"""Standard deviation of the logarithm of the size."""
STRETCH = 0.03
"""The same for each axis by itself."""


def move_head(random: np.random.Generator, head: HeadPair) -> HeadPair:
    """Draw a pose and a size, and interpolate everything there linearly."""
    matrix = draw_matrix(random)
    if random.random() < 0.5:
        matrix = matrix @ np.diag([-1.0, 1.0, 1.0])
    shift = random.uniform(-SHIFT_MM, SHIFT_MM, 3) / head.voxel_mm
    middle = (np.array(head.mri.shape) - 1) / 2
    offset = middle - matrix @ middle + shift

    def move(image: NDArray) -> FloatField:
        return ndimage.affine_transform(image, matrix, offset, order=1, output=np.float32)

    return HeadPair(
        move(head.mri),
        move(head.mask.astype(np.float32)) > 0.5,
        np.stack([move(image) for image in head.pet]),
        head.voxel_mm,
    )


def draw_matrix(random: np.random.Generator) -> NDArray[np.float64]:
    """Return a small turn times a size, shape (3, 3)."""
    turn = TURN_DEGREES * np.clip(random.standard_normal(3), -3, 3)
    rotation = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    size = SIZE * random.standard_normal() + STRETCH * random.standard_normal(3)
    return rotation @ np.diag(np.exp(np.clip(size, -0.2, 0.2)))
