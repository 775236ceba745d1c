"""Tests of convolutions that halve and double."""

import pytest
import torch
from torch import nn

from petsynth.networks import halving
from petsynth.networks.halving import Doubling, Halving
from petsynth.networks.layers import lay_channels_last


@pytest.fixture(params=["few pixels", "many pixels"])
def pixels(request, monkeypatch):
    """Let both ways to compute be taken, whatever the image's size."""
    if request.param == "many pixels":
        monkeypatch.setattr(halving, "_MOST_PIXELS", 0)


@pytest.mark.parametrize("kind", [Halving, Doubling])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 3, 2, 2), (2, 3, 4, 8), (3, 3, 6, 5)])
def test_result_and_gradients_are_those_of_torchs_own_layer(pixels, kind, bias, shape):
    torch.manual_seed(0)
    ours, results = kind(3, 5, bias=bias).double(), []
    plain = (nn.Conv2d if kind is Halving else nn.ConvTranspose2d)(3, 5, 4, 2, 1, bias=bias)
    plain = plain.double()
    plain.load_state_dict(ours.state_dict())
    lay_channels_last(ours)
    image = torch.randn(shape, dtype=torch.float64)
    for layer in (ours, plain):
        leaf = image.clone().requires_grad_()
        result = layer(leaf)
        result.square().sum().backward()
        results.append([result, leaf.grad, *(each.grad for each in layer.parameters())])
    torch.testing.assert_close(*results, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("layer", [Halving(8, 16, bias=True), Doubling(8, 16, bias=True)])
def test_channels_stay_innermost_and_the_arithmetic_that_of_the_image(layer):
    lay_channels_last(layer)
    image = torch.randn(2, 8, 4, 4).to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = layer(image)
    assert result.dtype == torch.bfloat16
    assert result.is_contiguous(memory_format=torch.channels_last)
    exact = layer(image.float())
    torch.testing.assert_close(result.float(), exact, rtol=0.01, atol=0.01)


def test_kernels_of_few_pixels_get_gradients_as_they_lie():
    """Else each would be copied once more."""
    layer = Doubling(8, 16, bias=False)
    lay_channels_last(layer)
    layer(torch.randn(1, 8, 2, 2)).sum().backward()
    assert layer.weight.grad.is_contiguous(memory_format=torch.channels_last)
