"""Paper A's training: one step, and the batches of an epoch, alone and with other processes."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from petsynth.config import parse_config
from petsynth.data.prepared import PreparedData
from petsynth.errors import ConfigError
from petsynth.networks.losses import adversarial_loss, discriminator_loss, l1_loss
from petsynth.networks.patchgan2d import PatchGan2d
from petsynth.networks.unet2d import UNet2d
from petsynth.systems.pix2pix.config import Pix2pixConfig
from petsynth.systems.pix2pix.training import (
    TERMS,
    Pix2pixNetworks,
    Pix2pixTraining,
    build_discriminator,
    build_generator,
    build_networks,
    train_step,
)
from petsynth.volume import Grid

KEYS = torch.tensor([1, 2])


def step_config(**more) -> Pix2pixConfig:
    content = {
        "data": {"padded_size": 32},
        "generator": {"filters": 8, "max_filters": 32, "levels": 3, "dropout_levels": 1},
        "discriminator": {"filters": 8, "layers": 2},
    }
    return parse_config(content | more)


def small_config(*, planes=("axial",), **training) -> Pix2pixConfig:
    return parse_config(
        {
            "system": "pix2pix-axial",
            "data": {"padded_size": 32, "intensity": "float", "planes": planes},
            "generator": {"filters": 4, "max_filters": 8, "levels": 2, "dropout_levels": 1},
            "discriminator": {"filters": 4, "layers": 1},
            "training": {"epochs": 2, "batch_size": 2} | training,
        }
    )


@pytest.fixture
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


@pytest.fixture
def data(make_prepared, tmp_path) -> PreparedData:
    """Return one training subject of 21 axial slices."""
    return PreparedData(make_prepared(tmp_path / "prepared", {"train": 1, "validation": 1}))


@pytest.mark.parametrize("system", ["pix2pix-axial", "pix2pix-augmented"])
def test_both_systems_can_be_built(system):
    config = step_config(system=system)
    generator, discriminator = build_generator(config), build_discriminator(config)
    assert isinstance(generator, UNet2d)
    assert isinstance(discriminator, PatchGan2d)
    assert [down[0].out_channels for down in generator.downs] == [8, 16, 32]
    assert discriminator.receptive_field() == PatchGan2d(filters=1, layers=2).receptive_field()


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
    config = step_config()
    networks = build_networks(config, fabric)
    mri, pet = pair
    with torch.no_grad():
        synthetic_pet = networks.generator(mri, KEYS)
        expected_discriminator = discriminator_loss(
            networks.discriminator(mri, pet), networks.discriminator(mri, synthetic_pet)
        )
    terms = train_step(networks, fabric, config, pair, KEYS)
    with torch.no_grad():  # the discriminator has learnt by now
        expected_adversarial = adversarial_loss(networks.discriminator(mri, synthetic_pet))
    torch.testing.assert_close(terms["discriminator"], expected_discriminator)
    torch.testing.assert_close(terms["adversarial"], expected_adversarial)
    torch.testing.assert_close(terms["l1"], l1_loss(synthetic_pet, pet))
    torch.testing.assert_close(terms["generator"], terms["adversarial"] + 100 * terms["l1"])
    assert tuple(terms) == TERMS


def test_one_step_is_one_adam_step_of_each_network(fabric, pair):
    """The first Adam step moves every weight by the learning rate, against its gradient's sign."""
    config = step_config()
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
    networks = build_networks(step_config(), fabric)
    for optimiser in (networks.generator_optimiser, networks.discriminator_optimiser):
        assert isinstance(optimiser, torch.optim.Adam)
        (group,) = optimiser.param_groups
        assert (group["lr"], group["betas"], group["weight_decay"]) == (2e-4, (0.5, 0.999), 0)


def test_the_discriminators_weights_get_no_gradient_from_the_generators_loss(fabric, pair):
    config = step_config()
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
    _, first = train(step_config(seed=5), fabric, pair, 3)
    torch.manual_seed(99)
    torch.rand(7)
    _, again = train(step_config(seed=5), fabric, pair, 3)
    _, other = train(step_config(seed=6), fabric, pair, 3)
    assert first == again
    assert first != other


def test_building_leaves_torchs_global_state_alone(fabric):
    before = torch.get_rng_state()
    build_networks(step_config(), fabric)
    assert torch.equal(torch.get_rng_state(), before)


def test_one_pair_can_be_learnt_by_heart(fabric, pair):
    config = step_config(optimiser={"learning_rate": 2e-3})
    networks, losses = train(config, fabric, pair, 150)
    assert losses[0]["l1"] > 0.8
    assert losses[-1]["l1"] < 0.05
    mri, pet = pair
    with torch.no_grad():
        assert l1_loss(networks.generator(mri, KEYS), pet).item() < 0.05


def test_without_adversarial_weight_the_discriminator_does_not_matter(fabric, pair):
    one = step_config(loss={"adversarial": 0})
    other = dataclasses.replace(
        one, discriminator=dataclasses.replace(one.discriminator, filters=4)
    )
    generators = [train(config, fabric, pair, 2)[0].generator for config in (one, other)]
    for a, b in zip(*(network.parameters() for network in generators), strict=True):
        assert torch.equal(a, b)


def test_state_comes_back(fabric, pair):
    config = step_config()
    networks, _ = train(config, fabric, pair, 2)
    other = build_networks(step_config(seed=1), fabric)
    other.load_state_dict(copy.deepcopy(networks.state_dict()))
    assert train_step(other, fabric, config, pair, KEYS) == train_step(
        networks, fabric, config, pair, KEYS
    )


def test_an_epoch_shows_every_slice_once(data, fabric):
    training = Pix2pixTraining(small_config(batch_size=4), data, fabric)
    assert (training.epoch_steps, training.steps) == (6, 12)
    sizes = [len(mri) for mri, _ in training.batches(0)]
    assert sizes == [4, 4, 4, 4, 4, 1] * 2


def test_batches_are_pairs_of_square_images_of_the_network(data, fabric):
    training = Pix2pixTraining(small_config(), data, fabric)
    mri, pet = next(training.batches(0))
    assert mri.shape == pet.shape == (2, 1, 32, 32)
    assert mri.dtype == pet.dtype == torch.float32
    assert mri.min() == pet.min() == -1
    assert max(mri.max(), pet.max()) <= 1


def test_two_processes_together_take_what_one_takes_with_twice_the_batch(data, fabric, one_of_two):
    one = Pix2pixTraining(small_config(batch_size=4), data, fabric)
    two = [Pix2pixTraining(small_config(batch_size=2), data, one_of_two(rank)) for rank in (0, 1)]
    assert {each.steps for each in two} == {one.steps}
    parts = zip(one.batches(0), *(each.batches(0) for each in two), strict=True)
    for step, ((mri, pet), first, second) in enumerate(parts):
        if step % one.epoch_steps == one.epoch_steps - 1:
            assert len(mri) == len(first[0]) == 1
            continue
        assert torch.equal(mri, torch.cat([first[0], second[0]]))
        assert torch.equal(pet, torch.cat([first[1], second[1]]))


@pytest.mark.parametrize("step", [0, 5])  # of 4 slices; of one, which the first process takes
def test_the_mean_of_two_processes_terms_is_that_of_the_whole_batch(data, fabric, step, one_of_two):
    whole = figures_of(Pix2pixTraining(small_config(batch_size=4), data, fabric), step)
    parts = [
        figures_of(Pix2pixTraining(small_config(batch_size=2), data, one_of_two(rank)), step)
        for rank in (0, 1)
    ]
    for name in ("discriminator", "l1"):  # the other terms follow a step of the discriminator
        mean = (parts[0][name] + parts[1][name]) / 2
        assert mean == pytest.approx(whole[name], rel=1e-5)


def figures_of(training: Pix2pixTraining, step: int) -> dict[str, float]:
    figures = training.train_step(next(training.batches(step)), step, measure=False)
    return {name: figure.item() for name, figure in figures.items()}


def test_a_process_without_a_slice_changes_nothing(data, one_of_two):
    training = Pix2pixTraining(small_config(batch_size=2), data, one_of_two(1))
    before = [w.detach().clone() for net in training.networks.modules() for w in net.parameters()]
    assert set(figures_of(training, 5).values()) == {0.0}
    after = [w for net in training.networks.modules() for w in net.parameters()]
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_dropout_is_keyed_by_seed_and_step_and_not_by_torch(data, fabric):
    def l1(step, seed=0):
        config = dataclasses.replace(small_config(), seed=seed)
        training = Pix2pixTraining(config, data, fabric)
        batch = next(Pix2pixTraining(small_config(), data, fabric).batches(0))
        training.networks.load_state_dict(weights)
        return training.train_step(batch, step, measure=False)["l1"].item()

    weights = Pix2pixTraining(small_config(), data, fabric).networks.state_dict()
    first = l1(0)
    torch.manual_seed(99)
    assert l1(0) == first
    assert l1(1) != first
    assert l1(0, seed=1) != first


@pytest.mark.parametrize("output", [-1.0, 0.0, 1.0])
def test_the_networks_range_is_zero_to_the_pet_scale(data, fabric, output):
    training = Pix2pixTraining(small_config(), data, fabric)
    training.networks.generator = Constant(output)
    pet = training.infer_pet("sub-002")
    assert pet.shape == data.grid.shape
    np.testing.assert_allclose(pet, (output + 1) / 2 * data.pet_scale, atol=1e-6)


@pytest.mark.parametrize(
    ("planes", "calls"),
    [(("axial", "coronal"), 21), (("coronal", "sagittal"), 25 + 21), (("sagittal",), 21)],
)
def test_inference_goes_along_axial_slices_or_all_planes_where_axial_ones_were_not_learnt(
    data, fabric, planes, calls
):
    training = Pix2pixTraining(small_config(planes=planes), data, fabric)
    training.networks.generator = Constant(0.0)
    training.infer_pet("sub-002")
    assert training.planes == planes
    assert training.networks.generator.slices == calls


class Constant(torch.nn.Module):
    """Answers every slice with one value, and counts them."""

    def __init__(self, value: float):
        super().__init__()
        self.value, self.slices = value, 0

    def forward(self, mri_BCHW, dropout_keys_B):
        self.slices += len(mri_BCHW)
        return torch.full_like(mri_BCHW, self.value)


def test_slices_larger_than_the_padded_size_are_refused(data, fabric):
    config = small_config()
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, padded_size=24))
    with pytest.raises(
        ConfigError, match=r"data.padded_size of 24 pixels is too small.* side of 25"
    ):
        Pix2pixTraining(config, data, fabric)


@pytest.mark.parametrize(("max_steps", "steps"), [(0, 12), (11, 11), (12, 12), (13, 12)])
def test_processes_shorten_an_epoch_and_the_limit_counts_steps(data, one_of_two, max_steps, steps):
    config = small_config(batch_size=2, max_steps=max_steps)  # 21 slices, 4 of them a step
    assert Pix2pixTraining(config, data, one_of_two(0)).steps == steps


class PaperSize:
    """Twelve subjects on the paper's grid, of which nothing is read."""

    grid = Grid((121, 145, 121), np.eye(4))

    def participants(self, split):
        return [f"sub-{number:03}" for number in range(12)]


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({"epochs": 100, "batch_size": 1}, 145_200),
        ({"epochs": 100, "batch_size": 4, "max_steps": 1500}, 1500),
        ({"epochs": 1, "batch_size": 5, "max_steps": 1500}, 291),
    ],
)
def test_steps_at_the_papers_size(fabric, settings, steps):
    config = step_config(data={"padded_size": 256}, training=settings)
    assert Pix2pixTraining(config, PaperSize(), fabric).steps == steps
