"""Areas under ROC curves: hand-computed, scikit-learn, and how often the intervals hold."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score
from sklearn.metrics import roc_curve as scikit_curve

from petsynth.metrics.discrimination import auc, compare_auc, roc_curve

POSITIVE = np.array([True] * 3 + [False] * 3)
FIRST = np.array([0.9, 0.8, 0.4, 0.7, 0.3, 0.2])
SECOND = np.array([0.9, 0.3, 0.4, 0.7, 0.35, 0.2])


def test_delong_by_hand():
    """Components: the fraction of the other group that a subject scores higher (lower) than.

    First score: cases 1, 1, 2/3 and controls 2/3, 1, 1. Second: cases 1, 1/3, 2/3 and controls 1/3,
    2/3, 1. Areas 8/9 and 6/9. Variances of the components 1/27 and 1/9 in both groups; covariances
    (with mean deviations 1/9, 1/9, -2/9 times 1/3, -1/3, 0) 0 of cases and, of controls (-2/9, 1/9,
    1/9 times -1/3, 0, 1/3), 1/18. The variance of the difference is
    (2/27 + 2/9 - 2 * 1/18) / 3 = 5/81.
    """
    found = compare_auc(FIRST, SECOND, POSITIVE)
    assert auc(SECOND, POSITIVE).value == pytest.approx(6 / 9)
    assert auc(SECOND, POSITIVE).variance == pytest.approx(2 / 27)
    assert found.value == pytest.approx(2 / 9)
    z = (2 / 9) / np.sqrt(5 / 81)
    assert found.p == pytest.approx(2 * norm.sf(z))
    half = norm.ppf(0.975) * np.sqrt(5 / 81)
    assert (found.low, found.high) == pytest.approx((2 / 9 - half, 2 / 9 + half))


def test_ties_count_half_as_in_scikit_learn():
    random = np.random.default_rng(0)
    scores = random.integers(0, 4, 40).astype(float)
    positive = random.random(40) < 0.4
    assert auc(scores, positive).value == pytest.approx(roc_auc_score(positive, scores))


def test_the_interval_stays_between_0_and_1():
    found = auc(FIRST, POSITIVE)
    assert 0 < found.low < 8 / 9 < found.high < 1
    perfect = auc(np.arange(6.0)[::-1], POSITIVE)
    assert (perfect.value, perfect.high, perfect.variance) == (1, 1, 0)
    assert 0.4 < perfect.low < 0.6  # three against three: nearly nothing is known


@pytest.mark.parametrize(("sign", "value"), [(1, 1.0), (-1, 0.0)])
def test_complete_separation_of_few_leaves_an_interval(sign, value):
    """Hanley and McNeil's standard error at the lower end, 1.96 of it away from 1."""
    positive = np.array([True] * 16 + [False] * 8)
    found = auc(sign * np.where(positive, 1.0, 0.0) + np.arange(24) * 1e-3, positive)
    assert found.value == value
    end = found.low if value else 1 - found.high
    assert 0.79 < end < 0.83
    # with the mean of both group sizes, 12, for each
    q1, q2 = end / (2 - end), 2 * end**2 / (1 + end)
    variance = (end * (1 - end) + 11 * (q1 - end**2) + 11 * (q2 - end**2)) / (16 * 8)
    assert (1 - end) / np.sqrt(variance) == pytest.approx(1.96, abs=1e-3)


def test_equal_orders_do_not_differ():
    found = compare_auc(FIRST, 3 * FIRST + 1, POSITIVE)
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_the_interval_of_the_difference_holds_as_often_as_it_says():
    """Two equally good scores of 60 subjects that share half of their noise, 400 times."""
    random = np.random.default_rng(1)
    positive = np.arange(60) < 30
    held = rejected = 0
    for _ in range(400):
        common, one, other = random.normal(size=(3, 60))
        first, second = (positive + common + noise for noise in (one, other))
        found = compare_auc(first, second, positive)
        held += found.low <= 0 <= found.high
        rejected += found.p < 0.05
    assert held + rejected == 400
    assert 0.92 < held / 400 < 0.98


def test_what_has_no_area():
    with pytest.raises(ValueError, match="two subjects or more"):
        auc(FIRST, np.array([True] + [False] * 5))
    with pytest.raises(ValueError, match="finite"):
        auc(np.array([np.nan] + [1.0] * 5), POSITIVE)


@pytest.mark.parametrize("ties", [False, True])
def test_the_curve_is_that_of_scikit_learn(ties):
    random = np.random.default_rng(2)
    positive = random.random(70) < 0.4
    scores = random.normal(size=70) + positive
    if ties:
        scores = np.round(scores)
    found = roc_curve(scores, positive, resamples=50)
    rates, sensitivity, _ = scikit_curve(positive, scores, drop_intermediate=False)
    for rate, ours in zip(found.false_positives, found.sensitivity, strict=True):
        assert ours == pytest.approx(sensitivity[rates <= rate + 1e-9].max())


def test_the_band_of_the_curve_holds_as_often_as_it_says():
    """The sensitivity of normal scores at a specificity of 0.8, of 50 against 50, 200 times."""
    random, held = np.random.default_rng(3), 0
    positive = np.arange(100) < 50
    true = norm.sf(norm.isf(0.2) - 1)
    for seed in range(200):
        found = roc_curve(random.normal(size=100) + positive, positive, resamples=200, seed=seed)
        held += found.low[20] <= true <= found.high[20]
    assert held / 200 > 0.88


def test_a_curve_needs_two_groups():
    with pytest.raises(ValueError, match="two groups"):
        roc_curve(FIRST, np.ones(6, bool))


def test_two_scores_that_separate_perfectly_may_differ_by_as_much_as_either_is_unsure():
    positive = np.array([True] * 6 + [False] * 5)
    first, second = np.arange(11.0, 0, -1), np.array([9.0, 8, 9, 7, 8, 9, 1, 2, 3, 1, 2])
    alone = auc(first, positive)
    assert alone.value == auc(second, positive).value == 1
    found = compare_auc(first, second, positive)
    assert (found.value, found.p) == (0, 1)
    assert found.low == pytest.approx(alone.low - 1)
    assert found.high == pytest.approx(1 - alone.low)
    same = compare_auc(first, first, positive)
    assert (same.low, same.high) == (0, 0)
