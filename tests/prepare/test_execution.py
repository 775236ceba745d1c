"""Subjects side by side: on this machine, and on a real Dask cluster that loses a worker."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from threadpoolctl import threadpool_info

from petsynth.errors import ArgumentError, InputError
from petsynth.io.bids.index import Scan
from petsynth.prepare.execution import processes_within, run_side_by_side, subject_mb


def double(number: int) -> int:
    return 2 * number


def test_every_call_gives_a_result():
    calls = [(number,) for number in range(5)]
    assert sorted(run_side_by_side(double, calls)) == [0, 2, 4, 6, 8]
    assert list(run_side_by_side(double, [])) == []


def test_processes_end_with_the_one_that_started_them(tmp_path):
    """Killed, a command has no processes left that go on writing into its folder."""
    told = [tmp_path / "one", tmp_path / "two"]
    # A shell says which process started it.
    calls = [(f"echo $PPID > {path}.part; mv {path}.part {path}; sleep 60",) for path in told]
    code = (
        "import os; from petsynth.prepare.execution import run_side_by_side; "
        f"list(run_side_by_side(os.system, {calls}, nprocs=2))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    wait_until(lambda: all(path.exists() for path in told))
    workers = [int(path.read_text()) for path in told]
    assert parent.pid not in workers
    parent.kill()
    parent.wait()
    wait_until(lambda: not any(map(works, workers)))


def works(pid):
    """Whether a process is there, and no mere entry in the table of processes."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(is_so):
    end = time.monotonic() + 300
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("nprocs", [1, 2])
def test_each_process_has_as_many_threads_as_wanted(nprocs, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    calls = [("OMP_NUM_THREADS",)] * 2
    assert list(run_side_by_side(os.getenv, calls, nprocs=nprocs, threads=2)) == ["2", "2"]
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_threads_of_loaded_libraries_are_limited_too():
    (libraries,) = run_side_by_side(threadpool_info, [()], threads=2)
    assert {each["num_threads"] for each in libraries} == {2}


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("petsynth.prepare.execution.ANSWER_SECONDS", 1)
    with pytest.raises(InputError, match=r"--scheduler tcp://127.0.0.1:9: no answer"):
        list(run_side_by_side(double, [(1,)], scheduler="tcp://127.0.0.1:9"))


def note_and_wait(folder: str, number: int) -> int:
    """Leave a file at the start, with the process' number, and another at the end."""
    (Path(folder) / f"{number}-started-{os.getpid()}").touch()
    time.sleep(1.0)
    (Path(folder) / f"{number}-done").touch()
    return number


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_killing_a_dask_worker_loses_no_subject(cluster, tmp_path):
    address, workers = cluster
    notes = tmp_path / "notes"
    notes.mkdir()
    results = []
    calls = [(str(notes), number) for number in range(8)]
    for result in run_side_by_side(note_and_wait, calls, scheduler=address):
        results.append(result)
        if len(results) == 2:
            workers[0].send_signal(signal.SIGKILL)
    assert sorted(results) == list(range(8))
    assert len(list(notes.glob("*-done"))) == 8
    assert list(notes.glob(f"*-started-{workers[0].pid}"))
    assert list(notes.glob(f"*-started-{workers[1].pid}"))


@pytest.fixture
def scan(tmp_path):
    """Return the function that writes a T1 and a PET of given shapes."""

    def write(name: str, t1: tuple[int, ...], pet: tuple[int, ...]) -> Scan:
        paths = [tmp_path / f"{name}_{suffix}.nii" for suffix in ("T1w", "pet")]
        for path, shape in zip(paths, (t1, pet), strict=True):
            nib.save(nib.Nifti1Image(np.zeros(shape, np.uint8), np.eye(4)), path)
        return Scan(name, *paths, "FDG")

    return write


def test_a_static_pet(scan):
    """1,000,000 + 250,000 voxels, 8 copies of 4 bytes: 40 MB beside 400, or 1500 with deepbet."""
    one = scan("sub-1", (100, 100, 100), (50, 50, 100))
    assert subject_mb([one], deepbet=False) == 440
    assert subject_mb([one], deepbet=True) == 1540


def test_frames_count(scan):
    """The first frame as above; 20 more of 250,000 voxels, 3 copies of 4 bytes: 60 MB."""
    one = scan("sub-1", (100, 100, 100), (50, 50, 100, 21))
    assert subject_mb([one], deepbet=False) == 500


def test_the_largest_subject_decides_and_damaged_files_count_nothing(scan):
    small, large = scan("a", (10, 10, 10), (10, 10, 10)), scan("b", (100, 100, 100), (10, 10, 10))
    large.pet.write_bytes(b"no image")
    assert subject_mb([small, large], deepbet=False) == 432
    large.t1.unlink()
    assert subject_mb([small, large], deepbet=False) == 401
    assert subject_mb([], deepbet=False) == 400


@pytest.mark.parametrize(
    ("mem_mb", "nprocs", "each", "expected"),
    [(16_000, 8, 3000, 5), (16_000, 4, 3000, 4), (3000, 4, 3000, 1), (5999, 4, 3000, 1)],
)
def test_as_many_processes_as_fit(mem_mb, nprocs, each, expected):
    assert processes_within(mem_mb, nprocs, each) == expected


def test_too_little_for_one_is_refused():
    with pytest.raises(ArgumentError, match=r"--mem-mb 2999: one subject .* about 3000 MB"):
        processes_within(2999, 4, 3000)
