"""Run petsynth's commands in processes that are killed, start together or meet a full disk.

Commands run in forks of this process, which has imported everything already: a fault then costs
little more than the work that it interrupts. ``PETSYNTH_FAULTS`` says how many faults there are in
all; ``make faults`` takes 1,000.
"""

from __future__ import annotations

import gzip
import hashlib
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from petsynth.cli.main import run as petsynth

FAULTS = int(os.environ.get("PETSYNTH_FAULTS", "8"))
"""Kills in all, over all commands."""
SEED = int(os.environ.get("PETSYNTH_FAULTS_SEED", "0"))
"""Chooses the moments."""
HANGS_AFTER_S = 600
"""Longest time that a command may take on a busy machine."""
CHANGING = ("seconds", "sha256")
"""Entries of a checkpoint that no two trainings have in common."""


@dataclass(frozen=True)
class Command:
    """A command, how it is repeated after a fault, and what its result is.

    Parameters
    ----------
    name : str
        Such as ``"train"``.
    words : function from Path to list of str
        What is typed after ``petsynth``, given the output folder.
    repeated : tuple of str
        What is added when the command is given again.
    """

    name: str
    words: Callable[[Path], list[str]]
    repeated: tuple[str, ...] = ()

    def again(self, out: Path) -> list[str]:
        """Return what is typed to go on."""
        return [*self.words(out), *self.repeated]


class Run:
    """A command in a process of its own."""

    def __init__(self, words: list[str], log: Path):
        self.log = log
        self.process = multiprocessing.get_context("fork").Process(target=_work, args=(words, log))
        self.process.start()

    def wait(self, seconds: float = HANGS_AFTER_S) -> int | None:
        """Return the exit status; None if the command has not ended by then."""
        self.process.join(seconds)
        return self.process.exitcode

    def kill(self) -> bool:
        """Kill it (SIGKILL), and tell whether it was still running."""
        was_running = self.process.is_alive()
        self.process.kill()
        self.process.join()
        return was_running

    def messages(self) -> str:
        """Return what it has printed."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


def _work(words: list[str], log: Path) -> None:
    torch.set_num_threads(1)
    # pytest's handlers and captured streams are not the command's.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    import sys

    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w", buffering=1)
    try:
        status = petsynth(words)
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        status = 99
    os._exit(status)


def complete(words: list[str], log: Path) -> float:
    """Run a command to its end, and return how many seconds it took."""
    start = time.monotonic()
    run = Run(words, log)
    status = run.wait()
    if status is None:
        run.kill()
    assert status == 0, f"status {status}: {run.messages()}"
    assert "Traceback" not in run.messages(), run.messages()
    return time.monotonic() - start


def kill_and_go_on(
    command: Command, out: Path, log: Path, seconds: float, random: np.random.Generator
) -> int:
    """Kill a command at up to three random moments, let it end; return how many kills hit."""
    hits = 0
    for attempt in range(int(random.integers(1, 4))):
        run = Run(command.words(out) if attempt == 0 else command.again(out), log)
        # Most moments lie within the work, some right at its beginning.
        run.wait(random.uniform(0, seconds) if random.random() < 0.8 else random.uniform(0, 0.05))
        hits += run.kill()
        if run.process.exitcode == 0:
            break
        assert "Traceback" not in run.messages(), run.messages()
    complete(command.again(out), log)
    return hits


def digest(folder: Path) -> dict[str, str]:
    """Return a hash per file of a result, without what differs from one time to another."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("events.out"):
            name = path.relative_to(folder).as_posix()
            found[name] = hashlib.sha256(_content(path)).hexdigest()
    return found


def _content(path: Path) -> bytes:
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".pt":
        state = torch.load(path, weights_only=True)
        return repr({key: _plain(state[key]) for key in state if key not in CHANGING}).encode()
    if path.name == "train_log.csv":
        return b"\n".join(line.rpartition(b",")[0] for line in path.read_bytes().splitlines())
    return path.read_bytes()


def _plain(value: object) -> object:
    if isinstance(value, torch.Tensor):
        return hashlib.sha256(value.contiguous().view(-1).numpy().tobytes()).hexdigest()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return value
