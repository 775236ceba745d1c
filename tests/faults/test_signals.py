"""Ctrl-C and SIGTERM: the training keeps its last step, and goes on exactly."""

import signal

import pytest
import torch

from .harness import Run, compare, complete, count_failure, digest, signal_after_row

# Rare checkpoints: what is kept was written because of the signal.
RARE = ("--training.checkpoint-minutes", "1000")


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)],
)
def test_a_training_that_is_asked_to_stop_keeps_its_last_step(
    commands, folder, tally, number, status
):
    command, out = commands["train"], folder / f"train-signal-{status}"
    alone, log = folder / f"train-no-signal-{status}", folder / f"signal-{status}.log"
    complete([*command.words(alone), *RARE], folder / f"no-signal-{status}.log")
    run = Run([*command.words(out), *RARE], log, signal_after_row(number))
    count_failure(run, run.wait(), tally, (status,))
    tally.faults += 1
    step = torch.load(out / "checkpoints" / "last.pt", weights_only=True)["step"]
    assert step in (2, 3), run.messages()  # a row every two steps
    assert f"stopped after step {step}" in run.messages()
    complete([*command.again(out), *RARE], folder / f"after-signal-{status}.log", tally)
    compare(out, digest(alone), tally)
    tally.check(run.messages())
