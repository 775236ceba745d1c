"""Lin's concordance against values computed by hand."""

import numpy as np
import pandas as pd
import pytest

from petsynth.metrics.agreement import (
    concordance,
    correlation,
    icc_absolute,
    icc_consistency,
    limits_of_agreement,
)

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


SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)
"""Shrout and Fleiss 1979, table 2: six subjects, four raters."""


def test_intraclass_correlations_of_the_published_example():
    """Values: Shrout and Fleiss, table 4. Intervals: R's psych::ICC and pingouin on these data."""
    absolute, consistent = icc_absolute(SHROUT_FLEISS), icc_consistency(SHROUT_FLEISS)
    assert absolute.value == pytest.approx(0.290, abs=5e-4)
    assert (absolute.low, absolute.high) == pytest.approx((0.019, 0.761), abs=6e-4)
    assert consistent.value == pytest.approx(0.715, abs=5e-4)
    assert (consistent.low, consistent.high) == pytest.approx((0.342, 0.946), abs=6e-4)


@pytest.mark.parametrize("seed", range(3))
def test_intraclass_correlations_by_analysis_of_variance(seed):
    """Mean squares by sums over subjects and measurements, written out."""
    x = np.random.default_rng(seed).normal(size=(12, 2)) + np.arange(12)[:, None] / 4
    n, k = x.shape
    total = ((x - x.mean()) ** 2).sum()
    rows, columns = k * x.mean(1).var() * n, n * x.mean(0).var() * k
    rest = total - rows - columns
    msr, msc, mse = rows / (n - 1), columns / (k - 1), rest / ((n - 1) * (k - 1))
    assert icc_consistency(x).value == pytest.approx((msr - mse) / (msr + (k - 1) * mse))
    expected = (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n)
    assert icc_absolute(x).value == pytest.approx(expected)


def test_a_constant_offset_lowers_absolute_agreement_only():
    first = np.array([1.0, 2.0, 3.0, 5.0])
    both = np.column_stack([first, first + 2])
    assert icc_consistency(both).value == pytest.approx(1)
    assert 0 < icc_absolute(both).value < 0.7
    limits = limits_of_agreement(first, first + 2)
    assert (limits.bias, limits.std, limits.low, limits.high) == pytest.approx((2, 0, 2, 2))
    assert correlation(first, first + 2).value == pytest.approx(1)


def test_identical_measurements_agree_fully():
    first = np.array([1.0, 2.0, 3.0, 5.0])
    both = np.column_stack([first, first])
    assert icc_absolute(both).value == icc_consistency(both).value == 1


def test_a_prediction_that_is_the_same_for_everyone_has_no_correlation():
    first, flat = np.array([1.0, 2.0, 3.0, 5.0]), np.full(4, 1.37)
    assert np.isnan(correlation(first, flat).value)
    assert icc_absolute(np.column_stack([first, flat])).value <= 0


def test_few_subjects_have_no_interval():
    found = correlation(np.array([1.0, 2, 4]), np.array([1.0, 3, 2]))
    assert np.isfinite(found.value)
    assert np.isnan(found.low)
    assert np.isnan(correlation(np.array([1.0, 2]), np.array([1.0, 3])).value)
    assert np.isnan(icc_absolute(np.ones((1, 2))).value)
    assert np.isnan(limits_of_agreement(np.ones(1), np.ones(1)).std)
    assert np.isnan(limits_of_agreement(np.ones(0), np.ones(0)).bias)


def test_fishers_interval_covers():
    rng, inside = np.random.default_rng(1), 0
    for _ in range(400):
        a = rng.normal(size=20)
        found = correlation(a, 0.5 * a + np.sqrt(0.75) * rng.normal(size=20))
        inside += found.low < 0.5 < found.high
    assert 0.92 < inside / 400 < 0.98


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # pingouin's, of pandas
@pytest.mark.parametrize("seed", range(3))
def test_parity_with_pingouin(seed):
    pingouin = pytest.importorskip("pingouin")
    random = np.random.default_rng(seed)
    ratings = random.normal(size=(15, 2)) + 2 * random.normal(size=(15, 1)) + [0, 0.4]
    long = pd.DataFrame(ratings).reset_index().melt("index")
    table = pingouin.intraclass_corr(long, "index", "variable", "value").set_index("Type")
    for ours, name in ((icc_absolute(ratings), "ICC(A,1)"), (icc_consistency(ratings), "ICC(C,1)")):
        assert ours.value == pytest.approx(table.loc[name, "ICC"])
        low, high = table.loc[name, "CI95"]
        assert (ours.low, ours.high) == pytest.approx((low, high), abs=0.006)
    row = pingouin.corr(ratings[:, 0], ratings[:, 1]).iloc[0]
    ours = correlation(ratings[:, 0], ratings[:, 1])
    assert ours.value == pytest.approx(row["r"])
    low, high = row["CI95"]
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=0.006)
