"""The 3D PatchGAN: parameters, receptive field, shapes."""

import pytest
import torch

from petsynth.networks.layers import count_parameters
from petsynth.networks.patchgan3d import PatchGan3d
from petsynth.preprocessing.grids import grid_in_paper_order, mri_grid, pet_grid

MRI_GRID = mri_grid(32, 8.0)
PET_GRID = grid_in_paper_order(pet_grid(4.0))  # 46 x 38 x 38


def test_64_128_256_512_1():
    discriminator = PatchGan3d(MRI_GRID, PET_GRID, frames=2)
    kernels = 64 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512 * 1)
    biases, norms = 64 + 1, 2 * (128 + 256 + 512)
    assert count_parameters(discriminator) == kernels + biases + norms == 11_056_961
    assert discriminator.receptive_field() == 94  # 4, 10, 22, 46, 94 from the last layer


def test_shapes_and_the_mri_on_the_pet_grid():
    discriminator = PatchGan3d(MRI_GRID, PET_GRID, frames=1, filters=4, layers=3)
    mri = torch.randn(2, 1, 32, 32, 32)
    pet = torch.randn(2, 1, *PET_GRID.shape)
    assert discriminator.to_pet_grid(mri).shape == pet.shape
    assert discriminator(mri, pet).shape == (2, 1, *(side // 8 - 1 for side in PET_GRID.shape))


def test_it_sees_both_images():
    discriminator = PatchGan3d(MRI_GRID, PET_GRID, frames=1, filters=4, layers=2)
    mri = torch.randn(1, 1, 32, 32, 32, requires_grad=True)
    pet = torch.randn(1, 1, *PET_GRID.shape, requires_grad=True)
    discriminator(mri, pet).sum().backward()
    assert mri.grad.abs().sum() > 0
    assert pet.grad.abs().sum() > 0


def test_too_small_a_pet():
    with pytest.raises(ValueError, match="sides must be at least 32"):
        PatchGan3d(MRI_GRID, grid_in_paper_order(pet_grid(8.0)))
