"""T1 intensities: a known bias field is removed, and the scale to [-1, 1]."""

import numpy as np
import pytest

from petsynth.errors import InputError
from petsynth.preprocessing.registration.inputs import normalise_locally
from petsynth.preprocessing.t1.intensity import correct_bias_field, scale_mri


def _head() -> tuple[np.ndarray, np.ndarray]:
    mri = np.zeros((20, 20, 20), np.float32)
    mri[4:16, 4:16, 4:16] = np.linspace(50, 100, 12, dtype=np.float32)[:, np.newaxis, np.newaxis]
    return mri, mri > 0


def test_air_becomes_minus_one_and_the_brightest_brain_one():
    mri, mask = _head()
    scaled = scale_mri(mri, mask)
    assert scaled.dtype == np.float32
    assert scaled[0, 0, 0] == -1
    assert scaled[15, 5, 5] == pytest.approx(1)
    assert scaled[4, 5, 5] == pytest.approx(0, abs=1e-6)  # 50 of 100


def test_the_unit_of_the_scanner_does_not_matter():
    mri, mask = _head()
    np.testing.assert_allclose(scale_mri(5 * mri + 30, mask), scale_mri(mri, mask), atol=1e-5)


def test_bright_fat_outside_the_brain_sets_no_limit():
    mri, mask = _head()
    with_fat = mri.copy()
    with_fat[0, :3, :3] = 10_000
    scaled = scale_mri(with_fat, mask)
    assert scaled[0, 0, 0] == 1
    np.testing.assert_allclose(scaled[mask], scale_mri(mri, mask)[mask])


def test_no_brain_and_no_contrast_are_refused():
    mri, mask = _head()
    with pytest.raises(InputError, match="brain mask is empty"):
        scale_mri(mri, np.zeros_like(mask))
    with pytest.raises(InputError, match="no contrast"):
        scale_mri(np.full_like(mri, 7), mask)


def _with_field(scans):
    """Return a locally normalised brain under a brightness that doubles from left to right."""
    ramp = np.linspace(-0.35, 0.35, scans.t1.data.shape[0], dtype=np.float32)
    normalised = normalise_locally(scans.t1, scans.mask)
    return normalised.with_data(normalised.data * np.exp(ramp)[:, np.newaxis, np.newaxis])


def _sides(t1, mask):
    middle = t1.data.shape[0] // 2
    left, right = mask.data > 0, mask.data > 0
    left[middle:] = False
    right[:middle] = False
    return float(t1.data[right].mean() / t1.data[left].mean())


def test_n4_makes_left_and_right_equally_bright(cohort):
    scans = cohort[0]
    spoilt = _with_field(scans)
    corrected = correct_bias_field(spoilt, scans.mask)
    assert _sides(spoilt, scans.mask) > 1.2
    assert abs(_sides(corrected, scans.mask) - 1) < 0.08
    assert corrected.grid.matches(scans.t1.grid)
