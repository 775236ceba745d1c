"""How far answers agree: of one reader with themself, and of readers with each other.

References
----------
Cohen, Educational and Psychological Measurement 1960, and Psychological Bulletin 1968 (weighted),
with the interval of Fleiss, Cohen and Everitt, Psychological Bulletin 1969; Fleiss, Psychological
Bulletin 1971: all by statsmodels. Shrout and Fleiss,
Psychological Bulletin 1979: ICC(2,1), two-way random effects, absolute agreement, one answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLES = 500


@dataclass(frozen=True)
class Agreement:
    """A measure of agreement.

    Parameters
    ----------
    value, low, high : float
        Estimate and 95 % interval (of Fleiss' kappa and the ICC by a bootstrap over cases); NaN
        where it is not defined.
    cases : int
        On how many cases.
    """

    value: float
    low: float
    high: float
    cases: int


def cohen(first: Sequence[Any], second: Sequence[Any], *, points: bool = False) -> Agreement:
    """Return Cohen's kappa of two series of answers.

    Parameters
    ----------
    first, second : sequences of equal length
        Answers to the same cases.
    points : bool
        Whether answers are points of a scale: far apart then counts more (quadratic weights).

    Examples
    --------
    >>> round(cohen(list("AABB"), list("AABA")).value, 3)
    0.5
    """
    from statsmodels.stats.inter_rater import cohens_kappa

    known = sorted(set(first) | set(second)) if not points else list(range(1, 6))
    cases = len(first)
    if cases < 2 or len(set(first) | set(second)) < 2:
        return Agreement(math.nan, math.nan, math.nan, cases)
    counts = np.zeros((len(known), len(known)))
    for one, other in zip(first, second, strict=True):
        counts[known.index(one), known.index(other)] += 1
    with np.errstate(invalid="ignore", divide="ignore"):
        found = cohens_kappa(counts, wt="quadratic" if points else None)
    low, high = max(float(found.kappa_low), -1.0), min(float(found.kappa_upp), 1.0)
    return Agreement(float(found.kappa), low, high, cases)


def fleiss(answers: NDArray[Any]) -> Agreement:
    """Return Fleiss' kappa of several readers.

    Parameters
    ----------
    answers : (cases, readers) array
        Without gaps.
    """
    from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

    _, numbers = np.unique(np.asarray(answers, dtype=str), return_inverse=True)

    def kappa(rows: NDArray[Any]) -> float:
        if len(np.unique(rows)) < 2:
            return math.nan
        return float(fleiss_kappa(aggregate_raters(rows)[0]))

    return _with_interval(numbers.reshape(np.shape(answers)), kappa)


def icc(answers: NDArray[np.floating]) -> Agreement:
    """Return ICC(2,1) of several readers' points.

    Parameters
    ----------
    answers : (cases, readers) float array
        Without gaps.
    """
    return _with_interval(np.asarray(answers, dtype=float), _icc)


def _icc(rows: NDArray[Any]) -> float:
    cases, readers = rows.shape
    if cases < 2 or readers < 2:
        return math.nan
    of_cases, of_readers = rows.mean(axis=1), rows.mean(axis=0)
    mean_cases = readers * np.var(of_cases, ddof=1)
    mean_readers = cases * np.var(of_readers, ddof=1)
    rest = rows - of_cases[:, np.newaxis] - of_readers + rows.mean()
    mean_rest = (rest**2).sum() / ((cases - 1) * (readers - 1))
    below = mean_cases + (readers - 1) * mean_rest + readers * (mean_readers - mean_rest) / cases
    return float((mean_cases - mean_rest) / below) if below > 0 else math.nan


def _with_interval(rows: NDArray[Any], measure: Callable[[NDArray[Any]], float]) -> Agreement:
    cases = len(rows)
    if cases < 2:
        return Agreement(math.nan, math.nan, math.nan, cases)
    random = np.random.default_rng(0)
    values = np.array([measure(rows[random.integers(cases, size=cases)]) for _ in range(SAMPLES)])
    values = values[np.isfinite(values)]
    low, high = np.quantile(values, [0.025, 0.975]) if len(values) else (math.nan, math.nan)
    return Agreement(measure(rows), float(low), float(high), cases)
