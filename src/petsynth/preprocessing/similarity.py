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
    >>> round(mutual_information(values, values[::-1]), 3) == round(np.log(2), 3)
    True
    >>> mutual_information(values, np.zeros(100))
    0.0
    """
    joint = np.bincount(_bin(first, bins) * bins + _bin(second, bins), minlength=bins * bins)
    joint = joint.reshape(bins, bins) / len(first)
    expected = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / expected[seen])).sum())


def _bin(values: NDArray, bins: int) -> NDArray[np.int64]:
    low, high = (float(limit) for limit in np.percentile(values, [0.5, 99.5]))
    if not high > low:
        low, high = float(values.min()), float(values.max())
    if not high > low:
        return np.zeros(len(values), dtype=np.int64)
    return np.clip((values - low) / (high - low) * bins, 0, bins - 1).astype(np.int64)
