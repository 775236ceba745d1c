"""Descriptions, intervals with random subjects and seeds, corrections, conclusions."""

import math

import numpy as np
import pytest
from scipy import stats

from petsynth.evaluation.statistics import (
    Difference,
    Estimate,
    adjust_family,
    adjust_holm,
    describe,
    estimate_paired,
    estimate_unpaired,
)


def paired(first, second):
    (difference,) = adjust_family(
        [estimate_paired(np.array(first, float), np.array(second, float))]
    )
    return difference


def test_description_by_hand():
    # Deviations -3, -1, 1, 3: 20 / 3 with n - 1.
    assert describe([1.0, 3.0, 5.0, 7.0]) == {
        "mean": 4.0,
        "std": pytest.approx(np.sqrt(20 / 3)),
        "min": 1.0,
        "max": 7.0,
        "n": 4,
    }


def test_values_that_are_not_finite_do_not_count():
    assert describe([2.0, np.inf, np.nan, 4.0])["mean"] == 3.0
    assert describe([2.0, np.inf, np.nan, 4.0])["n"] == 2
    assert describe([np.nan]) == {"mean": None, "std": None, "min": None, "max": None, "n": 0}


def test_a_constant_difference_has_no_spread_however_much_subjects_differ():
    second = np.array([[1.0, 10.0, 100.0, 1000.0]])
    found = paired(second + 2, second)
    assert (found.mean, found.low, found.high) == (2.0, 2.0, 2.0)
    assert found.p < 1e-9
    assert found.conclusion(lower_is_better=True) == "worse"


def test_one_run_gives_the_t_interval_by_hand():
    # Differences 1, 2, 3, 6: mean 3, variance 14 / 3, t of 3 degrees of freedom 3.1824.
    found = paired([[1.0, 2.0, 3.0, 6.0]], np.zeros((1, 4)))
    half = 3.182446 * math.sqrt(14 / 3 / 4)
    assert (found.mean, found.subjects, found.comparisons) == (3.0, 4, 1)
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half), abs=1e-5)
    assert (found.simultaneous_low, found.simultaneous_high) == (found.low, found.high)
    assert found.p == pytest.approx(stats.ttest_1samp([1.0, 2.0, 3.0, 6.0], 0).pvalue)


def test_runs_and_subjects_are_both_random_by_hand():
    # A table without interaction: effects of subjects -1, 0, 1 and of runs -2, 0, 2 around 5.
    first = 5 + np.array([[-2.0], [0.0], [2.0]]) + np.array([[-1.0, 0.0, 1.0]])
    estimate = estimate_paired(first, np.zeros((1, 3)))
    # Subjects: variance 1 over 3 of them; runs: variance 4 over 3 of them, 2 degrees of freedom.
    assert estimate.mean == pytest.approx(5)
    assert np.array(estimate.variances) == pytest.approx(np.array([[1 / 3, 2], [4 / 3, 2]]))
    # Satterthwaite: (5/3)² / (1/18 + 16/18) = 50 / 17 degrees of freedom.
    t, t_of_2 = stats.t.ppf(0.975, 50 / 17), stats.t.ppf(0.975, 2)
    half = math.sqrt(2 / 3 * t**2 * 5 / 3 + 1 / 3 * t_of_2**2 * 5 / 3)
    assert estimate.half_width() == pytest.approx(half)


def test_what_runs_and_subjects_have_together_is_counted_once_by_hand():
    # Runs 1, 1, 4 and 3, 5, 4 of three subjects. Means of subjects 2, 3, 4: variance 1, over 3.
    # Means of runs 2, 4: variance 2, over 2. Residuals ∓0, ∓1, ±1: sum of squares 4, mean square
    # 4 / 2 = 2, over 6: what the variance of subjects counts already.
    estimate = estimate_paired(np.array([[1.0, 1.0, 4.0], [3.0, 5.0, 4.0]]), np.zeros((1, 3)))
    assert np.array(estimate.variances) == pytest.approx(np.array([[1 / 3, 2], [1 - 1 / 3, 1]]))


def test_the_seeds_of_both_methods_count():
    runs = np.array([[-1.0], [0.0], [1.0]]) * np.ones((3, 4))
    estimate = estimate_paired(runs, 2 * runs)
    # Variances 1 / 3 and 4 / 3 with 2 degrees of freedom each: (5/3)² / (17/18) together.
    assert estimate.variances[0] == (0.0, 3)
    assert estimate.variances[1] == pytest.approx((5 / 3, 50 / 17))


def test_seeds_that_make_no_difference_of_their_own_add_nothing():
    # Run means are equal: all of the runs' spread is residual.
    estimate = estimate_paired(np.array([[0.0, 2.0, 1.0], [2.0, 0.0, 1.0]]), np.zeros((1, 3)))
    assert len(estimate.variances) == 1


def test_one_subject_has_no_interval():
    found = paired([[1.0]], [[0.0]])
    assert (found.low, found.high, found.p) == (-math.inf, math.inf, 1.0)
    assert found.conclusion(lower_is_better=False) == "undecided"
    assert found.equivalence(100.0) == "undecided"


def test_subjects_without_a_value_are_left_out():
    found = paired([[1.0, np.inf, 3.0]], np.zeros((1, 3)))
    assert (found.mean, found.subjects) == (2.0, 2)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (np.zeros((1, 2)), np.zeros((1, 3)), "2 subjects against 3"),
        (np.full((1, 2), np.nan), np.zeros((1, 2)), "no subject"),
    ],
)
def test_refusals(first, second, message):
    with pytest.raises(ValueError, match=message):
        estimate_paired(first, second)
    with pytest.raises(ValueError, match="no pair"):
        estimate_unpaired(np.ones((1, 2)), [("a", "b")], np.array([np.nan]))


def test_pairs_of_other_subjects_by_the_jackknife_by_hand():
    # Without a: 3; without b: 2; without c: 1. Mean 2; jackknife 2/3 * (1 + 0 + 1) = 4/3.
    pairs, values = [("a", "b"), ("a", "c"), ("b", "c"), ("b", "d")], np.array([1.0, 2, 3, np.nan])
    estimate = estimate_unpaired(np.array([[0.0, 1.0, 2.0]]), pairs, values)
    assert estimate.mean == pytest.approx(1 - 2)
    assert np.array(estimate.variances) == pytest.approx(np.array([[1 / 3, 2], [4 / 3, 2]]))


def test_too_few_pairs_for_a_jackknife_give_no_interval():
    estimate = estimate_unpaired(np.array([[0.0, 1.0]]), [("a", "b")], np.array([1.0]))
    assert estimate.half_width() == math.inf


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.03, 0.04: times 4, 3, 2, 1 is 0.04, 0.06, 0.06, 0.04; never falling.
    assert adjust_holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert adjust_holm([0.5, 0.9]) == [1.0, 1.0]
    assert adjust_holm([]) == []


def test_a_family_has_wider_intervals_and_larger_p_values():
    estimate = Estimate(3.0, ((14 / 12, 3.0),), 4)
    alone, *_ = adjust_family([estimate])
    first, *_ = adjust_family([estimate] * 10)
    half = stats.t.ppf(1 - 0.025 / 10, 3) * math.sqrt(14 / 12)
    assert (first.low, first.high) == (alone.low, alone.high)
    assert first.simultaneous_low == pytest.approx(3 - half)
    assert first.simultaneous_high == pytest.approx(3 + half)
    assert (first.comparisons, first.p_holm) == (10, pytest.approx(10 * alone.p))


def test_the_p_value_belongs_to_the_interval():
    estimate = Estimate(1.0, ((0.1, 24.0), (0.05, 2.0)), 25)
    assert estimate.half_width(1 - estimate.p()) == pytest.approx(1.0)
    assert Estimate(0.0, ((0.1, 24.0),), 25).p() == 1.0


def of(low, high):
    return Difference((low + high) / 2, 0, 0, low, high, 0.5, 0.5, 1, 20)


@pytest.mark.parametrize(
    ("low", "high", "equivalence"),
    [
        (-0.5, 0.5, "equivalent"),
        (0.1, 0.9, "equivalent"),
        (-0.5, 1.5, "undecided"),
        (0.5, 1.5, "undecided"),
        (1.5, 2.5, "different"),
        (-2.5, -1.5, "different"),
        (-2.5, 2.5, "undecided"),
    ],
)
def test_equivalence_against_a_margin_of_one(low, high, equivalence):
    assert of(low, high).equivalence(1.0) == equivalence


@pytest.mark.parametrize(
    ("low", "high", "of_error", "of_similarity"),
    [
        (-2.0, -1.0, "better", "worse"),
        (1.0, 2.0, "worse", "better"),
        (-1.0, 2.0, "undecided", "undecided"),
        (0.0, 2.0, "undecided", "undecided"),
    ],
)
def test_a_conclusion_needs_an_interval_without_zero(low, high, of_error, of_similarity):
    assert of(low, high).conclusion(lower_is_better=True) == of_error
    assert of(low, high).conclusion(lower_is_better=False) == of_similarity


@pytest.mark.parametrize("subjects", [4, 10, 25])
@pytest.mark.parametrize("runs", [1, 3])
def test_intervals_hold_the_true_difference_as_often_as_they_say(subjects, runs):
    """1,000 studies each; `benchmarks/interval_coverage.py` has more of them, and more kinds."""
    random = np.random.default_rng(subjects * 10 + runs)
    held = 0
    for _ in range(1000):
        effects = random.standard_normal((1, subjects))
        seeds = 0.5 * random.standard_normal((runs, 1)) if runs > 1 else 0.0
        values = effects + seeds + 0.5 * random.standard_normal((runs, subjects))
        estimate = estimate_paired(values, np.zeros((1, subjects)))
        held += abs(estimate.mean) <= estimate.half_width()
    assert 0.93 <= held / 1000 <= 0.98


@pytest.mark.parametrize("seed", range(3))
def test_holm_and_the_paired_interval_are_those_of_statsmodels(seed):
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    random = np.random.default_rng(seed)
    p = random.uniform(0, 0.2, 7)
    assert adjust_holm(list(p)) == pytest.approx(multitest.multipletests(p, method="holm")[1])
    first, second = random.normal(size=(2, 1, 12))  # one run of each, the same subjects
    (found,) = adjust_family([estimate_paired(first, second)])
    low, high = weightstats.DescrStatsW((first - second)[0]).tconfint_mean()
    assert (found.low, found.high) == pytest.approx((low, high))
