"""Mutual information and correlation ratio against values computed by hand."""

import numpy as np
import pytest

from petsynth.preprocessing.registration.similarity import correlation_ratio, mutual_information


def test_four_equal_classes_hold_ln_4():
    classes = np.repeat([0.0, 1.0, 2.0, 3.0], 100)
    assert mutual_information(classes, 3 - classes) == pytest.approx(np.log(4))


def test_half_known_classes_hold_ln_2():
    first = np.repeat([0.0, 1.0, 2.0, 3.0], 100)
    assert mutual_information(first, (first > 1.5).astype(float)) == pytest.approx(np.log(2))


def test_independent_classes_hold_nothing():
    first, second = np.repeat([0.0, 1.0], 200), np.tile([0.0, 1.0], 200)
    assert mutual_information(first, second) == pytest.approx(0)
    assert correlation_ratio(first, second) == pytest.approx(0)


def test_a_rare_class_does_not_hide_in_the_percentiles():
    rare = np.zeros(1000)
    rare[:3] = 1
    p = 0.003
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p))
    assert mutual_information(rare, rare) == pytest.approx(entropy)


def test_correlation_ratio_is_the_explained_share():
    first = np.repeat([0.0, 1.0], 4)
    second = np.array([0.0, 2.0, 0.0, 2.0, 4.0, 6.0, 4.0, 6.0])  # means 1, 5; variance 1 within
    assert correlation_ratio(first, second) == pytest.approx(4 / 5)
    assert correlation_ratio(first, np.ones(8)) == 0
