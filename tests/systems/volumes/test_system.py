"""What the 3D systems share: their T1, their PET, a step and its data; then whole trainings."""

from __future__ import annotations

import csv
import dataclasses
import math

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from petsynth.config import parse_config
from petsynth.data.prepared import PreparedData
from petsynth.data.volumes import BatchPartition
from petsynth.errors import ArgumentError, ConfigError, InputError, TrainingError
from petsynth.inference import load_run
from petsynth.systems.base import PredictionSettings, SubjectInfo, TrainedGenerator
from petsynth.systems.ganbert import training as ganbert
from petsynth.systems.pix2pix3d.config import Pix2pix3dConfig
from petsynth.systems.pix2pix3d.system import Pix2pix3dTraining
from petsynth.systems.registry import build_system
from petsynth.systems.volumes.system import check_volumes, count_steps
from petsynth.training.trainer import train

SYSTEMS = ["pix2pix3d-tanhshrink", "ganbert", "ganbert-cnnd"]


@pytest.fixture(params=SYSTEMS)
def system(request):
    content = {
        "data": {"voxel_mm": 13.0},
        "generator": {"filters": 4, "levels": 2},
        "cnn": {"filters": 4, "layers": 2},
        "training": {"batch_size": 2, "accumulate": 3},
    }
    return build_system(parse_config({"system": request.param} | content))


@pytest.fixture
def data(tiny_volumes) -> PreparedData:
    return PreparedData(tiny_volumes)


class Zero(torch.nn.Module):
    """Answers every T1 with a PET that is its mean everywhere, once normalised."""

    def forward(self, mri_BCXYZ):
        return torch.zeros(len(mri_BCXYZ), 2, 14, 12, 12)


def test_a_prediction_is_of_the_conformed_t1_in_pet_units(system, data):
    t1 = system.read_t1(data, "sub-004")
    np.testing.assert_array_equal(t1, data.t1("sub-004"))
    counted = []
    settings = PredictionSettings(on_sample=lambda: counted.append(1))
    model = TrainedGenerator(Zero(), torch.device("cpu"), 9.0)
    prediction = system.predict(model, t1, settings, SubjectInfo())

    assert prediction.mean.shape == np.asarray(data.pet("sub-004")).shape
    np.testing.assert_allclose(prediction.mean, np.asarray(t1).mean() / 10, rtol=1e-5)
    assert prediction.std is None
    assert counted == [1]


def test_several_samples_and_planes_mean_nothing_to_it(system):
    with pytest.raises(ArgumentError, match=rf"--samples 3: {system.config.system} is not stoch"):
        system.check_samples(3)
    assert system.std_kind(1) is None
    assert system.planes_used(("axial",)) == ()
    assert system.training_format() is None


def test_data_that_are_prepared_for_it_pass_and_others_do_not(system, data, tiny_prepared):
    system.check_data(data)
    with pytest.raises(InputError, match=rf"not prepared for {system.config.system}; run petsynth"):
        system.check_data(PreparedData(tiny_prepared))
    other = build_system(parse_config({"system": "ganbert"}))
    with pytest.raises(ConfigError, match=r"data.voxel_mm is 2"):
        other.check_data(data)


def test_cards_and_tables_name_method_frames_cube_and_batches(system, data):
    name = system.config.system
    lines = system.card_lines(data)
    assert lines.method == f'{name} after Shin et al., "GANBERT"; 2 frame(s)'
    assert "mean and standard deviation of the T1" in lines.intensities
    assert lines.grid == "; T1 39 x 39 x 39 voxels of 6.5 mm"
    assert lines.limits == ""
    assert system.batch_text == "3 x 2"
    assert system.describe_run(40) == (
        f"{name} on whole volumes, 2 frame(s), 40 steps of batch 3 x 2, seed 0"
    )


def test_without_a_cube_the_card_says_nothing_of_one(system, tiny_prepared):
    assert system.card_lines(PreparedData(tiny_prepared)).grid == ""


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


def run_config(system: str = "ganbert", *, steps: int = 4, **data):
    content = {
        "system": system,
        "data": {"voxel_mm": 13.0, **data},
        "generator": {"filters": 4, "levels": 2, "checkpointing": False},
        "cnn": {"filters": 4, "layers": 2},
        "optimiser": {"warm_up": 0.75},
        "training": {
            "max_steps": steps,
            "batch_size": 1,
            "accumulate": 2,
            "log_every": 2,
            "checkpoint_minutes": 1e-9,
        },
    }
    if system.startswith("ganbert"):
        content["bert"] = {
            "layers": 1, "hidden": 16, "heads": 2, "inner": 32, "checkpointing": False
        }  # fmt: skip
    return parse_config(content)


@pytest.fixture
def alone() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


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


def read_rows(path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("system", ["pix2pix3d-tanhshrink", "ganbert-cnnd"])
def test_a_run_logs_every_term_and_can_predict(tmp_path, data, system):
    run = tmp_path / "run"
    train(run_config(system), data, run, threads=1, device="cpu")
    rows = read_rows(run / "train_log.csv")
    assert [row["step"] for row in rows] == ["2", "4"]
    names = {"cnn", "adversarial", "l1", "generator"}
    if system == "ganbert-cnnd":
        gradients = {f"gradient_{name}" for name in ("nsp", "mlm", "l1", "adversarial")}
        names |= {"bert_nsp", "bert_mlm", "bert_gradient_penalty", "nsp", "mlm"} | gradients
    assert set(rows[0]) == names | {"step", "epoch", "seconds"}
    assert all(math.isfinite(float(value)) for row in rows for value in row.values())
    assert len(read_rows(run / "validation_log.csv")) == 1
    assert list((run / "samples").glob("*.png"))
    assert "GANBERT" in (run / "model_card.md").read_text()
    model = load_run(run)
    pet = model.predict(data.t1("sub-005"), PredictionSettings()).mean
    assert pet.shape == (*data.grid.shape, 2)


def assert_same(one, other) -> None:
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    else:
        assert one == other


@pytest.mark.parametrize("calls", [1, 5])  # within the first window, and the third; all warming up
def test_killed_inside_an_accumulation_window_and_in_warm_up_it_resumes_exactly(
    tmp_path, data, monkeypatch, calls
):
    class InterruptionError(Exception):
        pass

    def interrupted(*arguments):
        counted.append(1)
        if len(counted) > calls:
            raise InterruptionError
        return real_loss(*arguments)

    real_loss, counted = ganbert.generator_loss, []
    config = run_config()
    train(config, data, tmp_path / "undisturbed", threads=1, device="cpu")
    monkeypatch.setattr(ganbert, "generator_loss", interrupted)
    with pytest.raises(InterruptionError):
        train(config, data, tmp_path / "killed", threads=1, device="cpu")
    monkeypatch.setattr(ganbert, "generator_loss", real_loss)
    train(config, data, tmp_path / "killed", resume=True, threads=1, device="cpu")
    states = [
        torch.load(tmp_path / name / "checkpoints" / "last.pt", weights_only=True)
        for name in ("undisturbed", "killed")
    ]
    assert_same(
        *({k: v for k, v in state.items() if k not in ("seconds", "sha256")} for state in states)
    )
    logs = [read_rows(tmp_path / name / "train_log.csv") for name in ("undisturbed", "killed")]
    for one, other in zip(*logs, strict=True):
        assert one | {"seconds": ""} == other | {"seconds": ""}


def test_the_learning_rate_warms_up(tmp_path, data):
    config = run_config("pix2pix3d-tanhshrink", steps=4)  # warm-up: 3 of 4 steps
    train(config, data, tmp_path / "run", threads=1, device="cpu")
    state = torch.load(tmp_path / "run" / "checkpoints" / "last.pt", weights_only=True)
    (group,) = state["networks"]["generator_optimiser"]["param_groups"]
    assert group["lr"] == config.optimiser.learning_rate


@pytest.mark.filterwarnings("ignore:training.precision bf16-mixed:petsynth.errors.PetsynthWarning")
def test_ganbert_trains_in_bf16(tmp_path, data):
    config = run_config("ganbert-cnnd", steps=2)
    training = dataclasses.replace(config.training, precision="bf16-mixed")
    config = dataclasses.replace(config, training=training)
    train(config, data, tmp_path / "run", threads=1, device="cpu")
    (row,) = read_rows(tmp_path / "run" / "train_log.csv")
    assert all(math.isfinite(float(value)) for value in row.values())
    assert float(row["gradient_nsp"]) > 0


def test_bert_may_have_a_learning_rate_of_its_own(data, alone):
    config = run_config()
    own = dataclasses.replace(config, bert=dataclasses.replace(config.bert, learning_rate=3e-5))
    for each, expected in ((config, 1e-4), (own, 3e-5)):
        training = build_system(each).start_training(data, alone)
        training.set_learning_rate(0.5)
        rates = {name: part.param_groups[0]["lr"] for name, part in optimisers(training)}
        assert rates == {"generator_optimiser": 0.5e-4, "bert_optimiser": 0.5 * expected}


def optimisers(training) -> list[tuple[str, torch.optim.Optimizer]]:
    parts = vars(training.networks).items()
    return [(name, part) for name, part in parts if isinstance(part, torch.optim.Optimizer)]


def test_a_loss_that_is_not_finite_ends_training(tmp_path, data, monkeypatch):
    def spoil(*arguments, **more):
        return real_step(*arguments, **more) | {"mlm": torch.tensor(math.nan)}

    real_step = ganbert.train_step
    monkeypatch.setattr(ganbert, "train_step", spoil)
    with pytest.raises(TrainingError, match="step 1: loss 'mlm' is nan; lower optimiser"):
        train(run_config(), data, tmp_path / "run", threads=1, device="cpu")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"frames": 1}, "data.frames is 1, the PET of .* has 2; give --data.frames 2"),
        ({"voxel_mm": 12.0}, "data.voxel_mm is 12, .* give --data.voxel-mm 13"),
    ],
)
def test_data_of_another_kind_are_refused(tmp_path, data, settings, message):
    with pytest.raises(ConfigError, match=message):
        train(run_config(**settings), data, tmp_path / "run", threads=1, device="cpu")
    assert not (tmp_path / "run").exists()


def test_data_of_paper_a_are_refused(tmp_path, tiny_prepared):
    with pytest.raises(InputError, match="run petsynth prepare with --grid paper-b"):
        train(run_config(), PreparedData(tiny_prepared), tmp_path / "run", device="cpu")
