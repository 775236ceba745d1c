"""How much two images tell about each other, voxel for voxel and in local detail.

Any two brains share their coarse pattern, so the mutual information of two subjects' scans is not
much lower than that of one subject's. What differs between subjects are the gyri. So
`local_correlation_ratio` compares only what is left after the local mean is subtracted, and holds
the result against a control: the same PET flipped left to right. That is as close to a stranger's
brain as can be had without strangers, with the same tracer, noise and scanner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.volume import BoolArray, FloatArray

DETAIL_SIGMA_MM = 10.616612875828096
"""Standard deviation of the neighbourhood whose mean is subtracted; its full width at half maximum
is 25 mm. All digits are given, since the figures of quality control show four of theirs."""


@dataclass(frozen=True)
class LocalCorrelationRatio:
    """How well the local detail of a T1 and a PET agrees.

    Parameters
    ----------
    ratio : float
        Fraction of the PET detail's variance that the T1 detail explains, 0 to 1.
    flipped : float
        The same with the PET flipped left to right: what a wrong pair would reach.
    """

    ratio: float
    flipped: float


def local_correlation_ratio(
    mri: FloatArray, pet: FloatArray, mask: BoolArray, voxel_mm: float
) -> LocalCorrelationRatio:
    """Compare the local detail of a T1 and a PET on a grid that is symmetric about x = 0.

    Parameters
    ----------
    mri, pet : (X, Y, Z) float arrays
        Aligned to each other and to MNI axes.
    mask : (X, Y, Z) bool array
        Brain, as far as both images cover it.
    voxel_mm : float
        Edge of a voxel in millimetres.
    """
    sigma = DETAIL_SIGMA_MM / voxel_mm
    mri_detail, pet_detail = _detail(mri, mask, sigma), _detail(pet, mask, sigma)
    both = mask & mask[::-1]
    if not both.any():
        return LocalCorrelationRatio(0.0, 0.0)
    return LocalCorrelationRatio(
        correlation_ratio(mri_detail[both], pet_detail[both]),
        correlation_ratio(mri_detail[both], pet_detail[::-1][both]),
    )


def mutual_information(first: NDArray[Any], second: NDArray[Any], bins: int = 32) -> float:
    """Return the mutual information of two samples of intensities, in nats.

    Parameters
    ----------
    first, second : (N,) float arrays
        Intensities at the same N points.
    bins : int
        Histogram bins per image, between each one's 0.5th and 99.5th percentile.

    Examples
    --------
    >>> values = np.repeat([0.0, 1.0], 50)
    >>> round(mutual_information(values, values[::-1]), 3)
    0.693
    >>> mutual_information(values, np.zeros(100))
    0.0
    """
    return information_of_bins(binned(first, bins), binned(second, bins), bins)


def information_of_bins(
    first: NDArray[np.int64], second: NDArray[np.int64], bins: int = 32
) -> float:
    """Return the mutual information of two samples that are sorted into bins, in nats.

    Parameters
    ----------
    first, second : (N,) int64 arrays
        Bins of the same N points; see `binned`.
    bins : int
        How many bins there are per image.
    """
    counts = np.bincount(first * bins + second, minlength=bins * bins)
    joint = counts.reshape(bins, bins) / len(first)
    expected = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / expected[seen])).sum())


def correlation_ratio(first: NDArray[Any], second: NDArray[Any], bins: int = 32) -> float:
    """Return the fraction of the second sample's variance that a function of the first explains.

    Parameters
    ----------
    first, second : (N,) float arrays
        Intensities at the same N points.
    bins : int
        Steps of that function, each of equally many points.

    References
    ----------
    Roche et al., "The correlation ratio as a new similarity measure for multimodal image
    registration", MICCAI 1998.

    Examples
    --------
    >>> values = np.repeat([0.0, 1.0, 2.0], 50)
    >>> round(correlation_ratio(values, (values - 1) ** 2), 3)
    1.0
    """
    limits = np.quantile(first, np.linspace(0, 1, bins + 1)[1:-1])
    step = np.digitize(first, limits)
    counts = np.bincount(step, minlength=bins)
    means = np.bincount(step, second, minlength=bins) / np.maximum(counts, 1)
    variance = float(second.var())
    if not variance > 0:
        return 0.0
    return float((counts * (means - second.mean()) ** 2).sum() / len(second) / variance)


def binned(values: NDArray[Any], bins: int = 32) -> NDArray[np.int64]:
    """Return the bin of each intensity, 0 to bins - 1; see `mutual_information`."""
    low, high = (float(limit) for limit in np.percentile(values, [0.5, 99.5]))
    if not high > low:
        low, high = float(values.min()), float(values.max())
    if not high > low:
        return np.zeros(len(values), dtype=np.int64)
    return np.clip((values - low) / (high - low) * bins, 0, bins - 1).astype(np.int64)


def _detail(image: FloatArray, mask: BoolArray, sigma: float) -> FloatArray:
    inside = mask.astype(np.float32)
    weight = ndimage.gaussian_filter(inside, sigma, truncate=3)
    mean = ndimage.gaussian_filter(image * inside, sigma, truncate=3)
    return np.asarray(image - mean / np.maximum(weight, 1e-3))
