"""The 3D baselines: how large they are, and one step, in which each network learns by its loss."""

from __future__ import annotations

import copy

import pytest
import torch
from lightning_fabric import Fabric
from torch.nn import functional

from petsynth.config import load_config, parse_config
from petsynth.data.prepared import PreparedData
from petsynth.networks.layers import count_parameters
from petsynth.networks.losses import adversarial_loss, discriminator_loss, l1_loss
from petsynth.systems.pix2pix3d.system import (
    TERMS,
    Pix2pix3dSystem,
    Pix2pix3dTraining,
    build_networks,
    train_step,
)
from petsynth.systems.volumes.networks import build_cnn, build_generator


def small_config(activation="tanhshrink"):
    return parse_config(
        {
            "system": f"pix2pix3d-{activation}",
            "data": {"voxel_mm": 13.0},
            "generator": {"filters": 4, "levels": 2, "activation": activation},
            "cnn": {"filters": 4, "layers": 2},
        }
    )


@pytest.mark.parametrize("activation", ["tanh", "tanhshrink"])
def test_the_two_systems_differ_by_the_generators_last_layer(activation):
    generator = Pix2pix3dSystem(small_config(activation)).build_generator()
    expected = {"tanh": torch.tanh, "tanhshrink": functional.tanhshrink}
    assert generator.activation is expected[activation]


def test_networks_are_those_of_the_training(tiny_volumes):
    system, data = Pix2pix3dSystem(small_config()), PreparedData(tiny_volumes)
    training = system.start_training(data, Fabric(accelerator="cpu", devices=1))
    assert isinstance(training, Pix2pix3dTraining)

    told = system.resources(subjects=3).content
    counts = [told[part]["parameters"] for part in ("generator", "cnn")]
    assert counts == [count_parameters(network) for network in training.networks.modules()]
    assert told["training"]["steps"] == training.steps


def test_the_papers_size():
    content = Pix2pix3dSystem(load_config("pix2pix3d-tanhshrink.toml")).resources().content
    assert content["generator"]["parameters"] == 8_216_482
    assert content["cnn"]["parameters"] == 11_056_961
    assert content["cnn"]["input_shapes"] == {"mri": [1, 256, 256, 256], "pet": [2, 93, 76, 76]}


def test_checkpointing_is_measured_whichever_way_it_is_configured():
    config = load_config("pix2pix3d-tanhshrink.toml")
    assert config.generator.checkpointing
    memory = Pix2pix3dSystem(config).resources().content["memory"]
    assert memory["activations_bytes"] == memory["activations_bytes_with_checkpointing"]
    assert memory["activations_bytes"] < memory["activations_bytes_without_checkpointing"]


def test_networks_have_no_dropout():
    """Paper B's 3D pix2pix: the generator is deterministic (decision record 0075)."""
    config = parse_config({"system": "pix2pix3d-tanh", "generator": {"activation": "tanh"}})
    for network in (build_generator(config), build_cnn(config)):
        assert not [part for part in network.modules() if "dropout" in type(part).__name__.lower()]


def step_config(**more):
    content = {
        "system": "pix2pix3d-tanhshrink",
        "data": {"voxel_mm": 16.0, "frames": 2},
        "generator": {"filters": 2, "levels": 2, "checkpointing": False},
        "cnn": {"filters": 2, "layers": 2},
    }
    return parse_config(content | more)


@pytest.fixture(scope="module")
def fabric():
    return Fabric(accelerator="cpu", devices=1)


@pytest.fixture(scope="module")
def batches():
    """Two batches of one sample each."""
    draw = torch.Generator().manual_seed(0)
    return [
        (
            torch.randn(1, 1, 32, 32, 32, generator=draw),
            torch.randn(1, 2, 12, 10, 10, generator=draw),
        )
        for _ in range(2)
    ]


def test_losses_are_those_of_the_networks_at_hand(fabric, batches):
    config = step_config(loss={"adversarial": 0.5, "l1": 10.0})
    networks = build_networks(config, fabric)
    ((mri, pet), _) = batches
    with torch.no_grad():
        synthetic_pet = networks.generator(mri)
        expected = discriminator_loss(networks.cnn(mri, pet), networks.cnn(mri, synthetic_pet))
    terms = train_step(networks, fabric, config, batches[:1])
    with torch.no_grad():  # the discriminator has learnt by now
        fooling = adversarial_loss(networks.cnn(mri, synthetic_pet))

    assert tuple(terms) == TERMS
    torch.testing.assert_close(terms["cnn"], expected)
    torch.testing.assert_close(terms["adversarial"], fooling)
    torch.testing.assert_close(terms["l1"], l1_loss(synthetic_pet, pet))
    torch.testing.assert_close(terms["generator"], 0.5 * fooling + 10 * terms["l1"])


def test_two_accumulated_batches_are_one_of_twice_the_size(fabric, batches):
    config = step_config()
    whole = [tuple(torch.cat(parts) for parts in zip(*batches, strict=True))]
    results = []
    for window in (batches, whole):
        networks = build_networks(config, fabric)
        terms = train_step(networks, fabric, config, window)
        gradients = [
            weight.grad.flatten()
            for network in networks.modules()
            for weight in network.parameters()
        ]
        results.append((terms, torch.cat(gradients)))
    (terms, gradient), (others, other) = results

    for name in TERMS:
        torch.testing.assert_close(terms[name], others[name], rtol=1e-4, atol=1e-5)
    assert (gradient - other).norm() < 1e-3 * other.norm()


def test_the_discriminator_learns_nothing_from_the_generators_loss(fabric, batches):
    """Its gradient after the step is that of its own loss before it."""
    config = step_config()
    networks = build_networks(config, fabric)
    before = copy.deepcopy(networks.cnn)
    ((mri, pet), _) = batches
    with torch.no_grad():
        synthetic_pet = networks.generator(mri)
    loss = discriminator_loss(before(mri, pet), before(mri, synthetic_pet))
    expected = torch.autograd.grad(loss, list(before.parameters()))
    train_step(networks, fabric, config, batches[:1])

    for weight, gradient in zip(networks.cnn.parameters(), expected, strict=True):
        torch.testing.assert_close(weight.grad, gradient)


def test_one_step_is_one_adam_step_of_each_network(fabric, batches):
    config = step_config(optimiser={"learning_rate": 1e-3})
    networks = build_networks(config, fabric)
    before = [copy.deepcopy(network) for network in networks.modules()]
    train_step(networks, fabric, config, batches)

    for old, new in zip(before, networks.modules(), strict=True):
        pairs = zip(old.parameters(), new.parameters(), strict=True)
        moved = max((b - a).abs().max().item() for a, b in pairs)
        assert moved == pytest.approx(1e-3, rel=0.05)


def test_the_seed_alone_decides_the_initial_weights(fabric):
    state = torch.get_rng_state()
    one, again, other = (build_networks(step_config(seed=seed), fabric) for seed in (5, 5, 6))

    assert torch.equal(torch.get_rng_state(), state)
    for network, same, different in zip(
        *(each.modules() for each in (one, again, other)), strict=True
    ):
        first, second, third = (next(each.parameters()) for each in (network, same, different))
        assert torch.equal(first, second)
        assert not torch.equal(first, third)
