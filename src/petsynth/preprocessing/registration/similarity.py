"""How much two images tell about each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def mutual_information(first: NDArray, second: NDArray, bins: int = 32) -> float:
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


def correlation_ratio(first: NDArray, second: NDArray, bins: int = 32) -> float:
    """Return the share of the second sample's variance that a function of the first explains.

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


def binned(values: NDArray, bins: int = 32) -> NDArray[np.int64]:
    """Return the bin of each intensity, 0 to bins - 1; see `mutual_information`."""
    low, high = (float(limit) for limit in np.percentile(values, [0.5, 99.5]))
    if not high > low:
        low, high = float(values.min()), float(values.max())
    if not high > low:
        return np.zeros(len(values), dtype=np.int64)
    return np.clip((values - low) / (high - low) * bins, 0, bins - 1).astype(np.int64)
