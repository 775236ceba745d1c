"""The flow's training: its batches, its loss, one pair learnt by heart, a spread that is known."""

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from petsynth.config import parse_config
from petsynth.data.prepared import PreparedData, array_path
from petsynth.systems.bridge.config import BridgeConfig
from petsynth.systems.bridge.flow import interpolate, start
from petsynth.systems.bridge.network import FlowUNet3d
from petsynth.systems.bridge.training import (
    TERMS,
    BridgeTraining,
    FlowBatch,
    pad,
    sample_pet,
    train_step,
)
from petsynth.systems.optimisation import Networks, with_adam


def small_config(**tables) -> BridgeConfig:
    content = {
        "system": "pet-bridge",
        "generator": {"filters": 8, "max_filters": 8, "levels": 2},
        "training": {"max_steps": 6, "batch_size": 2},
    }
    for table, values in tables.items():
        content[table] = content.get(table, {}) | values
    return parse_config(content)


@pytest.fixture
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


@pytest.fixture
def data(make_prepared, tmp_path) -> PreparedData:
    return PreparedData(make_prepared(tmp_path / "prepared", {"train": 3, "validation": 1}))


def make_networks(fabric: Fabric, rate: float) -> Networks:
    torch.manual_seed(0)
    return Networks(*with_adam(fabric, FlowUNet3d(8, 8, levels=2), rate, (0.9, 0.999)))


def batch_of(t1: torch.Tensor, pet: torch.Tensor, random: torch.Generator) -> FlowBatch:
    z = torch.randn(t1.shape, generator=random)
    return FlowBatch(t1, pet, z, torch.rand(len(t1), generator=random), torch.zeros(len(t1), 0))


def test_what_was_not_measured_is_not_learnt(fabric):
    """Hand-made: the network says 0.5, the PET is 0 in one half and unknown in the other."""

    class Half(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.level = torch.nn.Parameter(torch.tensor(0.5))

        def forward(self, x, t1, t, covariates):
            assert not x.isnan().any()
            return self.level.expand_as(x)

    networks = Networks(*with_adam(fabric, Half(), 0.0, (0.9, 0.999)))
    pet = torch.zeros(1, 1, 4, 4, 4)
    pet[:, :, 2:] = torch.nan
    told = train_step(networks, fabric, 0.2, batch_of(pet.nan_to_num(), pet, torch.Generator()))
    assert told["l1"] == pytest.approx(0.25)  # 0.5 in half of the voxels, 0 in the others
    assert told["generator"] == pytest.approx(0.125)
    (level,) = networks.generator.parameters()
    assert level.grad == pytest.approx(0.5)  # the mean of 2 x 0.5 in one half and 0 in the other


def test_batches_mark_what_was_not_measured(data, fabric):
    for name in data.participants("train"):
        path = array_path(data.folder, name, "pet")
        pet, mask = np.load(path), data.mask(name)
        pet[mask & (np.indices(mask.shape)[2] < np.flatnonzero(mask.any((0, 1)))[0] + 2)] = 0
        np.save(path, pet)
    batch = next(BridgeTraining(small_config(), data, fabric).batches(0))
    assert batch.pet.isnan().any()
    assert not batch.t1.isnan().any()


def test_batches_depend_on_the_step_and_the_seed_alone(data, fabric):
    training = BridgeTraining(small_config(), data, fabric)
    batches = list(training.batches(0))
    assert len(batches) == training.steps == 6
    for one, again in zip(batches[4:], training.batches(4), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    other = next(BridgeTraining(small_config(), data, fabric).batches(1))
    assert not torch.equal(other.z, batches[0].z)
    assert batches[0].t1.shape == (2, 1, 24, 28, 24)  # 21 x 25 x 21, divisible by 4
    assert batches[0].covariates.shape == (2, 0)
    assert 0 <= batches[0].t.min() <= batches[0].t.max() <= 1
    assert abs(float(batches[0].z.std()) - 1) < 0.05


def test_two_processes_together_take_what_one_takes_with_twice_the_batch(data, fabric, one_of_two):
    one = BridgeTraining(small_config(training={"batch_size": 2}), data, fabric)
    half = small_config(training={"batch_size": 1})
    two = [BridgeTraining(half, data, one_of_two(rank)).batches(0) for rank in (0, 1)]
    for whole, *parts in zip(one.batches(0), *two, strict=True):
        for tensor, *halves in zip(whole, *parts, strict=True):
            assert torch.equal(tensor, torch.cat(halves))


def test_flips_turn_both_images(data, fabric):
    config = small_config(training={"max_steps": 30, "batch_size": 1})
    plain = {name: pad(np.array(data.mri(name)), 4) for name in data.participants("train")}
    flipped = {name: pad(np.array(data.mri(name))[::-1], 4) for name in plain}
    seen = [batch.t1[0, 0].numpy() for batch in BridgeTraining(config, data, fabric).batches(0)]
    kinds = [
        any(np.array_equal(image, other) for other in images.values())
        for image in seen
        for images in (plain, flipped)
    ]
    counts = np.array(kinds).reshape(-1, 2).sum(axis=0)
    assert counts.sum() >= 30
    assert counts.min() > 5


def test_covariates_are_told_or_kept(data, fabric):
    config = small_config(
        data={"covariates": ["sex"], "covariate_dropout": 0.5},
        training={"max_steps": 40, "batch_size": 1},
    )
    told = torch.cat([b.covariates for b in BridgeTraining(config, data, fabric).batches(0)])
    assert told.shape == (40, 2)
    assert 0 < told[:, 1].mean() < 0.6
    assert set(told[told[:, 1] == 0, 0].tolist()) == {0.0}


def test_the_loss_is_the_squared_error_of_the_mean_on_the_path(fabric):
    networks, random = make_networks(fabric, 1e-3), torch.Generator().manual_seed(0)
    batch = batch_of(*torch.rand(2, 2, 1, 8, 8, 8, generator=random), random)
    with torch.no_grad():
        x = interpolate(start(batch.t1, batch.z, 0.3), batch.pet, batch.t)
        expected = networks.generator(x, batch.t1, batch.t) - batch.pet
    terms = train_step(networks, fabric, 0.3, batch)
    assert tuple(terms) == TERMS
    torch.testing.assert_close(terms["generator"], (expected**2).mean())
    torch.testing.assert_close(terms["l1"], expected.abs().mean())


def test_one_pair_is_learnt_by_heart(fabric):
    networks, random = make_networks(fabric, 1e-2), torch.Generator().manual_seed(0)
    t1, pet = torch.full((2, 1, 1, 8, 8, 8), -1.0)
    t1[..., 2:6, 2:7, 1:6], pet[..., 2:6, 2:7, 1:6] = 0.6, 0.1
    errors = []
    for step in range(150):
        networks.set_learning_rate(1e-2 * (1 - step / 150))
        terms = train_step(networks, fabric, 0.2, batch_of(t1, pet, random))
        errors.append(terms["l1"].item())
    assert np.mean(errors[-10:]) < 0.06 < 0.5 < errors[0]
    sampled = sample_pet(
        networks.generator,
        t1[0, 0].numpy(),
        noise=0.2,
        evaluations=5,
        seed=(0, 0),
        covariates=np.zeros(0, np.float32),
        device=torch.device("cpu"),
    )
    assert np.abs(sampled - pet[0, 0].numpy()).mean() < 0.06


def test_the_spread_of_samples_is_that_of_pets_of_the_same_t1(fabric):
    """PETs of one T1 differ in level: normal, standard deviation 0.2 around 0.1."""
    networks, random = make_networks(fabric, 5e-3), torch.Generator().manual_seed(0)
    t1 = torch.zeros(8, 1, 8, 8, 8)
    for step in range(300):
        networks.set_learning_rate(5e-3 * (1 - step / 300))
        level = 0.1 + 0.2 * torch.randn(8, 1, 1, 1, 1, generator=random)
        train_step(networks, fabric, 0.3, batch_of(t1, t1 + level, random))
    levels = [
        sample_pet(
            networks.generator,
            t1[0, 0].numpy(),
            noise=0.3,
            evaluations=8,
            seed=(0, sample),
            covariates=np.zeros(0, np.float32),
            device=torch.device("cpu"),
        ).mean()
        for sample in range(100)
    ]
    assert np.mean(levels) == pytest.approx(0.1, abs=0.06)
    assert np.std(levels) == pytest.approx(0.2, rel=0.25)


def test_validation_is_in_pet_units_on_the_grid(data, fabric):
    training = BridgeTraining(small_config(), data, fabric)
    pet = training.infer_pet("sub-004")
    assert pet.shape == data.grid.shape
    # A new network says 0 everywhere: the middle of the scale.
    np.testing.assert_allclose(pet, data.pet_scale / 2, atol=1e-5)
