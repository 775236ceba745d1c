"""One step of a pretrained model, by hand on a network of two numbers."""

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim import Adam

from petsynth.systems.optimisation import Networks
from petsynth.systems.unet25d.training import TERMS, step_size, train_step

RATE = 0.01


class Constant(nn.Module):
    """Answer every stack with the same PET and the same expected error."""

    def __init__(self, pet, error):
        super().__init__()
        self.pet = nn.Parameter(torch.tensor(pet))
        self.error = nn.Parameter(torch.tensor(error))

    def forward(self, mri):
        even = torch.ones_like(mri[:, :1])
        return self.pet * even, self.error * even


def take_step(weights, pet=0.5, error=1.0):
    network = Constant(pet, error)
    networks = Networks(network, Adam(network.parameters(), lr=RATE))
    learnt, measured = torch.ones(2, 1, 4, 4), torch.full((2, 1, 4, 4), 3.0)
    learnt[:, :, :, 2:] = 2.0  # an edge between two of the four columns
    batch = torch.zeros(2, 3, 4, 4), torch.cat([learnt, measured], dim=1)
    fabric = Fabric(accelerator="cpu", devices=1)
    return train_step(networks, fabric, batch, weights=weights), network


def test_terms_by_hand():
    terms, _ = take_step((1.0, 2.0, 4.0))

    assert tuple(terms) == TERMS
    assert terms["l1"].item() == pytest.approx((0.5 + 1.5) / 2)
    assert terms["edges"].item() == pytest.approx(1 / 3)  # one of three differences in a row
    assert terms["error"].item() == pytest.approx(1.5)  # the PET is 2.5 below what was measured
    assert terms["generator"].item() == pytest.approx(1.0 + 2 / 3 + 4 * 1.5)


def test_the_expected_error_does_not_pull_at_the_pet():
    _, network = take_step((0.0, 0.0, 1.0))

    assert network.pet.item() == 0.5
    assert network.error.item() == pytest.approx(1.0 + RATE, abs=1e-4)


def test_the_pet_follows_what_is_to_be_learnt_and_not_what_was_measured():
    _, network = take_step((1.0, 0.0, 0.0), pet=2.5)

    assert network.pet.item() == pytest.approx(2.5 - RATE, abs=1e-4)  # measured is 3
    assert network.error.item() == 1.0


def test_the_rate_starts_whole_without_a_warm_up_and_ends_whole_with_nothing_else():
    assert step_size(0, 10, 0.0) == 1
    assert step_size(5, 10, 0.0) == pytest.approx(0.5)
    assert [step_size(step, 4, 1.0) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]


def test_the_rate_rises_and_then_falls_to_almost_nothing():
    shares = [step_size(step, 50, 0.2) for step in range(50)]
    rising, falling = shares[:10], shares[10:]

    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    assert rising[-1] == falling[0] == 1
    assert rising[0] == pytest.approx(0.1)
    assert 0 < shares[-1] < 0.01
