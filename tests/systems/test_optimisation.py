"""Networks and optimisers: kept and restored together, their learning rate, and one step."""

import copy
from dataclasses import dataclass

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim import Adam
from torch.profiler import profile

from petsynth.networks.layers import lay_channels_last
from petsynth.systems.optimisation import (
    LearningRateSchedule,
    Networks,
    average_gradients,
    run_network,
    take_step,
    with_adam,
)


@dataclass
class Opponents(Networks):
    """With a discriminator that may be missing."""

    critic: nn.Module | None = None
    critic_optimiser: Adam | None = None


def make_networks(seed, critic=True):
    torch.manual_seed(seed)
    networks = [nn.Linear(2, 2), nn.Linear(2, 1)]
    optimisers = [Adam(network.parameters(), lr=0.1) for network in networks]
    own = [networks[0], optimisers[0]]
    return Opponents(*own, networks[1], optimisers[1]) if critic else Opponents(*own)


def improve(networks):
    networks.generator_optimiser.zero_grad()
    networks.generator(torch.ones(1, 2)).sum().backward()
    networks.generator_optimiser.step()


@pytest.fixture
def alone():
    return Fabric(accelerator="cpu", devices=1)


def test_what_is_missing_has_no_state_and_is_no_network():
    both, alone = make_networks(0), make_networks(0, critic=False)

    assert both.modules() == [both.generator, both.critic]
    assert alone.modules() == [alone.generator]
    assert list(alone.state_dict()) == ["generator", "generator_optimiser"]


def test_weights_and_momentum_come_back():
    one, other = make_networks(0), make_networks(1)
    improve(one)
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    for networks in (one, other):
        improve(networks)

    for a, b in zip(one.generator.parameters(), other.generator.parameters(), strict=True):
        assert torch.equal(a, b)
    assert torch.equal(one.critic.weight, other.critic.weight)


def test_the_learning_rate_of_all_optimisers_is_set():
    networks = make_networks(0)
    networks.generator_optimiser.add_param_group({"params": [torch.zeros(1)]})
    networks.set_learning_rate(0.025)

    groups = networks.generator_optimiser.param_groups + networks.critic_optimiser.param_groups
    assert [group["lr"] for group in groups] == [0.025] * 3


def test_adam_has_the_settings_that_were_given(alone):
    network, optimiser = with_adam(alone, nn.Linear(2, 1), 3e-4, (0.5, 0.9))

    (group,) = optimiser.param_groups
    assert (group["lr"], group["betas"]) == (3e-4, (0.5, 0.9))
    assert group["params"] == list(network.parameters())


def test_a_step_follows_the_gradients_that_were_accumulated(alone):
    network, optimiser = with_adam(alone, nn.Linear(1, 1, bias=False), 0.5, (0.9, 0.999))
    before = network.weight.item()
    for _ in range(2):
        network(torch.ones(1, 1)).sum().backward()
    take_step(alone, network, optimiser)

    assert network.weight.grad.item() == 2
    assert network.weight.item() == pytest.approx(before - 0.5)


def test_gradients_become_their_means_over_processes(one_of_two):
    """The other process, which this one cannot see, is taken to have gradients of zero."""
    fabric = one_of_two(0)
    fabric.all_reduce = lambda data, reduce_op: data / 2
    network = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    network(torch.ones(4, 2)).sum().backward()
    network[1].bias.grad = None  # never learnt from; nothing is made up for it
    before = [None if w.grad is None else w.grad.clone() for w in network.parameters()]
    average_gradients(fabric, network)

    for old, weight in zip(before, network.parameters(), strict=True):
        if old is None:
            assert weight.grad is None
        else:
            torch.testing.assert_close(weight.grad, old / 2)


def test_without_gradients_there_is_nothing_to_average(one_of_two):
    fabric = one_of_two(0)
    fabric.all_reduce = None
    average_gradients(fabric, nn.Linear(2, 1))


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_results_are_float32_whatever_the_arithmetic(precision):
    fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
    torch.manual_seed(0)
    network, image = nn.Linear(64, 1), torch.randn(8, 64)
    result = run_network(fabric, network, image)

    assert result.dtype == torch.float32
    assert torch.equal(result, network(image)) == (precision == "32-true")


def fractions(steps, **parts):
    schedule = LearningRateSchedule(steps, **parts)
    return [schedule(step) for step in range(steps)]


def test_with_neither_warm_up_nor_decay_every_step_is_whole():
    assert fractions(1) == [1]
    assert fractions(3) == [1, 1, 1]


def test_the_warm_up_rises_evenly():
    assert fractions(7, warm_up=5) == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1, 1])


def test_the_decay_falls_evenly_and_the_last_step_still_learns():
    assert fractions(6, decay=4) == pytest.approx([1, 1, 1, 0.75, 0.5, 0.25])


def test_where_rise_and_fall_meet_the_smaller_fraction_counts():
    assert fractions(4, warm_up=4, decay=4) == pytest.approx([0.25, 0.5, 0.5, 0.25])


def test_a_cosine_starts_whole_without_a_warm_up():
    schedule = LearningRateSchedule(10, decay=10, shape="cosine")
    assert schedule(0) == 1
    assert schedule(5) == pytest.approx(0.5)


def test_a_cosine_with_nothing_but_a_warm_up_ends_whole():
    assert fractions(4, warm_up=4, decay=0, shape="cosine") == [0.25, 0.5, 0.75, 1.0]


def test_a_cosine_rises_and_then_falls_to_almost_nothing():
    whole = fractions(50, warm_up=10, decay=40, shape="cosine")
    rising, falling = whole[:10], whole[10:]

    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    assert rising[-1] == falling[0] == 1
    assert rising[0] == pytest.approx(0.1)
    assert 0 < whole[-1] < 0.01


@pytest.mark.parametrize("innermost", [True, False])
def test_adam_takes_the_steps_of_torchs_adam_in_any_layout(alone, innermost):
    steps = []
    torch.manual_seed(1)
    images = torch.randn(4, 2, 8, 8, dtype=torch.float64)
    for make in (None, Adam):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(2, 5, 3), nn.ReLU(), nn.ConvTranspose2d(5, 3, 4)).double()
        if innermost:
            lay_channels_last(network)
        _, optimiser = with_adam(alone, network, 1e-2, (0.5, 0.9))
        if make is not None:
            optimiser = make(network.parameters(), lr=1e-2, betas=(0.5, 0.9))
        for _ in range(3):
            optimiser.zero_grad()
            network(images).square().sum().backward()
            optimiser.step()
        steps.append(([*network.parameters()], optimiser.state_dict()["state"]))
    for ours, torchs in zip(*(each[0] for each in steps), strict=True):
        assert ours.stride() == torchs.stride()
        torch.testing.assert_close(ours, torchs, rtol=1e-9, atol=1e-9)
    for number, moments in steps[0][1].items():
        torch.testing.assert_close(moments, steps[1][1][number], rtol=1e-9, atol=1e-9)


def test_adam_copies_no_weights_whose_channels_lie_innermost(alone):
    network = nn.Conv2d(16, 16, 3, bias=False)
    lay_channels_last(network)
    _, optimiser = with_adam(alone, network, 1e-2, (0.5, 0.9))
    network.weight.grad = torch.randn_like(network.weight)
    with profile() as found:
        optimiser.step()
    copies = [each.count for each in found.key_averages() if each.key == "aten::clone"]
    assert sum(copies) == 0
