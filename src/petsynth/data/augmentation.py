"""Make one prepared subject look as if another scanner, technician or pipeline had delivered it.

Read `VolumePair` (a T1 with its PET) and, at the end, `RECIPE` (which changes, in which order, how
often). The changes between them are of pose, field of view, contrast and sampling. Everything is
drawn from one generator, so that whoever has its key gets the same pair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from nibabel.affines import from_matvec
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

# One T1 with its PET, as it goes through augmentation.


FloatField = NDArray[np.float32]


@dataclass(frozen=True)
class VolumePair:
    """A T1 and what belongs to it, all on one grid of cubic voxels.

    Parameters
    ----------
    mri : (X, Y, Z) float32 array
        Air about 0, the brightest brain tissue about 1; not limited.
    mask : (X, Y, Z) bool array
        Brain.
    pet : (P, X, Y, Z) float32 array
        One image or more in PET units, which move with the pair: what is learnt, what was
        measured.
    voxel_mm : float
        Edge of a voxel.
    to_mni : (4, 4) float array
        From voxel indices to MNI coordinates in mm; the indices themselves if nobody asks.
    """

    mri: FloatField
    mask: NDArray[np.bool_]
    pet: FloatField
    voxel_mm: float
    to_mni: NDArray[np.float64] = field(default_factory=lambda: np.eye(4))

    def with_mri(self, mri: NDArray[Any]) -> VolumePair:
        """Return the same pair with another T1."""
        return replace(self, mri=np.asarray(mri, dtype=np.float32))

    def where(self, visible: NDArray[np.bool_], seen_pet: FloatField) -> VolumePair:
        """Return what is left when part of the subject is not in the image.

        Parameters
        ----------
        visible : (X, Y, Z) bool array
            Where the T1 shows something.
        seen_pet : (X, Y, Z) float32 array
            Fraction of the PET that is kept, 0 to 1.
        """
        return replace(
            self,
            mri=np.where(visible, self.mri, np.float32(0)),
            mask=self.mask & visible,
            pet=self.pet * seen_pet,
        )


# Rotate, shift, scale and flip a pair: how it lies when the alignment is not perfect.


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


# Incomplete scans: skull-stripped, defaced, cut off at the border of the field of view.
#
# Where the T1 shows nothing, nothing is to be predicted: the PET is taken away there too, but for
# what the scanner's blur spills over.


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
    forward = _distance_along(normal, pair.mri.shape)
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


def _distance_along(normal: NDArray[Any], shape: tuple[int, ...]) -> FloatField:
    axes = np.ogrid[tuple(slice(length) for length in shape)]
    total = sum(component * axis for component, axis in zip(normal, axes, strict=True))
    return np.asarray(total, dtype=np.float32)


# Other sequences, coils and field strengths: intensities, shading, noise, few grey levels.
#
# What is bright stays bright: intensities are never inverted, since a T1 with dark white matter is
# no T1.


CURVE_POINTS = 5
CURVE_SD = 0.35
"""Standard deviation of the logarithm of each piece's slope."""
GAMMA = 0.35
"""Standard deviation of the logarithm of the exponent."""
OUTSIDE = 0.5
"""The same of the factor on everything outside the brain (fat, muscle: coil and fat saturation)."""
SHADING = (0.0, 0.4)
"""Range of the standard deviation of the logarithm of the shading."""
SHADING_POINTS = 4
"""Points along each axis between which shading is interpolated."""
NOISE = 0.07
"""Largest standard deviation of the noise, relative to the brightest brain tissue."""
FEWEST_LEVELS = 24


def change_contrast(random: np.random.Generator, pair: VolumePair) -> VolumePair:
    """Draw a rising curve for intensities, and another brightness outside the brain."""
    mri = np.clip(pair.mri, 0, 1.5) / np.float32(1.5)
    if random.random() < 0.7:
        steps = np.exp(CURVE_SD * random.standard_normal(CURVE_POINTS - 1))
        curve = np.concatenate([[0], np.cumsum(steps)]) / steps.sum()
        mri = np.interp(mri, np.linspace(0, 1, CURVE_POINTS), curve).astype(np.float32)
    if random.random() < 0.7:
        mri = mri ** np.float32(np.exp(GAMMA * random.standard_normal()))
    if random.random() < 0.5:
        outside = ndimage.gaussian_filter((~pair.mask).astype(np.float32), 1.5)
        factor = np.exp(OUTSIDE * random.standard_normal())
        mri = mri * (1 + np.float32(factor - 1) * outside)
    return pair.with_mri(mri)


def add_shading(random: np.random.Generator, pair: VolumePair) -> VolumePair:
    """Multiply by a smooth field, as a coil's sensitivity does."""
    strength = random.uniform(*SHADING)
    coarse = random.standard_normal((SHADING_POINTS,) * 3)
    field = enlarge(coarse - coarse.mean(), pair.mri.shape)
    return pair.with_mri(pair.mri * np.exp(np.float32(strength) * field))


def enlarge(coarse: NDArray[Any], shape: tuple[int, ...]) -> FloatField:
    """Interpolate a few points to a whole volume, linearly axis by axis, and smooth the creases."""
    field = coarse.astype(np.float32)
    for axis, length in enumerate(shape):
        position = np.linspace(0, coarse.shape[axis] - 1, length)
        weights = np.maximum(
            0, 1 - np.abs(position[:, None] - np.arange(coarse.shape[axis]))
        ).astype(np.float32)
        weights = ndimage.uniform_filter1d(weights, max(length // 6, 1), axis=0, mode="nearest")
        field = np.moveaxis(np.tensordot(field, weights, axes=([axis], [1])), -1, axis)
    return np.ascontiguousarray(field)


def add_noise(random: np.random.Generator, pair: VolumePair) -> VolumePair:
    """Add Rician noise, a little or a lot."""
    level = np.float32(NOISE * random.random() ** 2)
    real, imaginary = (level * random.standard_normal(pair.mri.shape, np.float32) for _ in range(2))
    return pair.with_mri(np.hypot(pair.mri + real, imaginary))


def quantise(random: np.random.Generator, pair: VolumePair) -> VolumePair:
    """Round to few grey levels, as pictures and old converters do; the brightest are cut off."""
    levels = int(random.integers(FEWEST_LEVELS, 256))
    top = np.percentile(pair.mri, random.uniform(99.0, 100.0))
    relative = np.clip(pair.mri / max(float(top), 1e-6), 0, 1)
    return pair.with_mri(np.round(levels * relative) / levels * top)


# Coarser scans: thick slices in any plane, blur, and the sharpening that some scanners add.


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
    return _multiply_along(image, spreading @ averaging, axis)


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


def _multiply_along(image: FloatField, matrix: NDArray[Any], axis: int) -> FloatField:
    moved = np.tensordot(image, matrix.astype(np.float32), axes=([axis], [1]))
    return np.ascontiguousarray(np.moveaxis(moved, -1, axis))


# Which changes a subject goes through, in which order, how often.
#
# Everything is drawn from one generator, so that whoever has its key gets the same pair.


Change = Callable[[np.random.Generator, VolumePair], VolumePair]

RECIPE: tuple[tuple[Change, float], ...] = (
    (transform_volume, 1.0),
    (change_contrast, 0.9),
    (add_shading, 0.8),
    (sharpen, 0.25),
    (blur, 0.35),
    (cut_thick_slices, 0.35),
    (add_noise, 0.7),
    (deface, 0.12),
    (strip_skull, 0.2),
    (cut_field_of_view, 0.2),
    (quantise, 0.25),
)
"""Each change with its probability, from the anatomy to the file."""

SMALLEST_BRAIN = 1000
"""Voxels of brain that must be left; a change that leaves fewer is taken back."""


def augment(random: np.random.Generator, pair: VolumePair) -> VolumePair:
    """Choose which changes are made, and make them in order."""
    for change, probability in RECIPE:
        if random.random() < probability:
            changed = change(random, pair)
            if changed.mask.sum() >= SMALLEST_BRAIN:
                pair = changed
    return pair
