"""One writer per folder, also where the last one was killed."""

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from petsynth.errors import OutputError
from petsynth.io.lock import LOCK, is_bookkeeping, lock_folder

HOLDER = """
import sys, time
from petsynth.io.lock import lock_folder
with lock_folder(sys.argv[2], key=sys.argv[3] if len(sys.argv) > 3 else None):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(folder: Path, *key: str) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, "train", str(folder), *key],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    return process


def stop(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_second_one_is_told_who_holds_the_folder(tmp_path):
    process = holder(tmp_path / "run")
    try:
        with pytest.raises(OutputError) as refusal, lock_folder(tmp_path / "run"):
            pass
    finally:
        stop(process)
    message = str(refusal.value)
    assert message.startswith(f"{tmp_path / 'run'}: another petsynth (train, process {process.pid}")
    assert "name another folder" in message
    assert "\n" not in message


def test_a_killed_process_holds_nothing_and_leaves_nothing(tmp_path):
    stop(holder(tmp_path))
    assert (tmp_path / LOCK).exists()
    with lock_folder(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_this_process_is_held_against_itself(tmp_path):
    with (
        lock_folder(tmp_path),
        pytest.raises(OutputError, match="is writing there"),
        lock_folder(tmp_path),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_same_key_shares_and_another_is_refused(tmp_path):
    process = holder(tmp_path, "settings")
    try:
        with lock_folder(tmp_path, key="settings"):
            pass
        for key in ("others", None):
            with (
                pytest.raises(OutputError, match="is writing there"),
                lock_folder(tmp_path, key=key),
            ):
                pass
    finally:
        stop(process)
    with lock_folder(tmp_path, key="others"):
        pass
    assert list(tmp_path.iterdir()) == []


def share(folder: Path, go: float) -> None:
    time.sleep(max(go - time.time(), 0))
    with lock_folder(folder, key="settings"):
        time.sleep(0.2)


def test_jobs_with_the_same_key_may_start_at_the_same_moment(tmp_path):
    context = multiprocessing.get_context("fork")
    go = time.time() + 0.3
    jobs = [context.Process(target=share, args=(tmp_path, go)) for _ in range(6)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert [job.exitcode for job in jobs] == [0] * 6


def contend(folder: Path, won) -> None:
    try:
        with lock_folder(folder):
            won.value += 1
            time.sleep(1.5)
    except OutputError:
        pass


def test_of_several_at_the_same_moment_one_wins(tmp_path):
    context = multiprocessing.get_context("fork")
    won = context.Value("i", 0)
    jobs = [context.Process(target=contend, args=(tmp_path, won)) for _ in range(4)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert won.value == 1


def test_a_folder_that_is_removed_meanwhile_is_an_error(tmp_path):
    folder = tmp_path / "run"

    def replace() -> None:
        with lock_folder(folder) as check:
            check()
            (folder / LOCK).unlink()
            folder.rmdir()
            folder.mkdir()

    with pytest.raises(OutputError, match="was removed or replaced"):
        replace()


def test_a_folder_that_was_made_for_nothing_does_not_stay(tmp_path):
    def refuse() -> None:
        with lock_folder(tmp_path / "deep" / "run"):
            raise OutputError("the data cannot be used")

    with pytest.raises(OutputError, match="cannot be used"):
        refuse()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_at_the_lock_leaves_nothing(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with (
        pytest.raises(OutputError, match="disk full while writing"),
        lock_folder(tmp_path / "a" / "b"),
    ):
        pytest.fail("the lock is held")
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_process_left_is_removed_and_a_living_one_keeps_its_own(tmp_path):
    from petsynth.io.atomic import atomic_path, temporary_prefix

    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    prefix = temporary_prefix().replace(f".{os.getpid()}-", f".{dead.pid}-")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / f"{prefix}x-model.pt").write_bytes(b"half")
    (tmp_path / f"{prefix}folder").mkdir()
    (tmp_path / f"{prefix}folder" / "0.npy").write_bytes(b"half")
    (tmp_path / "victim").write_text("mine")
    (tmp_path / f"{prefix}link").symlink_to(tmp_path / "victim")
    (tmp_path / ".tmp-elsewhere.1-x").write_bytes(b"half")
    (tmp_path / ".tmp-old.1-x").write_bytes(b"half")
    os.utime(tmp_path / ".tmp-old.1-x", (0, 0))
    with atomic_path(tmp_path / "note.txt") as temporary, lock_folder(tmp_path):
        assert temporary.exists()
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        ".tmp-elsewhere.1-x", "deep", "note.txt", "victim",
    ]  # fmt: skip


def test_a_lock_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / LOCK).symlink_to(tmp_path / "victim")
    with pytest.raises(OutputError, match="link"), lock_folder(tmp_path / "out"):
        pass
    assert (tmp_path / "victim").read_text() == "mine"


def test_bookkeeping():
    assert is_bookkeeping(LOCK)
    assert not is_bookkeeping("config.toml")
