"""Do two measurements of the same subjects agree, and do they tell subjects apart?

Correlation asks whether they order subjects alike, the intraclass correlation whether their
difference is small beside the differences between subjects, Bland and Altman's limits how large
that difference is. Lin's concordance is of voxels or of one region in several subjects.

References
----------
.. [1] P. E. Shrout and J. L. Fleiss. Intraclass correlations: uses in assessing rater
   reliability. Psychological Bulletin 86(2), 1979, 420-428.
.. [2] K. O. McGraw and S. P. Wong. Forming inferences about some intraclass correlation
   coefficients. Psychological Methods 1(1), 1996, 30-46: the intervals.
.. [3] J. M. Bland and D. G. Altman. Statistical methods for assessing agreement between two
   methods of clinical measurement. Lancet 327, 1986, 307-310.
.. [4] L. I.-K. Lin. A concordance correlation coefficient to evaluate reproducibility. Biometrics
   45(1), 1989, 255-268.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats


def concordance(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Lin's concordance correlation coefficient: correlation to the line of equal values.

    It is Pearson's r, lowered by a difference of the means or of the standard deviations; 1 only
    where all pairs are equal.

    Parameters
    ----------
    first, second : array of one shape
        Values of the same voxels, regions or subjects, in one unit.

    Returns
    -------
    float
        From -1 to 1; NaN where all values of both are one and the same number, or where there
        are none.

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    Lin 1989, with variances and covariance divided by n, as there.

    Examples
    --------
    Means 2 and 3, variances 2/3 and 2/3, covariance 2/3: (4/3) / (4/3 + 1).

    >>> round(concordance(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.0])), 4)
    0.5714
    """
    if first.shape != second.shape:
        raise ValueError(f"values of different shapes: {first.shape} and {second.shape}")
    if not first.size:
        return float("nan")
    a, b = np.asarray(first, dtype=float).ravel(), np.asarray(second, dtype=float).ravel()
    mean_a, mean_b = a.mean(), b.mean()
    a, b = a - mean_a, b - mean_b
    spread = (a @ a + b @ b) / len(a) + (mean_a - mean_b) ** 2
    return float(2 * (a @ b) / len(a) / spread) if spread > 0 else float("nan")


# Do two measurements of the same subjects agree, and do they tell subjects apart?

CONFIDENCE = 0.95
"""Of all intervals here."""
NAN = float("nan")
_LEAST = 1e-12
"""Relative spread below which values are one and the same number."""


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval; NaN where it is not defined."""

    value: float
    low: float = NAN
    high: float = NAN


@dataclass(frozen=True)
class LimitsOfAgreement:
    """Bland and Altman's figures of second minus first.

    Parameters
    ----------
    bias : float
        Mean difference.
    std : float
        Standard deviation of the differences (n - 1); NaN for one subject.
    low, high : float
        Bias -/+ 1.96 standard deviations: between them lie 95 % of normal differences.
    """

    bias: float
    std: float
    low: float
    high: float


def limits_of_agreement(first: NDArray[Any], second: NDArray[Any]) -> LimitsOfAgreement:
    """Return bias and limits of agreement of second minus first.

    Parameters
    ----------
    first, second : (S,) float array
        A value per subject.

    Examples
    --------
    >>> limits_of_agreement(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 5.0]))
    LimitsOfAgreement(bias=1.0, std=1.0, low=-0.96, high=2.96)
    """
    difference = np.asarray(second, dtype=float) - np.asarray(first, dtype=float)
    if not difference.size:
        return LimitsOfAgreement(NAN, NAN, NAN, NAN)
    bias = float(difference.mean())
    std = float(difference.std(ddof=1)) if difference.size > 1 else NAN
    width = 1.96 * std
    return LimitsOfAgreement(bias, std, bias - width, bias + width)


def correlation(first: NDArray[Any], second: NDArray[Any]) -> Estimate:
    """Return Pearson's correlation over subjects, with Fisher's interval.

    Parameters
    ----------
    first, second : (S,) float array
        A value per subject.

    Returns
    -------
    Estimate
        NaN for fewer than three subjects or where one side is the same for everyone; without
        interval for three.

    Examples
    --------
    >>> first, second = np.array([1.0, 2, 3, 4, 5]), np.array([2.0, 1, 4, 3, 5])
    >>> found = correlation(first, second)
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
    (0.8, -0.28, 0.986)
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.size < 3 or is_constant(a) or is_constant(b):
        return Estimate(NAN)
    r = float(np.clip(np.corrcoef(a, b)[0, 1], -1, 1))
    if a.size < 4 or abs(r) == 1:
        return Estimate(r) if a.size < 4 else Estimate(r, r, r)
    width = stats.norm.ppf((1 + CONFIDENCE) / 2) / np.sqrt(a.size - 3)
    low, high = np.tanh(np.arctanh(r) + np.array([-width, width]))
    return Estimate(r, float(low), float(high))


def is_constant(values: NDArray[Any]) -> bool:
    """Whether values are one and the same number, up to rounding."""
    return bool(np.ptp(values) <= _LEAST * max(float(np.abs(values).max()), 1e-30))


def icc_absolute(ratings: NDArray[Any]) -> Estimate:
    """Return ICC(2,1): two-way random effects, absolute agreement, single measurement.

    Parameters
    ----------
    ratings : (S, R) float array
        A row per subject, a column per measurement.

    Returns
    -------
    Estimate
        NaN for fewer than two subjects or measurements, or where all values are the same.

    Examples
    --------
    The example of [1]_, table 2:

    >>> rows = "9 2 5 8;6 1 3 2;8 4 6 8;7 1 2 6;10 5 6 9;6 2 4 7"
    >>> ratings = np.array([row.split() for row in rows.split(";")], dtype=float)
    >>> round(icc_absolute(ratings).value, 2), round(icc_consistency(ratings).value, 2)
    (0.29, 0.71)
    """
    rows, columns, rest, n, k = _mean_squares(ratings)
    denominator = rows + (k - 1) * rest + k * (columns - rest) / max(n, 1)
    if n < 2 or k < 2 or not denominator > 0:
        return Estimate(NAN)
    value = (rows - rest) / denominator
    if not rest > 0:  # the measurements differ by a constant at most
        return Estimate(value)
    f = columns / rest
    inner = n * (1 + (k - 1) * value) - k * value
    freedom = (
        (k - 1)
        * (n - 1)
        * (k * value * f + inner) ** 2
        / ((n - 1) * (k * value * f) ** 2 + inner**2)
    )
    tail = (1 + CONFIDENCE) / 2
    upper, lower = stats.f.ppf(tail, n - 1, freedom), stats.f.ppf(tail, freedom, n - 1)
    others = k * columns + (k * n - k - n) * rest
    low = n * (rows / upper - rest) / (others + n * rows / upper)
    high = n * (lower * rows - rest) / (others + n * lower * rows)
    return Estimate(float(value), float(low), float(high))


def icc_consistency(ratings: NDArray[Any]) -> Estimate:
    """Return ICC(3,1): two-way mixed effects, consistency, single measurement.

    A constant offset between the measurements does not lower it. Parameters as `icc_absolute`.
    """
    rows, _, rest, n, k = _mean_squares(ratings)
    if n < 2 or k < 2 or not rows + (k - 1) * rest > 0:
        return Estimate(NAN)
    value = (rows - rest) / (rows + (k - 1) * rest)
    if not rest > 0:
        return Estimate(float(value), float(value), float(value))
    f, tail = rows / rest, (1 + CONFIDENCE) / 2
    first, second = n - 1, (n - 1) * (k - 1)
    low, high = (
        f / stats.f.ppf(tail, first, second),
        f * stats.f.ppf(tail, second, first),
    )
    return Estimate(
        float(value), float((low - 1) / (low + k - 1)), float((high - 1) / (high + k - 1))
    )


def _mean_squares(ratings: NDArray[Any]) -> tuple[float, float, float, int, int]:
    """Return the mean squares of subjects, of measurements, and of the rest, and S and R."""
    values = np.asarray(ratings, dtype=float)
    n, k = values.shape
    if n < 2 or k < 2:
        return NAN, NAN, NAN, n, k
    mean = values.mean()
    by_row, by_column = values.mean(axis=1), values.mean(axis=0)
    rows = k * ((by_row - mean) ** 2).sum() / (n - 1)
    columns = n * ((by_column - mean) ** 2).sum() / (k - 1)
    residual = values - by_row[:, np.newaxis] - by_column + mean
    rest = (residual**2).sum() / ((n - 1) * (k - 1))
    floor = (_LEAST * max(float(np.abs(values).max()), 1e-30)) ** 2
    return float(rows), float(columns), float(rest) if rest > floor else 0.0, n, k
