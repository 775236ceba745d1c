"""The factor of standard deviations, by hand on a system whose error and spread are known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from petsynth.config import parse_config
from petsynth.data.prepared import PreparedData
from petsynth.inference.run import load_run
from petsynth.prepare.records import write_array
from petsynth.systems.base import Prediction, PredictionSettings, System, TrainedGenerator
from petsynth.systems.registry import system_class
from petsynth.training.calibration import calibrate, measure_std_factor
from petsynth.training.trainer import train

NETWORK = torch.nn.Dropout()


class Known:
    """Answers each T1 with 1, and with a standard deviation of its own times the factor."""

    calibration_samples: int | None = 5

    def __init__(self, std: float = 0.5):
        self.std, self.asked, self.was_training = std, [], []

    def read_t1(self, data: PreparedData, participant: str) -> np.ndarray:
        return data.mri(participant)

    def predict(self, model, t1, settings: PredictionSettings, subject) -> Prediction:
        self.asked.append(settings.samples)
        self.was_training.append(model.network.training)
        assert subject.mask is not None
        std = self.std * float(model.metadata.get("error_to_std", 7.0))
        return Prediction(np.ones_like(t1), np.full_like(t1, std))


@pytest.fixture
def data(visits):
    """Two validation subjects whose PETs are 1.5 and 3, 1 being predicted: errors 0.5 and 2."""
    table = visits / "split.tsv"
    table.write_text(table.read_text().replace("sub-5\tn/a\ttest", "sub-5\tn/a\tvalidation"))
    data = PreparedData(visits)
    for name in data.participants("validation"):
        value = 3.0 if name == "sub-5" else 1.5
        write_array(visits, name, "pet", np.full(data.grid.shape, value, np.float32))
    return PreparedData(visits)


def model_of(metadata: dict[str, Any] | None = None) -> TrainedGenerator:
    return TrainedGenerator(NETWORK, torch.device("cpu"), 1.0, metadata or {})


def as_system(known: Known) -> System[Any]:
    return known  # type: ignore[return-value]


@pytest.mark.parametrize("metadata", [{}, {"error_to_std": 3.0}])
def test_it_is_the_root_mean_square_of_errors_over_standard_deviations(data, metadata):
    """Errors of 1, 1 and 4 standard deviations, however large the factor was before."""
    known = Known()
    assert data.participants("validation") == ["sub-3_ses-a", "sub-3_ses-b", "sub-5"]
    factor = measure_std_factor(
        as_system(known), model_of(metadata), data, data.participants("validation")
    )
    assert factor == pytest.approx(math.sqrt((1 + 1 + 16) / 3))
    assert known.asked == [5, 5, 5]


def test_brain_that_the_pet_does_not_cover_does_not_count(data, visits):
    pet = np.full(data.grid.shape, 2.0, np.float32)
    pet[:, :, :10] = 0
    write_array(visits, "sub-5", "pet", pet)
    factor = measure_std_factor(as_system(Known()), model_of(), PreparedData(visits), ["sub-5"])
    assert factor == pytest.approx(2.0)


def test_the_network_is_evaluated_and_goes_on_as_it_was(data):
    known = Known()
    NETWORK.train()
    assert calibrate(as_system(known), model_of(), data) == {"error_to_std": 2.449}
    assert known.was_training == [False] * 3
    assert NETWORK.training is True


def test_without_a_spread_or_validation_subjects_there_is_none(data, visits, caplog):
    assert calibrate(as_system(Known(std=0.0)), model_of(), data) == {}
    assert "0 or not finite" in caplog.text
    without = Known()
    without.calibration_samples = None
    assert calibrate(as_system(without), model_of(), data) == {}
    table = visits / "split.tsv"
    table.write_text(table.read_text().replace("validation", "test"))
    assert calibrate(as_system(Known()), model_of(), PreparedData(visits)) == {}


@pytest.mark.parametrize("name", ["unet25d", "pet-bridge"])
def test_a_finished_training_knows_its_factor_and_predicts_with_it(name, tmp_path, make_prepared):
    """Its own validation subjects then have errors of one standard deviation."""
    content = {"system": name, **system_class(name).small_tables(name)}
    data = PreparedData(make_prepared(tmp_path / "data", {"train": 3, "validation": 2}))
    train(parse_config(content), data, tmp_path / "run", threads=1)
    run = load_run(tmp_path / "run")
    assert run.metadata["error_to_std"] > 0
    assert str(run.metadata["error_to_std"]) in (tmp_path / "run/model_card.md").read_text()
    model = TrainedGenerator(run.generator, run.device, run.pet_scale, run.metadata)
    again = measure_std_factor(run.system, model, data, data.participants("validation"))
    assert again == pytest.approx(run.metadata["error_to_std"], rel=1e-3)
