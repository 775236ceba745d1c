import numpy as np
import pytest
from scipy import stats

from petsynth.reader_study.comparison import compare


def simulated(random, kinds=2, readers=4, cases=60, effect=0.0):
    """Return right answers whose difficulty is the case's, the reader's and their own."""
    of_case = random.normal(0, 0.8, (1, 1, cases))
    of_reader = random.normal(0, 0.3, (1, readers, 1))
    of_both = random.normal(0, 0.5, (kinds, 1, cases))
    shift = effect * np.arange(kinds).reshape(-1, 1, 1)
    noise = random.normal(0, 1, (kinds, readers, cases))
    return (0.5 + of_case + of_reader + of_both + shift + noise > 0).astype(float)


def analysis_of_variance(right):
    """Dorfman, Berbaum and Metz 1992 with Hillis' degrees of freedom, from sums of squares.

    For a proportion it is the same test as Obuchowski and Rockette's (Hillis et al. 2005).
    """
    kinds, readers, cases = right.shape
    mean = right.mean()
    t, r, c = (right.mean(axis=axes) for axes in ((1, 2), (0, 2), (0, 1)))
    tr, tc, rc = right.mean(axis=2), right.mean(axis=1), right.mean(axis=0)
    ms_t = readers * cases * ((t - mean) ** 2).sum() / (kinds - 1)
    in_tr = tr - t[:, None] - r + mean
    in_tc = tc - t[:, None] - c + mean
    in_trc = (
        right - tr[:, :, None] - tc[:, None, :] - rc[None]
        + t[:, None, None] + r[None, :, None] + c - mean
    )  # fmt: skip
    free = (kinds - 1) * (readers - 1)
    ms_tr = cases * (in_tr**2).sum() / free
    ms_tc = readers * (in_tc**2).sum() / ((kinds - 1) * (cases - 1))
    ms_trc = (in_trc**2).sum() / (free * (cases - 1))
    error = ms_tr + max(ms_tc - ms_trc, 0)
    return ms_t / error, error**2 / (ms_tr**2 / free)


@pytest.mark.parametrize("kinds", [2, 3])
def test_it_is_the_analysis_of_variance_of_the_same_answers(kinds):
    right = simulated(np.random.default_rng(kinds), kinds=kinds)
    f, degrees = analysis_of_variance(right)
    found = compare(right)
    assert found.f == pytest.approx(f)
    assert found.degrees == (kinds - 1, pytest.approx(degrees))
    assert found.p == pytest.approx(stats.f.sf(f, kinds - 1, degrees))


def test_of_two_kinds_f_is_the_square_of_t():
    found = compare(simulated(np.random.default_rng(5)))
    (difference,) = found.differences
    assert difference.p == pytest.approx(found.p)
    assert difference.value == pytest.approx(found.means[0] - found.means[1])
    assert difference.low < difference.value < difference.high


def test_no_difference_is_found_as_rarely_as_the_level_says():
    random = np.random.default_rng(7)
    found = [compare(simulated(random)).p < 0.05 for _ in range(300)]
    assert 0.01 < np.mean(found) < 0.09


def test_a_real_difference_is_found():
    random = np.random.default_rng(8)
    found = [compare(simulated(random, effect=0.8)).p < 0.05 for _ in range(50)]
    assert np.mean(found) > 0.8


def test_equal_answers_differ_in_nothing():
    found = compare(np.repeat(simulated(np.random.default_rng(9), kinds=1), 2, axis=0))
    assert (found.f, found.p) == (0, 1)
    assert found.differences[0].p == 1


@pytest.mark.parametrize("shape", [(1, 3, 9), (2, 1, 9), (2, 3, 1), (2, 3)])
def test_too_little_is_refused(shape):
    with pytest.raises(ValueError, match="needs two kinds, readers and cases"):
        compare(np.ones(shape))
