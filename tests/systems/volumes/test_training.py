"""Paper B's systems: what a step takes, how far it goes, and which data they are made for."""

import dataclasses

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from petsynth.config import parse_config
from petsynth.data.prepared import PreparedData
from petsynth.data.volumes import BatchPartition
from petsynth.errors import ConfigError, InputError
from petsynth.systems.pix2pix3d.config import Pix2pix3dConfig
from petsynth.systems.pix2pix3d.training import Pix2pix3dTraining
from petsynth.systems.volumes.training import check_volumes, count_steps


def small_config(*, data=None, optimiser=None, **training) -> Pix2pix3dConfig:
    return parse_config(
        {
            "system": "pix2pix3d-tanhshrink",
            "data": {"voxel_mm": 13.0} | (data or {}),
            "generator": {"filters": 4, "levels": 2, "checkpointing": False},
            "cnn": {"filters": 4, "layers": 2},
            "optimiser": {"learning_rate": 1e-3, **(optimiser or {})},
            "training": {"epochs": 4, "batch_size": 1, "accumulate": 2} | training,
        }
    )


@pytest.fixture
def alone() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


@pytest.fixture
def data(tiny_volumes) -> PreparedData:
    return PreparedData(tiny_volumes)


def test_a_step_takes_a_window_of_batches(data, alone):
    training = Pix2pix3dTraining(small_config(batch_size=3, accumulate=2, epochs=2), data, alone)
    windows = list(training.batches(0))
    assert (training.epoch_steps, training.steps) == (1, 2)
    assert [len(window) for window in windows] == [2, 2]
    for mri, pet in windows[0]:
        assert mri.shape == (3, 1, 39, 39, 39)
        assert pet.shape == (3, 2, 14, 12, 12)


def test_two_processes_together_take_what_one_takes_with_twice_the_batch(data, alone, one_of_two):
    one = Pix2pix3dTraining(small_config(batch_size=4, max_steps=2), data, alone)
    two = [
        Pix2pix3dTraining(small_config(batch_size=2, max_steps=2), data, one_of_two(rank))
        for rank in (0, 1)
    ]
    steps = list(zip(one.batches(0), *(each.batches(0) for each in two), strict=True))
    assert len(steps) == 2
    for window, *parts in steps:
        for (_, pet), (_, first), (_, second) in zip(window, *parts, strict=True):
            assert torch.equal(pet, torch.cat([first, second]))


@pytest.mark.parametrize(
    ("optimiser", "fractions"),
    [
        ({"warm_up": 0.0}, [1, 1, 1, 1]),
        ({"warm_up": 0.5}, [0.5, 1, 1, 1]),
        ({"warm_up": 1.0}, [0.25, 0.5, 0.75, 1]),
        ({"warm_up": 0.25, "decay": 0.75}, [1, 1, 2 / 3, 1 / 3]),
    ],
)
def test_the_learning_rate_rises_and_falls_over_fractions_of_all_steps(
    data, alone, optimiser, fractions
):
    training = Pix2pix3dTraining(small_config(optimiser=optimiser, max_steps=4), data, alone)
    optimisers = (training.networks.generator_optimiser, training.networks.cnn_optimiser)
    for step, (window, fraction) in enumerate(zip(training.batches(0), fractions, strict=True)):
        training.train_step(window, step, measure=False)
        rates = [group["lr"] for each in optimisers for group in each.param_groups]
        assert rates == pytest.approx([1e-3 * fraction] * 2)


def test_models_are_written_as_often_as_they_are_validated(data, alone):
    assert Pix2pix3dTraining(small_config(validate_every=7), data, alone).write_every == 7


class Zero(torch.nn.Module):
    """Answers every T1 with a PET that is its mean everywhere, once normalised."""

    def forward(self, mri_BCXYZ):
        return torch.zeros(len(mri_BCXYZ), 2, 14, 12, 12)


def test_inferred_pet_has_the_axes_and_units_of_the_prepared_one(data, alone):
    training = Pix2pix3dTraining(small_config(), data, alone)
    training.networks.generator = Zero()
    pet = training.infer_pet("sub-004")
    assert pet.shape == np.asarray(data.pet("sub-004")).shape == (12, 14, 12, 2)
    mean = np.asarray(data.t1("sub-004")).mean()
    np.testing.assert_allclose(pet, mean / 10, rtol=1e-5)


@pytest.mark.parametrize(
    ("subjects", "partition", "epoch", "steps"),
    [
        (4, BatchPartition(2, 2), 1, 3),
        (5, BatchPartition(2, 2), 2, 6),
        (1, BatchPartition(2, 2), 1, 3),
        (5, BatchPartition(2, 2, processes=2), 1, 3),
        (9, BatchPartition(1, 1), 9, 20),
    ],
)
def test_an_epoch_is_rounded_up_to_whole_steps(subjects, partition, epoch, steps):
    config = small_config(epochs=3, max_steps=20)
    assert count_steps(config, partition, subjects) == (epoch, steps)


def test_without_a_limit_the_epochs_count():
    assert count_steps(small_config(epochs=3), BatchPartition(1, 1), 9) == (9, 27)


def test_data_prepared_as_configured_pass(data):
    check_volumes(small_config(), data)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"voxel_mm": 13.5}, r"13.5, .* PET voxels of 13 mm; give --data.voxel-mm 13, or prepare"),
        ({"frames": 3}, r"data.frames is 3, .* has 2; give --data.frames 2, or prepare"),
    ],
)
def test_other_voxels_or_frames_are_refused_with_the_option_that_helps(data, settings, message):
    with pytest.raises(ConfigError, match=message):
        check_volumes(small_config(data=settings), data)


def test_the_advice_for_data_of_paper_a_names_the_voxels_that_are_wanted(tiny_prepared):
    config = small_config(data={"voxel_mm": 13.5})
    message = r"not prepared for pix2pix3d-tanhshrink; .*--grid paper-b --voxel-mm 13.5 into"
    with pytest.raises(InputError, match=message):
        check_volumes(config, PreparedData(tiny_prepared))


def test_the_right_voxels_on_another_box_are_refused(data):
    x, y, z = data.grid.shape
    other = dataclasses.replace(data.grid, shape=(x, y, z + 1))
    with pytest.raises(ConfigError, match=r"data.voxel_mm is 13"):
        check_volumes(small_config(), _On(data, other))


class _On:
    """Prepared data as they are, on another grid."""

    def __init__(self, data, grid):
        self.folder, self.t1_grid, self.frames = data.folder, data.t1_grid, data.frames
        self.grid = grid
