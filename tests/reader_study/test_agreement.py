import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from petsynth.reader_study.agreement import cohen, fleiss, icc

SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
)
"""Shrout and Fleiss 1979, table 2: six targets, four raters."""
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
"""Ten subjects, fourteen raters, five categories; kappa is 0.210."""


def test_icc_is_that_of_shrout_and_fleiss():
    found = icc(SHROUT_FLEISS)
    assert found.value == pytest.approx(0.29, abs=0.005)
    assert found.low < found.value < found.high
    assert found.cases == 6


def test_fleiss_kappa_on_a_known_answer():
    answers = np.array([[c for c, n in enumerate(row) for _ in range(n)] for row in FLEISS])
    assert fleiss(answers).value == pytest.approx(0.210, abs=0.0005)


def test_cohens_kappa_on_known_answers():
    """Fifty proposals, 20 and 15 agreed, 5 and 10 not: kappa is 0.4."""
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    found = cohen(first, second)
    assert found.value == pytest.approx(0.4)
    assert found.low < 0.4 < found.high


def test_weighted_kappa_is_scikit_learns():
    random = np.random.default_rng(0)
    first = random.integers(1, 6, 60)
    second = np.clip(first + random.integers(-1, 2, 60), 1, 5)
    wanted = cohen_kappa_score(first, second, weights="quadratic", labels=range(1, 6))
    assert cohen(first.tolist(), second.tolist(), points=True).value == pytest.approx(wanted)


def test_where_nothing_varies_agreement_is_not_defined():
    assert np.isnan(cohen(["a"] * 5, ["a"] * 5).value)
    assert np.isnan(fleiss(np.full((5, 3), "a")).value)
    assert np.isnan(icc(np.ones((5, 3))).value)
    assert np.isnan(icc(np.ones((1, 3))).value)
