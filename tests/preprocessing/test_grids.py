"""Paper A's grid, paper B's boxes and its order of axes."""

import numpy as np
import pytest

from petsynth.preprocessing.grids import (
    from_paper_order,
    grid_in_paper_order,
    model_grid,
    mri_grid,
    pet_grid,
    to_paper_order,
)


@pytest.mark.parametrize(
    ("voxel_mm", "shape"),
    [
        (1.0, (181, 217, 181)),
        (1.5, (121, 145, 121)),
        (2.0, (91, 109, 91)),
        (3.0, (61, 73, 61)),
        (4.0, (46, 55, 46)),
    ],
)
def test_model_grid_covers_the_mni_box(voxel_mm, shape):
    grid = model_grid(voxel_mm)
    assert grid.shape == shape
    assert grid.voxel_mm == (voxel_mm,) * 3
    assert grid.affine[:3, 3].tolist() == [-90, -126, -72]
    last = grid.affine @ [*(size - 1 for size in shape), 1]
    assert last[:3].tolist() == [90, 90, 108]


def test_model_grid_is_symmetric_about_the_midplane():
    for voxel_mm in (1.5, 2.0, 3.0, 4.0):
        grid = model_grid(voxel_mm)
        assert grid.centre_mm[0] == pytest.approx(0)


@pytest.mark.parametrize("voxel_mm", [0, -1.5, 40])
def test_model_grid_refuses_impossible_voxels(voxel_mm):
    with pytest.raises(ValueError, match="voxels of"):
        model_grid(voxel_mm)


def test_boxes_of_paper_b():
    assert mri_grid().shape == (256, 256, 256)
    assert mri_grid().voxel_mm == (1, 1, 1)
    assert pet_grid().shape == (76, 93, 76)
    assert pet_grid().voxel_mm == (2, 2, 2)
    np.testing.assert_allclose(mri_grid().centre_mm, pet_grid().centre_mm)


def test_the_papers_order_and_back():
    pet = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)  # X, Y, Z, T
    pet_TYXZ = to_paper_order(pet)
    assert pet_TYXZ.shape == (5, 3, 2, 4)
    assert pet_TYXZ[4, 2, 1, 3] == pet[1, 2, 3, 4]
    assert np.array_equal(from_paper_order(pet_TYXZ), pet)


def test_a_static_pet_gains_and_loses_one_frame():
    pet = np.arange(24).reshape(2, 3, 4)
    assert to_paper_order(pet).shape == (1, 3, 2, 4)
    assert np.array_equal(from_paper_order(to_paper_order(pet)), pet)


def test_a_voxel_keeps_its_millimetres():
    grid = pet_grid(centre_mm=(3.0, -20.0, 11.0))
    paper = grid_in_paper_order(grid)
    pet = np.zeros(grid.shape)
    pet[5, 70, 20] = 1
    ((frame, *voxel),) = np.argwhere(to_paper_order(pet))
    assert frame == 0
    np.testing.assert_allclose(paper.affine @ [*voxel, 1], grid.affine @ [5, 70, 20, 1])


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="axes X, Y, Z and perhaps T"):
        to_paper_order(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="must be positive"):
        mri_grid(voxel_mm=0.0)
