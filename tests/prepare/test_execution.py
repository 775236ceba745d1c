"""Subjects side by side: on this machine, and on a real Dask cluster that loses a worker."""

import os
import signal
import time
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info

from petsynth.errors import InputError
from petsynth.prepare.execution import run_side_by_side


def double(number: int) -> int:
    return 2 * number


def test_every_call_gives_a_result():
    calls = [(number,) for number in range(5)]
    assert sorted(run_side_by_side(double, calls)) == [0, 2, 4, 6, 8]
    assert list(run_side_by_side(double, [])) == []


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
