"""Call a function many times in processes side by side, on this machine or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from petsynth.errors import InputError, PetsynthError

ANSWER_SECONDS = 20
"""How long a Dask scheduler may take to answer."""


def run_side_by_side(
    function: Callable[..., Any],
    arguments: Sequence[tuple],
    *,
    nprocs: int = 1,
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
        Processes on this machine, one thread each.
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
        yield from _on_dask(function, arguments, scheduler)
    else:
        yield from _on_this_machine(function, arguments, nprocs)


def _on_this_machine(
    function: Callable[..., Any], arguments: Sequence[tuple], nprocs: int
) -> Iterator[Any]:
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    try:
        with parallel_config(backend="loky", inner_max_num_threads=1):
            jobs = Parallel(n_jobs=min(nprocs, len(arguments)), return_as="generator_unordered")
            yield from jobs(delayed(function)(*each) for each in arguments)
    except TerminatedWorkerError:
        raise PetsynthError(
            "a process was killed, most likely for lack of memory: use fewer --nprocs or "
            "--mem-mb; finished subjects are kept"
        ) from None


def _on_dask(
    function: Callable[..., Any], arguments: Sequence[tuple], scheduler: str
) -> Iterator[Any]:
    # Not through joblib's backend: it waits for ever where a worker cannot load the function.
    try:
        from distributed import Client, as_completed
        from distributed.scheduler import KilledWorker
    except ImportError:
        raise InputError(
            "--scheduler: Dask is not installed (pip install 'petsynth[dask]')"
        ) from None
    try:
        client = Client(scheduler, timeout=ANSWER_SECONDS)
    except (OSError, ValueError) as error:
        raise InputError(f"--scheduler {scheduler}: no answer ({error})") from None
    with client:
        if not client.scheduler_info()["workers"]:
            raise InputError(f"--scheduler {scheduler}: has no workers; start some first")
        futures = [client.submit(_in_one_thread, function, each, pure=False) for each in arguments]
        try:
            for done in as_completed(futures):
                yield done.result()
        except KilledWorker:
            raise PetsynthError(
                "Dask gave up on a subject that killed several workers, most likely for lack of "
                "memory; finished subjects are kept"
            ) from None


def _in_one_thread(function: Callable[..., Any], arguments: tuple) -> Any:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return function(*arguments)
