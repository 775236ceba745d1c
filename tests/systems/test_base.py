"""What every system gives training and prediction, and that training needs no more."""

import csv
from typing import Literal

import numpy as np
import pytest
import torch
from pydantic.dataclasses import dataclass
from torch.optim import Adam

from petsynth.config import parse_config
from petsynth.data.prepared import PreparedData
from petsynth.errors import ArgumentError
from petsynth.slicing import AXIS
from petsynth.systems.base import (
    CardLines,
    Prediction,
    PredictionSettings,
    SubjectInfo,
    System,
    TrainedGenerator,
    Training,
)
from petsynth.systems.optimisation import Networks
from petsynth.systems.pix2pix.config import Pix2pixConfig
from petsynth.systems.registry import Entry, build_system, registered
from petsynth.systems.resources import Resources
from petsynth.training.distributed import launch_fabric
from petsynth.training.trainer import train

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
        "data": {"slices": 3, "padded_size": 32, "slabs_per_volume": 6, "shuffled_volumes": 2},
        "generator": {"filters": 8, "max_filters": 8, "levels": 2},
        "training": {"max_steps": 3, "batch_size": 2, "workers": 0},
    },
    "pix2pix3d-tanhshrink": VOLUMES,
    "ganbert-cnnd": VOLUMES
    | {"bert": {"layers": 1, "hidden": 16, "heads": 2, "inner": 32, "checkpointing": False}},
}


@pytest.fixture(params=CONTENTS)
def system(request) -> System:
    """Return one system of each kind."""
    return build_system(parse_config({"system": request.param} | CONTENTS[request.param]))


@pytest.fixture
def data(system, tiny_prepared, tiny_volumes) -> PreparedData:
    """Return data that are prepared for the system."""
    return PreparedData(tiny_volumes if system.conformed_t1 else tiny_prepared)


@pytest.fixture
def training(system, data) -> Training:
    """Return its training on those data."""
    return system.start_training(data, launch_fabric("cpu"))


def test_a_step_improves_all_networks_and_tells_the_terms_it_names(training):
    batches = list(training.batches(0))
    assert len(batches) == training.steps == 3
    networks = training.networks.modules()
    before = [[weight.detach().clone() for weight in net.parameters()] for net in networks]
    figures = training.train_step(batches[0], 0, measure=False)
    assert tuple(figures) == training.terms
    assert all(torch.isfinite(term) for term in figures.values())
    for old_weights, network in zip(before, networks, strict=True):
        pairs = zip(old_weights, network.parameters(), strict=True)
        assert any(not torch.equal(old, new) for old, new in pairs)
    figures = training.train_step(batches[1], 1, measure=True)
    assert set(figures) == {*training.terms, *training.extras}


def test_batches_from_any_step_on_are_those_of_the_whole_training(training):
    whole = list(training.batches(0))
    later = list(training.batches(2))
    assert list(training.batches(3)) == []
    assert len(later) == 1
    for one, other in zip(flat(whole[2]), flat(later[0]), strict=True):
        assert torch.equal(one, other)


def flat(batch) -> list[torch.Tensor]:
    if isinstance(batch, torch.Tensor):
        return [batch]
    return [tensor for part in batch for tensor in flat(part)]


def test_pet_is_inferred_on_the_grid_of_the_data_the_same_each_time(training, data):
    name = data.participants("validation")[0]
    pet = training.infer_pet(name)
    assert pet.dtype == np.float32
    assert pet.shape == np.asarray(data.pet(name)).shape
    torch.manual_seed(12345)
    np.testing.assert_array_equal(training.infer_pet(name), pet)


def test_counts_and_planes_are_ones_the_loop_can_use(training):
    assert training.epoch_steps >= 1
    assert training.write_every >= 1
    assert training.planes
    assert set(training.planes) <= set(AXIS)


def test_a_generator_predicts_from_the_t1_that_its_system_reads(system, data):
    generator, metadata = system.build_generator().eval(), {"grid": data.grid.to_dict()}
    model = TrainedGenerator(generator, torch.device("cpu"), data.pet_scale, metadata)
    name = data.participants("validation")[0]
    counted = []
    settings = PredictionSettings(on_sample=lambda: counted.append(1))
    known = SubjectInfo(data.mask(name), data.covariates(name))
    prediction = system.predict(model, system.read_t1(data, name), settings, known)
    assert prediction.mean.dtype == np.float32
    assert prediction.mean.shape == np.asarray(data.pet(name)).shape
    assert (prediction.std is not None) == (system.std_kind(1) is not None)
    assert counted == [1]


def test_the_generator_that_is_trained_is_the_one_that_predicts(system, training):
    trained, built = training.networks.generator, system.build_generator()
    built.load_state_dict(trained.state_dict())
    assert type(built) is type(trained)


def test_several_samples_are_for_systems_that_can_draw_them(system):
    system.check_samples(1)
    if system.std_kind(2) == "dropout":
        system.check_samples(2)
    else:
        with pytest.raises(ArgumentError, match=r"--samples 2: .* is not stochastic.*leave it out"):
            system.check_samples(2)


def test_size_and_words_are_told(system, data):
    resources = system.resources(grid_shape=data.grid.shape, subjects=3)
    assert resources.content["training"]["steps"] == 3
    assert resources.content["generator"]["parameters"] > 0
    assert all(isinstance(text, str) for row in resources.rows for text in row)
    lines = system.card_lines(data)
    assert lines.method
    assert lines.intensities
    assert "17 steps of batch " in system.describe_run(17)
    assert system.batch_text in system.describe_run(17)


@dataclass(frozen=True)
class BrightnessConfig(Pix2pixConfig):
    """Any configuration would do."""

    system: Literal["brightness"] = "brightness"


class Brightness(Training[float]):
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


class BrightnessSystem(System[BrightnessConfig]):
    """All that must be said of a system."""

    @classmethod
    def small_tables(cls, name):
        return {}

    def build_generator(self):
        return torch.nn.Linear(1, 1, bias=False)

    def start_training(self, data, fabric):
        return Brightness(data)

    def predict(self, model, t1_XYZ, settings, subject):
        return Prediction(np.full(t1_XYZ.shape, model.network.weight.item(), np.float32))

    def resources(self, *, grid_shape=None, subjects=None):
        return Resources({}, [])

    def card_lines(self, data):
        return CardLines("one number", "as they are")

    def describe_run(self, steps, planes=None):
        return f"brightness, {steps} steps"


@pytest.fixture
def brightness():
    """Return the configuration of `BrightnessSystem`, which is registered meanwhile."""
    entry = Entry(("brightness",), BrightnessConfig, BrightnessSystem)
    with registered(entry):
        yield parse_config(
            {"system": "brightness", "training": {"log_every": 2, "samples_every": 9}}
        )


def test_what_a_training_must_have_is_enough_to_be_trained(tmp_path, tiny_prepared, brightness):
    train(brightness, PreparedData(tiny_prepared), tmp_path / "run", threads=1, device="cpu")
    with open(tmp_path / "run" / "train_log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["step", "epoch", "distance", "seconds"]
    assert [(row["step"], row["epoch"]) for row in rows] == [("2", "1"), ("4", "2"), ("5", "3")]
    assert float(rows[2]["distance"]) < float(rows[0]["distance"])


def test_what_a_system_need_not_say_has_a_plain_answer(brightness, tiny_prepared):
    system, data = build_system(brightness), PreparedData(tiny_prepared)
    system.check_data(data)
    np.testing.assert_array_equal(system.read_t1(data, "sub-001"), data.mri("sub-001"))
    assert system.std_kind(3) is None
    assert system.planes_used(["axial"]) == ()
    assert system.unseen_planes(["axial"]) == []
    assert system.training_format() is None
    assert system.adaptation_tables() == {}
    assert system.encoder_levels(system.build_generator()) == []
    assert not system.rescale_output(system.build_generator(), 2.0)
    assert system.batch_text == "1"
    with pytest.raises(ArgumentError, match="brightness is not stochastic"):
        system.check_samples(2)


def test_a_system_of_paper_b_reads_the_conformed_t1(tiny_volumes):
    system = build_system(parse_config({"system": "ganbert"}))
    data = PreparedData(tiny_volumes)
    np.testing.assert_array_equal(system.read_t1(data, "sub-001"), data.t1("sub-001"))


@pytest.mark.parametrize("left_out", ["batches", "train_step", "infer_pet"])
def test_a_training_that_lacks_a_part_cannot_be_made(left_out):
    assert_needed(Training, Brightness, ("batches", "train_step", "infer_pet"), left_out)


SYSTEM_PARTS = (
    *("small_tables", "build_generator", "start_training", "predict", "resources"),
    *("card_lines", "describe_run"),
)


@pytest.mark.parametrize("left_out", SYSTEM_PARTS)
def test_a_system_that_lacks_a_part_cannot_be_made(left_out):
    assert_needed(System, BrightnessSystem, SYSTEM_PARTS, left_out)


def assert_needed(base, example, names, left_out) -> None:
    parts = {name: getattr(example, name) for name in names if name != left_out}
    incomplete = type("Incomplete", (base,), parts)
    with pytest.raises(TypeError, match=rf"abstract.*{left_out}"):
        incomplete()
