"""The 2.5D U-Net and its way from volumes to volumes."""

import numpy as np
import pytest
import torch

from petsynth.networks.layers import count_parameters
from petsynth.systems.unet25d.unet import SlabUNet
from petsynth.systems.unet25d.volume import predict_slabs


def test_shipped_size():
    assert count_parameters(SlabUNet()) == 1_549_704


def test_one_pet_slice_and_a_positive_error_per_stack():
    network = SlabUNet(slices=3, filters=8, max_filters=16, levels=3)
    pet, error = network(torch.randn(2, 3, 16, 24))

    assert pet.shape == error.shape == (2, 1, 16, 24)
    assert (error > 0).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"slices": 4}, "no middle one"), ({"filters": 12}, "multiples of 8")],
)
def test_impossible_sizes_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        SlabUNet(**settings)


def test_sides_that_cannot_be_halved_are_refused():
    with pytest.raises(ValueError, match="divisible by 8"):
        SlabUNet(slices=1, filters=8, levels=3)(torch.zeros(1, 1, 20, 16))


class Copy(torch.nn.Module):
    """Return the middle slice, and the sum over the stack as its error."""

    def forward(self, mri):
        return mri[:, 1:2], mri.sum(dim=1, keepdim=True)


def test_volumes_are_put_together_in_their_own_order():
    mri = np.random.default_rng(0).uniform(-1, 1, (9, 11, 7)).astype(np.float32)
    pet, error = predict_slabs(Copy(), mri, slices=3, padded_size=16, batch_size=4)

    np.testing.assert_allclose(pet, mri, atol=1e-6)
    np.testing.assert_allclose(error[..., 3], mri[..., 2:5].sum(axis=2), atol=1e-5)
    np.testing.assert_allclose(error[..., 0], mri[..., :2].sum(axis=2) - 1, atol=1e-5)


def test_batches_do_not_matter():
    network = SlabUNet(slices=3, filters=8, max_filters=16, levels=2).eval()
    mri = np.random.default_rng(1).uniform(-1, 1, (12, 13, 9)).astype(np.float32)
    one, many = (
        predict_slabs(network, mri, slices=3, padded_size=16, batch_size=size) for size in (1, 9)
    )

    np.testing.assert_allclose(one[0], many[0], atol=1e-5)
    np.testing.assert_allclose(one[1], many[1], atol=1e-5)
