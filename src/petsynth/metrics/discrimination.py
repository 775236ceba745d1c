"""How well a score tells two groups of subjects apart, and which of two scores does it better.

References
----------
E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson. Comparing the areas under two or more correlated
receiver operating characteristic curves: a nonparametric approach. Biometrics 44(3), 1988, 837-845.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from petsynth.volume import BoolArray, FloatArray

CONFIDENCE = 0.95
_NO_VARIANCE = 1e-14


@dataclass(frozen=True)
class Auc:
    """An area under the ROC curve with DeLong's interval.

    Parameters
    ----------
    value : float
        The chance that a positive subject scores higher than a negative one; ties count half.
    low, high : float
        Ends of the 95 % interval, on the logit scale; of an area of 0 or 1, where DeLong's
        variance is 0, Newcombe's score interval (2006, method 5).
    variance : float
        DeLong's estimate.
    """

    value: float
    low: float
    high: float
    variance: float


@dataclass(frozen=True)
class AucDifference:
    """The difference of two areas measured on the same subjects.

    Parameters
    ----------
    value : float
        First minus second.
    low, high : float
        Ends of the 95 % interval; of two areas that are 0 or 1, where DeLong's variance is 0, both
        intervals combined as of independent scores (Zou and Donner 2008).
    p : float
        Two-sided, of no difference; 1 where both scores order the subjects alike.
    """

    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Roc:
    """A ROC curve with a band of 95 % intervals, one at each specificity.

    Parameters
    ----------
    false_positives : (N,) float array
        1 - specificity, from 0 to 1.
    sensitivity, low, high : (N,) float array
        Of the scores, and ends of its interval there.
    """

    false_positives: FloatArray
    sensitivity: FloatArray
    low: FloatArray
    high: FloatArray


def roc_curve(
    scores: FloatArray, positive: BoolArray, *, resamples: int = 1000, seed: int = 0
) -> Roc:
    """Return the ROC curve of a score at 101 specificities.

    Parameters
    ----------
    scores : (S,) float array
        Higher means rather positive.
    positive : (S,) bool array
        The group that a subject belongs to.
    resamples : int
        Bootstrap resamples of the subjects, each group by itself, for the percentile interval. The
        scores stay as they are.
    seed : int
        Of the resamples.

    Raises
    ------
    ValueError
        If a group is empty, or a score is not finite.

    Examples
    --------
    >>> scores = np.array([0.9, 0.8, 0.4, 0.7, 0.3, 0.2])
    >>> found = roc_curve(scores, np.array([True, True, True, False, False, False]))
    >>> found.sensitivity[[0, 50, 100]].round(3).tolist()
    [0.667, 1.0, 1.0]
    """
    if not np.isfinite(scores).all() or not positive.any() or positive.all():
        raise ValueError("scores must be finite, and of two groups")
    rates = np.linspace(0, 1, 101)
    cases, controls = scores[positive], scores[~positive]
    random = np.random.default_rng(seed)
    drawn = [
        _sensitivities(
            random.choice(cases, cases.size), random.choice(controls, controls.size), rates
        )
        for _ in range(resamples)
    ]
    tail = (1 - CONFIDENCE) / 2
    sensitivity = _sensitivities(cases, controls, rates)
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0) if drawn else (sensitivity,) * 2
    return Roc(rates, sensitivity, low, high)


def _sensitivities(cases: FloatArray, controls: FloatArray, rates: FloatArray) -> FloatArray:
    """Return the fraction of cases above the threshold that so many controls lie above.

    Between two thresholds the curve steps, as the empirical one does.
    """
    allowed = np.floor(rates * controls.size + 1e-9).astype(int)  # controls that may lie above
    thresholds = np.append(np.sort(controls)[::-1], -np.inf)[allowed]
    above = np.searchsorted(np.sort(cases), thresholds, side="right")
    return np.asarray(1 - above / cases.size)


def auc(scores: FloatArray, positive: BoolArray) -> Auc:
    """Return the area under the ROC curve of a score.

    Parameters
    ----------
    scores : (S,) float array
        Higher means rather positive.
    positive : (S,) bool array
        The group that a subject belongs to.

    Raises
    ------
    ValueError
        If a group has fewer than two subjects, or a score is not finite.

    Examples
    --------
    Eight of nine pairs are in order. Of the positive subjects 1, 1 and 2/3 of the negative ones
    lie below, and likewise the other way round: variances 1/27 each, 2/81 of the area.

    >>> scores = np.array([0.9, 0.8, 0.4, 0.7, 0.3, 0.2])
    >>> found = auc(scores, np.array([True, True, True, False, False, False]))
    >>> round(found.value * 9, 6), round(found.variance * 81, 6)
    (8.0, 2.0)
    """
    areas, covariance = _delong(scores[np.newaxis], positive)
    value, variance = float(areas[0]), float(covariance[0, 0])
    if not 0 < value < 1:
        cases = int(np.count_nonzero(positive))
        nearest = _lowest_of_separated(cases, len(positive) - cases)
        low, high = (nearest, 1.0) if value else (0.0, 1 - nearest)
        return Auc(value, low, high, variance)
    half = _quantile() * math.sqrt(variance) / (value * (1 - value))
    centre = special.logit(value)
    low, high = (float(special.expit(centre + sign * half)) for sign in (-1, 1))
    return Auc(value, low, high, variance)


def _lowest_of_separated(cases: int, controls: int) -> float:
    """Return the lower end of the score interval of an area of 1.

    Where the distance to 1 is a quantile times the standard error of Hanley and McNeil (1982).
    """
    more = (cases + controls) / 2 - 1

    def excess(area: float) -> float:
        spread = 1 + more * (1 - area) / (2 - area) + more * area / (1 + area)
        return (1 - area) * cases * controls - _quantile() ** 2 * area * spread

    return float(optimize.brentq(excess, 0.0, 1.0))


def compare_auc(first: FloatArray, second: FloatArray, positive: BoolArray) -> AucDifference:
    """Compare the areas of two scores of the same subjects by DeLong's test.

    Parameters
    ----------
    first, second : (S,) float array
        Scores; higher means rather positive.
    positive : (S,) bool array
        The group that a subject belongs to.

    Raises
    ------
    ValueError
        As in `auc`.

    Examples
    --------
    >>> positive = np.array([True, True, True, False, False, False])
    >>> first = np.array([0.9, 0.8, 0.4, 0.7, 0.3, 0.2])
    >>> compare_auc(first, 2 * first, positive).p
    1.0
    """
    areas, covariance = _delong(np.stack([first, second]), positive)
    value = float(areas[0] - areas[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    if variance < _NO_VARIANCE:
        p = 1.0 if abs(value) < _NO_VARIANCE else 0.0
        if set(areas) <= {0.0, 1.0} and not np.array_equal(first, second):
            one, other = auc(first, positive), auc(second, positive)
            below = math.hypot(one.value - one.low, other.high - other.value)
            above = math.hypot(one.high - one.value, other.value - other.low)
            return AucDifference(value, value - below, value + above, p)
        return AucDifference(value, value, value, p)
    spread = math.sqrt(variance)
    half = _quantile() * spread
    return AucDifference(
        value, value - half, value + half, float(2 * special.ndtr(-abs(value) / spread))
    )


def _delong(scores_MS: FloatArray, positive: BoolArray) -> tuple[FloatArray, NDArray[np.float64]]:
    """Return the areas of M scores and the covariance of their estimates."""
    if not np.isfinite(scores_MS).all():
        raise ValueError("scores must be finite")
    cases, controls = scores_MS[:, positive], scores_MS[:, ~positive]
    if min(cases.shape[1], controls.shape[1]) < 2:
        raise ValueError("both groups need two subjects or more")
    above = cases[:, :, np.newaxis] - controls[:, np.newaxis, :]
    order = (above > 0) + 0.5 * (above == 0)
    of_cases, of_controls = order.mean(axis=2), order.mean(axis=1)
    covariance = np.cov(of_cases) / cases.shape[1] + np.cov(of_controls) / controls.shape[1]
    return order.mean(axis=(1, 2)), np.atleast_2d(covariance)


def _quantile() -> float:
    return float(special.ndtri((1 + CONFIDENCE) / 2))
