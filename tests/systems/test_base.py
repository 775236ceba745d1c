"""What every system gives the training loop, and that the loop needs no more."""

import csv

import numpy as np
import pytest
import torch
from torch.optim import Adam

from petsynth.config import parse_config
from petsynth.data.prepared import PreparedData
from petsynth.slicing import AXIS
from petsynth.systems.base import System
from petsynth.systems.optimisation import Networks
from petsynth.training import trainer as loop
from petsynth.training.distributed import launch_fabric
from petsynth.training.trainer import build_system, train

VOLUMES = {
    "data": {"voxel_mm": 13.0},
    "generator": {"filters": 4, "levels": 2, "checkpointing": False},
    "cnn": {"filters": 4, "layers": 2},
    "training": {"max_steps": 3, "batch_size": 1, "accumulate": 2},
}
CONTENTS = {
    "pix2pix-augmented": {
        "data": {"padded_size": 32, "intensity": "float", "planes": ["sagittal", "axial"]},
        "generator": {"filters": 4, "levels": 2, "dropout_levels": 1},
        "discriminator": {"filters": 4, "layers": 1},
        "training": {"max_steps": 3, "batch_size": 2},
    },
    "unet25d": {
        "data": {"slices": 3, "padded_size": 32, "slabs_per_volume": 6, "window": 2},
        "generator": {"filters": 8, "max_filters": 8, "levels": 2},
        "training": {"max_steps": 3, "batch_size": 2, "workers": 0},
    },
    "pix2pix3d-tanhshrink": VOLUMES,
    "ganbert-cnnd": VOLUMES
    | {"bert": {"layers": 1, "hidden": 16, "heads": 2, "inner": 32, "checkpointing": False}},
}


@pytest.fixture(params=CONTENTS)
def system(request, tiny_prepared, tiny_volumes) -> System:
    """Return one system of each kind."""
    content = CONTENTS[request.param]
    data = PreparedData(tiny_volumes if "cnn" in content else tiny_prepared)
    config = parse_config({"system": request.param} | content)
    return build_system(config, data, launch_fabric("cpu"))


def test_a_step_improves_all_networks_and_tells_the_terms_it_names(system):
    batches = list(system.batches(0))
    assert len(batches) == system.steps == 3
    before = [[w.detach().clone() for w in net.parameters()] for net in system.networks.networks()]
    figures = system.train_step(batches[0], 0, measure=False)
    assert tuple(figures) == system.terms
    assert all(torch.isfinite(term) for term in figures.values())
    for old_weights, network in zip(before, system.networks.networks(), strict=True):
        pairs = zip(old_weights, network.parameters(), strict=True)
        assert any(not torch.equal(old, new) for old, new in pairs)
    figures = system.train_step(batches[1], 1, measure=True)
    assert set(figures) == {*system.terms, *system.extras}


def test_batches_from_any_step_on_are_those_of_the_whole_training(system):
    whole = list(system.batches(0))
    later = list(system.batches(2))
    assert list(system.batches(3)) == []
    assert len(later) == 1
    for one, other in zip(flat(whole[2]), flat(later[0]), strict=True):
        assert torch.equal(one, other)


def flat(batch) -> list[torch.Tensor]:
    if isinstance(batch, torch.Tensor):
        return [batch]
    return [tensor for part in batch for tensor in flat(part)]


def test_pet_is_inferred_on_the_grid_of_the_data_the_same_each_time(system):
    name = system.data.participants("validation")[0]
    pet = system.infer_pet(name)
    assert pet.dtype == np.float32
    assert pet.shape == np.asarray(system.data.pet(name)).shape
    torch.manual_seed(12345)
    np.testing.assert_array_equal(system.infer_pet(name), pet)


def test_counts_and_planes_are_ones_the_loop_can_use(system):
    assert system.epoch_steps >= 1
    assert system.write_every >= 1
    assert system.planes
    assert set(system.planes) <= set(AXIS)


class Brightness(System[float]):
    """Learns one number: the level that all PETs have in common."""

    terms = ("distance",)
    planes = ("coronal",)
    epoch_steps, steps = 2, 5

    def __init__(self, data: PreparedData):
        self.data = data
        network = torch.nn.Linear(1, 1, bias=False)
        self.networks = Networks(network, Adam(network.parameters(), lr=0.1))

    def batches(self, start):
        yield from (float(step) for step in range(start, self.steps))

    def train_step(self, batch, step, *, measure):
        assert batch == step
        distance = (self.networks.generator.weight - 3).abs().sum()
        self.networks.generator_optimiser.zero_grad()
        distance.backward()
        self.networks.generator_optimiser.step()
        return {"distance": distance}

    def infer_pet(self, participant):
        return np.full(self.data.grid.shape, self.networks.generator.weight.item(), np.float32)


def test_what_a_system_must_have_is_enough_to_be_trained(tmp_path, tiny_prepared, monkeypatch):
    monkeypatch.setattr(loop, "build_system", lambda config, data, fabric: Brightness(data))
    config = parse_config({"training": {"log_every": 2, "samples_every": 9}})
    train(config, PreparedData(tiny_prepared), tmp_path / "run", threads=1, device="cpu")
    with open(tmp_path / "run" / "train_log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["step", "epoch", "distance", "seconds"]
    assert [(row["step"], row["epoch"]) for row in rows] == [("2", "1"), ("4", "2"), ("5", "3")]
    assert float(rows[2]["distance"]) < float(rows[0]["distance"])


@pytest.mark.parametrize("left_out", ["batches", "train_step", "infer_pet"])
def test_a_system_that_lacks_a_part_cannot_be_made(left_out, tiny_prepared):
    parts = {name: getattr(Brightness, name) for name in ("batches", "train_step", "infer_pet")}
    del parts[left_out]
    incomplete = type("Incomplete", (System,), parts)
    with pytest.raises(TypeError, match=rf"abstract.*{left_out}"):
        incomplete()
