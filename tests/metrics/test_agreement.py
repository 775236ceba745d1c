"""Lin's concordance against values computed by hand."""

import numpy as np
import pytest

from petsynth.metrics.agreement import concordance

ONE_TO_FOUR = np.array([1.0, 2.0, 3.0, 4.0])


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (ONE_TO_FOUR, 1.0),
        # Variances 5/4 and 5/4, covariance 5/4, means 2 apart: 2.5 / (2.5 + 4).
        (ONE_TO_FOUR + 2, 2.5 / 6.5),
        # Covariance 10/4, variances 5/4 and 20/4, means 2.5 apart: 5 / (6.25 + 6.25).
        (2 * ONE_TO_FOUR, 5 / 12.5),
        # Covariance -5/4, equal means: -2.5 / 2.5.
        (ONE_TO_FOUR[::-1], -1.0),
        # A constant has no covariance.
        (np.full(4, 2.5), 0.0),
    ],
)
def test_by_hand(second, expected):
    assert concordance(ONE_TO_FOUR, second) == pytest.approx(expected, abs=1e-15)
    assert concordance(second, ONE_TO_FOUR) == pytest.approx(expected, abs=1e-15)


def test_it_is_pearsons_r_times_lins_accuracy():
    rng = np.random.default_rng(0)
    first = rng.normal(1, 2, (5, 6, 7))
    second = 0.5 * first + rng.normal(1, 1, first.shape)
    r = np.corrcoef(first.ravel(), second.ravel())[0, 1]
    ratio = first.std() / second.std()
    shift = (first.mean() - second.mean()) ** 2 / (first.std() * second.std())
    expected = r * 2 / (ratio + 1 / ratio + shift)
    assert concordance(first, second) == pytest.approx(expected, abs=1e-12)


def test_undefined():
    assert np.isnan(concordance(np.ones(3), np.ones(3)))
    assert np.isnan(concordance(np.array([]), np.array([])))


def test_float32_far_from_zero_keeps_its_digits():
    first = np.float32([1e6, 1e6 + 1, 1e6 + 2, 1e6 + 3])
    assert concordance(first, first[[1, 0, 3, 2]]) == pytest.approx(0.6)


def test_shapes_must_fit():
    with pytest.raises(ValueError, match="different shapes"):
        concordance(np.ones(3), np.ones(4))
