"""Motion between frames of a phantom that moves in a known way."""

import numpy as np
import pytest

from petsynth.errors import PetsynthWarning
from petsynth.preprocessing.grid import resample
from petsynth.preprocessing.pet.motion import displacement_mm, estimate_motion, mean_of_frames
from petsynth.preprocessing.registration.transforms import move, rigid_matrix
from petsynth.volume import Volume


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
    truth = [np.eye(4), rigid_matrix((6, -3, 4), np.zeros(3), np.array([5.0, -6.0, 4.0]))]
    frames = [resample(head, head.grid, np.linalg.inv(each)).data for each in truth]
    noise = np.random.default_rng(0).normal(0, 0.05, (*head.data.shape, 2)).astype(np.float32)
    pet = head.with_data(np.stack(frames, axis=3) + noise)
    found = estimate_motion(pet, [60.0, 60.0])
    between = found[1] @ np.linalg.inv(found[0])
    points = np.array([[60.0, 0, 0], [0, 70, 0], [0, 0, 50], [-40, -40, -30]]).T
    missed = np.linalg.norm(move(between, points) - move(truth[1], points), axis=0)
    assert missed.max() < 2.5  # voxels of 5 mm
    corrected = mean_of_frames(pet, [1, 1], found).data
    smeared = pet.data.mean(axis=3)
    here = resample(head, head.grid, np.linalg.inv(found[0]))
    assert np.abs(corrected - here.data).mean() < 0.9 * np.abs(smeared - here.data).mean()


def test_an_empty_frame_is_left_in_place(head):
    pet = head.with_data(np.stack([head.data, np.zeros_like(head.data)], axis=3))
    with pytest.warns(PetsynthWarning, match="frame 2 could not be aligned"):
        found = estimate_motion(pet, [1.0, 0.001])
    np.testing.assert_array_equal(found[1], np.eye(4))


def test_displacement_counts_turns_at_the_rim(head):
    quarter = rigid_matrix((0, 0, 90), np.zeros(3), np.zeros(3))
    about_middle = displacement_mm([np.eye(4), quarter], head)
    assert about_middle == pytest.approx(80 * np.sqrt(2), rel=0.25)
