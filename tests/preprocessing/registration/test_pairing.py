"""Does a PET belong to its T1?"""

import numpy as np
import pytest
from scipy import ndimage

from petsynth.preprocessing.registration.pairing import compare_detail


def _brain(seed: int) -> tuple[np.ndarray, np.ndarray]:
    texture = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(41, 49, 41)), 1.5)
    x, y, z = np.indices(texture.shape) - np.array([20, 24, 20]).reshape(3, 1, 1, 1)
    mask = x**2 + y**2 + z**2 < 18**2
    return texture / texture.std(), mask


@pytest.mark.parametrize("sign", [1, -1])
def test_the_own_pet_agrees_and_its_mirror_image_does_not(sign):
    texture, mask = _brain(0)
    pairing = compare_detail(texture, sign * texture + 100, mask, voxel_mm=4.0)
    assert pairing.agreement > 0.95
    assert pairing.mirrored < 0.1


def test_a_strangers_pet_agrees_no_better_than_its_mirror_image():
    texture, mask = _brain(0)
    pairing = compare_detail(texture, _brain(1)[0], mask, voxel_mm=4.0)
    assert pairing.agreement < 0.1
    assert abs(pairing.agreement - pairing.mirrored) < 0.05


def test_a_slow_change_common_to_all_brains_does_not_count():
    texture, mask = _brain(0)
    slow = 20 * np.linspace(-1, 1, 49)[np.newaxis, :, np.newaxis]
    pairing = compare_detail(texture + slow, _brain(1)[0] + slow, mask, voxel_mm=4.0)
    assert pairing.agreement < 0.25
