"""How alike two images are: a reference PET and a synthetic one, as slices or volumes.

Every function takes plain arrays of one shape in any number of dimensions (the similarity
indices need two or three) and works in float64, but for the indices (see `similarity`). ``mask``
limits a metric to the voxels where it is true. Metrics that need a data range take it as an
argument: it is never found from the images, since that would make figures of different images
incomparable.

References
----------
Wang, Bovik, Sheikh, Simoncelli. Image quality assessment: from error visibility to structural
similarity. IEEE Transactions on Image Processing 13(4), 2004 (SSIM; paper A, reference 11).
Wang, Simoncelli, Bovik. Multiscale structural similarity for image quality assessment.
Asilomar Conference 2003 (MS-SSIM).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter

from petsynth.metrics.similarity import (
    WINDOW_RADIUS,
    halve,
    mean_index,
    similarity_maps,
    similarity_pyramid,
)
from petsynth.volume import BoolArray, FloatArray

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weight of each scale, finest first (Wang 2003, section 4)."""
_PART_VALUES = 32_768
"""Voxels that are compared at once."""


def mse(pet: NDArray[Any], synthetic_pet: NDArray[Any], mask: BoolArray | None = None) -> float:
    """Mean squared error, in the images' unit squared.

    Examples
    --------
    >>> mse(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    2.0
    """
    difference = _difference(pet, synthetic_pet, mask).ravel()
    return float(np.dot(difference, difference) / difference.size)


def mae(pet: NDArray[Any], synthetic_pet: NDArray[Any], mask: BoolArray | None = None) -> float:
    """Mean absolute error, in the images' unit."""
    return float(np.mean(np.abs(_difference(pet, synthetic_pet, mask))))


def rmse(pet: NDArray[Any], synthetic_pet: NDArray[Any], mask: BoolArray | None = None) -> float:
    """Root of the mean squared error, in the images' unit."""
    return float(np.sqrt(mse(pet, synthetic_pet, mask)))


def nrmse(
    pet: NDArray[Any], synthetic_pet: NDArray[Any], data_range: float, mask: BoolArray | None = None
) -> float:
    """Root of the mean squared error as a fraction of ``data_range``."""
    return rmse(pet, synthetic_pet, mask) / data_range


def psnr(
    pet: NDArray[Any], synthetic_pet: NDArray[Any], data_range: float, mask: BoolArray | None = None
) -> float:
    """Peak signal-to-noise ratio in dB: 10 log10(data_range² / MSE); infinite without error.

    Examples
    --------
    >>> psnr(np.zeros(4), np.full(4, 25.5), data_range=255)
    20.0
    """
    return _decibels(mse(pet, synthetic_pet, mask), data_range)


def pearson_r(
    pet: NDArray[Any], synthetic_pet: NDArray[Any], mask: BoolArray | None = None
) -> float:
    """Pearson's correlation over voxels; NaN where one image is constant."""
    a, b = (values.ravel() for values in _values(pet, synthetic_pet, mask))
    a, b = a - a.mean(), b - b.mean()
    spread = np.sqrt(np.dot(a, a) * np.dot(b, b))
    return float(np.dot(a, b) / spread) if spread > 0 else float("nan")


def voxel_errors(
    pet: NDArray[Any], synthetic_pet: NDArray[Any], data_range: float, mask: BoolArray | None = None
) -> dict[str, float]:
    """Compute `mae`, `rmse`, `nrmse`, `psnr` and `pearson_r` in one go over the voxels.

    Parts that fit into the processor's cache are compared one after the other.
    """
    _check(pet, synthetic_pet, mask)
    a, b = (image.ravel() if mask is None else image[mask] for image in (pet, synthetic_pet))
    mean_a, mean_b = a.mean(dtype=float), b.mean(dtype=float)
    sums = np.zeros(5)
    for start in range(0, a.size, _PART_VALUES):
        part = slice(start, start + _PART_VALUES)
        first, second = a[part].astype(float), b[part].astype(float)
        difference = first - second
        first -= mean_a
        second -= mean_b
        pairs = ((difference, difference), (first, first), (second, second), (first, second))
        sums += [np.abs(difference).sum(), *(np.dot(*pair) for pair in pairs)]
    spread = np.sqrt(sums[2] * sums[3])
    squared = float(sums[1] / a.size)
    root = float(np.sqrt(squared))
    return {
        "mae": float(sums[0] / a.size),
        "rmse": root,
        "nrmse": root / data_range,
        "psnr": _decibels(squared, data_range),
        "pearson_r": float(sums[4] / spread) if spread > 0 else float("nan"),
    }


def ssim(
    pet: NDArray[Any], synthetic_pet: NDArray[Any], data_range: float, mask: BoolArray | None = None
) -> float:
    """Structural similarity index with the original Gaussian window.

    Parameters
    ----------
    pet, synthetic_pet : (H, W) or (X, Y, Z) array
        At least 11 pixels along each axis.
    data_range : float
        Distance between the lowest and the highest possible value, in the images' unit.
    mask : bool array, optional
        Take the mean of the index's map there. Without it the mean is over all pixels whose
        window lies inside the image, as in the original.

    Returns
    -------
    float
        1 for equal images.

    Raises
    ------
    ValueError
        If the shapes differ, an axis is shorter than the window, or the mask is empty.

    References
    ----------
    Wang 2004, equation 13: standard deviation of the window 1.5 pixels, K1 = 0.01, K2 = 0.03;
    population covariances. In 3D the window is the product of three such Gaussians.
    """
    _check(pet, synthetic_pet, mask)
    if mask is None:
        return mean_index(pet, synthetic_pet, data_range)
    return mean_similarity(similarity_maps(pet, synthetic_pet, data_range)[0], mask)


def mean_similarity(map_: FloatArray, mask: BoolArray | None = None) -> float:
    """Mean of a similarity map in ``mask``, or where the whole window lies inside the image."""
    if mask is None:
        inside = (slice(WINDOW_RADIUS, -WINDOW_RADIUS),) * map_.ndim
        return float(map_[inside].mean(dtype=float))
    return float(map_[mask].mean(dtype=float))


def ms_ssim(
    pet: NDArray[Any], synthetic_pet: NDArray[Any], data_range: float, mask: BoolArray | None = None
) -> float:
    """Multi-scale structural similarity, with as many of the five scales as fit.

    Parameters
    ----------
    pet, synthetic_pet : (H, W) or (X, Y, Z) array
        At least 11 pixels along each axis.
    data_range : float
        As in `ssim`.
    mask : bool array, optional
        As in `ssim`; on coarser scales a pixel counts by the fraction of it that the mask covers.

    Returns
    -------
    float
        1 for equal images. `ms_ssim_scales` tells the number of scales that went into it.

    Raises
    ------
    ValueError
        As `ssim`.

    References
    ----------
    Wang 2003. Deviations: fewer scales where the smallest side demands it, the weights scaled
    to a sum of 1; a negative mean of contrast and structure counts as 0, since its power is
    no real number.
    """
    _check(pet, synthetic_pet, mask)
    scales = ms_ssim_scales(pet.shape)
    if mask is None:
        means = []
        for scale in range(scales):
            if scale:
                pet, synthetic_pet = halve(pet), halve(synthetic_pet)
            is_last = scale == scales - 1
            means.append(mean_index(pet, synthetic_pet, data_range, luminance=is_last))
        return combine_scales(means)
    pyramid = similarity_pyramid(pet, synthetic_pet, data_range, scales)
    return multi_scale_index(pyramid, mask)


def ms_ssim_scales(shape: tuple[int, ...]) -> int:
    """Return how many scales an image of ``shape`` allows: 5 need a smallest side above 160.

    Examples
    --------
    >>> ms_ssim_scales((121, 145, 121)), ms_ssim_scales((61, 73, 61)), ms_ssim_scales((256, 256))
    (4, 3, 5)
    """
    scales = 1
    while scales < len(MS_SSIM_WEIGHTS) and min(shape) > 2 * WINDOW_RADIUS * 2**scales:
        scales += 1
    return scales


def multi_scale_index(
    pyramid: list[tuple[FloatArray, FloatArray]],
    mask: BoolArray | None = None,
    measured: BoolArray | None = None,
) -> float:
    """Combine the maps of `similarity_pyramid` into the multi-scale index.

    Parameters
    ----------
    pyramid : list of (array, array)
        With the images' own shape on the first scale.
    mask : bool array, optional
        As in `ms_ssim`.
    measured : bool array, optional
        Where both images hold a measurement; windows that reach beyond count nothing.

    Returns
    -------
    float
        NaN where no window is left on some scale.
    """
    coverage: NDArray[Any] | None = mask
    means = []
    for scale, maps in enumerate(pyramid):
        map_ = _choose(maps, len(pyramid), scale)
        if measured is None and (coverage is None or coverage.dtype == bool):
            means.append(mean_similarity(map_, coverage))
        else:
            there = np.ones(map_.shape, bool) if measured is None else measured
            weights = similarity_weights(there, coverage)
            if not weights.any():
                return float("nan")
            means.append(float(np.average(map_, weights=weights)))
        coverage = None if coverage is None else halve(coverage)
        measured = None if measured is None else halve(measured.astype(float)) == 1
    return combine_scales(means)


def combine_scales(means: Sequence[float]) -> float:
    """Multiply the means of the scales, each to the power of its weight (Wang 2003).

    Parameters
    ----------
    means : sequence of float
        Of contrast and structure, finest scale first; of the whole index on the last.
    """
    weights = np.array(MS_SSIM_WEIGHTS[: len(means)])
    weights /= weights.sum()
    result = 1.0
    for mean, weight in zip(means, weights, strict=True):
        result *= max(mean, 0.0) ** weight
    return float(result)


def similarity_weights(measured: BoolArray, coverage: NDArray[Any] | None = None) -> FloatArray:
    """Return by how much each pixel counts in the mean of a similarity map.

    Parameters
    ----------
    measured : bool array
        Where both images hold a measurement: windows that reach beyond, or over the image's edge
        without ``coverage``, count nothing.
    coverage : array, optional
        Fraction of each pixel that lies in the mask, 0 to 1; or the mask itself.

    Examples
    --------
    >>> similarity_weights(np.arange(20) > 2).tolist()[6:17]
    [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]
    """
    whole = measured
    if not measured.all():
        whole = minimum_filter(measured, 2 * WINDOW_RADIUS + 1, mode="reflect")
    if coverage is not None:
        return np.asarray(coverage * whole, dtype=float)
    weights = np.zeros(measured.shape)
    inside = (slice(WINDOW_RADIUS, -WINDOW_RADIUS),) * measured.ndim
    weights[inside] = whole[inside]
    return weights


def _choose(maps: tuple[FloatArray, FloatArray], scales: int, scale: int) -> FloatArray:
    """Return the map that counts on a scale: luminance is compared on the coarsest one alone."""
    whole, contrast_structure = maps
    return whole if scale == scales - 1 else contrast_structure


def _decibels(squared_error: float, data_range: float) -> float:
    return float(10 * np.log10(data_range**2 / squared_error)) if squared_error else float("inf")


def _difference(
    pet: NDArray[Any], synthetic_pet: NDArray[Any], mask: BoolArray | None
) -> FloatArray:
    a, b = _values(pet, synthetic_pet, mask)
    return a - b


def _values(
    pet: NDArray[Any], synthetic_pet: NDArray[Any], mask: BoolArray | None
) -> tuple[FloatArray, FloatArray]:
    _check(pet, synthetic_pet, mask)
    if mask is not None:
        pet, synthetic_pet = pet[mask], synthetic_pet[mask]
    return np.asarray(pet, dtype=float), np.asarray(synthetic_pet, dtype=float)


def _check(pet: NDArray[Any], synthetic_pet: NDArray[Any], mask: BoolArray | None) -> None:
    if pet.shape != synthetic_pet.shape:
        raise ValueError(f"images of different shapes: {pet.shape} and {synthetic_pet.shape}")
    if mask is None:
        return
    if mask.shape != pet.shape:
        raise ValueError(f"mask of shape {mask.shape} for images of shape {pet.shape}")
    if not mask.any():
        raise ValueError("the mask is empty")
