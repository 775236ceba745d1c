"""PET to T1 against the simulation's truth, and motion of a phantom that moves in a known way."""

import numpy as np
import pytest
from nibabel.affines import apply_affine
from scipy import ndimage
from scipy.spatial.transform import Rotation

from petsynth.errors import PetsynthWarning, RegistrationError
from petsynth.preprocessing.pet.registration import (
    displacement_mm,
    estimate_motion,
    mean_of_frames,
    place_pet,
    register_pet,
    static,
)
from petsynth.preprocessing.registration.inputs import centre_of_mass, otsu_threshold
from petsynth.preprocessing.registration.rigid import rotation_about
from petsynth.preprocessing.resampling import resample
from petsynth.preprocessing.t1.alignment import normalised_brain
from petsynth.volume import Volume


def test_the_simulated_offset_is_recovered(cohort, target_error_mm):
    for scans in cohort:
        found = register_pet(scans.t1, normalised_brain(scans.t1, scans.mask), scans.pet)
        before = target_error_mm(np.eye(4), scans)
        assert before > 1.5
        assert target_error_mm(found.fixed_to_moving, scans) < 1


def test_a_larger_offset_and_another_axis_order_are_recovered(cohort, target_error_mm):
    scans = cohort[0]
    rotation = Rotation.from_euler("xyz", (10, -8, 7), degrees=True).as_matrix()
    shift = np.array([15.0, -10.0, 12.0])
    offset = rotation_about(scans.pet.grid.centre_mm, rotation, shift)
    data = np.transpose(scans.pet.data[::-1], (2, 0, 1))
    flip = np.eye(4)
    flip[0, 0], flip[0, 3] = -1, scans.pet.data.shape[0] - 1
    order = np.eye(4)[:, [2, 0, 1, 3]]
    moved = Volume(data, offset @ scans.pet.affine @ flip @ order)
    found = register_pet(scans.t1, normalised_brain(scans.t1, scans.mask), moved).fixed_to_moving
    assert target_error_mm(np.linalg.inv(offset) @ found, scans) < 1


@pytest.mark.parametrize("head_uptake", [0.7, 1.0])
def test_a_pet_that_shows_the_head_is_registered(cohort, head_uptake):
    """As of a tau tracer in people without tau: the brain does not stand out."""
    scans = cohort[0]
    t1 = scans.t1
    tissue = ndimage.binary_closing(t1.data > otsu_threshold(t1.data) / 2, iterations=2)
    uptake = np.where(scans.mask.data > 0, 0.9 + 0.2 * (t1.data > 60), head_uptake) * tissue
    blurred = ndimage.gaussian_filter(uptake, 6.0 / 2.355 / np.array(t1.grid.voxel_mm))
    noise = np.random.default_rng(0).normal(0, 0.05, blurred.shape)
    rotation = Rotation.from_euler("xyz", (12, -6, 9), degrees=True).as_matrix()
    offset = rotation_about(t1.grid.centre_mm, rotation, np.array([8.0, -20.0, 25.0]))
    pet = Volume((blurred + noise).astype(np.float32), offset @ t1.affine)
    found = register_pet(t1, normalised_brain(t1, scans.mask), pet)
    rim = centre_of_mass(scans.mask) + 80 * np.vstack([np.eye(3), -np.eye(3)])
    apart = apply_affine(found.fixed_to_moving, rim) - apply_affine(offset, rim)
    assert found.reproducible
    assert np.linalg.norm(apart, axis=1).max() < 3


def test_frames_are_averaged():
    frames = np.stack([np.full((2, 2, 2), value, np.float32) for value in (1, 2, 6)], axis=3)
    mean = static(Volume(frames, np.eye(4), "SUVR"))
    assert mean.data.shape == (2, 2, 2)
    assert mean.data.dtype == np.float32
    assert (mean.data == 3).all()
    assert mean.unit == "SUVR"


def test_an_even_pet_is_refused(cohort):
    even = cohort[0].pet.with_data(np.ones_like(cohort[0].pet.data))
    with pytest.raises(RegistrationError, match="constant"):
        register_pet(cohort[0].t1, normalised_brain(cohort[0].t1, cohort[0].mask), even)


def test_without_registration_the_centres_meet(cohort):
    scans = cohort[0]
    to_pet = place_pet(scans.t1, scans.pet).fixed_to_moving
    there = apply_affine(to_pet, scans.t1.grid.centre_mm)
    np.testing.assert_allclose(there, scans.pet.grid.centre_mm)
    np.testing.assert_array_equal(to_pet[:3, :3], np.eye(3))


@pytest.fixture(scope="module")
def head() -> Volume:
    """Return a lopsided head of three ellipsoids at 5 mm."""
    x, y, z = (np.indices((36, 40, 34)) - np.array([18, 20, 17]).reshape(3, 1, 1, 1)) * 5.0
    brain = (x / 65) ** 2 + (y / 80) ** 2 + (z / 60) ** 2 < 1
    middle = (x / 30) ** 2 + ((y + 10) / 40) ** 2 + ((z - 5) / 25) ** 2 < 1
    spot = (x - 35) ** 2 + (y - 30) ** 2 + (z - 10) ** 2 < 18**2
    data = (1.0 * brain - 0.6 * middle + 0.8 * spot).astype(np.float32)
    affine = np.diag([5.0, 5.0, 5.0, 1.0])
    affine[:3, 3] = [-90, -100, -85]
    return Volume(data, affine)


def test_a_known_motion_is_found_and_undone(head):
    rotation = Rotation.from_euler("xyz", (6, -3, 4), degrees=True).as_matrix()
    truth = [np.eye(4), rotation_about(np.zeros(3), rotation, np.array([5.0, -6.0, 4.0]))]
    frames = [resample(head, head.grid, np.linalg.inv(each)).data for each in truth]
    noise = np.random.default_rng(0).normal(0, 0.05, (*head.data.shape, 2)).astype(np.float32)
    pet = head.with_data(np.stack(frames, axis=3) + noise)
    found = estimate_motion(pet, [60.0, 60.0])
    between = found[1] @ np.linalg.inv(found[0])
    points = np.array([[60.0, 0, 0], [0, 70, 0], [0, 0, 50], [-40, -40, -30]])
    missed = np.linalg.norm(apply_affine(between, points) - apply_affine(truth[1], points), axis=1)
    assert missed.max() < 2.5  # voxels of 5 mm
    corrected = mean_of_frames(pet, [1, 1], found).data
    smeared = pet.data.mean(axis=3)
    here = resample(head, head.grid, np.linalg.inv(found[0]))
    assert np.nanmean(np.abs(corrected - here.data)) < 0.9 * np.abs(smeared - here.data).mean()


def test_an_empty_frame_is_left_in_place(head):
    pet = head.with_data(np.stack([head.data, np.zeros_like(head.data)], axis=3))
    with pytest.warns(PetsynthWarning, match="frame 2 could not be aligned"):
        found = estimate_motion(pet, [1.0, 0.001])
    np.testing.assert_array_equal(found[1], np.eye(4))


def test_displacement_counts_rotations_at_the_rim(head):
    quarter = rotation_about(np.zeros(3), Rotation.from_euler("z", 90, degrees=True).as_matrix())
    about_centre = displacement_mm([np.eye(4), quarter], head)
    assert about_centre == pytest.approx(80 * np.sqrt(2), rel=0.25)
