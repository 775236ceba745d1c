"""Subjects side by side: on this machine, and on a real Dask cluster that loses a worker."""

import contextvars
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info

from petsynth import execution
from petsynth.errors import ArgumentError, InputError, PetsynthError
from petsynth.execution import allowed_threads, check_processes, run_side_by_side


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
        "import os; from petsynth.execution import run_side_by_side; "
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
    monkeypatch.setattr("petsynth.execution.ANSWER_SECONDS", 1)
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


def die_once(folder: str, number: int) -> int:
    """Kill the process that has number 3, the first time."""
    mark = Path(folder) / "died"
    if number == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_killed_process_loses_nobody(tmp_path, caplog):
    calls = [(str(tmp_path), number) for number in range(8)]
    assert sorted(run_side_by_side(die_once, calls, nprocs=2)) == list(range(8))
    assert "a process was killed" in caplog.text
    assert "--nprocs 1 from here on" in caplog.text


def die_always(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_call_that_kills_its_process_is_given_up_and_the_others_are_done():
    calls = [(number,) for number in range(4)]
    results = run_side_by_side(die_always, calls, nprocs=2, lost=lambda number: f"lost {number}")
    assert sorted(map(str, results)) == ["0", "2", "3", "lost 1"]


def test_without_a_word_for_it_a_killed_call_is_an_error():
    with pytest.raises(PetsynthError, match="a process was killed, most likely for lack of memory"):
        list(run_side_by_side(die_always, [(1,), (0,)], nprocs=2))


def loaded(name: str) -> tuple[int, bool]:
    """Return the process, and whether it has a module that nobody asked for."""
    time.sleep(0.2)
    return os.getpid(), name in sys.modules


def test_modules_are_imported_once_for_all_processes(tmp_path, monkeypatch):
    """The module notes each process that executes it."""
    (tmp_path / "noted_module.py").write_text(
        f"import os\nwith open({str(tmp_path / 'notes')!r}, 'a') as file:\n"
        "    file.write(f'{os.getpid()}\\n')\n"
    )
    code = (
        "from petsynth.execution import run_side_by_side\n"
        "import tests_of_execution as tests\n"
        "found = list(run_side_by_side(tests.loaded, [('noted_module',)] * 6, nprocs=2,"
        " preload=['noted_module']))\n"
        "assert all(there for _, there in found), found\n"
        "assert len({pid for pid, _ in found}) == 2\n"
    )
    (tmp_path / "tests_of_execution.py").write_text(Path(__file__).read_text())
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": paths}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert len((tmp_path / "notes").read_text().split()) == 1


def fail(note: str, number: int) -> int:
    """Fail once the other call is under way, which takes for ever."""
    if number == 0:
        Path(f"{note}.part").write_text(str(os.getpid()))
        Path(f"{note}.part").rename(note)
        time.sleep(3600)
    wait_until(Path(note).exists)
    raise InputError("one is no number")


def test_an_error_ends_the_other_processes(tmp_path):
    note = tmp_path / "note"
    with pytest.raises(InputError, match="one is no number"):
        list(run_side_by_side(fail, [(str(note), 0), (str(note), 1)], nprocs=2))
    wait_until(lambda: not works(int(note.read_text())))


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((0,), "--nprocs 0: give 1 to 1024"),
        ((1, 0, 0), "--num-parts 0: give 1 or more"),
        ((1, 2, 2), "--part-id 2: give 0 to --num-parts - 1, which is 1"),
        ((1, 2, -1), "--part-id -1"),
    ],
)
def test_impossible_numbers(numbers, message):
    with pytest.raises(ArgumentError, match=message):
        check_processes(*numbers)


def test_allowed_threads_are_those_of_torch_or_of_the_environment(monkeypatch):
    torch = pytest.importorskip("torch")
    assert allowed_threads() == torch.get_num_threads()
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    for given, expected in (("2", 2), ("64", 4), ("", 4), ("many", 4)):
        monkeypatch.setenv("OMP_NUM_THREADS", given)
        assert allowed_threads() == expected


def test_calls_in_threads_give_their_results_in_order_and_have_one_thread_each(monkeypatch):
    monkeypatch.setattr(execution, "_ALLOWED", contextvars.ContextVar("allowed", default=3))
    place = contextvars.ContextVar("place", default="outside")
    place.set("here")
    calls = [lambda n=n: (n, place.get(), execution.allowed_threads()) for n in range(5)]
    assert execution.run_in_threads(calls) == [(n, "here", 1) for n in range(5)]
    assert execution.allowed_threads() == 3
    assert execution.run_in_threads([]) == []

    def fail():
        raise InputError("no")

    with pytest.raises(InputError, match="no"):
        execution.run_in_threads([*calls, fail])
