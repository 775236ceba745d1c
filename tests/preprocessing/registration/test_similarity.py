"""Mutual information and correlation ratios: by hand, and on brains with a known relation."""

import numpy as np
import pytest
from scipy import ndimage

from petsynth.preprocessing.registration.similarity import (
    correlation_ratio,
    local_correlation_ratio,
    mutual_information,
)


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


def test_correlation_ratio_is_the_explained_fraction():
    first = np.repeat([0.0, 1.0], 4)
    second = np.array([0.0, 2.0, 0.0, 2.0, 4.0, 6.0, 4.0, 6.0])  # means 1, 5; variance 1 within
    assert correlation_ratio(first, second) == pytest.approx(4 / 5)
    assert correlation_ratio(first, np.ones(8)) == 0


def _brain(seed: int) -> tuple[np.ndarray, np.ndarray]:
    texture = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(41, 49, 41)), 1.5)
    x, y, z = np.indices(texture.shape) - np.array([20, 24, 20]).reshape(3, 1, 1, 1)
    mask = x**2 + y**2 + z**2 < 18**2
    return texture / texture.std(), mask


@pytest.mark.parametrize("sign", [1, -1])
def test_the_own_pet_agrees_and_flipped_it_does_not(sign):
    texture, mask = _brain(0)
    local = local_correlation_ratio(texture, sign * texture + 100, mask, voxel_mm=4.0)
    assert local.ratio > 0.95
    assert local.flipped < 0.1


def test_a_strangers_pet_agrees_no_better_than_flipped():
    texture, mask = _brain(0)
    local = local_correlation_ratio(texture, _brain(1)[0], mask, voxel_mm=4.0)
    assert local.ratio < 0.1
    assert abs(local.ratio - local.flipped) < 0.05


def test_a_slow_change_common_to_all_brains_does_not_count():
    texture, mask = _brain(0)
    slow = 20 * np.linspace(-1, 1, 49)[np.newaxis, :, np.newaxis]
    local = local_correlation_ratio(texture + slow, _brain(1)[0] + slow, mask, voxel_mm=4.0)
    assert local.ratio < 0.25
