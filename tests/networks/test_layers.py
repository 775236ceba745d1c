"""The norm and initial weights that the networks share."""

import pytest
import torch
from torch import nn

from petsynth.networks.layers import (
    count_parameters,
    initialise_weights,
    instance_norm,
    lay_channels_last,
)


def test_each_channel_of_each_image_has_its_own_norm():
    image = torch.tensor([[[[1.0, 3.0]], [[10.0, 30.0]]], [[[5.0, 5.0]], [[0.0, -2.0]]]])

    normed = instance_norm(2)(image)

    expected = [[[[-1, 1]], [[-1, 1]]], [[[0, 0]], [[1, -1]]]]
    torch.testing.assert_close(normed, torch.tensor(expected).float(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d, nn.Conv3d])
def test_kernels_start_small_and_biases_at_zero(kind):
    torch.manual_seed(0)
    layer = kind(32, 32, kernel_size=3)
    initialise_weights(nn.Sequential(layer))

    assert layer.weight.mean().item() == pytest.approx(0, abs=1e-3)
    assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert not layer.bias.any()


def test_norms_start_near_one_and_other_layers_stay_as_they_are():
    torch.manual_seed(0)
    norm, linear, bare = instance_norm(2000), nn.Linear(3, 3), nn.Conv2d(1, 1, 3, bias=False)
    before = linear.weight.clone()
    initialise_weights(nn.Sequential(norm, linear, bare))

    assert norm.weight.mean().item() == pytest.approx(1, abs=2e-3)
    assert norm.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert not norm.bias.any()
    assert torch.equal(linear.weight, before)


def test_channels_last_is_a_layout_and_changes_no_value():
    network = nn.Sequential(nn.Conv2d(4, 8, 3), nn.Conv3d(4, 8, 3), nn.Linear(4, 8))
    before = [weight.clone() for weight in network.parameters()]
    lay_channels_last(network)

    assert network[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert network[1].weight.is_contiguous(memory_format=torch.channels_last_3d)
    assert not network[0].weight.is_contiguous()
    for old, new in zip(before, network.parameters(), strict=True):
        assert torch.equal(old, new)


def test_only_trainable_numbers_are_counted():
    network = nn.Sequential(nn.Conv2d(2, 3, 5), nn.Linear(7, 4))
    assert count_parameters(network) == (2 * 3 * 25 + 3) + (7 * 4 + 4)
    network[0].weight.requires_grad_(False)
    assert count_parameters(network) == 3 + (7 * 4 + 4)
