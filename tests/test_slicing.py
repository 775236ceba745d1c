"""Slices are laid out as readers expect, and nothing is lost on the way back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from petsynth.slicing import (
    AXIS,
    crop_padding,
    middle_slice,
    pad_slices,
    padding_offset,
    stack_slices,
    take_slices,
)

PLANES = list(AXIS)


def marked(x: int, y: int, z: int) -> np.ndarray:
    """Return a 4 x 5 x 6 volume with one voxel set."""
    volume = np.zeros((4, 5, 6))
    volume[x, y, z] = 1
    return volume


@pytest.mark.parametrize(
    ("plane", "shape", "where"),
    [
        # The voxel (3, 4, 5) lies at the right, front and top end of every axis.
        ("axial", (6, 5, 4), (5, 0, 3)),  # front at the top, right on the right
        ("coronal", (5, 6, 4), (4, 0, 3)),  # top at the top, right on the right
        ("sagittal", (4, 6, 5), (3, 0, 4)),  # top at the top, front on the right
    ],
)
def test_layout(plane, shape, where):
    slices = take_slices(marked(3, 4, 5), plane)
    assert slices.shape == shape
    assert tuple(np.argwhere(slices)[0]) == where


@pytest.mark.parametrize(
    ("plane", "where"), [("axial", (2, 3, 0)), ("coronal", (1, 3, 0)), ("sagittal", (0, 3, 1))]
)
def test_layout_of_another_voxel(plane, where):
    assert tuple(np.argwhere(take_slices(marked(0, 1, 2), plane))[0]) == where


@given(
    shape=st.tuples(*[st.integers(1, 7)] * 3),
    plane=st.sampled_from(PLANES),
    margin=st.integers(0, 5),
)
def test_volume_to_slices_to_padded_slices_and_back_is_the_identity(shape, plane, margin):
    volume = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    slices = take_slices(volume, plane)
    padded_size = pad_slices(slices, max(slices.shape[1:]) + margin, -1)
    again = stack_slices(crop_padding(padded_size, slices.shape[1:]), plane)
    np.testing.assert_array_equal(again, volume)


@given(shape=st.tuples(*[st.integers(1, 7)] * 3), plane=st.sampled_from(PLANES))
def test_slices_to_volume_to_slices_is_the_identity(shape, plane):
    slices = np.arange(np.prod(shape)).reshape(shape)
    np.testing.assert_array_equal(take_slices(stack_slices(slices, plane), plane), slices)


def test_slices_are_a_view():
    volume = np.zeros((2, 3, 4))
    take_slices(volume, "axial")[0, 0, 0] = 7
    assert volume[0, 2, 0] == 7  # lowest slice, front row, left column


@pytest.mark.parametrize(("plane", "index"), [("sagittal", 60), ("coronal", 72), ("axial", 60)])
def test_middle_slice_of_the_papers_grid(plane, index):
    volume = np.zeros((121, 145, 121), np.uint8)
    np.moveaxis(volume, AXIS[plane], 0)[index] = 1
    assert middle_slice(volume, plane).all()


def test_padding_is_filled_and_the_slice_stands_in_its_middle():
    padded = pad_slices(np.ones((2, 145, 121), np.float32), 256, fill=-1)
    assert padded.shape == (2, 256, 256)
    # (256 - 145) // 2 = 55, (256 - 121) // 2 = 67
    assert padding_offset((145, 121), 256) == (55, 67)
    assert np.all(padded[:, 55:200, 67:188] == 1)
    assert padded.sum() == 2 * (2 * 145 * 121 - 256 * 256)
    assert padded.dtype == np.float32


def test_slice_larger_than_the_padded_size():
    with pytest.raises(ValueError, match="145 x 121 pixels does not fit a padded size of 128"):
        pad_slices(np.zeros((1, 145, 121)), 128, -1)
