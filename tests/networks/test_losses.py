"""Losses against figures worked out by hand."""

import math

import pytest
import torch

from petsynth.networks.losses import adversarial_loss, discriminator_loss, l1_loss

LOG = math.log


def logits(*probabilities: float) -> torch.Tensor:
    """Return logits of the given probabilities of being real."""
    return torch.tensor([LOG(p / (1 - p)) for p in probabilities])


def test_discriminator_at_chance_pays_ln_2_for_each_half():
    assert discriminator_loss(logits(0.5), logits(0.5)).item() == pytest.approx(2 * LOG(2))


def test_discriminator_by_hand():
    # real patches classified as 0.8 and 0.5, generated ones 0.1 and 0.4
    expected = -(LOG(0.8) + LOG(0.5)) / 2 - (LOG(0.9) + LOG(0.6)) / 2
    assert discriminator_loss(logits(0.8, 0.5), logits(0.1, 0.4)).item() == pytest.approx(expected)


def test_adversarial_by_hand():
    expected = -(LOG(0.1) + LOG(0.4)) / 2
    assert adversarial_loss(logits(0.1, 0.4)).item() == pytest.approx(expected)


def test_l1_by_hand():
    synthetic_pet, pet = torch.tensor([-1.0, 0.5, 0.0]), torch.tensor([-0.5, 0.5, 1.0])
    assert l1_loss(synthetic_pet, pet).item() == pytest.approx(0.5)


def test_certain_and_wrong_is_finite():
    assert adversarial_loss(torch.tensor([-200.0])).item() == pytest.approx(200)


def test_fooling_and_discriminating_pull_in_opposite_directions():
    logit = torch.tensor([0.3], requires_grad=True)
    (fool,) = torch.autograd.grad(adversarial_loss(logit), logit)
    (discriminate,) = torch.autograd.grad(discriminator_loss(torch.tensor([0.0]), logit), logit)
    assert fool.item() < 0 < discriminate.item()
