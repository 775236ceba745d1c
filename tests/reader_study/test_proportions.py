import numpy as np
import pytest

from petsynth.reader_study.proportions import of_reader, over_readers


def test_wilson_and_the_exact_test_on_known_answers():
    """Newcombe, Statistics in Medicine 1998, table I: 81 of 263 has 0.2553 to 0.3662."""
    found = of_reader(np.arange(263) < 81)
    assert (found.low, found.high) == (
        pytest.approx(0.2553, abs=1e-4),
        pytest.approx(0.3662, abs=1e-4),
    )
    assert np.isnan(found.p)
    coin = of_reader(np.arange(10) < 8, chance=0.5)
    assert coin.p == pytest.approx(2 * 56 / 1024)


def test_without_answers_there_is_nothing():
    assert of_reader(np.array([], dtype=bool)).answers == 0
    assert np.isnan(over_readers(np.full((2, 3), np.nan)).value)


def test_the_mean_over_readers_counts_each_reader_once():
    right = np.array([[1, 1, 1, 1], [0, np.nan, np.nan, np.nan]])
    assert over_readers(right).value == 0.5
    assert over_readers(right).answers == 5


def test_the_interval_over_readers_holds_the_truth_as_often_as_it_says():
    """Readers and cases random; 40 studies of 5 readers and 40 cases with a true mean of 0.7."""
    random = np.random.default_rng(0)
    held = 0
    for study in range(40):
        ability = random.normal(0, 0.05, (5, 1)) + random.normal(0, 0.15, (1, 40))
        right = (random.uniform(size=(5, 40)) < 0.7 + ability).astype(float)
        found = over_readers(right, 0.5, seed=study)
        held += found.low <= 0.7 <= found.high
    assert held >= 34


def test_guessing_is_not_told_from_chance():
    right = np.random.default_rng(1).integers(0, 2, (4, 50)).astype(float)
    assert over_readers(right, 0.5).p > 0.05
    assert over_readers(np.ones((4, 50)), 0.5).p < 0.01


def test_when_all_are_right_the_interval_is_that_of_one_reader():
    """Wilson, 20 of 20: low = 20 / (20 + 1.96**2) = 0.839."""
    found = over_readers(np.ones((4, 20)))
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(20 / (20 + 1.959964**2), abs=1e-6)
    assert over_readers(np.zeros((4, 20))).high == pytest.approx(1 - found.low, abs=1e-6)
