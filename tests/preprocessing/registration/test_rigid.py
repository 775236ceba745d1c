"""Registration recovers what was done to an image."""

import numpy as np
import pytest

from petsynth.errors import RegistrationError
from petsynth.preprocessing.grid import resample
from petsynth.preprocessing.registration import rigid
from petsynth.preprocessing.registration.rigid import register_rigid
from petsynth.preprocessing.registration.transforms import centre_of_mass, move, rigid_matrix
from petsynth.preprocessing.t1.alignment import flat_brain, grow
from petsynth.volume import Grid, Volume


@pytest.fixture(scope="module")
def brain(people):
    return flat_brain(people[0].t1, people[0].mask)


@pytest.fixture(scope="module")
def around(brain):
    return grow(brain.with_data(brain.data > 0))


@pytest.mark.parametrize(
    ("angles", "shift"), [((10, -8, 9), (15, -12, 10)), ((-25, 5, 5), (-30, 20, 40))]
)
def test_a_turned_and_inverted_copy_is_found(brain, around, angles, shift):
    centre = centre_of_mass(around)
    truth = rigid_matrix(angles, centre, np.array(shift, float))
    own = Grid((70, 60, 65), np.diag([-4.0, 4.0, 3.5, 1.0]))
    own.affine[:3, 3] = centre + shift - own.affine[:3, :3] @ (np.array(own.shape) / 2)
    moved = resample(brain, own, np.linalg.inv(truth))
    inverted = moved.with_data(np.where(moved.data > 0.2, 3 - moved.data, 0))
    start = centre_of_mass(inverted.with_data(inverted.data > 0.2))
    found = register_rigid(brain, around, inverted, start).fixed_to_moving
    points = np.argwhere(brain.data > 0).T
    points = brain.affine[:3, :3] @ points + brain.affine[:3, 3:]
    distance = (found - truth)[:3, :3] @ points + (found - truth)[:3, 3:]
    assert np.linalg.norm(distance, axis=0).mean() < 0.5


def test_coarse_climbs_that_go_astray_do_no_harm(brain, around, monkeypatch):
    centre = centre_of_mass(around)
    truth = rigid_matrix((4, -3, 5), centre, np.array([6.0, -4.0, 8.0]))
    moved = resample(brain, brain.grid, np.linalg.inv(truth))
    climb = rigid._Pair.climb

    def astray(pair, start, centre_mm, **knobs):
        if pair.fixed.grid.voxel_mm[0] > rigid.SCORE_MM:
            return rigid_matrix((0, 0, 0), centre, np.array([0.0, 40.0, 0.0])) @ start
        return climb(pair, start, centre_mm, **knobs)

    monkeypatch.setattr(rigid._Pair, "climb", astray)
    found = register_rigid(brain, around, moved, centre_of_mass(moved))
    assert found.confirmed
    points = centre[:, None] + 60 * np.eye(3)
    np.testing.assert_allclose(move(found.fixed_to_moving, points), move(truth, points), atol=0.5)


def test_the_same_images_give_the_same_transform(people, brain, around):
    pet = people[0].pet
    centre = centre_of_mass(pet)
    first = register_rigid(brain, around, pet, centre)
    second = register_rigid(brain, around, pet, centre)
    assert first.mutual_information == second.mutual_information
    np.testing.assert_array_equal(first.fixed_to_moving, second.fixed_to_moving)


def test_a_constant_image_cannot_be_registered(brain, around):
    flat = Volume(np.ones((20, 20, 20), np.float32), np.diag([4.0, 4.0, 4.0, 1.0]))
    with pytest.raises(RegistrationError, match="moving image is constant"):
        register_rigid(brain, around, flat, np.zeros(3))


def test_an_empty_mask_cannot_be_used(brain):
    nothing = brain.with_data(np.zeros(brain.data.shape, dtype=bool))
    with pytest.raises(RegistrationError, match="mask is empty"):
        register_rigid(brain, nothing, brain, np.zeros(3))
