"""A T1 and its PET are changed together, and the one before stays as it was."""

import numpy as np
import pytest

from petsynth.data.augmentation.pair import VolumePair


@pytest.fixture
def pair():
    mri = np.array([0.2, 0.4, 0.6, 0.8], np.float32).reshape(4, 1, 1)
    mask = np.array([False, True, True, True]).reshape(4, 1, 1)
    return VolumePair(mri, mask, np.stack([mri, 10 * mri]), 3.0)


def test_another_t1_is_float32_and_leaves_the_rest(pair):
    other = pair.with_mri(np.ones((4, 1, 1)))

    assert other.mri.dtype == np.float32
    assert (other.mri == 1).all()
    assert (other.mask is pair.mask, other.pet is pair.pet, other.voxel_mm) == (True, True, 3.0)
    assert pair.mri[0, 0, 0] == np.float32(0.2)


def test_what_is_not_visible_is_air_no_brain_and_has_a_fraction_of_the_pet(pair):
    visible = np.array([True, True, False, False]).reshape(4, 1, 1)
    seen = np.array([1, 1, 0.5, 0], np.float32).reshape(4, 1, 1)

    left = pair.where(visible, seen)

    np.testing.assert_allclose(left.mri.ravel(), [0.2, 0.4, 0, 0])
    assert left.mri.dtype == np.float32
    assert left.mask.ravel().tolist() == [False, True, False, False]
    np.testing.assert_allclose(left.pet[0].ravel(), [0.2, 0.4, 0.3, 0])
    np.testing.assert_allclose(left.pet[1].ravel(), [2, 4, 3, 0])
    assert left.voxel_mm == 3.0
    np.testing.assert_allclose(pair.pet[1].ravel(), [2, 4, 6, 8])
