"""Maps of structural similarity: the part that SSIM and MS-SSIM share.

A caller that needs several indices of one pair (whole volume, brain, several scales) computes
the maps once and takes their means with `petsynth.metrics.image`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from petsynth.volume import FloatArray

WINDOW_SIGMA = 1.5
"""Standard deviation of the Gaussian window, in pixels."""
WINDOW_RADIUS = 5
"""The window is cut off at 3.5 standard deviations: 11 pixels."""
_K1, _K2 = 0.01, 0.03


def similarity_maps(
    pet: NDArray[Any],
    synthetic_pet: NDArray[Any],
    data_range: float,
    axes: tuple[int, ...] | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Compute the similarity index around each pixel.

    Parameters
    ----------
    pet, synthetic_pet : array
        Of one shape.
    data_range : float
        In the images' unit.
    axes : tuple of int, optional
        The axes that the window spans; all of them by default. ``(1, 2)`` treats an (N, H, W)
        array as N images.

    Returns
    -------
    similarity, contrast_structure : array of the images' shape
        The index, and the index without its luminance term. Images are reflected at their
        edges.

    Raises
    ------
    ValueError
        If the window is longer than an axis.
    """
    axes = tuple(range(pet.ndim)) if axes is None else axes
    if min(pet.shape[axis] for axis in axes) < 2 * WINDOW_RADIUS + 1:
        raise ValueError(
            f"image of shape {pet.shape} is smaller than the similarity window of "
            f"{2 * WINDOW_RADIUS + 1} pixels"
        )
    a, b = np.asarray(pet, dtype=float), np.asarray(synthetic_pet, dtype=float)
    c1, c2 = (_K1 * data_range) ** 2, (_K2 * data_range) ** 2
    mean_a, mean_b = _window(a, axes), _window(b, axes)
    means_product = mean_a * mean_b
    means_squared = mean_a**2 + mean_b**2
    covariance = _window(a * b, axes) - means_product
    variances = _window(a**2 + b**2, axes) - means_squared
    contrast_structure = (2 * covariance + c2) / (variances + c2)
    luminance = (2 * means_product + c1) / (means_squared + c1)
    return luminance * contrast_structure, contrast_structure


def similarity_pyramid(
    pet: NDArray[Any], synthetic_pet: NDArray[Any], data_range: float, scales: int
) -> list[tuple[FloatArray, FloatArray]]:
    """Compute `similarity_maps` at ``scales`` scales, the finest first, halving in between."""
    pyramid = [similarity_maps(pet, synthetic_pet, data_range)]
    for _ in range(scales - 1):
        pet, synthetic_pet = halve(pet), halve(synthetic_pet)
        pyramid.append(similarity_maps(pet, synthetic_pet, data_range))
    return pyramid


def halve(image: NDArray[Any]) -> FloatArray:
    """Average blocks of two pixels along each axis; an odd last pixel is repeated.

    Examples
    --------
    >>> halve(np.array([[0.0, 2.0, 5.0], [2.0, 4.0, 7.0]])).tolist()
    [[2.0, 6.0]]
    """
    half = np.asarray(image, dtype=float)
    for axis in range(half.ndim):
        if half.shape[axis] % 2:
            last = np.take(half, [-1], axis=axis)
            half = np.concatenate([half, last], axis=axis)
        even = [slice(None)] * half.ndim
        odd = [slice(None)] * half.ndim
        even[axis], odd[axis] = slice(0, None, 2), slice(1, None, 2)
        half = (half[tuple(even)] + half[tuple(odd)]) / 2
    return half


def _window(image: FloatArray, axes: tuple[int, ...]) -> FloatArray:
    means: FloatArray = gaussian_filter(
        image, WINDOW_SIGMA, mode="reflect", radius=WINDOW_RADIUS, axes=axes
    )
    return means
