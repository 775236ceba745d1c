"""Registration recovers what was done to an image."""

import numpy as np
import pytest
import torch
from nibabel.affines import apply_affine
from scipy.spatial.transform import Rotation

from petsynth.errors import RegistrationError
from petsynth.preprocessing.registration import rigid
from petsynth.preprocessing.registration.inputs import centre_of_mass, dilate
from petsynth.preprocessing.registration.rigid import register_rigid, rotation_about
from petsynth.preprocessing.resampling import resample
from petsynth.preprocessing.t1.alignment import normalised_brain
from petsynth.volume import Grid, Volume


@pytest.fixture(scope="module")
def brain(cohort):
    return normalised_brain(cohort[0].t1, cohort[0].mask)


@pytest.fixture(scope="module")
def around(brain):
    return dilate(brain.with_data(brain.data > 0))


def test_rotations_start_about_x_then_y_then_z():
    """Initialisations are those of scipy's extrinsic Euler angles, about the brain's centre."""
    centre, theirs = np.array([1.0, 2.0, 3.0]), np.array([5.0, 25.0, 5.0])
    found, between = rigid._initialisations(centre, theirs)
    assert (len(found), len(between)) == (4 * 5**3, 3 * 4**3)
    for candidates, angle in ((found, -45), (between, -33.75)):
        first = Rotation.from_euler("xyz", [angle] * 3, degrees=True).as_matrix()
        np.testing.assert_allclose(candidates[0][:3, :3], first, atol=1e-12)
    for matrix, up in zip(found[::125], (-35, 0, 35), strict=False):
        np.testing.assert_allclose(apply_affine(matrix, centre), theirs + np.array([0, 0, up]))
    np.testing.assert_allclose(apply_affine(found[375], centre), centre)  # as the headers state


@pytest.mark.parametrize("shift", [(0, 0, 0), (3, -5, 2), (0, 0, 35), (0, 40, 0), (4, 0, 16)])
def test_no_initialisation_repeats_another(shift):
    """All are at least 15 mm apart at the brain's rim, in one search and between the two."""
    centre = np.array([0.0, -18.0, 18.0])
    first, second = rigid._initialisations(centre, centre + np.array(shift, dtype=float))
    rim = centre + 80 * np.vstack([np.eye(3), -np.eye(3)])
    sent = np.array([apply_affine(each, rim) for each in (*first, *second)])
    for number, here in enumerate(sent[:-1]):
        apart = np.linalg.norm(sent[number + 1 :] - here, axis=2).max(axis=1)
        assert apart.min() >= 15


def test_searches_side_by_side_end_where_they_end_one_after_another(brain, around):
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            found.append(register_rigid(brain, around, brain, centre_of_mass(brain)))
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(found[0].fixed_to_moving, found[1].fixed_to_moving)
    assert found[0].reproducible
    assert found[1].reproducible


def test_agreement_comes_from_two_searches(brain, around, monkeypatch):
    """Where one search always ends elsewhere, the other one's results prove nothing."""
    starts = rigid._initialisations(centre_of_mass(around), centre_of_mass(brain))
    astray = rotation_about(centre_of_mass(around), np.eye(3), np.array([0.0, 25.0, 0.0]))
    optimise = rigid._Pair.optimise

    def second_fails(pair, initial, centre_mm, **options):
        if any(np.array_equal(initial, each) for each in starts[1]):
            return astray
        if np.array_equal(initial, astray):
            return astray
        return optimise(pair, initial, centre_mm, **options)

    assert register_rigid(brain, around, brain, centre_of_mass(brain)).reproducible
    monkeypatch.setattr(rigid._Pair, "optimise", second_fails)
    found = register_rigid(brain, around, brain, centre_of_mass(brain))
    assert not found.reproducible
    np.testing.assert_allclose(found.fixed_to_moving, np.eye(4), atol=0.1)


def test_a_rotation_about_a_point_leaves_it_but_for_the_shift():
    rotation = Rotation.from_euler("xyz", (10, -20, 30), degrees=True).as_matrix()
    matrix = rotation_about(np.array([1.0, 2.0, 3.0]), rotation, np.array([4.0, -5.0, 6.0]))
    np.testing.assert_allclose(apply_affine(matrix, [1.0, 2.0, 3.0]), [5, -3, 9])
    np.testing.assert_array_equal(matrix[:3, :3], rotation)


@pytest.mark.parametrize(
    ("angles", "shift"), [((10, -8, 9), (15, -12, 10)), ((-25, 5, 5), (-30, 20, 40))]
)
def test_a_rotated_and_inverted_copy_is_found(brain, around, angles, shift):
    centre = centre_of_mass(around)
    rotation = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    truth = rotation_about(centre, rotation, np.array(shift, float))
    own = Grid((70, 60, 65), np.diag([-4.0, 4.0, 3.5, 1.0]))
    own.affine[:3, 3] = centre + shift - own.affine[:3, :3] @ (np.array(own.shape) / 2)
    moved = resample(brain, own, np.linalg.inv(truth))
    inverted = moved.with_data(np.where(moved.data > 0.2, 3 - moved.data, 0))
    their_centre = centre_of_mass(inverted.with_data(inverted.data > 0.2))
    found = register_rigid(brain, around, inverted, their_centre).fixed_to_moving
    points = apply_affine(brain.affine, np.argwhere(brain.data > 0))
    distance = apply_affine(found, points) - apply_affine(truth, points)
    assert np.linalg.norm(distance, axis=1).mean() < 0.5


def test_coarse_optimisations_that_go_astray_do_no_harm(brain, around, monkeypatch):
    centre = centre_of_mass(around)
    rotation = Rotation.from_euler("xyz", (4, -3, 5), degrees=True).as_matrix()
    truth = rotation_about(centre, rotation, np.array([6.0, -4.0, 8.0]))
    moved = resample(brain, brain.grid, np.linalg.inv(truth))
    optimise = rigid._Pair.optimise

    def astray(pair, initial, centre_mm, **options):
        if pair.fixed.grid.voxel_mm[0] > rigid.SCORE_MM:
            return rotation_about(centre, np.eye(3), np.array([0.0, 40.0, 0.0])) @ initial
        return optimise(pair, initial, centre_mm, **options)

    monkeypatch.setattr(rigid._Pair, "optimise", astray)
    found = register_rigid(brain, around, moved, centre_of_mass(moved))
    assert found.reproducible
    points = centre + 60 * np.eye(3)
    there = apply_affine(found.fixed_to_moving, points)
    np.testing.assert_allclose(there, apply_affine(truth, points), atol=0.5)


def test_the_same_images_give_the_same_transform(cohort, brain, around):
    pet = cohort[0].pet
    centre = centre_of_mass(pet)
    first = register_rigid(brain, around, pet, centre)
    second = register_rigid(brain, around, pet, centre)
    assert first.mutual_information == second.mutual_information
    np.testing.assert_array_equal(first.fixed_to_moving, second.fixed_to_moving)


def test_a_constant_image_cannot_be_registered(brain, around):
    constant = Volume(np.ones((20, 20, 20), np.float32), np.diag([4.0, 4.0, 4.0, 1.0]))
    with pytest.raises(RegistrationError, match="moving image is constant"):
        register_rigid(brain, around, constant, np.zeros(3))


def test_an_empty_mask_cannot_be_used(brain):
    nothing = brain.with_data(np.zeros(brain.data.shape, dtype=bool))
    with pytest.raises(RegistrationError, match="mask is empty"):
        register_rigid(brain, nothing, brain, np.zeros(3))
