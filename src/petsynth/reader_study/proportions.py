"""Proportions of right answers with intervals, and against chance.

References
----------
Wilson, Journal of the American Statistical Association 1927 (interval of one reader, by
statsmodels). Exact binomial test, by scipy. The interval of the mean over readers is a bootstrap
over readers and cases (Efron and Tibshirani 1993): both are random, as in Gallas et al., Academic
Radiology 2012.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

CONFIDENCE = 0.95
SAMPLES = 2000


@dataclass(frozen=True)
class Proportion:
    """A proportion.

    Parameters
    ----------
    value, low, high : float
        Estimate and interval; NaN without answers.
    answers : int
        How many.
    p : float
        Of chance; NaN where it was not tested.
    """

    value: float
    low: float
    high: float
    answers: int
    p: float = math.nan


def of_reader(right: NDArray[np.bool_], chance: float | None = None) -> Proportion:
    """Return one reader's proportion of right answers.

    Parameters
    ----------
    right : (N,) bool array
        Whether each answer was right.
    chance : float, optional
        What guessing gives; tested exactly, two-sided.

    Examples
    --------
    >>> found = of_reader(np.array([True] * 9 + [False]), chance=0.5)
    >>> round(found.low, 3), round(found.high, 3), round(found.p, 4)
    (0.596, 0.982, 0.0215)
    """
    from statsmodels.stats.proportion import proportion_confint

    number = len(right)
    if not number:
        return Proportion(math.nan, math.nan, math.nan, 0)
    hits = int(np.sum(right))
    low, high = proportion_confint(hits, number, 1 - CONFIDENCE, method="wilson")
    p = math.nan if chance is None else float(binomtest(hits, number, chance).pvalue)
    # Rounded: with no hit at all the lower end is 5e-17.
    return Proportion(hits / number, round(float(low), 12), round(float(high), 12), number, p)


def over_readers(
    right: NDArray[np.floating], chance: float | None = None, seed: int = 0
) -> Proportion:
    """Return the mean over readers, with readers and cases both random.

    Where all answers are right, or all wrong, no bootstrap sample differs and its interval would
    have no width. The interval is then Wilson's for one reader on the same cases: answers of
    several readers to one case do not count twice.

    Parameters
    ----------
    right : (readers, cases) float array
        1: right, 0: wrong, NaN: not answered.
    chance : float, optional
        The p-value is twice the fraction of bootstrap means on the other side of it.
    seed : int
        Of the bootstrap.
    """
    answers = int(np.isfinite(right).sum())
    if not answers:
        return Proportion(math.nan, math.nan, math.nan, 0)
    random = np.random.default_rng(seed)
    readers, cases = right.shape
    some_readers = random.multinomial(readers, np.full(readers, 1 / readers), SAMPLES)
    some_cases = random.multinomial(cases, np.full(cases, 1 / cases), SAMPLES)
    means = _means_of_readers(right, some_readers, some_cases)
    means = means[np.isfinite(means)]
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    p = math.nan
    if chance is not None:
        beyond = min(float(np.mean(means <= chance)), float(np.mean(means >= chance)))
        p = float(min(1.0, 2 * max(beyond, 1 / len(means))))
    once = np.ones((1, readers)), np.ones((1, cases))
    value = float(_means_of_readers(right, *once)[0])
    if value in (0, 1):
        one = of_reader(np.full(int(np.isfinite(right).any(axis=0).sum()), value == 1))
        low, high = one.low, one.high
    return Proportion(value, float(low), float(high), answers, p)


def _means_of_readers(
    right: NDArray[np.floating], readers: NDArray[Any], cases: NDArray[Any]
) -> NDArray[np.floating]:
    """Return means over readers of each one's proportion, for several sets of both.

    ``readers`` and ``cases`` say how often each counts: (sets, readers) and (sets, cases).
    """
    known = np.isfinite(right)
    answers = cases @ known.T
    hits = cases @ np.where(known, right, 0).T
    weights = readers * (answers > 0)
    each = hits / np.maximum(answers, 1)
    with np.errstate(invalid="ignore"):
        means: NDArray[np.floating] = (weights * each).sum(axis=1) / weights.sum(axis=1)
    return means
