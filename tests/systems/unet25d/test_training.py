"""Training of the 2.5D U-Net: a step by hand, and a whole one that learns and is resumed."""

import dataclasses

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim import Adam

from petsynth.config import parse_config
from petsynth.data.prepared import PreparedData
from petsynth.errors import ConfigError, PetsynthWarning
from petsynth.inference.run import load_run
from petsynth.systems.base import PredictionSettings
from petsynth.systems.optimisation import Networks
from petsynth.systems.unet25d.config import LossConfig
from petsynth.systems.unet25d.slabs import Slab
from petsynth.systems.unet25d.training import (
    TERMS,
    Unet25dTraining,
    build_networks,
    gradient_loss,
    train_step,
)
from petsynth.training import trainer
from petsynth.training.trainer import train

RATE = 0.01


def small_config(*, warm_up=0.03, **training):
    return parse_config(
        {
            "system": "unet25d",
            "data": {"slices": 3, "padded_size": 32, "slabs_per_volume": 6, "shuffled_volumes": 2},
            "generator": {"filters": 8, "max_filters": 16, "levels": 2},
            "optimiser": {"warm_up": warm_up},
            "training": {"batch_size": 4, "workers": 0, "log_every": 2, "samples_every": 100}
            | training,
        }
    )


@pytest.fixture
def alone() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


@pytest.fixture
def data(tiny_prepared) -> PreparedData:
    return PreparedData(tiny_prepared)


class Constant(nn.Module):
    """Answer every slab with the same PET and the same expected error."""

    def __init__(self, pet, error):
        super().__init__()
        self.pet = nn.Parameter(torch.tensor(pet))
        self.error = nn.Parameter(torch.tensor(error))

    def forward(self, mri, place, covariates):
        even = torch.ones_like(mri[:, :1])
        return self.pet * even, self.error * even


def improve(loss, pet=0.5, error=1.0, unmeasured=()):
    network = Constant(pet, error)
    networks = Networks(network, Adam(network.parameters(), lr=RATE))
    learnt, measured = torch.ones(2, 1, 4, 4), torch.full((2, 1, 4, 4), 3.0)
    learnt[:, :, :, 2:] = 2.0  # an edge between two of the four columns
    pets = torch.cat([learnt, measured], dim=1)
    pets[:, :, :, list(unmeasured)] = torch.nan
    batch = Slab(torch.zeros(2, 3, 4, 4), pets, torch.zeros(2, 3, 4), torch.zeros(2, 0))
    fabric = Fabric(accelerator="cpu", devices=1)
    return train_step(networks, fabric, loss, batch), network


def test_terms_by_hand():
    terms, _ = improve(LossConfig(l1=1.0, l2=3.0, gradient=2.0, error=4.0))

    assert tuple(terms) == TERMS
    assert terms["l1"].item() == pytest.approx((0.5 + 1.5) / 2)
    assert terms["l2"].item() == pytest.approx((0.25 + 2.25) / 2)
    assert terms["gradient"].item() == pytest.approx(1 / 3)  # one of three differences in a row
    assert terms["error"].item() == pytest.approx(1.5)  # the PET is 2.5 below what was measured
    assert terms["generator"].item() == pytest.approx(1.0 + 3 * 1.25 + 2 / 3 + 4 * 1.5)


def test_the_expected_error_does_not_pull_at_the_pet():
    _, network = improve(LossConfig(l1=0.0, gradient=0.0, error=1.0))

    assert network.pet.item() == 0.5
    assert network.error.item() == pytest.approx(1.0 + RATE, abs=1e-4)


def test_the_pet_follows_what_is_to_be_learnt_and_not_what_was_measured():
    _, network = improve(LossConfig(l1=1.0, gradient=0.0, error=0.0), pet=2.5)

    assert network.pet.item() == pytest.approx(2.5 - RATE, abs=1e-4)  # measured is 3
    assert network.error.item() == 1.0


def test_nothing_is_learnt_where_no_pet_was_measured():
    loss = LossConfig(l1=1.0, l2=1.0, gradient=1.0, error=1.0)
    terms, network = improve(loss, pet=1.2, error=0.1, unmeasured=(2, 3))
    _, untouched = improve(loss, unmeasured=(0, 1, 2, 3))

    assert terms["l1"].item() == pytest.approx(0.2 / 2)  # of the 1.0 in the other two columns
    assert terms["error"].item() == pytest.approx((1.8 - 0.1) / 2)
    assert network.pet.item() == pytest.approx(1.2 - RATE, abs=1e-4)
    assert (untouched.pet.item(), untouched.error.item()) == (0.5, 1.0)


def test_the_learning_rate_rises_over_its_fraction_of_all_steps_and_then_falls(data, alone):
    config = small_config(epochs=5, warm_up=0.3)  # 6 steps an epoch
    training = Unet25dTraining(config, data, alone)
    assert training.schedule.warm_up == 9
    assert training.schedule.decay == 21
    (group,) = training.networks.generator_optimiser.param_groups
    rates = []
    for step, batch in zip(range(30), training.batches(0), strict=True):
        training.train_step(batch, step, measure=False)
        rates.append(group["lr"] / config.optimiser.learning_rate)
    assert rates == pytest.approx([training.schedule(step) for step in range(30)])
    assert rates[0] == pytest.approx(1 / 9)
    assert rates[8] == rates[9] == 1
    assert 0 < rates[-1] < 0.01


def test_two_processes_together_take_what_one_takes_with_twice_the_batch(data, alone, one_of_two):
    one = Unet25dTraining(small_config(batch_size=4), data, alone)
    two = [Unet25dTraining(small_config(batch_size=2), data, one_of_two(rank)) for rank in (0, 1)]
    assert {each.steps for each in two} == {one.steps}
    parts = zip(one.batches(0), *(each.batches(0) for each in two), strict=True)
    for _, ((mri, pet, *_), first, second) in zip(range(one.epoch_steps), parts, strict=False):
        assert torch.equal(mri, torch.cat([first[0], second[0]]))
        assert torch.equal(pet, torch.cat([first[1], second[1]]))


def test_the_seed_alone_decides_the_initial_weights(alone):
    state = torch.get_rng_state()
    one, again, other = (
        build_networks(dataclasses.replace(small_config(), seed=seed), alone).generator
        for seed in (5, 5, 6)
    )
    assert torch.equal(torch.get_rng_state(), state)
    weights = [torch.cat([w.flatten() for w in each.parameters()]) for each in (one, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_gradient_loss_is_of_differences_of_neighbours_along_both_axes():
    pet = torch.zeros(1, 1, 2, 3)
    synthetic = torch.tensor([[[[0.0, 1.0, 1.0], [0.0, 1.0, 1.0]]]])

    assert gradient_loss(synthetic, pet).item() == pytest.approx(
        0.5
    )  # rows: 0; columns: 1, 0, 1, 0
    assert gradient_loss(synthetic + 3, pet).item() == pytest.approx(0.5)


class KilledError(Exception):
    pass


def test_a_killed_training_goes_on_exactly(tiny_prepared, tmp_path, monkeypatch):
    config = small_config(epochs=3, checkpoint_minutes=1e-9, workers=0)
    data = PreparedData(tiny_prepared)
    train(config, data, tmp_path / "whole", threads=1, device="cpu")

    with monkeypatch.context() as patch:
        check = trainer._check_finite

        def kill(figures, step, recorder):
            if step == 10:  # in the middle of the second epoch of six steps
                raise KilledError
            check(figures, step, recorder)

        patch.setattr(trainer, "_check_finite", kill)
        with pytest.raises(KilledError):
            train(config, data, tmp_path / "resumed", threads=1, device="cpu")
    train(config, data, tmp_path / "resumed", resume=True, threads=1, device="cpu")

    one, other = (
        (tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "resumed")
    )
    assert one == other


def test_a_padded_size_that_is_too_small_is_refused_before_anything_is_written(
    tiny_prepared, tmp_path
):
    config = small_config()
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, padded_size=16))

    with pytest.raises(ConfigError, match="too small"):
        train(config, PreparedData(tiny_prepared), tmp_path / "run", threads=1, device="cpu")
    assert not (tmp_path / "run").exists()


def test_a_configuration_for_finer_voxels_is_warned_of(tiny_prepared, tmp_path):
    """As petsynth-fdg.toml, which is for 2 mm, on data of 3 mm."""
    config = small_config()
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, padded_size=48))
    data = PreparedData(tiny_prepared)
    told = r"prepared: voxels of \S+ mm are coarser .* 21 x 25 .* 23% .* --data.padded-size 28$"
    with pytest.warns(PetsynthWarning, match=told):
        train(config, data, tmp_path / "run", threads=1, device="cpu")


def test_training_lowers_the_error_and_the_run_predicts(tiny_prepared, tmp_path):
    config = small_config(epochs=25)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, augment=False))
    data = PreparedData(tiny_prepared)
    train(config, data, tmp_path / "run", threads=1, device="cpu")
    rows = (tmp_path / "run" / "train_log.csv").read_text().splitlines()
    l1 = [float(row.split(",")[2]) for row in rows[1:]]
    assert l1[-1] < 0.5 * l1[0]

    run = load_run(tmp_path / "run")
    name = data.participants("train")[0]
    prediction = run.predict(np.asarray(data.mri(name)), PredictionSettings())
    pet = np.asarray(data.static_pet(name))
    assert prediction.std is not None
    assert (prediction.std[np.asarray(data.mask(name))] > 0).all()
    assert (prediction.std >= 0).all()
    assert np.corrcoef(prediction.mean.ravel(), pet.ravel())[0, 1] > 0.7
    assert "2.5D U-Net" in (tmp_path / "run" / "model_card.md").read_text()
