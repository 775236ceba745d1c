"""Call a function many times in processes side by side, on this machine or on a Dask cluster.

A process that is killed loses nobody: what was not finished is done by the others. A call that
kills its process even alone is given up, and the others are done.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any, TypeVar

from petsynth.errors import ArgumentError, InputError, PetsynthError, PetsynthWarning

if TYPE_CHECKING:
    from distributed import Client

logger = logging.getLogger(__name__)

Item = TypeVar("Item")

ANSWER_SECONDS = 20
"""How long a Dask scheduler may take to answer."""
MOST_PROCESSES = 1024
"""Processes and threads that can be asked for."""
KILLED = "its process was killed, most likely for lack of memory"
"""Why a call has no result."""


def run_side_by_side(
    function: Callable[..., Any],
    arguments: Sequence[tuple[Any, ...]],
    *,
    nprocs: int = 1,
    threads: int | None = None,
    scheduler: str | None = None,
    preload: Sequence[str] = (),
    lost: Callable[..., Any] | None = None,
) -> Iterator[Any]:
    """Call a function with each tuple of arguments, in whatever order.

    Results come as they are ready, so that none waits in memory. If a process is killed, half as
    many processes do what it left, and in the end one alone. A Dask worker that dies gives its
    work to the others.

    Parameters
    ----------
    function : callable
        Of a module, so that other processes can import it.
    arguments : sequence of tuple
        One per call.
    nprocs : int
        Processes on this machine; 1: this one.
    threads : int, optional
        Threads of each process, for libraries that take a limit (BLAS, OpenMP, torch); one if
        left out, or no limit where ``nprocs`` is 1.
    scheduler : str, optional
        Address of a Dask scheduler, ``tcp://host:8786``, whose workers are used instead.
    preload : sequence of str
        Modules that are imported once for all processes on this machine, which share their memory.
        They must not start threads nor use a GPU when they are imported.
    lost : callable, optional
        Called with the arguments of a call that kills its process even alone (on Dask: several
        workers); returns what stands for the result.

    Raises
    ------
    InputError
        If Dask is not installed, its scheduler does not answer, or it has no workers.
    PetsynthError
        If a call kills its process and ``lost`` is left out.
    """
    if not arguments:
        return
    if scheduler is not None:
        yield from _on_dask(function, arguments, threads or 1, scheduler, lost)
    elif nprocs == 1:
        yield from _in_this_process(function, arguments, threads)
    else:
        yield from _on_this_machine(function, arguments, nprocs, threads or 1, preload, lost)


def check_processes(nprocs: int, num_parts: int = 1, part_id: int = 0) -> None:
    """Refuse processes and parts that there cannot be.

    Raises
    ------
    ArgumentError
        In the words of the options.
    """
    if not 1 <= nprocs <= MOST_PROCESSES:
        raise ArgumentError(f"--nprocs {nprocs}: give 1 to {MOST_PROCESSES}")
    if num_parts < 1:
        raise ArgumentError(f"--num-parts {num_parts}: give 1 or more")
    if not 0 <= part_id < num_parts:
        raise ArgumentError(
            f"--part-id {part_id}: give 0 to --num-parts - 1, which is {num_parts - 1}"
        )


def part_of(items: Sequence[Item], num_parts: int, part_id: int) -> list[Item]:
    """Return one of several parts of equal size, for the jobs of an array.

    Examples
    --------
    >>> [part_of("abcde", 2, part) for part in (0, 1)]
    [['a', 'c', 'e'], ['b', 'd']]
    """
    return list(items[part_id::num_parts])


Messages = Sequence[tuple[int, str] | Warning]
"""Levels and texts of messages, and warnings, in the order in which they were said."""


class _ListHandler(logging.Handler):
    def __init__(self, messages: list[tuple[int, str] | Warning]) -> None:
        super().__init__()
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        self._messages.append((record.levelno, record.getMessage()))


@contextlib.contextmanager
def collected() -> Iterator[Messages]:
    """Hold back what petsynth says, so that another process can `repeat` it."""
    package = logging.getLogger("petsynth")
    messages: list[tuple[int, str] | Warning] = []
    handler, level, passes_on = _ListHandler(messages), package.level, package.propagate
    others = list(package.handlers)
    for each in others:
        package.removeHandler(each)
    package.addHandler(handler)
    package.setLevel(logging.INFO)
    package.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", PetsynthWarning)

            def keep(message: Warning | str, *rest: object, **named: object) -> None:
                assert isinstance(message, Warning)
                messages.append(message)

            warnings.showwarning = keep
            yield messages
    finally:
        package.removeHandler(handler)
        for each in others:
            package.addHandler(each)
        package.setLevel(level)
        package.propagate = passes_on


def repeat(messages: Messages) -> None:
    """Say what was said in another process."""
    for each in messages:
        if isinstance(each, Warning):
            warnings.warn(each, stacklevel=2)
        else:
            logger.log(*each)


def _in_this_process(
    function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], threads: int | None
) -> Iterator[Any]:
    for each in arguments:
        yield function(*each) if threads is None else with_threads(threads, function, each)


def _on_this_machine(
    function: Callable[..., Any],
    arguments: Sequence[tuple[Any, ...]],
    nprocs: int,
    threads: int,
    preload: Sequence[str],
    lost: Callable[..., Any] | None,
) -> Iterator[Any]:
    left = dict(enumerate(arguments))
    count = min(nprocs, len(left))
    while left:
        with _processes(count, threads, preload) as pool:
            numbers = {}
            with contextlib.suppress(BrokenProcessPool):
                for number, each in left.items():
                    numbers[pool.submit(with_threads, threads, function, each)] = number
            for done in as_completed(numbers):
                if isinstance(done.exception(), BrokenProcessPool):
                    continue
                del left[numbers.pop(done)]
                yield done.result()
        if left and count > 1:
            count //= 2
            logger.warning(
                "petsynth: warning: a process was killed, most likely for lack of memory; "
                f"{len(left)} are left, and --nprocs {count} from here on"
            )
        elif left:  # one process takes them in order
            yield _give_up(left.pop(min(left)), lost)


@contextlib.contextmanager
def _processes(count: int, threads: int, preload: Sequence[str]) -> Iterator[ProcessPoolExecutor]:
    """Yield processes that end with this one, and with the block however it is left."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    others = set(multiprocessing.active_children())
    with _environment(_limits(threads)):
        pool = ProcessPoolExecutor(
            count, mp_context=context, initializer=_begin, initargs=(dict(os.environ),)
        )
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise
        pool.shutdown()


def _begin(environment: Mapping[str, str]) -> None:
    """Let a process be like the one that started it, and end with it.

    Without that, the processes of a command that was killed would go on writing into a folder that
    somebody else has locked by then.
    """
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process is interrupted, and ends this
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _give_up(arguments: tuple[Any, ...], lost: Callable[..., Any] | None) -> Any:
    if lost is None:
        raise PetsynthError(
            "a process was killed, most likely for lack of memory; what is finished is kept"
        )
    return lost(*arguments)


def _on_dask(
    function: Callable[..., Any],
    arguments: Sequence[tuple[Any, ...]],
    threads: int,
    scheduler: str,
    lost: Callable[..., Any] | None,
) -> Iterator[Any]:
    # Not through joblib's backend: it waits for ever where a worker cannot load the function.
    with connect(scheduler) as client:
        from distributed import as_completed
        from distributed.scheduler import KilledWorker

        calls = {
            client.submit(with_threads, threads, function, each, pure=False): each
            for each in arguments
        }
        for done in as_completed(list(calls)):
            each = calls.pop(done)
            if isinstance(done.exception(), KilledWorker):
                yield _give_up(each, lost)
            else:
                yield done.result()


@contextlib.contextmanager
def connect(scheduler: str) -> Iterator[Client]:
    """Connect to a Dask scheduler that has workers, for as long as the block lasts.

    Raises
    ------
    InputError
        If Dask is not installed, the scheduler does not answer, or it has no workers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "--scheduler: Dask is not installed; make install brings it, or in petsynth's folder "
            "pip install -e '.[dask]'"
        ) from None
    try:
        client = Client(scheduler, timeout=ANSWER_SECONDS)
    except (OSError, ValueError) as error:
        raise InputError(f"--scheduler {scheduler}: no answer ({error})") from None
    with client:
        if not client.scheduler_info()["workers"]:
            raise InputError(f"--scheduler {scheduler}: has no workers; start some first")
        yield client


def with_threads(threads: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Call a function while libraries use so many threads, also those that it imports itself."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(threads), _environment({"OMP_NUM_THREADS": str(threads)}):
        return function(*arguments)


_ALLOWED: contextvars.ContextVar[int | None] = contextvars.ContextVar("allowed", default=None)
"""Threads that a call of `run_in_threads` may have of its own."""


def allowed_threads() -> int:
    """Return how many threads may work here: as many as torch's, where it is imported.

    Without torch, what ``OMP_NUM_THREADS`` says, and all cores where it says nothing. One inside
    a call of `run_in_threads`.
    """
    if (allowed := _ALLOWED.get()) is not None:
        return allowed
    if (torch := sys.modules.get("torch")) is not None:
        return int(torch.get_num_threads())
    given = os.environ.get("OMP_NUM_THREADS", "")
    cores = os.cpu_count() or 1
    return min(int(given), cores) if given.isdigit() and int(given) else cores


def run_in_threads(calls: Sequence[Callable[[], Item]]) -> list[Item]:
    """Make calls that mostly compute outside Python, as many at once as there may be threads.

    Returns
    -------
    list
        Their results, in the order of the calls; the first error where there are some.
    """
    threads = min(allowed_threads(), len(calls))
    if threads < 2:
        return [call() for call in calls]
    with ThreadPoolExecutor(threads) as pool:
        # Each in a copy of this context: files that are written wait with others of theirs.
        made = [pool.submit(contextvars.copy_context().run, _alone, call) for call in calls]
        return [each.result() for each in made]


def _alone(call: Callable[[], Item]) -> Item:
    _ALLOWED.set(1)
    return call()


def _limits(threads: int) -> dict[str, str]:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return dict.fromkeys(names, str(threads))


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
