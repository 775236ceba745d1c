"""Paper B's systems through the loop: what is logged, resuming, mistakes."""

import csv
import dataclasses
import math

import pytest
import torch

from petsynth.config import parse_config
from petsynth.data.prepared import PreparedData
from petsynth.errors import ConfigError, InputError, TrainingError
from petsynth.inference import load_run
from petsynth.systems.base import PredictionSettings
from petsynth.systems.ganbert import training as ganbert
from petsynth.systems.registry import build_system
from petsynth.training.distributed import launch_fabric
from petsynth.training.trainer import train


def small_config(system: str = "ganbert", *, steps: int = 4, **data):
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
def data(tiny_volumes) -> PreparedData:
    return PreparedData(tiny_volumes)


def read_rows(path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("system", ["pix2pix3d-tanhshrink", "ganbert-cnnd"])
def test_a_run_logs_every_term_and_can_predict(tmp_path, data, system):
    run = tmp_path / "run"
    train(small_config(system), data, run, threads=1, device="cpu")
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
    config = small_config()
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
    config = small_config("pix2pix3d-tanhshrink", steps=4)  # warm-up: 3 of 4 steps
    train(config, data, tmp_path / "run", threads=1, device="cpu")
    state = torch.load(tmp_path / "run" / "checkpoints" / "last.pt", weights_only=True)
    (group,) = state["networks"]["generator_optimiser"]["param_groups"]
    assert group["lr"] == config.optimiser.learning_rate


def test_ganbert_trains_in_bf16(tmp_path, data):
    config = small_config("ganbert-cnnd", steps=2)
    training = dataclasses.replace(config.training, precision="bf16-mixed")
    config = dataclasses.replace(config, training=training)
    train(config, data, tmp_path / "run", threads=1, device="cpu")
    (row,) = read_rows(tmp_path / "run" / "train_log.csv")
    assert all(math.isfinite(float(value)) for value in row.values())
    assert float(row["gradient_nsp"]) > 0


def test_bert_may_have_a_learning_rate_of_its_own(data):
    config = small_config()
    own = dataclasses.replace(config, bert=dataclasses.replace(config.bert, learning_rate=3e-5))
    for each, expected in ((config, 1e-4), (own, 3e-5)):
        training = build_system(each).start_training(data, launch_fabric("cpu"))
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
        train(small_config(), data, tmp_path / "run", threads=1, device="cpu")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"frames": 1}, "data.frames is 1, the PET of .* has 2; give --data.frames 2"),
        ({"voxel_mm": 12.0}, "data.voxel_mm is 12, .* give --data.voxel-mm 13"),
    ],
)
def test_data_of_another_kind_are_refused(tmp_path, data, settings, message):
    with pytest.raises(ConfigError, match=message):
        train(small_config(**settings), data, tmp_path / "run", threads=1, device="cpu")
    assert not (tmp_path / "run").exists()


def test_data_of_paper_a_are_refused(tmp_path, tiny_prepared):
    with pytest.raises(InputError, match="run petsynth prepare with --grid paper-b"):
        train(small_config(), PreparedData(tiny_prepared), tmp_path / "run", device="cpu")
