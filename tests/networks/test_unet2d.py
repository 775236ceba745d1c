"""The generator is the one of paper A and of the notebook that it names."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from petsynth.networks.layers import NORM_EPSILON, KeyedDropout, count_parameters
from petsynth.networks.unet2d import UNet2d

KEYS = torch.tensor([11, 12, 13])


@pytest.fixture
def small() -> UNet2d:
    torch.manual_seed(0)
    return UNet2d(filters=4, max_filters=16, levels=3, dropout_levels=2)


@pytest.fixture
def mri() -> torch.Tensor:
    return torch.rand(3, 1, 16, 24, generator=torch.Generator().manual_seed(1)) * 2 - 1


def paper_size() -> UNet2d:
    with torch.device("meta"):
        return UNet2d()


def test_paper_size_has_54_408_385_parameters():
    assert count_parameters(paper_size()) == 54_408_385


def test_three_channels_as_in_the_notebook_differ_by_the_outermost_kernels_alone():
    with torch.device("meta"):
        photographs = UNet2d(in_channels=3, out_channels=3)
    # 2 more input channels x 64 x 16; 2 more output channels x 128 x 16, and their biases.
    assert count_parameters(photographs) == 54_408_385 + 2 * 64 * 16 + 2 * 128 * 16 + 2


def test_widths_double_to_512():
    widths = [down[0].out_channels for down in paper_size().downs]
    assert widths == [64, 128, 256, 512, 512, 512, 512, 512]


def test_a_bias_stands_exactly_where_no_norm_follows():
    network = paper_size()
    downs = [(down[0].bias is not None, len(down) == 2) for down in network.downs]
    ups = [
        (up.convolution.bias is not None, isinstance(up.norm, nn.GroupNorm)) for up in network.ups
    ]
    assert all(bias != norm for bias, norm in downs + ups)
    assert [norm for _, norm in downs] == [False, *[True] * 6, False]
    assert [norm for _, norm in ups] == [False, *[True] * 7]


def test_dropout_is_on_the_three_innermost_up_blocks():
    assert [up.dropout.rate for up in paper_size().ups] == [0, 0, 0, 0, 0, 0.5, 0.5, 0.5]


def test_starting_weights_are_the_notebooks():
    torch.manual_seed(0)
    network = UNet2d(filters=32, max_filters=128, levels=4, dropout_levels=1)
    kernels = torch.cat([w.flatten() for w in network.parameters() if w.ndim == 4])
    gammas = torch.cat([m.weight for m in network.modules() if isinstance(m, nn.GroupNorm)])
    rest = [m.bias for m in network.modules() if getattr(m, "bias", None) is not None]
    assert kernels.mean().item() == pytest.approx(0, abs=1e-4)
    assert kernels.std().item() == pytest.approx(0.02, rel=0.01)
    assert gammas.mean().item() == pytest.approx(1, abs=0.005)
    assert gammas.std().item() == pytest.approx(0.02, rel=0.15)
    assert all(not bias.any() for bias in rest)


def test_result_has_the_images_shape_and_range(small, mri):
    pet = small(mri, KEYS)
    assert pet.shape == mri.shape
    assert pet.abs().max() < 1


def test_layout_agrees_with_the_layers_written_out(small, mri):
    """Skips before LeakyReLU, ReLU after concatenation, norm then dropout, tanh at the end."""
    (first, second, third), (up0, up1, up2) = small.downs, small.ups
    one = first[0](mri)
    two = batch_norm_one_by_one(second[0](functional.leaky_relu(one, 0.2)), second[1])
    three = third[0](functional.leaky_relu(two, 0.2))
    inner = batch_norm_one_by_one(up2.convolution(three.relu()), up2.norm)
    inner = up2.dropout(inner, KEYS)
    middle = batch_norm_one_by_one(up1.convolution(torch.cat([two, inner], 1).relu()), up1.norm)
    middle = up1.dropout(middle, KEYS)
    expected = torch.tanh(up0.convolution(torch.cat([one, middle], 1).relu()))
    torch.testing.assert_close(small(mri, KEYS), expected)


def batch_norm_one_by_one(features: torch.Tensor, norm: nn.GroupNorm) -> torch.Tensor:
    """Normalise by batch statistics at a batch size of 1, as the paper trains."""
    parts = [
        functional.batch_norm(
            image, None, None, norm.weight, norm.bias, training=True, eps=NORM_EPSILON
        )
        for image in features.split(1)
    ]
    return torch.cat(parts)


def test_norm_uses_the_images_own_statistics_in_evaluation_too(small, mri):
    trained = small(mri, KEYS)
    torch.testing.assert_close(small.eval()(mri, KEYS), trained, rtol=0, atol=0)


def test_batch_agrees_with_one_by_one(small, mri):
    together = small(mri, KEYS)
    for place in range(3):
        alone = small(mri[place : place + 1], KEYS[place : place + 1])
        torch.testing.assert_close(together[place : place + 1], alone, rtol=1e-5, atol=1e-6)


def test_dropout_is_on_in_evaluation_and_follows_the_key(small, mri):
    small.eval()
    one, again, other = (small(mri, torch.full((3,), key)) for key in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.allclose(one, other)


def test_without_keys_each_image_gets_a_fresh_draw(small, mri):
    same = mri[:1].expand(2, -1, -1, -1)
    first, second = small(same)
    assert not torch.equal(first, second)


def test_sides_that_cannot_be_halved_are_refused(small):
    with pytest.raises(ValueError, match="16 x 20 pixels cannot be halved 3 times"):
        small(torch.zeros(1, 1, 16, 20), KEYS[:1])


def test_dropout_on_every_level_is_refused():
    with pytest.raises(ValueError, match="3 dropout levels do not fit 3 levels"):
        UNet2d(levels=3, dropout_levels=3)


def test_every_weight_learns(small, mri):
    small(mri, KEYS).abs().sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in small.parameters())


def test_dropout_layers_of_a_network_have_numbers_of_their_own():
    layers = [m.layer for m in paper_size().modules() if isinstance(m, KeyedDropout)]
    assert len(set(layers)) == len(layers)
