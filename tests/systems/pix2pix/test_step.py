import copy
import dataclasses

import pytest
import torch
from lightning_fabric import Fabric

from petsynth.config import Pix2pixConfig, parse_config
from petsynth.networks.losses import adversarial_loss, discriminator_loss, l1_loss
from petsynth.systems.pix2pix.training import TERMS, Pix2pixNetworks, build_networks, train_step

KEYS = torch.tensor([1, 2])


def small_config(**more) -> Pix2pixConfig:
    content = {
        "data": {"padded_size": 32},
        "generator": {"filters": 8, "max_filters": 32, "levels": 3, "dropout_levels": 1},
        "discriminator": {"filters": 8, "layers": 2},
    }
    return parse_config(content | more)


@pytest.fixture
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    """Return a bright square and its dimmer, smaller copy."""
    mri, pet = torch.full((2, 2, 1, 32, 32), -1.0)
    mri[:, :, 8:24, 10:20] = 0.8
    pet[:, :, 10:22, 12:18] = 0.2
    return mri, pet


def train(
    config: Pix2pixConfig, fabric: Fabric, pair, steps: int
) -> tuple[Pix2pixNetworks, list[dict]]:
    networks = build_networks(config, fabric)
    return networks, [
        {
            name: term.item()
            for name, term in train_step(networks, fabric, config, pair, KEYS).items()
        }
        for _ in range(steps)
    ]


def test_losses_are_those_of_the_networks_at_hand(fabric, pair):
    config = small_config()
    networks = build_networks(config, fabric)
    mri, pet = pair
    with torch.no_grad():
        synthetic_pet = networks.generator(mri, KEYS)
        expected_discriminator = discriminator_loss(
            networks.discriminator(mri, pet), networks.discriminator(mri, synthetic_pet)
        )
    terms = train_step(networks, fabric, config, pair, KEYS)
    with torch.no_grad():  # the discriminator has learnt by now, and judges in the second half
        expected_adversarial = adversarial_loss(networks.discriminator(mri, synthetic_pet))
    torch.testing.assert_close(terms["discriminator"], expected_discriminator)
    torch.testing.assert_close(terms["adversarial"], expected_adversarial)
    torch.testing.assert_close(terms["l1"], l1_loss(synthetic_pet, pet))
    torch.testing.assert_close(terms["generator"], terms["adversarial"] + 100 * terms["l1"])
    assert tuple(terms) == TERMS


def test_one_step_is_one_adam_step_of_each_network(fabric, pair):
    """The first Adam step moves every weight by the step size, against its gradient's sign."""
    config = small_config()
    networks = build_networks(config, fabric)
    before = {
        name: [weight.detach().clone() for weight in getattr(networks, name).parameters()]
        for name in ("generator", "discriminator")
    }
    train_step(networks, fabric, config, pair, KEYS)
    for name, weights in before.items():
        for old, new in zip(weights, getattr(networks, name).parameters(), strict=True):
            assert (new - old).abs().max().item() == pytest.approx(2e-4, rel=0.05)


def test_optimisers_are_adam_as_in_the_paper(fabric):
    networks = build_networks(small_config(), fabric)
    for optimiser in (networks.generator_optimiser, networks.discriminator_optimiser):
        assert isinstance(optimiser, torch.optim.Adam)
        (group,) = optimiser.param_groups
        assert (group["lr"], group["betas"], group["weight_decay"]) == (2e-4, (0.5, 0.999), 0)


def test_the_discriminators_weights_get_no_gradient_from_the_generators_loss(fabric, pair):
    config = small_config()
    networks = build_networks(config, fabric)
    mri, pet = pair
    with torch.no_grad():
        synthetic_pet = networks.generator(mri, KEYS)
    loss = discriminator_loss(networks.discriminator(mri, pet),
                              networks.discriminator(mri, synthetic_pet))  # fmt: skip
    expected = torch.autograd.grad(loss, list(networks.discriminator.parameters()))
    train_step(networks, fabric, config, pair, KEYS)
    for weight, gradient in zip(networks.discriminator.parameters(), expected, strict=True):
        torch.testing.assert_close(weight.grad, gradient)


def test_same_seed_same_losses_other_seed_others(fabric, pair):
    _, first = train(small_config(seed=5), fabric, pair, 3)
    torch.manual_seed(99)
    torch.rand(7)
    _, again = train(small_config(seed=5), fabric, pair, 3)
    _, other = train(small_config(seed=6), fabric, pair, 3)
    assert first == again
    assert first != other


def test_building_leaves_torchs_global_state_alone(fabric):
    before = torch.get_rng_state()
    build_networks(small_config(), fabric)
    assert torch.equal(torch.get_rng_state(), before)


def test_one_pair_can_be_learnt_by_heart(fabric, pair):
    config = small_config(optimiser={"learning_rate": 2e-3})
    networks, losses = train(config, fabric, pair, 150)
    assert losses[0]["l1"] > 0.8
    assert losses[-1]["l1"] < 0.05
    mri, pet = pair
    with torch.no_grad():
        assert l1_loss(networks.generator(mri, KEYS), pet).item() < 0.05


def test_without_adversarial_weight_the_discriminator_does_not_matter(fabric, pair):
    one = small_config(loss={"adversarial": 0})
    other = dataclasses.replace(
        one, discriminator=dataclasses.replace(one.discriminator, filters=4)
    )
    generators = [train(config, fabric, pair, 2)[0].generator for config in (one, other)]
    for a, b in zip(*(network.parameters() for network in generators), strict=True):
        assert torch.equal(a, b)


def test_state_comes_back(fabric, pair):
    config = small_config()
    networks, _ = train(config, fabric, pair, 2)
    other = build_networks(small_config(seed=1), fabric)
    other.load_state_dict(copy.deepcopy(networks.state_dict()))
    assert train_step(other, fabric, config, pair, KEYS) == train_step(
        networks, fabric, config, pair, KEYS
    )
