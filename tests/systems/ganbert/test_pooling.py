"""Pooling by largest absolute value."""

import pytest
import torch

from petsynth.systems.ganbert.pooling import pool_image


def test_sign_is_kept():
    image = torch.tensor([1.0, -7.0, 3.0, 6.0, -1.0, -2.0, 0.5, 0.0]).reshape(1, 1, 8, 1, 1)
    image = image.expand(1, 1, 8, 2, 2)
    pooled = pool_image(image, side=2)
    assert pooled.tolist() == [[-7.0] * 4 + [-2.0] * 4]


def test_frames_compete():
    frames = torch.zeros(1, 2, 2, 2, 2)
    frames[0, 0, 0, 0, 0], frames[0, 1, 0, 0, 0] = 2.0, -3.0
    frames[0, 0, 1, 1, 1], frames[0, 1, 1, 1, 1] = 4.0, -3.0
    assert pool_image(frames, side=2).tolist() == [[-3.0, 0, 0, 0, 0, 0, 0, 4.0]]


def test_the_papers_sizes_give_512_values_each():
    mri = torch.zeros(1, 1, 256, 256, 256)
    mri[0, 0, 31, 32, 255] = -9.0  # sub-volume (0, 1, 7) of 32-voxel sides
    pet = torch.zeros(1, 2, 93, 76, 76)
    pet[0, 1, 92, 0, 75] = 5.0  # sub-volume (7, 0, 7)
    assert pool_image(mri).nonzero().tolist() == [[0, 0 * 64 + 1 * 8 + 7]]
    assert pool_image(pet).nonzero().tolist() == [[0, 7 * 64 + 0 * 8 + 7]]
    assert pool_image(mri).shape == pool_image(pet).shape == (1, 512)


def test_every_voxel_counts():
    # 9 voxels in 8 sub-volumes: whichever is raised, some value changes.
    for place in range(9):
        image = torch.zeros(1, 1, 9, 8, 8)
        image[0, 0, place, 3, 3] = 1.0
        assert pool_image(image).sum() >= 1.0


def test_the_gradient_goes_to_the_voxel_that_was_taken():
    image = torch.randn(2, 3, 6, 5, 4, generator=torch.Generator().manual_seed(0)).double()
    image.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda image: pool_image(image, side=2), image)
    pool_image(image, side=1).sum().backward()
    farthest = image.detach().abs().flatten(1).argmax(1)
    assert image.grad.flatten(1).nonzero().tolist() == [[0, farthest[0]], [1, farthest[1]]]


def test_too_few_voxels():
    with pytest.raises(ValueError, match=r"4 x 9 x 9 voxels has no 8\*\*3"):
        pool_image(torch.zeros(1, 1, 4, 9, 9))
