"""Run petsynth's commands in processes that are killed, start together or meet bad files.

Commands run in forks of this process, which has imported everything already: a fault then costs
little more than the work that it interrupts. Nothing waits for a time: a process is killed at a
random one of its own function calls, and two processes meet at the lock. ``PETSYNTH_FAULTS`` says
how many faults there are in all; ``make faults`` takes 1,000.
"""

from __future__ import annotations

import atexit
import contextlib
import gzip
import hashlib
import importlib.util
import json
import multiprocessing
import os
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy
import torch
from PIL import Image

from petsynth.cli.main import run as petsynth
from petsynth.io import lock
from petsynth.io.lock import is_bookkeeping
from petsynth.io.text import read_json, read_rows
from petsynth.training.logs import CsvLog

FAULTS = int(os.environ.get("PETSYNTH_FAULTS", "4"))
"""Faults in all, over all commands."""
SEED = int(os.environ.get("PETSYNTH_FAULTS_SEED", "0"))
"""Chooses the moments."""
HANGS_AFTER_S = 600
"""Longest time that a command may take on a busy machine."""
MOST_BYTES = 3 << 30
"""Memory that a command may take beyond what this process has."""
CHANGING = ("seconds", "sha256")
"""Entries of a checkpoint that no two trainings have in common."""


@dataclass
class Tally:
    """What went wrong; everything but ``faults`` must be 0."""

    faults: int = 0
    tracebacks: int = 0
    hangs: int = 0
    half_written: int = 0
    lost: int = 0
    different: int = 0
    left_behind: int = 0

    def check(self, told: str = "") -> None:
        """Fail unless nothing went wrong, and something was tried."""
        assert self.faults, told
        wrong = {name: count for name, count in asdict(self).items() if name != "faults" and count}
        assert not wrong, f"{wrong}\n{told}"


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
    """A command in a process of its own.

    Parameters
    ----------
    words : list of str
        What is typed after ``petsynth``.
    log : Path
        Receives what it prints.
    fault : function, optional
        Called in the process before the command, to make it kill or stop itself, for example.
    """

    def __init__(self, words: list[str], log: Path, fault: Callable[[], None] = lambda: None):
        self.log = log
        context = multiprocessing.get_context("fork")
        self.process = context.Process(target=_work, args=(words, log, fault))
        self.process.start()

    def wait(self, seconds: float = HANGS_AFTER_S) -> int | None:
        """Return the exit status; None, and kill it, if the command has not ended by then."""
        self.process.join(seconds)
        status = self.process.exitcode
        if status is None:
            self.process.kill()
            self.process.join()
        return status

    def wait_until_stopped(self) -> None:
        """Wait until it has stopped itself; see `stop_at_lock`."""
        options = os.WSTOPPED | os.WEXITED | os.WNOWAIT
        found = os.waitid(os.P_PID, self.process.pid, options)
        assert found.si_code == os.CLD_STOPPED, self.messages()

    def go_on(self) -> None:
        """Let it go on after it has stopped itself."""
        os.kill(self.process.pid, signal.SIGCONT)

    def messages(self) -> str:
        """Return what it has printed."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


def _work(words: list[str], log: Path, fault: Callable[[], None]) -> None:
    torch.set_num_threads(1)
    # pytest's handlers and captured streams are not the command's.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w", buffering=1)
    warnings.resetwarnings()
    try:
        fault()
        status = petsynth(words)
        sys.setprofile(None)
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        status = 99
    atexit._run_exitfuncs()
    os._exit(status)


def kill_at(number: int) -> Callable[[], None]:
    """Let a process kill itself (SIGKILL) when so many functions were called."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return lambda: sys.setprofile(count)


def stop_at_lock(number: int = 1) -> Callable[[], None]:
    """Let a process stop itself (SIGSTOP) when it holds its first lock, its second, ..."""
    write, locks = lock._write, 0

    def hold(file: int, key: str | None) -> None:
        nonlocal locks
        write(file, key)
        locks += 1
        if locks == number:
            os.kill(os.getpid(), signal.SIGSTOP)

    return lambda: setattr(lock, "_write", hold)


def signal_after_row(number: int) -> Callable[[], None]:
    """Let a training send itself a signal after the first row of its log."""
    append = CsvLog.append

    def append_and_signal(log: CsvLog, row: Mapping[str, object]) -> None:
        append(log, row)
        CsvLog.append = append
        os.kill(os.getpid(), number)

    return lambda: setattr(CsvLog, "append", append_and_signal)


def limit_memory() -> None:
    """Let a process take `MOST_BYTES` more than it has, and no more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + MOST_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def complete(words: list[str], log: Path, tally: Tally | None = None) -> None:
    """Run a command to its end; count what goes wrong, or fail if there is nothing to count in."""
    run = Run(words, log)
    status = run.wait()
    if tally is not None:
        count_failure(run, status, tally, (0,))
    else:
        assert status == 0, f"status {status}: {run.messages()}"
        assert "Traceback" not in run.messages(), run.messages()


def import_ahead(words: list[str], log: Path) -> None:
    """Run a command to its end, and import here what it imported, so that no later run has to."""
    names = log.with_suffix(".modules")

    def start() -> None:
        atexit.register(lambda: names.write_text("\n".join(sys.modules)))

    run = Run(words, log, start)
    assert run.wait() == 0, run.messages()
    for name in names.read_text().split("\n"):
        if name not in sys.modules and importlib.util.find_spec(name.partition(".")[0]):
            with contextlib.suppress(Exception):  # a module that another one has put there
                importlib.import_module(name)


def count_calls(words: list[str], log: Path) -> int:
    """Run a command to its end, and return how many functions were called."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += 1

    def start() -> None:
        atexit.register(lambda: log.with_suffix(".calls").write_text(str(calls)))
        sys.setprofile(count)

    run = Run(words, log, start)
    assert run.wait() == 0, run.messages()
    return int(log.with_suffix(".calls").read_text())


def count_failure(run: Run, status: int | None, tally: Tally, allowed: tuple[int, ...]) -> None:
    """Count a hang, a traceback or a status that should not be."""
    tally.hangs += status is None
    wrong = status not in (None, *allowed) or "Traceback" in run.messages()
    tally.tracebacks += wrong


def kill_and_go_on(
    command: Command, out: Path, log: Path, calls: int, random: np.random.Generator, tally: Tally
) -> None:
    """Kill a command at up to three random moments, let it end, and count what is wrong."""
    for attempt in range(int(random.integers(1, 4))):
        words = command.words(out) if attempt == 0 else command.again(out)
        run = Run(words, log, kill_at(int(random.integers(1, calls))))
        status = run.wait()
        count_failure(run, status, tally, (0, -signal.SIGKILL))
        if status == 0:
            break
        tally.faults += 1
        tally.half_written += len(damaged_files(out))
    complete(command.again(out), log, tally)


def compare(found: Path, expected: dict[str, str], tally: Tally) -> None:
    """Count files that are missing, too many or different, and what no finished command leaves."""
    now = digest(found)
    tally.lost += len(expected.keys() - now.keys())
    tally.left_behind += len(now.keys() - expected.keys())
    tally.different += sum(now[name] != expected[name] for name in now.keys() & expected.keys())


def digest(folder: Path) -> dict[str, str]:
    """Return a hash per file of a result, without what differs from one time to another."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("events.out") and path.suffix != ".log":
            name = path.relative_to(folder).as_posix()
            found[name] = hashlib.sha256(_content(path)).hexdigest()
    return found


def damaged_files(folder: Path) -> list[Path]:
    """Return the files of a result that are not whole; temporary ones are nobody's result."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    results = [
        path for path in files if not any(map(is_bookkeeping, path.relative_to(folder).parts))
    ]
    return [path for path in results if not _is_whole(path)]


def _is_whole(path: Path) -> bool:
    readers: dict[str, Callable[[Path], object]] = {
        ".gz": lambda path: gzip.decompress(path.read_bytes()),
        ".json": read_json,
        ".npy": np.load,
        ".png": lambda path: Image.open(path).load(),
        ".pt": lambda path: torch.load(path, weights_only=True),
        ".safetensors": safetensors.numpy.load_file,
        ".tsv": read_rows,
    }
    try:
        readers.get(path.suffix, Path.read_bytes)(path)
    except Exception:  # whatever a reader says of a file that is cut off
        return False
    return True


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


def as_json(tally: Tally) -> str:
    """Return a tally as pytest's reports carry it from one process to another."""
    return json.dumps(asdict(tally))
