"""Descriptions, and intervals for the difference of two methods on the same subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from petsynth.volume import FloatArray

CONFIDENCE = 0.95
RESAMPLES = 10_000

Equivalence = Literal["equivalent", "different", "undecided"]


def describe(values: Sequence[float] | FloatArray) -> dict[str, float | int | None]:
    """Return mean, std (n - 1), min, max and n of the finite values; None where undefined.

    Infinite PSNR (no error at all) and undefined correlations do not count towards ``n``.

    Examples
    --------
    >>> describe([1.0, 2.0, 6.0, float("nan")])["mean"]
    3.0
    >>> describe([1.0])
    {'mean': 1.0, 'std': None, 'min': 1.0, 'max': 1.0, 'n': 1}
    """
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return {"mean": None, "std": None, "min": None, "max": None, "n": 0}
    return {
        "mean": float(numbers.mean()),
        "std": float(numbers.std(ddof=1)) if len(numbers) > 1 else None,
        "min": float(numbers.min()),
        "max": float(numbers.max()),
        "n": len(numbers),
    }


@dataclass(frozen=True)
class Difference:
    """The first method's mean minus the second's.

    Parameters
    ----------
    mean : float
        Over subjects, in the metric's unit.
    low, high : float
        Ends of the bootstrap interval.
    subjects : int
        How many subjects both measured.
    """

    mean: float
    low: float
    high: float
    subjects: int

    def equivalence(self, margin: float) -> Equivalence:
        """Test for equivalence within a margin that was set beforehand.

        Returns
        -------
        {"equivalent", "different", "undecided"}
            equivalent: the interval lies within ±margin; different: it lies wholly outside.

        Examples
        --------
        >>> difference = Difference(0.1, -0.2, 0.4, 20)
        >>> difference.equivalence(0.5), difference.equivalence(0.3)
        ('equivalent', 'undecided')
        """
        if -margin < self.low and self.high < margin:
            return "equivalent"
        return "different" if self.low > margin or self.high < -margin else "undecided"


def paired_difference(
    first_RS: FloatArray, second_RS: FloatArray, seed: int, resamples: int = RESAMPLES
) -> Difference:
    """Estimate the difference of two methods measured on the same subjects.

    The percentile bootstrap samples subjects with replacement, the same for both methods; where
    a method was trained several times (seeds), its runs are sampled with replacement too.

    Parameters
    ----------
    first_RS, second_RS : (R1, S) and (R2, S) float array
        A value per run and subject; columns are the same subjects. Subjects with a value that
        is not finite are left out.
    seed : int
        Of the random numbers.
    resamples : int
        How many bootstrap samples.

    Returns
    -------
    Difference
        With an interval of 95 %.

    Raises
    ------
    ValueError
        If the subjects differ in number, or none has finite values.
    """
    if first_RS.shape[1] != second_RS.shape[1]:
        raise ValueError(f"{first_RS.shape[1]} subjects against {second_RS.shape[1]}")
    usable = np.isfinite(first_RS).all(axis=0) & np.isfinite(second_RS).all(axis=0)
    if not usable.any():
        raise ValueError("no subject with finite values of both methods")
    first, second = first_RS[:, usable], second_RS[:, usable]
    random = np.random.default_rng(seed)
    subjects = random.integers(0, first.shape[1], (resamples, 1, first.shape[1]))
    differences = _resample(first, subjects, random) - _resample(second, subjects, random)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(differences, [tail, 1 - tail])
    return Difference(float(first.mean() - second.mean()), float(low), float(high), first.shape[1])


def _resample(
    values_RS: FloatArray, subjects: NDArray[np.int64], random: np.random.Generator
) -> FloatArray:
    runs = random.integers(0, len(values_RS), (len(subjects), len(values_RS), 1))
    means: FloatArray = values_RS[runs, subjects].mean(axis=(1, 2))
    return means
