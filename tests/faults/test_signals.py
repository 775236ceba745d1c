"""Ctrl-C and SIGTERM: the training keeps its last step, and goes on exactly."""

import os
import signal
import time

import pytest
import torch

from .harness import HANGS_AFTER_S, Run, complete, digest


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_training_that_is_asked_to_stop_keeps_its_last_step(commands, folder, number, status):
    command, out = commands["train"], folder / f"train-signal-{status}"
    alone, log = folder / f"train-no-signal-{status}", folder / f"signal-{status}.log"
    # Rare checkpoints: what is kept was written because of the signal.
    rare = ("--training.checkpoint-minutes", "1000")
    complete([*command.words(alone), *rare], folder / f"no-signal-{status}.log")
    run = Run([*command.words(out), *rare], log)
    deadline = time.monotonic() + HANGS_AFTER_S
    while not _has_rows(out / "train_log.csv") and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(run.process.pid, number)
    assert run.wait() == status, run.messages()
    step = torch.load(out / "checkpoints" / "last.pt", weights_only=True)["step"]
    assert f"stopped after step {step}" in run.messages()
    assert "Traceback" not in run.messages()
    complete([*command.again(out), *rare], folder / f"after-signal-{status}.log")
    assert digest(out) == digest(alone)


def _has_rows(path) -> bool:
    return path.exists() and path.read_text().count("\n") > 1
