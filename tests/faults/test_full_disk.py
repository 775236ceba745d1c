"""A disk that is full: one line, nothing half-written, and the command goes on with more space."""

import os
import subprocess

import pytest

from petsynth.io.lock import is_bookkeeping

from .harness import Run, complete, digest

SIZES_KB = {"train": (40, 160), "predict": (60, 200), "prepare": (40, 120), "evaluate": (40, 250)}
"""Sizes of the disk at which a command does not end."""

# On a busy machine the moments of the faults shift; `make faults` and `make test-all` run these.
pytestmark = pytest.mark.slow


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
    mount("size=16k")
    yield place, lambda kilobytes: mount(f"remount,size={kilobytes}k")
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize(
    "name",
    ["train", "predict", "prepare", pytest.param("evaluate", marks=pytest.mark.slow)],
)
def test_a_full_disk(commands, folder, disk, name):
    place, resize = disk
    command, out = commands[name], place / "out"
    alone = folder / f"{name}-on-a-large-disk"
    complete(command.words(alone), folder / f"{name}-alone.log")
    words = command.words(out)
    for size in SIZES_KB[name]:
        resize(size)
        run = Run(words, folder / f"{name}-{size}.log")
        assert run.wait() == 1, run.messages()
        *_, last = run.messages().strip().splitlines()
        assert last.startswith(f"petsynth {name}: error: disk full while writing"), run.messages()
        assert "Traceback" not in run.messages()
        left = [path.name for path in place.rglob("*") if is_bookkeeping(path.name)]
        assert not left, left
        words = command.again(out)
    resize(64 * 1024)
    complete(words, folder / f"{name}-enough.log")
    assert digest(out) == digest(alone)
