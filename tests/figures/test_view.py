"""Where a slice lies, and what is left and right of it."""

import numpy as np
import pytest

from petsynth.figures.view import View
from petsynth.slicing import middle_slice
from petsynth.volume import Grid

AFFINE = np.array([[2.0, 0, 0, -10], [0, 3, 0, -20], [0, 0, 4, -30], [0, 0, 0, 1]])
GRID = Grid((5, 7, 9), AFFINE)


@pytest.mark.parametrize(
    ("plane", "index", "position", "sides", "pixel_mm"),
    [
        ("axial", None, "z = -14 mm", ("L", "R"), (3, 2)),  # -30 + 4 * 4
        ("coronal", None, "y = -11 mm", ("L", "R"), (4, 2)),  # -20 + 3 * 3
        ("sagittal", 5, "x = 0 mm", ("P", "A"), (4, 3)),  # -10 + 2 * 5
    ],
)
def test_position_sides_and_proportions(plane, index, position, sides, pixel_mm):
    view = View(plane, GRID, index)
    assert (view.position, view.sides, view.pixel_mm) == (position, sides, pixel_mm)


def test_the_slice_is_the_middle_one():
    volume = np.arange(5 * 7 * 9).reshape(GRID.shape)
    np.testing.assert_array_equal(View("axial", GRID).cut(volume), middle_slice(volume))
    np.testing.assert_array_equal(View("axial", GRID, 0).cut(volume), volume[:, ::-1, 0].T)


def test_left_is_on_the_left_and_front_on_the_right():
    """The smallest x is the subject's left, the largest y the front."""
    volume = np.indices(GRID.shape)
    assert View("axial", GRID).cut(volume[0])[0].tolist() == [0, 1, 2, 3, 4]
    assert View("sagittal", GRID).cut(volume[1])[0].tolist() == [0, 1, 2, 3, 4, 5, 6]
