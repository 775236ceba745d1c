"""How a subject is rotated, shifted, scaled and flipped."""

import numpy as np
import pytest
from scipy import ndimage

from petsynth.data.augmentation import geometry
from petsynth.data.augmentation.geometry import SHIFT_MM, sample_matrix, transform_volume
from petsynth.data.augmentation.pair import VolumePair

VOXEL_MM = 4.0


@pytest.fixture
def lopsided():
    """A brain of a different brightness in each corner, away from the border."""
    mask = np.zeros((18, 20, 22), bool)
    mask[6:12, 7:13, 8:14] = True
    mri = np.random.default_rng(0).random(mask.shape, np.float32) * mask
    return VolumePair(mri, mask, np.stack([mri, 2 * mri]), VOXEL_MM)


def allow(monkeypatch, **largest):
    """Switch off every kind of movement but those that are named."""
    for name in ("ROTATION_DEGREES", "SHIFT_MM", "SIZE", "STRETCH"):
        monkeypatch.setattr(geometry, name, largest.get(name, 0.0))


def test_mni_coordinates_go_with_the_anatomy(monkeypatch, lopsided):
    allow(monkeypatch, ROTATION_DEGREES=6.0, SHIFT_MM=8.0, SIZE=0.06)
    mask = np.zeros((30, 30, 30), bool)
    mask[8:22, 8:22, 8:22] = True
    index = np.indices(mask.shape).astype(np.float32)
    to_mni = np.diag([2.0, 2.0, 2.0, 1.0])
    to_mni[:3, 3] = -29.0  # x = 0 in the middle
    pair = VolumePair(mask.astype(np.float32), mask, index, 2.0, to_mni)
    flipped = set()
    for key in range(6):
        moved = transform_volume(np.random.default_rng(key), pair)
        inside = np.argwhere(moved.mask)
        before = moved.pet[:, moved.mask].T  # where each voxel's anatomy was
        wanted = before @ to_mni[:3, :3].T + to_mni[:3, 3]
        found = inside @ moved.to_mni[:3, :3].T + moved.to_mni[:3, 3]
        same_side = np.allclose(found[:, 0], wanted[:, 0], atol=1e-2)
        flipped.add(not same_side)
        wanted[:, 0] *= 1 if same_side else -1  # a flipped head's left is on the left
        np.testing.assert_allclose(found, wanted, atol=1e-2)
    assert flipped == {True, False}


def test_half_of_the_subjects_are_flipped_left_to_right(monkeypatch, lopsided):
    allow(monkeypatch)
    flipped = 0
    for key in range(40):
        moved = transform_volume(np.random.default_rng(key), lopsided)
        is_flipped = not np.allclose(moved.mri, lopsided.mri, atol=1e-5)
        expected = lopsided.mri[::-1] if is_flipped else lopsided.mri
        np.testing.assert_allclose(moved.mri, expected, atol=1e-5)
        flipped += is_flipped

    assert 10 < flipped < 30


def test_a_shift_is_at_most_as_many_millimetres_along_each_axis(monkeypatch, lopsided):
    allow(monkeypatch, SHIFT_MM=SHIFT_MM)
    even = VolumePair(
        lopsided.mask.astype(np.float32), lopsided.mask, lopsided.pet, lopsided.voxel_mm
    )
    before = np.array([8.5, 9.5, 10.5])  # flipping changes nothing: the box is in the middle
    shifts = []
    for key in range(40):
        centre = ndimage.center_of_mass(transform_volume(np.random.default_rng(key), even).mri)
        shifts.append(np.abs(centre - before) * VOXEL_MM)

    assert np.max(shifts) <= SHIFT_MM + 1e-3
    assert (np.max(shifts, axis=0) > 0.8 * SHIFT_MM).all()


def test_without_another_size_the_matrix_is_a_small_rotation(monkeypatch):
    allow(monkeypatch, ROTATION_DEGREES=6.0)
    for key in range(20):
        matrix = sample_matrix(np.random.default_rng(key))
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(matrix) == pytest.approx(1)
        assert matrix.trace() >= 1 + 2 * np.cos(np.deg2rad(3 * 18))  # three rotations of 18 degrees


def test_without_a_rotation_each_axis_is_stretched_by_at_most_a_fifth(monkeypatch):
    allow(monkeypatch, SIZE=1.0, STRETCH=1.0)  # most draws reach the limit
    matrices = [sample_matrix(np.random.default_rng(key)) for key in range(20)]
    stretches = np.array([np.diag(matrix) for matrix in matrices])

    for matrix, stretch in zip(matrices, stretches, strict=True):
        np.testing.assert_array_equal(matrix, np.diag(stretch))
    assert np.log(stretches).min() == pytest.approx(-0.2)
    assert np.log(stretches).max() == pytest.approx(0.2)


def test_size_is_common_and_stretch_of_each_axis(monkeypatch):
    allow(monkeypatch, SIZE=0.06)
    common = np.diag(sample_matrix(np.random.default_rng(0)))
    allow(monkeypatch, STRETCH=0.03)
    own = np.diag(sample_matrix(np.random.default_rng(0)))

    assert common[0] == common[1] == common[2] != 1
    assert len(set(own)) == 3


def test_all_images_move_alike_and_air_comes_in(lopsided):
    moved = transform_volume(np.random.default_rng(5), lopsided)

    np.testing.assert_array_equal(moved.pet[0], moved.mri)
    np.testing.assert_allclose(moved.pet[1], 2 * moved.mri, atol=1e-6)
    assert moved.mask.dtype == bool
    assert (moved.mri[[0, -1]] == 0).all()
    assert moved.voxel_mm == VOXEL_MM


def test_mri_and_pet_move_together(ball):
    moved = transform_volume(np.random.default_rng(1), ball)
    before, after = (
        (ndimage.center_of_mass(each.mask), ndimage.center_of_mass(each.pet[0]))
        for each in (ball, moved)
    )

    np.testing.assert_allclose(before[0], before[1], atol=0.1)
    np.testing.assert_allclose(after[0], after[1], atol=0.3)
    assert np.abs(np.subtract(before[0], after[0])).max() > 0.3


def test_subjects_are_rotated_and_scaled_a_little():
    matrices = [sample_matrix(np.random.default_rng(key)) for key in range(300)]
    volumes = [np.linalg.det(matrix) for matrix in matrices]

    assert 0.5 < min(volumes) < 0.9
    assert 1.1 < max(volumes) < 2
    assert max(np.abs(matrix[0, 1]) for matrix in matrices) < 0.5
