"""Pairs of slices for training: read from memory-mapped volumes, mirrored, shuffled.

Nothing here keeps a random state. A mirror image is chosen by (seed, epoch, slice), an epoch's
order by (seed, epoch); so any step's batch can be made at any time by any process, and a
resumed training goes on exactly.

References
----------
Jung et al., "Inferring PET from MRI with pix2pix", section 2.2 (slicing, image format) and 2.3
(121 axial slices per subject, or all 387 of three planes). Deviations: slices are placed on the
canvas without resizing, and are mirrored left-right only (the notebook that the paper names
resizes to 286, crops 256 and mirrors whatever plane it is).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from petsynth.data.jpeg import round_trip
from petsynth.data.scale import to_network
from petsynth.errors import ConfigError
from petsynth.slicing import AIR, AXIS, Plane, place_on_canvas, take_slices
from petsynth.volume import Grid

SliceKey = tuple[int, int]
"""(epoch, index): which slice, and in which pass over the data; the pass decides the mirroring."""

_FLIP_STREAM, _ORDER_STREAM = 1, 2


class Scans(Protocol):
    """What slices are read from; `petsynth.data.prepared.PreparedData` is one."""

    grid: Grid
    pet_scale: float

    def mri(self, participant: str) -> NDArray:
        """Return (X, Y, Z) in [-1, 1]."""

    def pet(self, participant: str) -> NDArray:
        """Return (X, Y, Z) or (X, Y, Z, T) in PET units."""


class SliceDataset(Dataset):
    """All slices of some subjects along some planes, as pairs of MRI and PET.

    Parameters
    ----------
    scans : Scans
        Prepared data; memory-mapped, so that memory does not grow with the subjects.
    participants : sequence of str
        Whose slices.
    planes : sequence of {"sagittal", "coronal", "axial"}
        Along which planes; all slices of each are used.
    canvas : int
        Side of the square images in pixels.
    intensity : {"uint8-jpeg", "float"}
        Whether slices pass through 8-bit JPEG (paper A) or stay as they are.
    flip : bool
        Whether to mirror left and right with probability 1/2. Sagittal slices never are, since
        theirs would be front and back.
    seed : int
        Decides the mirroring.

    Raises
    ------
    ValueError
        If there are no subjects or planes.
    ConfigError
        If a slice is larger than the canvas.
    """

    def __init__(
        self,
        scans: Scans,
        participants: Sequence[str],
        *,
        planes: Sequence[Plane] = ("axial",),
        canvas: int = 256,
        intensity: str = "uint8-jpeg",
        flip: bool = True,
        seed: int = 0,
    ):
        if not participants or not planes:
            raise ValueError("a slice dataset needs at least one subject and one plane")
        check_canvas(scans.grid.shape, planes, canvas)
        self.scans = scans
        self.participants = tuple(participants)
        self.planes = tuple(planes)
        self.canvas = canvas
        self.intensity = intensity
        self.flip = flip
        self.seed = seed
        self._counts = [scans.grid.shape[AXIS[plane]] for plane in self.planes]

    def __len__(self) -> int:
        return len(self.participants) * sum(self._counts)

    def __getitem__(self, key: SliceKey) -> tuple[torch.Tensor, torch.Tensor]:
        """Return MRI and PET, each (1, canvas, canvas) float32 in [-1, 1]."""
        epoch, index = key
        participant, plane, place = self.locate(index)
        # Opened anew each time: an open memory map would count what was read of it as ours.
        mri_HW = take_slices(self.scans.mri(participant), plane)[place]
        pet_HW = take_slices(self.scans.pet(participant), plane)[place]
        if pet_HW.ndim == 3:  # frames are the last axis; the network sees their mean
            pet_HW = pet_HW.mean(axis=2)
        pet_HW = to_network(pet_HW, self.scans.pet_scale)
        mirrored = self.is_mirrored(epoch, index)
        return self._finish(mri_HW, mirrored), self._finish(pet_HW, mirrored)

    def locate(self, index: int) -> tuple[str, Plane, int]:
        """Return whose slice ``index`` is, along which plane, and its number there."""
        number, within = divmod(index, sum(self._counts))
        for plane, count in zip(self.planes, self._counts, strict=True):
            if within < count:
                return self.participants[number], plane, within
            within -= count
        raise IndexError(index)

    def is_mirrored(self, epoch: int, index: int) -> bool:
        """Return whether a slice is shown with left and right exchanged in an epoch."""
        if not self.flip or self.locate(index)[1] == "sagittal":
            return False
        return bool(np.random.default_rng((self.seed, epoch, index, _FLIP_STREAM)).random() < 0.5)

    def _finish(self, image_HW: NDArray, mirrored: bool) -> torch.Tensor:
        if self.intensity == "uint8-jpeg":
            image_HW = round_trip(image_HW)
        if mirrored:
            image_HW = image_HW[:, ::-1]
        image_HW = np.asarray(image_HW, dtype=np.float32)
        return torch.from_numpy(place_on_canvas(image_HW[np.newaxis], self.canvas, AIR))


def check_canvas(shape: tuple[int, int, int], planes: Sequence[Plane], canvas: int) -> None:
    """Raise ConfigError if slices of an (X, Y, Z) grid do not fit the canvas."""
    for plane in planes:
        largest = max(size for axis, size in enumerate(shape) if axis != AXIS[plane])
        if largest > canvas:
            raise ConfigError(
                f"data.canvas of {canvas} pixels is too small: {plane} slices of these data have "
                f"a side of {largest}"
            )


class EpochBatches(Sampler[list[SliceKey]]):
    """Batches of slice keys, epoch after epoch, from any step on.

    Each epoch is a permutation of all slices, and its last batch may be smaller.

    Parameters
    ----------
    slices : int
        Number of slices of an epoch.
    batch_size : int
        Slices per batch.
    seed : int
        Decides the order.
    start, stop : int
        First step, and the one after the last; steps count through all epochs.
    processes, process : int
        How many processes train together, and which of them this is: it gets its `share` of
        each batch. ``batch_size`` is that of all together.

    Examples
    --------
    >>> batches = list(EpochBatches(5, 2, seed=0, start=0, stop=6))
    >>> [len(batch) for batch in batches]
    [2, 2, 1, 2, 2, 1]
    >>> sorted(index for batch in batches[:3] for epoch, index in batch)
    [0, 1, 2, 3, 4]
    >>> list(EpochBatches(5, 2, seed=0, start=4, stop=6)) == batches[4:]
    True
    """

    def __init__(
        self,
        slices: int,
        batch_size: int,
        *,
        seed: int,
        start: int,
        stop: int,
        processes: int = 1,
        process: int = 0,
    ):
        self.slices = slices
        self.batch_size = batch_size
        self.seed = seed
        self.start = start
        self.stop = stop
        self.processes = processes
        self.process = process

    def __len__(self) -> int:
        return max(self.stop - self.start, 0)

    def __iter__(self) -> Iterator[list[SliceKey]]:
        steps = steps_per_epoch(self.slices, self.batch_size)
        order = None
        for step in range(self.start, self.stop):
            epoch, place = divmod(step, steps)
            if order is None or place == 0:
                random = np.random.default_rng((self.seed, epoch, _ORDER_STREAM))
                order = random.permutation(self.slices).tolist()
            batch = order[place * self.batch_size : (place + 1) * self.batch_size]
            mine = share(len(batch), self.processes, self.process)
            yield [(epoch, index) for index in batch[mine] or batch[:1]]


def share(count: int, processes: int, process: int) -> slice:
    """Return which part of a batch one of several processes takes.

    An epoch's last batch may hold fewer slices than there are processes; then the last ones
    take none, and show the network the first slice, which counts nothing.

    Examples
    --------
    >>> [share(5, 2, process) for process in (0, 1)]
    [slice(0, 3, None), slice(3, 5, None)]
    """
    most = -(-count // processes)
    first = min(process * most, count)
    return slice(first, min(first + most, count))


def share_weight(count: int, processes: int, process: int) -> float:
    """Return what one process's mean over its `share` counts in the mean over processes.

    Examples
    --------
    >>> [share_weight(5, 2, process) for process in (0, 1)]
    [1.2, 0.8]
    """
    mine = share(count, processes, process)
    return (mine.stop - mine.start) * processes / count


def steps_per_epoch(slices: int, batch_size: int) -> int:
    """Return how many batches hold all slices once.

    Examples
    --------
    >>> steps_per_epoch(1452, 1), steps_per_epoch(1452, 5)
    (1452, 291)
    """
    return -(-slices // batch_size)
