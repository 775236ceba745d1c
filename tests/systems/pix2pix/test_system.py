"""Paper A's systems: two processes share what one would take, and volumes come back in SUVR."""

import dataclasses

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from petsynth.config import Pix2pixConfig, parse_config
from petsynth.data.prepared import PreparedData
from petsynth.errors import ConfigError
from petsynth.systems.pix2pix.system import Pix2pixTraining, total_steps


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
def alone() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


@pytest.fixture
def data(make_prepared, tmp_path) -> PreparedData:
    """Return one training subject of 21 axial slices."""
    return PreparedData(make_prepared(tmp_path / "prepared", {"train": 1, "validation": 1}))


def test_an_epoch_shows_every_slice_once(data, alone):
    system = Pix2pixTraining(small_config(batch_size=4), data, alone)
    assert (system.epoch_steps, system.steps) == (6, 12)
    sizes = [len(mri) for mri, _ in system.batches(0)]
    assert sizes == [4, 4, 4, 4, 4, 1] * 2


def test_batches_are_pairs_of_square_images_of_the_network(data, alone):
    system = Pix2pixTraining(small_config(), data, alone)
    mri, pet = next(system.batches(0))
    assert mri.shape == pet.shape == (2, 1, 32, 32)
    assert mri.dtype == pet.dtype == torch.float32
    assert mri.min() == pet.min() == -1
    assert max(mri.max(), pet.max()) <= 1


def test_two_processes_together_take_what_one_takes_with_twice_the_batch(data, alone, one_of_two):
    one = Pix2pixTraining(small_config(batch_size=4), data, alone)
    two = [Pix2pixTraining(small_config(batch_size=2), data, one_of_two(rank)) for rank in (0, 1)]
    assert {system.steps for system in two} == {one.steps}
    parts = zip(one.batches(0), *(system.batches(0) for system in two), strict=True)
    for step, ((mri, pet), first, second) in enumerate(parts):
        if step % one.epoch_steps == one.epoch_steps - 1:
            assert len(mri) == len(first[0]) == 1
            continue
        assert torch.equal(mri, torch.cat([first[0], second[0]]))
        assert torch.equal(pet, torch.cat([first[1], second[1]]))


@pytest.mark.parametrize("step", [0, 5])  # of 4 slices; of one, which the first process takes
def test_the_mean_of_two_processes_terms_is_that_of_the_whole_batch(data, alone, step, one_of_two):
    whole = figures_of(Pix2pixTraining(small_config(batch_size=4), data, alone), step)
    parts = [
        figures_of(Pix2pixTraining(small_config(batch_size=2), data, one_of_two(rank)), step)
        for rank in (0, 1)
    ]
    for name in ("discriminator", "l1"):  # the other terms follow a step of the discriminator
        mean = (parts[0][name] + parts[1][name]) / 2
        assert mean == pytest.approx(whole[name], rel=1e-5)


def figures_of(system: Pix2pixTraining, step: int) -> dict[str, float]:
    figures = system.train_step(next(system.batches(step)), step, measure=False)
    return {name: figure.item() for name, figure in figures.items()}


def test_a_process_without_a_slice_changes_nothing(data, one_of_two):
    system = Pix2pixTraining(small_config(batch_size=2), data, one_of_two(1))
    before = [w.detach().clone() for net in system.networks.networks() for w in net.parameters()]
    assert set(figures_of(system, 5).values()) == {0.0}
    after = [w for net in system.networks.networks() for w in net.parameters()]
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_dropout_is_keyed_by_seed_and_step_and_not_by_torch(data, alone):
    def l1(step, seed=0):
        config = dataclasses.replace(small_config(), seed=seed)
        system = Pix2pixTraining(config, data, alone)
        batch = next(Pix2pixTraining(small_config(), data, alone).batches(0))
        system.networks.load_state_dict(weights)
        return system.train_step(batch, step, measure=False)["l1"].item()

    weights = Pix2pixTraining(small_config(), data, alone).networks.state_dict()
    first = l1(0)
    torch.manual_seed(99)
    assert l1(0) == first
    assert l1(1) != first
    assert l1(0, seed=1) != first


@pytest.mark.parametrize("output", [-1.0, 0.0, 1.0])
def test_the_networks_range_is_zero_to_the_pet_scale(data, alone, output):
    system = Pix2pixTraining(small_config(), data, alone)
    system.networks.generator = Constant(output)
    pet = system.infer_pet("sub-002")
    assert pet.shape == data.grid.shape
    np.testing.assert_allclose(pet, (output + 1) / 2 * data.pet_scale, atol=1e-6)


@pytest.mark.parametrize(
    ("planes", "calls"),
    [(("axial", "coronal"), 21), (("coronal", "sagittal"), 25 + 21), (("sagittal",), 21)],
)
def test_inference_goes_along_axial_slices_or_all_planes_where_axial_ones_were_not_learnt(
    data, alone, planes, calls
):
    system = Pix2pixTraining(small_config(planes=planes), data, alone)
    system.networks.generator = Constant(0.0)
    system.infer_pet("sub-002")
    assert system.planes == planes
    assert system.networks.generator.slices == calls


class Constant(torch.nn.Module):
    """Answers every slice with one value, and counts them."""

    def __init__(self, value: float):
        super().__init__()
        self.value, self.slices = value, 0

    def forward(self, mri_BCHW, draws_B):
        self.slices += len(mri_BCHW)
        return torch.full_like(mri_BCHW, self.value)


def test_slices_larger_than_the_canvas_are_refused(data, alone):
    config = small_config()
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, padded_size=24))
    with pytest.raises(
        ConfigError, match=r"data.padded_size of 24 pixels is too small.* side of 25"
    ):
        Pix2pixTraining(config, data, alone)


@pytest.mark.parametrize(("max_steps", "steps"), [(0, 12), (11, 11), (12, 12), (13, 12)])
def test_processes_shorten_an_epoch_and_the_limit_counts_steps(max_steps, steps):
    config = small_config(batch_size=2, max_steps=max_steps)
    assert total_steps(config, slices=21, processes=2) == steps
