"""Multi-reader multi-case comparison: does one kind of images lead to more right answers?

Every reader answers for every case in every kind of images; readers and cases are both random.

References
----------
Obuchowski and Rockette, Communications in Statistics 1995; degrees of freedom by Hillis, Statistics
in Medicine 26, 2007; covariances by the jackknife. Figure of merit: proportion of right answers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

_INFINITE = 1e9
"""Degrees of freedom where the estimate of the error is exact."""


@dataclass(frozen=True)
class Difference:
    """Two kinds of images compared.

    Parameters
    ----------
    first, second : int
        Numbers of the kinds.
    value, low, high : float
        Of the first minus the second, with 95 % interval.
    p : float
        Of no difference, not corrected for the number of comparisons.
    """

    first: int
    second: int
    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Comparison:
    """The whole comparison.

    Parameters
    ----------
    means : (I,) array
        Figure of merit per kind, over readers.
    f, p : float
        Of no difference between any kinds.
    degrees : tuple of 2 float
        Degrees of freedom of ``f``.
    differences : list of Difference
        Of each pair of kinds.
    """

    means: NDArray[np.floating]
    f: float
    p: float
    degrees: tuple[float, float]
    differences: list[Difference]


def compare(right: NDArray[np.floating]) -> Comparison:
    """Compare kinds of images.

    Parameters
    ----------
    right : (I, J, K) array
        1 where the answer for kind i of reader j on case k was right, 0 where it was not.

    Raises
    ------
    ValueError
        If there are fewer than two kinds, readers or cases, or gaps.
    """
    right = np.asarray(right, dtype=float)
    if right.ndim != 3 or min(right.shape) < 2 or not np.isfinite(right).all():
        raise ValueError(f"needs two kinds, readers and cases without gaps, and has {right.shape}")
    kinds, readers, _ = right.shape
    merit = right.mean(axis=2)
    error, degrees = _error(right, merit)
    of_kinds = merit.mean(axis=1)
    f = _ratio(readers * float(np.var(of_kinds, ddof=1)), error)
    p = float(stats.f.sf(f, kinds - 1, degrees)) if math.isfinite(f) else (0.0 if f > 0 else 1.0)
    width = math.sqrt(2 / readers * error)
    reach = float(stats.t.ppf(0.975, degrees)) * width
    differences = []
    for first, second in combinations(range(kinds), 2):
        value = float(of_kinds[first] - of_kinds[second])
        t = _ratio(abs(value), width)
        p_pair = 2 * float(stats.t.sf(t, degrees)) if math.isfinite(t) else float(value == 0)
        differences.append(
            Difference(first, second, value, value - reach, value + reach, min(p_pair, 1.0))
        )
    return Comparison(of_kinds, f, p, (kinds - 1, degrees), differences)


def _error(right: NDArray[np.floating], merit: NDArray[np.floating]) -> tuple[float, float]:
    """Return the mean square that kinds are tested against, and its degrees of freedom."""
    kinds, readers, _ = right.shape
    rest = merit - merit.mean(axis=1, keepdims=True) - merit.mean(axis=0) + merit.mean()
    free = (kinds - 1) * (readers - 1)
    interaction = float((rest**2).sum()) / free
    within, between = _covariances(right)
    error = interaction + max(readers * (within - between), 0.0)
    degrees = _ratio(error**2, interaction**2 / free)
    return error, degrees if 0 < degrees < _INFINITE else _INFINITE


def _covariances(right: NDArray[np.floating]) -> tuple[float, float]:
    """Return the covariances of two readers' figures: for the same kind, and for two kinds.

    The jackknife of a mean is the covariance over cases divided by their number.
    """
    kinds, readers, cases = right.shape
    all_of_them = np.cov(right.reshape(kinds * readers, cases)) / cases
    by = all_of_them.reshape(kinds, readers, kinds, readers)
    other_reader = ~np.eye(readers, dtype=bool)
    same = np.mean([by[i, :, i, :][other_reader].mean() for i in range(kinds)])
    other = np.mean(
        [by[i, :, k, :][other_reader].mean() for i in range(kinds) for k in range(kinds) if i != k]
    )
    return float(same), float(other)


def _ratio(above: float, below: float) -> float:
    if below > 0:
        return above / below
    return math.inf if above > 0 else 0.0
