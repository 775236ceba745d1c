"""Agreement of measurements, against published examples and by hand."""

import numpy as np
import pandas as pd
import pytest

from petsynth.metrics.reliability import (
    correlation,
    icc_absolute,
    icc_consistency,
    limits_of_agreement,
)

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
