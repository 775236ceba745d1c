"""A T1 in any position ends on MNI axes."""

import numpy as np
import pytest
from nibabel.affines import apply_affine, from_matvec
from scipy.spatial.transform import Rotation

from petsynth.errors import InputError
from petsynth.preprocessing.grids import CENTRE_MM, conformed_grid, model_grid
from petsynth.preprocessing.registration.inputs import centre_of_mass
from petsynth.preprocessing.registration.rigid import rotation_about
from petsynth.preprocessing.t1.alignment import (
    align_t1,
    conform,
    normalised_brain,
    place_t1,
    prepare_conformed_t1,
    prepare_t1,
)
from petsynth.volume import Volume


def _moved(volume, matrix):
    """Return the same image, lying elsewhere in the world."""
    return Volume(volume.data, matrix @ volume.affine, volume.unit)


def test_different_poses_end_in_the_same_place(cohort):
    scans = cohort[0]
    centre = centre_of_mass(scans.mask)
    first = align_t1(scans.t1, scans.mask).grid_to_t1
    rotation = Rotation.from_euler("xyz", (18, -10, 12), degrees=True).as_matrix()
    pose = rotation_about(centre, rotation, np.array([20.0, -35.0, 15.0]))
    second = align_t1(_moved(scans.t1, pose), _moved(scans.mask, pose)).grid_to_t1
    corners = np.array([[x, y, z, 1] for x in (-70, 70) for y in (-100, 70) for z in (-40, 80)]).T
    distance = np.linalg.norm((np.linalg.inv(pose) @ second - first) @ corners, axis=0)
    assert distance.max() < 2


def test_a_prepared_t1_looks_the_same_wherever_the_head_lay(cohort):
    scans, grid = cohort[0], model_grid(4)
    rotation = Rotation.from_euler("x", 15, degrees=True).as_matrix()
    shift = np.array([0.0, 30.0, -20.0])
    pose = rotation_about(centre_of_mass(scans.mask), rotation, shift)
    first = prepare_t1(scans.t1, grid, scans.mask)
    second = prepare_t1(_moved(scans.t1, pose), grid, _moved(scans.mask, pose))
    assert first.mri.shape == first.mask.shape == grid.shape
    assert first.mri.dtype == np.float32
    assert first.mask.dtype == bool
    assert (first.mri.min(), first.mri.max()) == (-1, 1)
    assert np.corrcoef(first.mri[first.mask], second.mri[first.mask])[0, 1] > 0.97
    assert (first.mask == second.mask).mean() > 0.99
    assert first.mask_source == "given"


def test_the_brain_is_not_scaled(cohort):
    scans, grid = cohort[0], model_grid(3)
    prepared = prepare_t1(scans.t1, grid, scans.mask)
    rotation = prepared.grid_to_t1[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)
    voxels = (scans.mask.data > 0).sum() * np.prod(scans.mask.grid.voxel_mm)
    assert prepared.mask.sum() * 27 == pytest.approx(voxels, rel=0.02)


def test_a_normalised_brain_is_coarse_and_zero_outside(cohort):
    brain = normalised_brain(cohort[0].t1, cohort[0].mask)
    assert brain.grid.voxel_mm == (3.0, 3.0, 3.0)
    assert (brain.data == 0).mean() > 0.5


def test_without_registration_the_centres_meet(cohort):
    placed = place_t1(cohort[0].t1, cohort[0].mask)
    there = apply_affine(placed.grid_to_t1, CENTRE_MM)
    np.testing.assert_allclose(there, cohort[0].t1.grid.centre_mm)
    np.testing.assert_array_equal(placed.grid_to_t1[:3, :3], np.eye(3))


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


def test_without_registration_the_cube_is_centred_on_the_brain(cohort):
    scans = cohort[0]
    prepared = prepare_conformed_t1(scans.t1, conformed_grid(16.0), scans.mask, registration="none")
    there = apply_affine(prepared.grid_to_t1, CENTRE_MM)
    np.testing.assert_allclose(there, scans.t1.grid.centre_mm)
    assert prepared.mri.shape == prepared.mask.shape == (32, 32, 32)
    assert prepared.mri[prepared.mask].mean() > 2 * prepared.mri[~prepared.mask].mean()
