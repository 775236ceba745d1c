"""The 2.5D U-Net: its size, its two outputs, what is refused."""

import pytest
import torch

from petsynth.networks.layers import count_parameters
from petsynth.systems.unet25d.unet import SlabUNet


def test_shipped_size():
    assert count_parameters(SlabUNet()) == 1_549_704


def test_one_pet_slice_and_a_positive_error_per_slab():
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
