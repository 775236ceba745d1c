"""MedGAN's step: its losses, whose turn it is, one pair learnt by heart, the extractor."""

import dataclasses

import pytest
import torch
from lightning_fabric import Fabric

from petsynth.config import parse_config
from petsynth.data.prepared import PreparedData
from petsynth.networks.losses import adversarial_loss, discriminator_loss, l1_loss
from petsynth.systems.medgan.config import MedganConfig
from petsynth.systems.medgan.losses import content_loss, perceptual_loss, style_loss
from petsynth.systems.medgan.training import TERMS, MedganTraining, build_networks, train_step


def small_config(**tables) -> MedganConfig:
    content = {
        "system": "medgan-axial",
        "data": {"padded_size": 32, "intensity": "float"},
        "generator": {"blocks": 2, "filters": 8, "max_filters": 32, "levels": 3},
        "discriminator": {"filters": 8, "layers": 1},
        "extractor": {"source": "random", "filters": 4, "stages": 2, "steps": 4, "batch_size": 2},
    }
    for table, values in tables.items():
        content[table] = content.get(table, {}) | values
    return parse_config(content)


@pytest.fixture
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    """Return a bright square and its dimmer, smaller copy."""
    mri, pet = torch.full((2, 1, 1, 32, 32), -1.0)
    mri[:, :, 8:24, 10:20] = 0.8
    pet[:, :, 10:22, 12:18] = 0.2
    return mri, pet


@pytest.mark.parametrize("source", ["random", "discriminator"])
def test_losses_are_those_of_the_networks_at_hand(fabric, pair, source):
    config = small_config(
        extractor={"source": source}, loss={"style": 3.0, "content": 5.0, "pixels": 2.0}
    )
    networks = build_networks(config, fabric)
    mri, pet = pair
    with torch.no_grad():
        synthetic_pet = networks.generator(mri)
        expected_discriminator = discriminator_loss(
            networks.discriminator(mri, pet), networks.discriminator(mri, synthetic_pet)
        )
    terms = train_step(networks, fabric, config, pair, step=0)
    with torch.no_grad():  # the discriminator has learnt by now
        *real, _ = networks.discriminator.features(mri, pet)
        *generated, logits = networks.discriminator.features(mri, synthetic_pet)
        features = (generated, real)
        if networks.extractor is not None:
            features = (networks.extractor(synthetic_pet), networks.extractor(pet))
        l1 = l1_loss(synthetic_pet, pet)
        perceptual = 2 * l1 + perceptual_loss(generated, real)
        style, content = style_loss(*features), content_loss(*features)
        generator = adversarial_loss(logits) + 20 * perceptual + 3 * style + 5 * content
    assert tuple(terms) == TERMS
    expected = (expected_discriminator, adversarial_loss(logits), l1, perceptual)
    for name, value in zip(TERMS, (*expected, style, content, generator), strict=True):
        torch.testing.assert_close(terms[name], value, msg=name)


def test_the_discriminator_learns_at_every_third_step_and_the_generator_always(fabric, pair):
    config = small_config()
    networks = build_networks(config, fabric)
    parts = {"generator": networks.generator, "discriminator": networks.discriminator}
    learnt = []
    for step in range(4):
        before = {name: next(part.parameters()).detach().clone() for name, part in parts.items()}
        train_step(networks, fabric, config, pair, step)
        learnt.append(
            {n for n, part in parts.items() if not torch.equal(before[n], next(part.parameters()))}
        )
    both = {"generator", "discriminator"}
    assert learnt == [both, {"generator"}, {"generator"}, both]


def test_the_extractor_does_not_learn_with_the_generator(fabric, pair):
    config = small_config()
    networks = build_networks(config, fabric)
    before = [weight.clone() for weight in networks.extractor.parameters()]
    train_step(networks, fabric, config, pair, 0)
    after = networks.extractor.parameters()
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_one_pair_can_be_learnt_by_heart(fabric, pair):
    config = small_config(optimiser={"learning_rate": 2e-3})
    networks = build_networks(config, fabric)
    errors = [train_step(networks, fabric, config, pair, step)["l1"].item() for step in range(150)]
    assert errors[0] > 0.8
    assert errors[-1] < 0.05


def test_a_denoiser_is_trained_before_the_first_step_and_kept_in_the_state(
    fabric, make_prepared, tmp_path
):
    data = PreparedData(make_prepared(tmp_path / "prepared", {"train": 1}))
    config = small_config(extractor={"source": "denoiser"})
    training = MedganTraining(config, data, fabric)
    initial = training.networks.extractor.state_dict()["stages.0.0.weight"].clone()
    batch = next(training.batches(0))
    training.train_step(batch, 0, measure=False)
    state = training.networks.state_dict()["extractor"]
    kept = state["stages.0.0.weight"].clone()
    assert not torch.equal(kept, initial)
    training.train_step(batch, 1, measure=False)
    assert torch.equal(kept, state["stages.0.0.weight"])

    resumed = MedganTraining(config, data, fabric)
    resumed.networks.load_state_dict(training.networks.state_dict())
    resumed.train_step(batch, 2, measure=False)
    assert torch.equal(kept, resumed.networks.extractor.state_dict()["stages.0.0.weight"])


def test_without_weights_style_and_content_do_not_matter(fabric, pair):
    quiet = small_config(loss={"style": 0.0, "content": 0.0})
    other = dataclasses.replace(
        quiet, extractor=dataclasses.replace(quiet.extractor, source="discriminator")
    )
    generators = []
    for config in (quiet, other):
        networks = build_networks(config, fabric)
        train_step(networks, fabric, config, pair, 0)
        generators.append(networks.generator)
    for a, b in zip(*(network.parameters() for network in generators), strict=True):
        assert torch.equal(a, b)
