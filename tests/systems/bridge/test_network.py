"""The flow's network: its sizes, what it is told, cubes to channels and back."""

import pytest
import torch

from petsynth.systems.bridge.network import FlowUNet3d, channels_to_cubes, cubes_to_channels


@pytest.fixture
def network() -> FlowUNet3d:
    torch.manual_seed(0)
    network = FlowUNet3d(filters=8, max_filters=16, levels=2, patch=2, covariates=1)
    for weight in (network.last[-1].weight, network.mixture.weight):
        torch.nn.init.normal_(weight, 0, 0.1)  # they start at 0
    return network


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(torch.rand(2, 2, 1, 8, 12, 4, generator=torch.Generator().manual_seed(1)))


def test_it_keeps_the_shape_and_uses_all_it_is_given(network, pair):
    x, t1 = pair
    t, told = torch.tensor([0.1, 0.8]), torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    mean = network(x, t1, t, told)
    assert mean.shape == x.shape
    changed = (
        network(x + 0.1, t1, t, told),
        network(x, t1 + 0.1, t, told),
        network(x, t1, t + 0.1, told),
        network(x, t1, t, told + 0.5),
    )
    for other in changed:
        assert (other - mean).abs().max() > 1e-4


def test_what_is_not_told_is_unknown(network, pair):
    t = torch.tensor([0.1, 0.8])
    torch.testing.assert_close(network(*pair, t), network(*pair, t, torch.zeros(2, 2)))


def test_a_batch_agrees_with_one_by_one(network, pair):
    x, t1 = pair
    t = torch.tensor([0.1, 0.8])
    together = network(x, t1, t)
    for number in range(2):
        one = slice(number, number + 1)
        torch.testing.assert_close(network(x[one], t1[one], t[one]), together[one])


def test_it_starts_with_the_same_answer_everywhere():
    network = FlowUNet3d(filters=8, levels=1)
    x, t1 = torch.rand(2, 1, 1, 4, 4, 4)
    assert network(x, t1, torch.tensor([0.5])).detach().std() < 1e-6


def test_cubes_become_channels_and_come_back():
    image = torch.rand(2, 1, 4, 6, 8)
    channels = cubes_to_channels(image, 2)
    assert channels.shape == (2, 8, 2, 3, 4)
    assert torch.equal(channels[:, :, 1, 2, 3].flatten(1), image[:, 0, 2:, 4:, 6:].flatten(1))
    assert torch.equal(channels_to_cubes(channels, 2), image)


def test_sides_that_do_not_fit_are_refused(network):
    assert network.side_divisor == 4
    with pytest.raises(ValueError, match="not divisible by 4"):
        network(*torch.rand(2, 1, 1, 8, 6, 4), torch.tensor([0.5]))
