"""Descriptions, bootstrap intervals and equivalence."""

import numpy as np
import pytest

from petsynth.evaluation.statistics import Difference, describe, paired_difference


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
    difference = paired_difference(second + 2, second, seed=0)
    assert difference == Difference(2.0, pytest.approx(2.0), pytest.approx(2.0), 4)


def test_the_interval_by_hand():
    # One of two subjects differs by 1: resamples have 0, 1 or 2 of him, a mean of 0, 1/2 or 1.
    difference = paired_difference(np.array([[1.0, 0.0]]), np.zeros((1, 2)), seed=0)
    assert (difference.mean, difference.low, difference.high) == (0.5, 0.0, 1.0)


def test_the_interval_is_that_of_the_normal_theory_for_many_subjects():
    values = np.random.default_rng(0).normal(0, 1, (1, 400))
    difference = paired_difference(values, np.zeros((1, 400)), seed=0)
    half = 1.96 * values.std() / 20
    assert difference.high - difference.mean == pytest.approx(half, rel=0.05)
    assert difference.mean - difference.low == pytest.approx(half, rel=0.05)


def test_runs_that_disagree_widen_the_interval():
    second = np.zeros((1, 20))
    agreeing = paired_difference(np.ones((3, 20)), second, seed=0)
    spread = paired_difference(np.ones((3, 20)) * [[0.0], [1.0], [2.0]], second, seed=0)
    assert agreeing.low == agreeing.high == 1
    assert spread.mean == 1
    assert spread.low < 0.5 < 1.5 < spread.high


def test_the_seed_decides():
    values = np.random.default_rng(0).random((1, 9))
    again = [paired_difference(values, np.zeros((1, 9)), seed=seed) for seed in (1, 1, 2)]
    assert again[0] == again[1] != again[2]


def test_subjects_without_a_value_are_left_out():
    difference = paired_difference(np.array([[1.0, np.inf, 3.0]]), np.zeros((1, 3)), seed=0)
    assert (difference.mean, difference.subjects) == (2.0, 2)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (np.zeros((1, 2)), np.zeros((1, 3)), "2 subjects against 3"),
        (np.full((1, 2), np.nan), np.zeros((1, 2)), "no subject"),
    ],
)
def test_refusals(first, second, message):
    with pytest.raises(ValueError, match=message):
        paired_difference(first, second, seed=0)


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
    assert Difference((low + high) / 2, low, high, 20).equivalence(1.0) == equivalence
