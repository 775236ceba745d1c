"""Networks and optimisers that are kept, moved and slowed down together."""

import copy
from dataclasses import dataclass

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim import Adam

from petsynth.systems.optimisation import Networks, place, rate_share


@dataclass
class Opponents(Networks):
    """With a discriminator that may be missing."""

    critic: nn.Module | None = None
    critic_optimiser: Adam | None = None


def make_players(seed, critic=True):
    torch.manual_seed(seed)
    networks = [nn.Linear(2, 2), nn.Linear(2, 1)]
    optimisers = [Adam(network.parameters(), lr=0.1) for network in networks]
    own = [networks[0], optimisers[0]]
    return Opponents(*own, networks[1], optimisers[1]) if critic else Opponents(*own)


def take_step(networks):
    networks.generator_optimiser.zero_grad()
    networks.generator(torch.ones(1, 2)).sum().backward()
    networks.generator_optimiser.step()


def test_what_is_missing_has_no_state_and_is_no_network():
    both, alone = make_players(0), make_players(0, critic=False)

    assert both.networks() == [both.generator, both.critic]
    assert alone.networks() == [alone.generator]
    assert list(alone.state_dict()) == ["generator", "generator_optimiser"]


def test_weights_and_momentum_come_back():
    one, other = make_players(0), make_players(1)
    take_step(one)
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    for networks in (one, other):
        take_step(networks)

    for a, b in zip(one.generator.parameters(), other.generator.parameters(), strict=True):
        assert torch.equal(a, b)
    assert torch.equal(one.critic.weight, other.critic.weight)


def test_the_step_size_of_all_optimisers_is_set():
    networks = make_players(0)
    networks.generator_optimiser.add_param_group({"params": [torch.zeros(1)]})
    networks.set_learning_rate(0.025)

    groups = networks.generator_optimiser.param_groups + networks.critic_optimiser.param_groups
    assert [group["lr"] for group in groups] == [0.025] * 3


def test_a_placed_network_learns_with_the_knobs_that_were_given():
    network, optimiser = place(
        Fabric(accelerator="cpu", devices=1), nn.Linear(2, 1), 3e-4, (0.5, 0.9)
    )

    (group,) = optimiser.param_groups
    assert (group["lr"], group["betas"]) == (3e-4, (0.5, 0.9))
    assert group["params"] == list(network.parameters())


def shares(steps, warm_up=0.0, decay=0.0):
    return [rate_share(step, steps, warm_up=warm_up, decay=decay) for step in range(steps)]


def test_with_neither_rise_nor_fall_every_step_is_whole():
    assert shares(1) == [1]
    assert shares(3) == [1, 1, 1]


def test_the_warm_up_rises_evenly():
    assert shares(7, warm_up=5 / 7) == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1, 1])


def test_the_decay_falls_evenly_and_the_last_step_still_learns():
    assert shares(6, decay=2 / 3) == pytest.approx([1, 1, 1, 0.75, 0.5, 0.25])


def test_where_rise_and_fall_meet_the_smaller_share_counts():
    assert shares(4, warm_up=1.0, decay=1.0) == pytest.approx([0.25, 0.5, 0.5, 0.25])
