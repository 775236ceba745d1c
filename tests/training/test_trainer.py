"""A signal lets the step finish, and is obeyed then."""

import csv
import dataclasses
import errno
import math
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from petsynth.config import config_hash, load_config, parse_config
from petsynth.data.prepared import PreparedData
from petsynth.errors import ConfigError, InputError, OutputError, SplitError, TrainingError
from petsynth.networks.weights import read_metadata
from petsynth.systems.pix2pix import training as pix2pix
from petsynth.systems.pix2pix.config import Pix2pixConfig
from petsynth.training.trainer import stop_on_signals, train


@pytest.fixture
def term_raises():
    """Let SIGTERM raise, as the command line does."""

    def interrupt(number, frame):
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, interrupt)
    yield
    signal.signal(signal.SIGTERM, before)


def test_without_a_signal_nothing_happens():
    before = signal.getsignal(signal.SIGINT)
    with stop_on_signals() as stop:
        assert not stop
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_signal_is_obeyed_when_the_block_has_ended(term_raises, number, raised):
    done = []

    def work() -> None:
        with stop_on_signals() as stop:
            signal.raise_signal(number)
            assert stop
            done.append("the step")

    with pytest.raises(raised):
        work()
    assert done == ["the step"]


def test_a_second_signal_is_obeyed_at_once():
    done = []

    def work() -> None:
        with stop_on_signals():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            done.append("the step")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == []


def test_an_error_of_the_block_comes_before_the_signal():
    def work() -> None:
        with stop_on_signals():
            signal.raise_signal(signal.SIGINT)
            raise ValueError("a loss is not finite")

    with pytest.raises(ValueError, match="not finite"):
        work()


def test_in_another_thread_nothing_is_caught():
    seen = []

    def work() -> None:
        with stop_on_signals() as stop:
            seen.append(bool(stop))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


SMALL = {
    "data": {"padded_size": 32, "intensity": "float"},
    "generator": {"filters": 4, "max_filters": 8, "levels": 2, "dropout_levels": 1},
    "discriminator": {"filters": 4, "layers": 1},
    "optimiser": {"learning_rate": 1e-3},
    # 4 training phantoms of 21 axial slices: 84 slices, 6 steps an epoch
    "training": {"epochs": 2, "batch_size": 16, "log_every": 4},
}


def small_config(**training) -> Pix2pixConfig:
    return parse_config(SMALL | {"training": SMALL["training"] | training})


def read_rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def data(tiny_prepared) -> PreparedData:
    return PreparedData(tiny_prepared)


@pytest.fixture(scope="module")
def run(tiny_prepared, tmp_path_factory) -> Path:
    """Return the folder of a finished training."""
    folder = tmp_path_factory.mktemp("training") / "run"
    train(small_config(), PreparedData(tiny_prepared), folder, threads=1, device="cpu")
    return folder


def test_a_run_holds_everything_that_belongs_to_it(run):
    names = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    events = {name for name in names if name.startswith("events.out.tfevents")}
    assert len(events) == 1
    assert names - events == {
        "config.toml",
        "data.json",
        "model.safetensors",
        "model_card.md",
        "train_log.csv",
        "validation_log.csv",
        "checkpoints/last.pt",
        "checkpoints/best.safetensors",
        "samples/epoch-0001.png",
        "samples/epoch-0002.png",
    }


def test_the_resolved_configuration_can_be_read_back(run):
    assert load_config(run / "config.toml") == small_config()


def test_losses_are_logged_every_few_steps_and_at_the_end(run):
    rows = read_rows(run / "train_log.csv")
    assert [(row["step"], row["epoch"]) for row in rows] == [("4", "1"), ("8", "2"), ("12", "2")]
    assert all(math.isfinite(float(value)) for row in rows for value in row.values())
    assert float(rows[-1]["l1"]) < float(rows[0]["l1"])


def test_validation_is_logged_every_epoch(run):
    rows = read_rows(run / "validation_log.csv")
    assert [(row["step"], row["epoch"]) for row in rows] == [("6", "1"), ("12", "2")]
    assert float(rows[1]["mae"]) < float(rows[0]["mae"])


def test_weights_say_what_they_are(run):
    metadata = read_metadata(run / "model.safetensors")
    assert metadata["config_hash"] == config_hash(small_config())
    assert (metadata["tracer"], metadata["unit"], metadata["pet_scale"]) == ("FDG", "SUVR", 2.0)
    assert (metadata["steps"], metadata["simulated"]) == (12, True)
    assert metadata["grid"]["shape"] == [21, 25, 21]


def test_best_weights_are_those_of_the_smallest_brain_error(run):
    rows = read_rows(run / "validation_log.csv")
    best = min(rows, key=lambda row: float(row["brain_mae"]))
    assert read_metadata(run / "checkpoints" / "best.safetensors")["steps"] == int(best["step"])


def test_the_model_card_warns(run):
    card = (run / "model_card.md").read_text()
    assert "not a medical device" in card
    assert "simulated scans" in card
    assert "12 of batch 16 (2.0 epochs)" in card


def test_the_checkpoint_holds_tensors_and_plain_values_only(run):
    content = torch.load(run / "checkpoints" / "last.pt", weights_only=True)
    assert content["step"] == 12


def test_a_finished_run_is_left_as_it_is(run, data):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.suffix in (".csv", ".pt")}
    train(small_config(), data, run, resume=True, threads=1, device="cpu")
    assert {path: path.read_bytes() for path in before} == before


def test_a_run_is_not_replaced_unasked(run, data):
    with pytest.raises(OutputError, match="--resume"):
        train(small_config(), data, run)


@pytest.mark.parametrize("bad", ["discriminator", "adversarial", "l1"])
def test_a_loss_that_is_not_finite_ends_training_and_keeps_the_checkpoint(
    tmp_path, data, monkeypatch, bad
):
    def spoil(*arguments):
        terms = real_step(*arguments)
        return terms | ({bad: torch.tensor(math.nan)} if spoil.calls.pop() == 0 else {})

    real_step = pix2pix.train_step
    spoil.calls = list(range(9))  # counts down: the ninth call is spoilt
    monkeypatch.setattr(pix2pix, "train_step", spoil)
    message = rf"step 9: loss '{bad}' is nan; lower optimiser.learning_rate .* kept in .*last.pt"
    with pytest.raises(TrainingError, match=message):
        train(small_config(), data, tmp_path / "run", threads=1, device="cpu")
    content = torch.load(tmp_path / "run" / "checkpoints" / "last.pt", weights_only=True)
    assert content["step"] == 6


def test_weights_that_are_not_finite_never_reach_a_checkpoint(tmp_path, data, monkeypatch):
    def spoil(networks, *rest):
        terms = real_step(networks, *rest)
        with torch.no_grad():
            next(iter(networks.discriminator.parameters())).fill_(math.inf)
        return terms

    real_step = pix2pix.train_step
    monkeypatch.setattr(pix2pix, "train_step", spoil)
    with pytest.raises(TrainingError, match=r"weights .* are no longer finite after step 1"):
        train(small_config(max_steps=1), data, tmp_path / "run", threads=1, device="cpu")
    assert not (tmp_path / "run" / "checkpoints" / "last.pt").exists()


def test_a_full_disk_keeps_the_earlier_checkpoint(tmp_path, data, monkeypatch):
    def fill_the_disk(content, file):
        if content["step"] > 6:
            file.write(b"half a checkpoint")
            raise OSError(errno.ENOSPC, "No space left on device")
        real_save(content, file)

    real_save = torch.save
    monkeypatch.setattr(torch, "save", fill_the_disk)
    with pytest.raises(OutputError, match=r"disk full while writing .*last.pt"):
        train(small_config(), data, tmp_path / "run", threads=1, device="cpu")
    checkpoints = tmp_path / "run" / "checkpoints"
    assert {path.name for path in checkpoints.iterdir()} == {"last.pt", "best.safetensors"}
    assert torch.load(checkpoints / "last.pt", weights_only=True)["step"] == 6
    monkeypatch.setattr(torch, "save", real_save)
    train(small_config(), data, tmp_path / "run", resume=True, threads=1, device="cpu")


def test_without_validation_subjects_nothing_is_validated(tmp_path, make_prepared):
    prepared = make_prepared(tmp_path / "prepared", {"train": 2, "test": 1}, frames=2)
    config = small_config(max_steps=2)
    train(config, PreparedData(prepared), tmp_path / "run", threads=1, device="cpu")
    assert not (tmp_path / "run" / "validation_log.csv").exists()
    assert "no validation subjects" in (tmp_path / "run" / "model_card.md").read_text()


def test_without_training_subjects_there_is_a_clear_error(tmp_path, make_prepared):
    prepared = make_prepared(tmp_path / "prepared", {"test": 1})
    with pytest.raises(SplitError, match=r"no subject is in the training part of split.tsv"):
        train(small_config(), PreparedData(prepared), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_gpu_is_said_in_one_line(tmp_path, data):
    with pytest.raises(TrainingError, match=r"no CUDA device here; use --device cpu"):
        train(small_config(), data, tmp_path / "run", device="cuda")


def test_slices_too_large_for_the_padded_size_leave_no_run_behind(tmp_path, data):
    config = dataclasses.replace(
        small_config(), data=dataclasses.replace(small_config().data, padded_size=16)
    )
    with pytest.raises(ConfigError, match=r"data.padded_size of 16 pixels is too small"):
        train(config, data, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.filterwarnings("ignore:training.precision bf16-mixed:petsynth.errors.PetsynthWarning")
def test_all_three_planes_and_jpeg_can_be_trained_on(tmp_path, data):
    content = SMALL | {
        "system": "pix2pix-augmented",
        "data": {"padded_size": 32, "planes": ["sagittal", "coronal", "axial"]},
        "training": {"batch_size": 16, "max_steps": 2, "precision": "bf16-mixed"},
    }
    train(parse_config(content), data, tmp_path / "run", threads=1, device="cpu")
    assert (tmp_path / "run" / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("mri", TrainingError, "step 1: loss 'discriminator' is nan"),
        ("pet", InputError, "sub-001: its prepared PET is not finite"),
    ],
)
def test_extreme_values_in_the_data_are_reported_not_trained_on(
    tmp_path, make_prepared, kind, error, message
):
    prepared = make_prepared(tmp_path / "prepared", {"train": 1})
    spoilt = np.full((21, 25, 21), np.nan, dtype=np.float32)
    np.save(prepared / "arrays" / f"sub-001_{kind}.npy", spoilt)  # petsynth writes no such array
    with pytest.raises(error, match=message):
        train(small_config(), PreparedData(prepared), tmp_path / "run", threads=1, device="cpu")
