"""Matrices in RAS and their counterparts in ITK."""

import numpy as np
import SimpleITK
from nibabel.affines import apply_affine
from scipy.spatial.transform import Rotation

from petsynth.preprocessing.registration.itk import (
    from_itk_transform,
    one_itk_thread,
    to_itk,
    to_itk_transform,
)
from petsynth.preprocessing.registration.rigid import rotation_about
from petsynth.volume import Volume

MATRIX = rotation_about(
    np.array([1.0, 2.0, 3.0]),
    Rotation.from_euler("xyz", (10, -20, 30), degrees=True).as_matrix(),
    np.array([4.0, -5.0, 6.0]),
)


def test_itk_and_back_is_the_identity():
    centre = np.array([7.0, -8.0, 9.0])
    again = from_itk_transform(to_itk_transform(MATRIX, centre))
    np.testing.assert_allclose(again, MATRIX, atol=1e-9)


def test_itk_sends_points_to_the_same_place():
    point = np.array([11.0, 12.0, 13.0])
    flip = np.array([-1.0, -1.0, 1.0])
    transform = to_itk_transform(MATRIX, np.zeros(3))
    moved = np.array(transform.TransformPoint((point * flip).tolist()))
    np.testing.assert_allclose(moved * flip, apply_affine(MATRIX, point), atol=1e-9)


def test_itk_sees_voxels_at_the_same_place():
    affine = np.diag([2.0, 3.0, 4.0, 1.0]) @ np.eye(4)
    affine[:3, 3] = [-5, 6, 7]
    data = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    image = to_itk(Volume(data, affine))
    assert image.GetPixel(3, 1, 2) == data[3, 1, 2]
    right, front, top = apply_affine(affine, np.array([3.0, 1.0, 2.0]))
    assert image.TransformIndexToPhysicalPoint((3, 1, 2)) == (-right, -front, top)
    assert isinstance(image, SimpleITK.Image)


def test_one_itk_thread_lasts_until_its_last_holder_ends():
    """As when two of our threads register at once."""
    threads = SimpleITK.ProcessObject.GetGlobalDefaultNumberOfThreads
    before = threads()
    first, second = one_itk_thread(), one_itk_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert threads() == 1
    second.__exit__(None, None, None)
    assert threads() == before
