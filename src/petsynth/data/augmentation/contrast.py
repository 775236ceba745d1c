"""Other sequences, coils and field strengths: intensities, shading, noise, few grey levels.

What is bright stays bright: intensities are never inverted, since a T1 with dark white matter is
no T1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.data.augmentation.pair import FloatField, VolumePair

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
