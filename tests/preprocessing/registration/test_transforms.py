"""Matrices in RAS and their counterparts in ITK."""

import numpy as np
import pytest
import SimpleITK

from petsynth.preprocessing.registration.transforms import (
    centre_of_mass,
    from_itk_transform,
    move,
    rigid_matrix,
    to_itk,
    to_itk_transform,
)
from petsynth.volume import Volume

MATRIX = rigid_matrix((10, -20, 30), np.array([1.0, 2.0, 3.0]), np.array([4.0, -5.0, 6.0]))


@pytest.mark.parametrize(
    ("angles", "start", "end"),
    [
        ((90, 0, 0), (0, 1, 0), (0, 0, 1)),
        ((0, 90, 0), (0, 0, 1), (1, 0, 0)),
        ((0, 0, 90), (1, 0, 0), (0, 1, 0)),
        ((90, 0, 90), (0, 0, 1), (1, 0, 0)),  # x first: to -y, then z: to +x
    ],
)
def test_rotations_are_right_handed(angles, start, end):
    matrix = rigid_matrix(angles, np.zeros(3), np.zeros(3))
    np.testing.assert_allclose(move(matrix, np.array(start, float)), end, atol=1e-12)


def test_the_centre_stays_but_for_the_shift():
    np.testing.assert_allclose(move(MATRIX, np.array([1.0, 2.0, 3.0])), [5, -3, 9])


def test_distances_stay():
    rotation = MATRIX[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_itk_and_back_is_the_identity():
    centre = np.array([7.0, -8.0, 9.0])
    again = from_itk_transform(to_itk_transform(MATRIX, centre))
    np.testing.assert_allclose(again, MATRIX, atol=1e-9)


def test_itk_moves_points_to_the_same_place():
    point = np.array([11.0, 12.0, 13.0])
    flip = np.array([-1.0, -1.0, 1.0])
    transform = to_itk_transform(MATRIX, np.zeros(3))
    moved = np.array(transform.TransformPoint((point * flip).tolist()))
    np.testing.assert_allclose(moved * flip, move(MATRIX, point), atol=1e-9)


def test_itk_sees_voxels_at_the_same_place():
    affine = np.diag([2.0, 3.0, 4.0, 1.0]) @ np.eye(4)
    affine[:3, 3] = [-5, 6, 7]
    data = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    image = to_itk(Volume(data, affine))
    assert image.GetPixel(3, 1, 2) == data[3, 1, 2]
    right, front, top = move(affine, np.array([3.0, 1.0, 2.0]))
    assert image.TransformIndexToPhysicalPoint((3, 1, 2)) == (-right, -front, top)
    assert isinstance(image, SimpleITK.Image)


def test_centre_of_mass_is_in_millimetres():
    data = np.zeros((5, 5, 5))
    data[1, 2, 3] = data[3, 2, 3] = 1
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = [10, 0, 0]
    assert centre_of_mass(Volume(data, affine)).tolist() == [14, 4, 6]
