"""A training that is killed and resumed ends as if nothing had happened (on the CPU)."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from petsynth.config import config_to_toml, parse_config
from petsynth.data.prepared import PreparedData
from petsynth.systems.pix2pix import training as pix2pix
from petsynth.systems.pix2pix.config import Pix2pixConfig
from petsynth.training.trainer import train

SECONDS_TO_START = 600  # on a machine that is busy with other things
EPOCH_STEPS = 17
"""84 slices in batches of 5; the last is smaller."""


def small_config(workers: int) -> Pix2pixConfig:
    return parse_config(
        {
            "data": {"padded_size": 32, "intensity": "uint8-jpeg", "flip": True},
            "generator": {"filters": 4, "max_filters": 8, "levels": 2, "dropout_levels": 1},
            "discriminator": {"filters": 4, "layers": 1},
            # A checkpoint after every step, rows of the log that span checkpoints and epochs.
            "training": {
                "epochs": 4,
                "batch_size": 5,
                "log_every": 3,
                "checkpoint_minutes": 1e-9,
                "samples_every": 4,
                "workers": workers,
            },
        }
    )


def without_seconds(path: Path) -> list[str]:
    rows = [line.split(",") for line in path.read_text().splitlines()]
    kept = [column for column, name in enumerate(rows[0]) if name != "seconds"]
    return [",".join(row[column] for column in kept) for row in rows]


def assert_same_run(one: Path, other: Path) -> None:
    states = [
        torch.load(run / "checkpoints" / "last.pt", weights_only=True) for run in (one, other)
    ]
    assert_same(
        *({k: v for k, v in state.items() if k not in ("seconds", "sha256")} for state in states)
    )
    assert (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()
    for log in ("train_log.csv", "validation_log.csv"):
        assert without_seconds(one / log) == without_seconds(other / log)


def assert_same(one, other, where: str = "state") -> None:
    """Compare networks, both optimisers and figures exactly."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    else:
        assert one == other, where


def kill_in_the_middle_of_an_epoch(config: Path, prepared: Path, run: Path) -> None:
    """Train in another process, and kill it (SIGKILL) once it is in its second epoch."""
    command = [sys.executable, "-m", "petsynth", "train", config, "--data", prepared, "--out", run]
    process = subprocess.Popen(
        [*map(str, command), "--threads", "1", "--device", "cpu"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    checkpoint, deadline = run / "checkpoints" / "last.pt", time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < deadline:
        process.send_signal(signal.SIGSTOP)
        if step_of(checkpoint) > EPOCH_STEPS and step_of(checkpoint) % EPOCH_STEPS:
            break
        process.send_signal(signal.SIGCONT)
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    _, messages = process.communicate()
    assert process.returncode == -signal.SIGKILL, messages


def step_of(checkpoint: Path) -> int:
    return torch.load(checkpoint, weights_only=True)["step"] if checkpoint.exists() else 0


@pytest.mark.parametrize("workers", [0, 2])
def test_resume_in_the_middle_of_an_epoch_is_exact(tmp_path, tiny_prepared, workers):
    config = small_config(workers)
    (tmp_path / "config.toml").write_text(config_to_toml(config))
    data = PreparedData(tiny_prepared)
    train(config, data, tmp_path / "undisturbed", threads=1, device="cpu")

    killed = tmp_path / "killed"
    kill_in_the_middle_of_an_epoch(tmp_path / "config.toml", tiny_prepared, killed)
    step = step_of(killed / "checkpoints" / "last.pt")
    assert EPOCH_STEPS < step < 4 * EPOCH_STEPS
    assert step % EPOCH_STEPS
    train(config, data, killed, resume=True, threads=1, device="cpu")
    assert_same_run(tmp_path / "undisturbed", killed)


class InterruptionError(Exception):
    pass


@pytest.mark.parametrize("calls", [1, 16, 17, 18, 29])
def test_resume_after_an_interruption_at_any_step_is_exact(
    tmp_path, tiny_prepared, monkeypatch, calls
):
    def interrupted_step(*arguments):
        terms = real_step(*arguments)  # the weights have changed when it happens
        counted.append(1)
        if len(counted) > calls:
            raise InterruptionError
        return terms

    real_step, counted = pix2pix.train_step, []
    config, data = small_config(0), PreparedData(tiny_prepared)
    short = with_epochs(config, 2)
    train(short, data, tmp_path / "undisturbed", threads=1, device="cpu")
    monkeypatch.setattr(pix2pix, "train_step", interrupted_step)
    with pytest.raises(InterruptionError):
        train(short, data, tmp_path / "stopped", threads=1, device="cpu")
    monkeypatch.setattr(pix2pix, "train_step", real_step)
    train(short, data, tmp_path / "stopped", resume=True, threads=1, device="cpu")
    assert_same_run(tmp_path / "undisturbed", tmp_path / "stopped")


def with_epochs(config: Pix2pixConfig, epochs: int) -> Pix2pixConfig:
    return dataclasses.replace(config, training=dataclasses.replace(config.training, epochs=epochs))


def test_resuming_a_run_that_was_killed_before_its_first_checkpoint(tmp_path, tiny_prepared):
    config, data = with_epochs(small_config(0), 1), PreparedData(tiny_prepared)
    train(config, data, tmp_path / "undisturbed", threads=1, device="cpu")
    train(config, data, tmp_path / "killed", threads=1, device="cpu")
    (tmp_path / "killed" / "checkpoints" / "last.pt").unlink()
    train(config, data, tmp_path / "killed", resume=True, threads=1, device="cpu")
    assert_same_run(tmp_path / "undisturbed", tmp_path / "killed")
