"""Trainings that are stopped by a signal, made longer, locked or robbed of their folder."""

import contextlib
import shutil
import signal

import pytest
import torch

from petsynth.config import parse_config
from petsynth.data.prepared import PreparedData
from petsynth.errors import OutputError, RunError
from petsynth.io.lock import lock_folder
from petsynth.systems.pix2pix.training import Pix2pixTraining
from petsynth.training.trainer import train


def config(epochs: int = 2):
    return parse_config(
        {
            "data": {"padded_size": 32},
            "generator": {"filters": 4, "max_filters": 8, "levels": 2, "dropout_levels": 1},
            "discriminator": {"filters": 4, "layers": 1},
            "training": {"epochs": epochs, "batch_size": 16, "samples_every": 1},
        }
    )


@pytest.fixture
def data(tiny_prepared):
    return PreparedData(tiny_prepared)


def fit(run, data, epochs: int = 2, **options):
    train(config(epochs), data, run, threads=1, device="cpu", **options)


def weights(run):
    networks = torch.load(run / "checkpoints" / "last.pt", weights_only=True)["networks"]
    return {
        (part, name): weight
        for part, state in networks.items()
        if not part.endswith("_optimiser")
        for name, weight in state.items()
    }


def assert_same_weights(one, other):
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def at_step(monkeypatch, step: int, action) -> None:
    """Do something in the middle of a step."""
    real = Pix2pixTraining.train_step

    def train_step(self, batch, number, *, measure):
        terms = real(self, batch, number, measure=measure)
        if number == step:
            action()
        return terms

    monkeypatch.setattr(Pix2pixTraining, "train_step", train_step)


@pytest.fixture(scope="module")
def undisturbed(tiny_prepared, tmp_path_factory):
    run = tmp_path_factory.mktemp("stopping") / "undisturbed"
    fit(run, PreparedData(tiny_prepared))
    return run


@pytest.mark.parametrize("step", [1, 5])
def test_ctrl_c_keeps_the_step_and_the_run_goes_on_exactly(
    tmp_path, data, undisturbed, monkeypatch, step
):
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        at_step(patch, step, lambda: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            fit(run, data)
    state = torch.load(run / "checkpoints" / "last.pt", weights_only=True)
    assert state["step"] == step + 1
    assert not (run / ".petsynth.lock").exists()
    fit(run, data, resume=True)
    assert_same_weights(run, undisturbed)
    assert (run / "model.safetensors").read_bytes() == (
        undisturbed / "model.safetensors"
    ).read_bytes()


def test_more_epochs_are_added_to_a_finished_training(tmp_path, data, undisturbed):
    run = tmp_path / "run"
    fit(run, data, epochs=1)
    fit(run, data, epochs=2, resume=True)
    assert_same_weights(run, undisturbed)
    assert "training.epochs (1 there, 2 now)" in (run / "config.toml").read_text()
    with pytest.raises(RunError, match="has taken 12 steps already"):
        fit(run, data, epochs=1, resume=True)
    assert "\nepochs = 2" in (run / "config.toml").read_text()


def test_a_missing_sample_picture_is_drawn_again(tmp_path, data, undisturbed):
    run = tmp_path / "run"
    shutil.copytree(undisturbed, run)
    (run / "samples" / "epoch-0002.png").unlink()
    fit(run, data, resume=True)
    assert (run / "samples" / "epoch-0002.png").exists()


def test_a_run_that_is_being_written_is_neither_resumed_nor_replaced(tmp_path, data, undisturbed):
    run = tmp_path / "run"
    shutil.copytree(undisturbed, run)
    with lock_folder(run):
        for options in ({"resume": True}, {"overwrite": True}, {}):
            with pytest.raises(OutputError, match="is writing there; wait"):
                fit(run, data, **options)
    assert (run / "config.toml").exists()


def test_a_folder_that_is_removed_midway_is_an_error(tmp_path, data, monkeypatch):
    run = tmp_path / "run"
    at_step(monkeypatch, 2, lambda: shutil.rmtree(run))
    with pytest.raises(OutputError, match="was removed or replaced"):
        fit(run, data)


def test_a_damaged_checkpoint_is_noticed_wherever_it_is_damaged(tmp_path, data, undisturbed):
    content = (undisturbed / "checkpoints" / "last.pt").read_bytes()
    run = tmp_path / "run"
    shutil.copytree(undisturbed, run)
    for place in range(1000, len(content) - 1000, len(content) // 7):
        damaged = bytearray(content)
        damaged[place] ^= 0x40
        (run / "checkpoints" / "last.pt").write_bytes(damaged)
        with contextlib.suppress(RunError):
            fit(run, data, resume=True)
            assert_same_weights(run, undisturbed)  # the damage was in the padding


def test_a_damaged_log_is_one_line(tmp_path, data, undisturbed):
    run = tmp_path / "run"
    shutil.copytree(undisturbed, run)
    for text in (b"step,epoch\nx,1\n", b"\xff\xfe\n\n", b"a,b\n1,2\n"):
        (run / "train_log.csv").write_bytes(text)
        with pytest.raises(RunError, match=r"train_log.csv: damaged"):
            fit(run, data, resume=True)
