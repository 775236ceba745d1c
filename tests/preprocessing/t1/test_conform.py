"""A T1 on paper B's cube."""

import numpy as np
import pytest
from nibabel.affines import apply_affine, from_matvec

from petsynth.errors import InputError
from petsynth.preprocessing.grids import CENTRE_MM, conformed_grid
from petsynth.preprocessing.t1.conform import conform, prepare_conformed_t1
from petsynth.volume import Volume


def test_the_percentile_becomes_255_and_zero_stays():
    grid = conformed_grid(16.0)  # 32^3 voxels of 8 mm
    ramp = np.linspace(-50.0, 400.0, 32**3).reshape(grid.shape)
    conformed = conform(Volume(ramp, grid.affine), grid, np.eye(4))
    expected = np.clip(ramp * 255 / np.percentile(ramp, 99.9), 0, 255)
    np.testing.assert_allclose(conformed, expected, atol=1e-3)
    assert conformed.dtype == np.float32


def test_a_t1_that_lies_elsewhere_is_refused():
    grid = conformed_grid(16.0)
    far = from_matvec(np.eye(3), np.full(3, 999.0))
    with pytest.raises(InputError, match="no positive values inside its 256 mm cube"):
        conform(Volume(np.ones((4, 4, 4)), grid.affine), grid, far)


def test_without_registration_the_centres_meet(cohort):
    scans = cohort[0]
    prepared = prepare_conformed_t1(scans.t1, conformed_grid(16.0), scans.mask, registration="none")
    there = apply_affine(prepared.grid_to_t1, CENTRE_MM)
    np.testing.assert_allclose(there, scans.t1.grid.centre_mm)
    assert prepared.mri.shape == prepared.mask.shape == (32, 32, 32)
    assert prepared.mri[prepared.mask].mean() > 2 * prepared.mri[~prepared.mask].mean()
