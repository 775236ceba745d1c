"""Paper B's normalisation, section 3.1, and its inverse."""

import numpy as np
import pytest

from petsynth.data.normalisation import (
    MriStatistics,
    mri_statistics,
    normalise_mri,
    normalise_pet,
    restore_pet,
)
from petsynth.errors import InputError

STATISTICS = MriStatistics(mean=40.0, std=50.0)


def test_by_hand():
    assert normalise_mri(np.array([40.0, 90.0, -10.0]), STATISTICS).tolist() == [0, 1, -1]
    # m/10 = 4, s/10 = 5
    assert normalise_pet(np.array([4.0, 9.0, -1.0, 1004.0]), STATISTICS).tolist() == [0, 1, -1, 200]
    assert restore_pet(np.array([0.0, 1.0, -1.0, 200.0]), STATISTICS).tolist() == [4, 9, -1, 1004]


@pytest.mark.parametrize(("low", "high"), [(-100.0, 1000.0), (0.0, 3.0)])
def test_restoring_is_exact_to_float_precision(low, high):
    pet = np.random.default_rng(0).uniform(low, high, (2, 31, 25, 25)).astype(np.float32)
    statistics = MriStatistics(mean=31.4159, std=52.71828)
    restored = restore_pet(normalise_pet(pet, statistics), statistics)
    assert restored.dtype == np.float32
    # half a unit in the last place of the larger of value and offset, twice
    np.testing.assert_allclose(restored, pet, rtol=2e-7, atol=2e-7 * max(abs(high), 10))


def test_all_voxels_count():
    mri = np.zeros((4, 4, 4), dtype=np.float32)
    mri[:2] = 100.0
    assert mri_statistics(mri) == MriStatistics(50.0, 50.0)


def test_large_images_lose_no_precision():
    mri = np.full((256, 256, 64), 1000.1, dtype=np.float32)
    mri[0, 0, 0] = 0
    assert mri_statistics(mri).mean == pytest.approx(1000.1, rel=1e-6)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_images_without_statistics_are_refused(value):
    with pytest.raises(InputError, match="cannot be normalised"):
        mri_statistics(np.full((3, 3, 3), value))
