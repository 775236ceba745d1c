"""The image type and the lattice."""

import json

import numpy as np
import pytest

from petsynth.volume import FWHM_PER_SIGMA, Grid, Volume

OBLIQUE = np.array([[0, -2.0, 0, 10], [1.2, 0, 1.6, 20], [-1.6, 0, 1.2, 30], [0, 0, 0, 1]])


def test_voxel_sizes_of_an_oblique_grid():
    # Columns: (0, 1.2, -1.6) and (0, 1.6, 1.2) have length 2, (-2, 0, 0) too.
    assert Grid((3, 3, 3), OBLIQUE).voxel_mm == (2.0, 2.0, 2.0)


def test_centre_of_an_oblique_grid():
    # The middle voxel (1, 1, 1): (-2, 2.8, -0.4) + (10, 20, 30).
    np.testing.assert_allclose(Grid((3, 3, 3), OBLIQUE).centre_mm, [8, 22.8, 29.6])


@pytest.mark.parametrize(
    ("shape", "shift_mm", "same"),
    [
        ((3, 3, 3), 0.0, True),
        ((3, 3, 3), 0.0005, True),
        ((3, 3, 3), 0.01, False),
        ((3, 3, 4), 0.0, False),
    ],
)
def test_grids_match_by_shape_and_place(shape, shift_mm, same):
    moved = OBLIQUE.copy()
    moved[0, 3] += shift_mm
    assert Grid((3, 3, 3), OBLIQUE).matches(Grid(shape, moved)) is same


def test_frames_and_grid_of_a_volume():
    static = Volume(np.zeros((2, 3, 4)), OBLIQUE)
    dynamic = Volume(np.zeros((2, 3, 4, 5)), OBLIQUE, "Bq/mL")
    assert (static.frames, dynamic.frames) == (1, 5)
    assert static.grid.shape == dynamic.grid.shape == (2, 3, 4)


def test_other_data_in_the_same_place():
    volume = Volume(np.zeros((2, 3, 4)), OBLIQUE, "SUVR")
    other = volume.with_data(np.ones((2, 3, 4)))
    assert other.unit == "SUVR"
    assert other.data.all()
    assert not volume.data.any()
    assert volume.with_data(volume.data, unit="percent").unit == "percent"


def test_a_grid_survives_json():
    grid = Grid((3, 4, 5), OBLIQUE)
    again = Grid.from_dict(json.loads(json.dumps(grid.to_dict())))
    assert again.shape == (3, 4, 5)
    np.testing.assert_array_equal(again.affine, OBLIQUE)


def test_a_described_grid_has_three_axes():
    with pytest.raises(ValueError, match="expected 3"):
        Grid.from_dict({"shape": [3, 4], "affine": OBLIQUE.tolist()})


def test_width_of_a_gaussian():
    # exp(-x**2 / 2) falls to one half at half of the full width.
    assert np.exp(-((FWHM_PER_SIGMA / 2) ** 2) / 2) == pytest.approx(0.5)
