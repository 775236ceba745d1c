"""Call a function many times in processes side by side, on this machine or on a Dask cluster.

How many processes fit into memory was measured with ``benchmarks/prepare_scaling.py`` (peak of
one process).
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from petsynth.errors import ArgumentError, InputError, PetsynthError
from petsynth.io.bids.index import Scan
from petsynth.io.lock import call_with
from petsynth.io.nifti import read_shape

if TYPE_CHECKING:
    from distributed import Client

ANSWER_SECONDS = 20
"""How long a Dask scheduler may take to answer."""
BASE_MB = 400
"""A process with the libraries that preparing needs, and the template."""
DEEPBET_MB = 1100
"""What deepbet adds while it runs."""
COPIES = 8
"""Copies of an image, in float32, that live at the same time."""
FRAME_COPIES = 3
"""The same of a PET's frames beyond the first. Measured were 1.6 (12 frames of 4 million voxels
added 277 MB to the peak, with or without motion correction); smoothing and units add one each."""


def run_side_by_side(
    function: Callable[..., Any],
    arguments: Sequence[tuple[Any, ...]],
    *,
    nprocs: int = 1,
    threads: int | None = None,
    scheduler: str | None = None,
) -> Iterator[Any]:
    """Call a function with each tuple of arguments, in whatever order.

    Results come as they are ready, so that none waits in memory. A Dask worker that dies gives
    its work to the others.

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

    Raises
    ------
    InputError
        If Dask is not installed, its scheduler does not answer, or it has no workers.
    PetsynthError
        If a process is killed (on Dask: if one subject kills several workers).
    """
    if not arguments:
        return
    if scheduler is not None:
        yield from _on_dask(function, arguments, threads or 1, scheduler)
    elif nprocs == 1:
        yield from _in_this_process(function, arguments, threads)
    else:
        yield from _on_this_machine(function, arguments, nprocs, threads or 1)


def _in_this_process(
    function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], threads: int | None
) -> Iterator[Any]:
    for each in arguments:
        yield function(*each) if threads is None else with_threads(threads, function, each)


def _on_this_machine(
    function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], nprocs: int, threads: int
) -> Iterator[Any]:
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    try:
        with parallel_config(backend="loky", inner_max_num_threads=threads):
            jobs = Parallel(n_jobs=min(nprocs, len(arguments)), return_as="generator_unordered")
            yield from jobs(delayed(call_with)(os.getpid(), function, *each) for each in arguments)
    except TerminatedWorkerError:
        raise PetsynthError(
            "a process was killed, most likely for lack of memory: use fewer --nprocs or "
            "--mem-mb; finished subjects are kept"
        ) from None


def _on_dask(
    function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], threads: int, scheduler: str
) -> Iterator[Any]:
    # Not through joblib's backend: it waits for ever where a worker cannot load the function.
    with connect(scheduler) as client:
        from distributed import as_completed
        from distributed.scheduler import KilledWorker

        futures = [
            client.submit(with_threads, threads, function, each, pure=False) for each in arguments
        ]
        try:
            for done in as_completed(futures):
                yield done.result()
        except KilledWorker:
            raise PetsynthError(
                "Dask gave up on a subject that killed several workers, most likely for lack of "
                "memory; finished subjects are kept"
            ) from None


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

    with threadpool_limits(threads), _environment("OMP_NUM_THREADS", str(threads)):
        return function(*arguments)


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def subject_mb(scans: Sequence[Scan], *, deepbet: bool) -> int:
    """Return the memory in MB that the largest of some subjects needs, from its headers.

    A file that cannot be read counts nothing: it will be left out.
    """
    largest = max((_copies(scan) for scan in scans), default=0)
    return BASE_MB + (DEEPBET_MB if deepbet else 0) + math.ceil(largest * 4 / 1e6)


def processes_within(mem_mb: int, nprocs: int, per_subject_mb: int) -> int:
    """Return how many processes may run side by side.

    Raises
    ------
    ArgumentError
        If not even one subject fits.

    Examples
    --------
    >>> processes_within(16_000, nprocs=8, per_subject_mb=3000)
    5
    """
    if mem_mb < per_subject_mb:
        raise ArgumentError(
            f"--mem-mb {mem_mb}: one subject of this dataset needs about {per_subject_mb} MB; "
            "give at least that, or leave the option out"
        )
    return min(nprocs, mem_mb // per_subject_mb)


def _copies(scan: Scan) -> int:
    """Return how many voxels of one subject live at the same time."""
    total = 0
    for path in (scan.t1, scan.pet):
        try:
            shape = read_shape(path)
        except InputError:
            continue
        volume = math.prod(shape[:3])
        total += COPIES * volume + FRAME_COPIES * (math.prod(shape) - volume)
    return total
