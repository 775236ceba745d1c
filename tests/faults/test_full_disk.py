"""A disk that is full: one line, nothing half-written, and the command goes on with more space."""

import os
import subprocess

import numpy as np
import pytest

from petsynth.io.lock import is_bookkeeping

from .harness import FAULTS, SEED, Run, compare, complete, count_failure, damaged_files, digest

FRACTION = 0.1
"""Part of all faults."""
SMALLEST_KB = 16
SLOW = ("evaluate", "train")


@pytest.fixture
def disk(tmp_path):
    """Return a function that mounts a file system of some kilobytes, and later enlarges it."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options: str) -> None:
        words = ["mount", "-t", "tmpfs", "-o", options, "none", str(place)]
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip("there is no mount here")
        if done.returncode:
            pytest.skip(f"may not mount a small file system here: {done.stderr.strip()}")

    if os.geteuid():
        pytest.skip("only root may mount a small file system")
    mount(f"size={SMALLEST_KB}k")
    yield place, lambda kilobytes: mount(f"remount,size={kilobytes}k")
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW))
        for name in ("predict", "prepare", "train", "evaluate")
    ],
)
def test_a_full_disk(commands, folder, disk, tally, name):
    place, resize = disk
    command, out = commands[name], place / "out"
    alone = folder / f"{name}-on-a-large-disk"
    complete(command.words(alone), folder / f"{name}-alone.log")
    expected = digest(alone)
    needed = sum(path.stat().st_size for path in alone.rglob("*") if path.is_file()) // 1024
    random = np.random.default_rng([SEED, len(name)])
    words = command.words(out)
    count = max(1, round(FAULTS * FRACTION / 4))
    for number, size in enumerate(sorted(random.integers(SMALLEST_KB, needed, count).tolist())):
        resize(size)
        run = Run(words, folder / f"{name}-{number}.log")
        count_failure(run, run.wait(), tally, (1,))
        tally.faults += 1
        tally.half_written += len(damaged_files(out))
        left = [path for path in place.rglob("*") if is_bookkeeping(path.name)]
        tally.left_behind += len(left)
        *_, last = run.messages().strip().splitlines()
        assert last.startswith(f"petsynth {name}: error: disk full while writing"), run.messages()
        tally.check(run.messages())
        words = command.again(out)
    resize(64 * 1024)
    complete(words, folder / f"{name}-enough.log", tally)
    compare(out, expected, tally)
    tally.check()
