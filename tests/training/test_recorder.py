"""Validation metrics by hand, and whom sample pictures show."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.optim import Adam

from petsynth.config import parse_config
from petsynth.data.prepared import PreparedData, read_array
from petsynth.networks.weights import read_metadata
from petsynth.prepare.records import write_array
from petsynth.systems.base import Training
from petsynth.systems.optimisation import Networks
from petsynth.systems.registry import build_system
from petsynth.training.recorder import Recorder, sample_subjects, validate
from petsynth.training.run_folder import open_run
from petsynth.training.state import TrainingState, load_checkpoint


def test_the_mean_is_over_participants_not_over_visits(visits):
    """Errors of 1 and 3 in two visits of one participant, 8 in another: (2 + 8) / 2 = 5."""
    table = visits / "split.tsv"
    table.write_text(table.read_text().replace("sub-5\tn/a\ttest", "sub-5\tn/a\tvalidation"))
    for name, value in (("sub-3_ses-a", 1.0), ("sub-3_ses-b", 3.0), ("sub-5", 8.0)):
        shape = read_array(visits, name, "pet").shape
        write_array(visits, name, "pet", np.full(shape, value, np.float32))
    data = PreparedData(visits)
    assert data.participants("validation") == ["sub-3_ses-a", "sub-3_ses-b", "sub-5"]
    metrics = validate(lambda name: np.zeros(data.grid.shape, np.float32), data)
    assert metrics["mae"] == pytest.approx(5.0)
    assert metrics["mse"] == pytest.approx(((1 + 9) / 2 + 64) / 2)


def test_brain_that_the_pet_does_not_cover_does_not_count(visits):
    table = visits / "split.tsv"
    table.write_text(table.read_text().replace("sub-5\tn/a\ttest", "sub-5\tn/a\tvalidation"))
    data = PreparedData(visits)
    for name in data.participants("validation"):
        pet = np.full(data.grid.shape, 2.0, np.float32)
        pet[:, :, :10] = 0
        write_array(visits, name, "pet", pet)
    metrics = validate(lambda name: np.full(data.grid.shape, 1.5, np.float32), data)
    assert metrics["brain_mae"] == pytest.approx(0.5)


def test_validation_subjects_are_shown_and_without_them_training_subjects(make_prepared, tmp_path):
    split = {"train": 3, "validation": 3, "test": 1}
    data = PreparedData(make_prepared(tmp_path / "one", split, voxel_mm=18.0))
    assert sample_subjects(data) == ["sub-004", "sub-005"]

    data = PreparedData(make_prepared(tmp_path / "two", {"train": 1, "test": 3}, voxel_mm=18.0))
    assert sample_subjects(data) == ["sub-001"]


EPOCH_STEPS = 4


class Level(Training[None]):
    """Answers every MRI with one level, which is its only weight."""

    terms = ("l1", "generator")
    extras = ("gradient",)
    planes = ("axial",)
    epoch_steps, steps = EPOCH_STEPS, 5 * EPOCH_STEPS

    def __init__(self, data: PreparedData):
        self.data = data
        network = torch.nn.Linear(1, 1, bias=False)
        self.networks = Networks(network, Adam(network.parameters()))

    def batches(self, start):
        return iter(())

    def train_step(self, batch, step, *, measure):
        return {}

    def infer_pet(self, participant):
        level = self.networks.generator.weight.item()
        return np.full(self.data.grid.shape, level, np.float32)

    def answer(self, level: float) -> None:
        with torch.no_grad():
            self.networks.generator.weight.fill_(level)


@dataclass
class Recording:
    """A recorder and everything that it records."""

    data: PreparedData
    root: Path
    settings: dict = field(default_factory=dict)
    write_every: int = 1
    resume: bool = False

    def __post_init__(self):
        config = parse_config({"training": {"samples_every": 100} | self.settings})
        self.training = Level(self.data)
        self.training.write_every = self.write_every
        self.state = TrainingState(self.training.networks)
        self.folder = open_run(self.root, config, self.data, resume=self.resume, overwrite=False)
        if self.resume:
            load_checkpoint(self.folder.checkpoint, self.state)
        system = build_system(config)
        self.recorder = Recorder(system, self.training, self.data, self.folder, self.state)

    def finish(self, epoch: int, level: float = 0.0) -> bool:
        self.training.answer(level)
        self.state.step = epoch * EPOCH_STEPS
        return self.recorder.finish_epoch()

    def validations(self) -> list[dict[str, str]]:
        return read_rows(self.folder.validation_log)


def read_rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def open_recording(tiny_prepared, tmp_path):
    """Return a maker of recorders in one run folder, which are closed at the end."""
    made = []

    def make(data=None, **more) -> Recording:
        made.append(Recording(PreparedData(data or tiny_prepared), tmp_path / "run", **more))
        return made[-1]

    yield make
    for recording in made:
        recording.recorder.close()


@pytest.mark.parametrize(("step", "epoch"), [(0, 0), (1, 1), (4, 1), (5, 2), (8, 2), (20, 5)])
def test_an_epoch_ends_with_its_last_step(open_recording, step, epoch):
    recording = open_recording()
    recording.state.step = step
    assert recording.recorder.epoch == epoch


def test_a_row_is_the_mean_since_the_last_and_extras_are_of_its_own_step(open_recording):
    recording = open_recording()
    for step, (l1, is_logged) in enumerate([(4.0, False), (2.0, True), (9.0, True)], start=1):
        figures = {"generator": 10 * l1, "l1": l1} | ({"gradient": step / 8} if is_logged else {})
        recording.state.step, recording.state.seconds = step, 1.26 * step
        recording.recorder.log(figures, is_logged=is_logged)
    rows = read_rows(recording.folder.train_log)
    assert list(rows[0]) == ["step", "epoch", "l1", "generator", "gradient", "seconds"]
    assert [list(map(float, row.values())) for row in rows] == [
        [2, 1, 3.0, 30.0, 0.25, 2.5],
        [3, 1, 9.0, 90.0, 0.375, 3.8],
    ]


@pytest.mark.parametrize(
    ("validate_every", "validated"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (9, [5])]
)
def test_every_so_many_epochs_and_at_the_end_there_is_a_validation(
    open_recording, validate_every, validated
):
    recording = open_recording(settings={"validate_every": validate_every}, write_every=9)
    for epoch in range(1, 5):
        recording.finish(epoch)
    end(recording)
    rows = recording.validations()
    assert [int(row["epoch"]) for row in rows] == validated
    assert [int(row["step"]) for row in rows] == [EPOCH_STEPS * epoch for epoch in validated]


def end(recording: Recording) -> bool:
    """Finish the last epoch, whose pictures take longer than all the rest, without pictures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("petsynth.training.recorder.write_samples", lambda *_, **__: None)
        return recording.finish(5)


def test_models_and_checkpoints_are_written_every_so_many_epochs_and_at_the_end(open_recording):
    recording = open_recording(write_every=2)
    folder = recording.folder
    assert not recording.finish(1)
    assert not any(path.exists() for path in (folder.model, folder.card, folder.checkpoint))
    steps = []
    for epoch in (2, 3, 4):
        assert recording.finish(epoch) == (epoch != 3)
        steps.append(read_metadata(folder.model)["steps"])
    assert steps == [8, 8, 16]
    assert end(recording)
    assert read_metadata(folder.model)["steps"] == 20
    assert torch.load(folder.checkpoint, weights_only=True)["step"] == 20
    assert "| steps | 20 of batch 1 (5.0 epochs) |" in folder.card.read_text()


def test_the_best_weights_are_kept_through_worse_ones_and_through_a_resumption(open_recording):
    levels = {1: 0.1, 2: 0.3, 3: 0.2}
    recording = open_recording()
    for epoch, level in levels.items():
        recording.finish(epoch, level)
    errors = [float(row["brain_mae"]) for row in recording.validations()]
    assert errors[1] < errors[2] < errors[0]
    assert read_metadata(recording.folder.best)["steps"] == 8
    again = open_recording(resume=True)
    assert again.state.best_mae == pytest.approx(errors[1], rel=1e-5)
    again.finish(4, 0.25)
    assert read_metadata(again.folder.best)["steps"] == 8
    again.finish(4, 0.35)
    assert read_metadata(again.folder.best)["steps"] == 16


def test_measures_are_of_the_validation_subjects_and_stand_on_the_card(open_recording):
    recording = open_recording()
    recording.finish(1, level=0.5)
    (row,) = recording.validations()
    (name,) = recording.data.participants("validation")
    pet = np.asarray(recording.data.static_pet(name))
    inside = np.abs(pet - 0.5)[np.asarray(recording.data.mask(name)) > 0].mean()
    assert float(row["mae"]) == pytest.approx(np.abs(pet - 0.5).mean(), rel=1e-4)
    assert float(row["brain_mae"]) == pytest.approx(inside, rel=1e-4)
    assert f"| validation | 1 subjects: MAE inside the brain {inside:.4g} SUVR" in (
        recording.folder.card.read_text()
    )


def test_before_the_first_validation_the_card_does_not_deny_the_validation_subjects(open_recording):
    recording = open_recording(settings={"validate_every": 2})
    recording.finish(1)
    assert "| validation | 1 subjects, not measured yet |" in recording.folder.card.read_text()
    recording.finish(2)
    assert "| validation | 1 subjects: MAE" in recording.folder.card.read_text()


def test_without_validation_subjects_nothing_is_measured(open_recording, make_prepared, tmp_path):
    data = make_prepared(tmp_path / "prepared", {"train": 1}, voxel_mm=18.0)
    recording = open_recording(data)
    assert recording.finish(1)
    assert not recording.folder.validation_log.exists()
    assert not recording.folder.best.exists()
    assert "none: the split has no validation subjects" in recording.folder.card.read_text()


def test_pictures_are_named_by_the_epoch(open_recording):
    recording = open_recording(settings={"samples_every": 3}, write_every=9)
    for epoch in (1, 2, 3, 4):
        recording.finish(epoch)
    assert [path.name for path in recording.folder.samples.iterdir()] == ["epoch-0003.png"]


def test_a_message_names_the_checkpoint_only_once_there_is_one(open_recording):
    recording = open_recording()
    assert recording.recorder.kept() == ""
    recording.recorder.save_checkpoint()
    assert recording.recorder.kept() == (
        f"; the last good checkpoint is kept in {recording.folder.checkpoint}"
    )


def test_going_on_takes_away_what_was_logged_after_the_checkpoint(open_recording):
    recording = open_recording()
    figures = {"l1": 1.0, "generator": 1.0, "gradient": 1.0}
    for epoch in (1, 2):
        recording.state.step = epoch * EPOCH_STEPS
        recording.recorder.log(figures, is_logged=True)
        recording.finish(epoch)
    recording.state.step = 9
    recording.recorder.log(figures, is_logged=True)
    again = open_recording(resume=True)
    assert again.recorder.epoch == 2
    assert [row["step"] for row in read_rows(again.folder.train_log)] == ["4", "8"]
    assert [row["step"] for row in again.validations()] == ["4", "8"]


def test_half_a_mean_is_taken_up_again(open_recording):
    """A checkpoint between two rows: the next row is the mean over both sides of it."""
    recording = open_recording()
    recording.state.step = 1
    recording.recorder.log({"l1": 2.0, "generator": 2.0}, is_logged=False)
    recording.recorder.save_checkpoint()
    again = open_recording(resume=True)
    again.state.step = 2
    again.recorder.log({"l1": 4.0, "generator": 6.0, "gradient": 0.0}, is_logged=True)
    (row,) = read_rows(again.folder.train_log)
    assert (float(row["l1"]), float(row["generator"])) == (3.0, 4.0)
