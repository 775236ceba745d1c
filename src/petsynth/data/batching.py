"""How an epoch's slices are divided into batches, and batches between processes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from petsynth.data.prepared import PreparedData
from petsynth.errors import ConfigError, PetsynthWarning
from petsynth.slicing import AXIS, Plane

MOSTLY_PADDING = 0.75
"""Slices that a square of this fraction of the padded size would hold are warned of."""
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


def warn_of_coarse_voxels(data: PreparedData, padded_size: int, multiple: int) -> None:
    """Warn where axial slices would be mostly padding: the configuration is for finer voxels.

    Parameters
    ----------
    data : PreparedData
        Of any voxel size.
    padded_size : int
        Side of the square to which a slice is padded.
    multiple : int
        What the network can take is a multiple of this.
    """
    width, height = data.grid.shape[:2]
    enough = -(-max(width, height) // multiple) * multiple
    if enough > MOSTLY_PADDING * padded_size:
        return
    warnings.warn(
        f"{data.folder}: voxels of {data.grid.voxel_mm[0]:g} mm are coarser than this "
        f"configuration is for: {width} x {height} voxels would fill "
        f"{width * height / padded_size**2:.0%} of its slices of {padded_size} x {padded_size}; "
        f"prepare with a smaller --voxel-mm, or train with --data.padded-size {enough}",
        PetsynthWarning,
        stacklevel=2,
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
