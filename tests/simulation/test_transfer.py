"""How blur mixes two regions that lie side by side."""

import numpy as np
import pytest

from petsynth.simulation.anatomy import Anatomy
from petsynth.simulation.regions import CODES, REGIONS
from petsynth.simulation.transfer import transfer_matrix
from petsynth.volume import Volume

ONE, OTHER = CODES["putamen_left"], CODES["putamen_right"]
SHAPE = (24, 5, 5)


def side_by_side(own=1.0, width=12):
    """Two regions of this width without anything beside them; the rest of each voxel is white."""
    regions = np.zeros(SHAPE, np.uint8)
    regions[12 - width : 12], regions[12 : 12 + width] = ONE, OTHER
    fraction = np.where(regions > 0, own, 0).astype(np.float32)
    nothing = np.zeros(SHAPE, np.float32)
    return Anatomy(
        mri=Volume(nothing, np.diag([2.0, 2.0, 2.0, 1.0])),
        mask=regions > 0,
        regions=regions,
        own=fraction,
        white=(regions > 0) - fraction,
        scalp=nothing,
    )


def test_without_blur_each_region_measures_itself():
    matrix = transfer_matrix(side_by_side(), 1e-6)

    assert matrix.shape == (len(REGIONS), len(REGIONS))
    expected = np.zeros_like(matrix)
    expected[ONE, ONE] = expected[OTHER, OTHER] = 1
    np.testing.assert_allclose(matrix, expected, atol=1e-6)


def test_a_voxels_fraction_counts_even_without_blur():
    matrix = transfer_matrix(side_by_side(own=0.75), 1e-6)

    assert matrix[ONE, ONE] == pytest.approx(0.75)
    assert matrix[ONE, CODES["white_matter"]] == pytest.approx(0.25)


def test_regions_of_one_size_give_as_much_as_they_take():
    matrix = transfer_matrix(side_by_side(), 8.0)

    assert 0 < matrix[ONE, OTHER] < matrix[ONE, ONE] < 1
    assert matrix[ONE, OTHER] == pytest.approx(matrix[OTHER, ONE], rel=1e-5)
    assert matrix[ONE, ONE] == pytest.approx(matrix[OTHER, OTHER], rel=1e-5)


def test_more_is_lost_from_small_regions_and_by_wide_blur():
    kept = [transfer_matrix(side_by_side(width=width), 8.0)[ONE, ONE] for width in (12, 4)]
    assert kept[0] > 1.2 * kept[1]
    assert transfer_matrix(side_by_side(), 12.0)[ONE, ONE] < kept[0]


def test_regions_that_are_hardly_there_and_air_measure_nothing():
    matrix = transfer_matrix(side_by_side(own=0.4), 8.0)

    assert not matrix[0].any()
    assert not matrix[ONE].any()  # no voxel is mainly of it
