"""How an epoch's slices are divided into batches, and batches between processes."""

from __future__ import annotations

from collections.abc import Sequence

from petsynth.errors import ConfigError
from petsynth.slicing import AXIS, Plane

SliceKey = tuple[int, int]
"""(epoch, index): which slice, and in which epoch; the epoch decides how it is augmented."""


def check_padded_size(
    shape: tuple[int, int, int], planes: Sequence[Plane], padded_size: int
) -> None:
    """Raise ConfigError if slices of an (X, Y, Z) grid do not fit the padded size."""
    for plane in planes:
        largest = max(size for axis, size in enumerate(shape) if axis != AXIS[plane])
        if largest > padded_size:
            raise ConfigError(
                f"data.padded_size of {padded_size} pixels is too small: {plane} slices of "
                f"these data have a side of {largest}"
            )


def process_part(count: int, processes: int, process: int) -> slice:
    """Return which part of a batch one of several processes takes.

    An epoch's last batch may hold fewer slices than there are processes; then the last ones
    take none, and show the network the first slice, which counts nothing.

    Examples
    --------
    >>> [process_part(5, 2, process) for process in (0, 1)]
    [slice(0, 3, None), slice(3, 5, None)]
    """
    most = -(-count // processes)
    first = min(process * most, count)
    return slice(first, min(first + most, count))


def process_weight(count: int, processes: int, process: int) -> float:
    """Return what one process's mean over its `process_part` counts in the mean over processes.

    Examples
    --------
    >>> [process_weight(5, 2, process) for process in (0, 1)]
    [1.2, 0.8]
    """
    mine = process_part(count, processes, process)
    return float((mine.stop - mine.start) * processes / count)


def steps_per_epoch(slices: int, batch_size: int) -> int:
    """Return how many batches hold all slices once.

    Examples
    --------
    >>> steps_per_epoch(1452, 1), steps_per_epoch(1452, 5)
    (1452, 291)
    """
    return -(-slices // batch_size)
