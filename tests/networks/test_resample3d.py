"""Values follow their place in millimetres, not their index."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from petsynth.networks.resample3d import Resample3d
from petsynth.preprocessing.grids import grid_in_paper_order, mri_grid, pet_grid
from petsynth.volume import Grid


def world_of(grid: Grid) -> np.ndarray:
    """Return (3, D, E, F): millimetres of every voxel."""
    voxels = np.indices(grid.shape).reshape(3, -1)
    world = grid.affine[:3, :3] @ voxels + grid.affine[:3, 3:]
    return world.reshape(3, *grid.shape)


def phantom(grid: Grid) -> torch.Tensor:
    """Return (1, 3, D, E, F): the three world coordinates as channels; trilinear, asymmetric."""
    return torch.from_numpy(world_of(grid)[np.newaxis].astype(np.float32))


def test_a_linear_field_is_met_exactly_on_the_other_box_and_axis_order():
    mri, pet = mri_grid(32, 8.0), grid_in_paper_order(pet_grid(8.0))
    resampled = Resample3d(mri, pet)(phantom(mri))
    torch.testing.assert_close(resampled, phantom(pet), atol=1e-3, rtol=0)


def test_an_off_centre_blob_stays_at_its_millimetres():
    mri, pet = mri_grid(64, 4.0), grid_in_paper_order(pet_grid(4.0))
    blob_mm = np.array([40.0, -50.0, 30.0])
    squared = ((world_of(mri) - blob_mm[:, None, None, None]) ** 2).sum(0)
    blob = torch.from_numpy(np.exp(-squared / 10**2).astype(np.float32))
    resampled = Resample3d(mri, pet)(blob[None, None])[0, 0].numpy()
    centre_mm = (world_of(pet) * resampled).sum((1, 2, 3)) / resampled.sum()
    np.testing.assert_allclose(centre_mm, blob_mm, atol=0.05)


def test_off_centre_boxes():
    source_affine = np.diag([2.0, 2.0, 2.0, 1.0])
    source_affine[:3, 3] = 10, 20, 30
    source = Grid((4, 5, 6), source_affine)
    # axes turned and one flipped: x from k, y from i, z from -j
    target_affine = np.array([[0, 0, 1.5, 10.5], [2, 0, 0, 21], [0, -3, 0, 38], [0, 0, 0, 1]])
    target = Grid((3, 2, 4), target_affine)
    torch.testing.assert_close(Resample3d(source, target)(phantom(source)), phantom(target))


def test_beyond_the_box_the_outermost_value_goes_on():
    source = Grid((2, 2, 2), np.eye(4))
    target = Grid((1, 1, 1), np.array([[1.0, 0, 0, 5], [0, 1, 0, -9], [0, 0, 1, 0], [0, 0, 0, 1]]))
    assert Resample3d(source, target)(phantom(source)).flatten().tolist() == [1.0, 0.0, 0.0]


def test_nothing_to_learn_and_nothing_to_save():
    resample = Resample3d(mri_grid(4, 64.0), pet_grid(32.0))
    assert not list(resample.parameters())
    assert not resample.state_dict()


@pytest.mark.parametrize("shape", [(7, 6, 5), (3, 9, 4)], ids=["finer", "coarser"])
def test_values_and_gradient_are_those_of_torchs_own_interpolation(shape):
    source, target = Grid((5, 4, 6), np.eye(4)), Grid(shape, np.diag([0.7, 0.4, 1.3, 1.0]))
    features = torch.randn(2, 3, 5, 4, 6, generator=torch.Generator().manual_seed(0))
    features.requires_grad_()
    voxels = torch.from_numpy(world_of(target)).moveaxis(0, -1)[None].float()
    places = (2 * voxels / torch.tensor([4, 3, 5]) - 1).flip(-1).expand(2, -1, -1, -1, -1)
    expected = functional.grid_sample(features, places, padding_mode="border", align_corners=True)
    resampled = Resample3d(source, target)(features)
    torch.testing.assert_close(resampled, expected)
    pull = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1))
    (wanted,) = torch.autograd.grad(expected, features, pull)
    (gradient,) = torch.autograd.grad(resampled, features, pull)
    torch.testing.assert_close(gradient, wanted)


def test_half_precision_is_interpolated_in_full():
    mri, pet = mri_grid(8, 32.0), pet_grid(32.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        resampled = Resample3d(mri, pet)(phantom(mri))
    torch.testing.assert_close(resampled, phantom(pet), atol=1e-3, rtol=0)


def test_shapes_are_known_where_nothing_is_computed():
    mri, pet = mri_grid(8, 32.0), pet_grid(32.0)
    with torch.device("meta"):
        resample = Resample3d(mri, pet).to("meta")
        resampled = resample(torch.empty(2, 3, *mri.shape))
    assert resampled.shape == (2, 3, *pet.shape)


def test_grids_at_an_angle_are_refused():
    turned = np.eye(4)
    turned[:2, :2] = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
    with pytest.raises(ValueError, match="not parallel"):
        Resample3d(Grid((4, 4, 4), np.eye(4)), Grid((4, 4, 4), turned))
