import numpy as np
import pytest

from petsynth.simulation.scanner import (
    FWHM_RANGE_MM,
    add_noise,
    blur,
    sample_pose,
    sample_resolution,
    to_scanner,
)
from petsynth.volume import Grid


def grid(shape=(40, 44, 36), voxel=3.0):
    affine = np.diag([voxel, voxel, voxel, 1.0])
    affine[:3, 3] = (-60, -70, -50)
    return Grid(shape, affine)


def test_blur_has_the_wished_width_and_keeps_the_sum():
    image = np.zeros((41, 41, 41), np.float32)
    image[20, 20, 20] = 1
    place = Grid(image.shape, np.eye(4))

    blurred = blur(image, place, 8.0)

    assert blurred.sum() == pytest.approx(1, abs=1e-3)
    # half of the maximum at half of the width
    assert blurred[24, 20, 20] == pytest.approx(blurred.max() / 2, rel=0.02)


def test_offsets_are_rigid_and_within_limits():
    for seed in range(40):
        pose = sample_pose(np.random.default_rng(seed), np.array([3.0, -15.0, 8.0]), 4.0)
        rotation = pose.pet_to_t1[:3, :3]
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(rotation) == pytest.approx(1)
        angle = np.degrees(np.arccos((np.trace(rotation) - 1) / 2))
        assert angle <= 8.0 + 1e-6
        centre = np.array([3.0, -15.0, 8.0, 1.0])
        assert np.linalg.norm(pose.pet_to_t1 @ centre - centre) <= 10.0 + 1e-6


def test_a_point_is_found_where_the_matrix_says():
    place = grid()
    image = np.zeros(place.shape, np.float32)
    image[25, 15, 20] = 1
    image = blur(image, place, 9.0)
    pose = sample_pose(np.random.default_rng(3), place.centre_mm, 2.0)

    seen = to_scanner(image, place, pose)

    brightest = np.array([*np.unravel_index(seen.argmax(), seen.shape), 1])
    in_t1 = pose.pet_to_t1 @ pose.grid.affine @ brightest
    expected = place.affine @ [25, 15, 20, 1]
    assert np.linalg.norm(in_t1 - expected) < 2.0


def test_the_pet_has_its_own_orientation():
    pose = sample_pose(np.random.default_rng(0), np.zeros(3), 2.0)

    assert pose.grid.affine[0, 0] < 0
    assert pose.grid.voxel_mm == (2.0, 2.0, 2.0)


def test_noise_is_unbiased_grows_with_uptake_and_is_correlated():
    image = np.zeros((60, 60, 60), np.float32)
    image[:, 30:] = 1.0
    place = Grid(image.shape, np.diag([2.0, 2.0, 2.0, 1.0]))

    noise = add_noise(np.random.default_rng(0), image, place, 0.05) - image

    bright, dark = noise[:, 32:], noise[:, :28]
    assert bright.mean() == pytest.approx(0, abs=0.005)
    assert bright.std() == pytest.approx(0.05 * np.sqrt(1.15), rel=0.1)
    assert dark.std() == pytest.approx(0.05 * np.sqrt(0.15), rel=0.1)
    assert np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1] > 0.5


def test_resolutions_lie_between_4_and_9_mm_and_use_most_of_that():
    sampled = np.array([sample_resolution(np.random.default_rng(seed)) for seed in range(300)])

    assert FWHM_RANGE_MM == (4.0, 9.0)
    assert sampled.min() >= 4.0
    assert sampled.max() <= 9.0
    assert sampled.mean() == pytest.approx(6.5, abs=0.25)
    assert np.ptp(sampled) > 4.0
