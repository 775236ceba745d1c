"""Pairs of slices for training: read from memory-mapped volumes, flipped, shuffled.

Nothing here keeps a random state. A flip is chosen by (seed, epoch, slice), an epoch's
order by (seed, epoch); so any step's batch can be made at any time by any process, and a
resumed training goes on exactly.

References
----------
Jung et al., "Inferring PET from MRI with pix2pix", section 2.2 (slicing, image format) and 2.3
(121 axial slices per subject, or all 387 of three planes). Deviations: slices are padded
without resizing, and are flipped left-right only (the notebook that the paper names
resizes to 286, crops 256 and flips whatever plane it is).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from petsynth.data.batching import SliceKey, check_padded_size, process_part, steps_per_epoch
from petsynth.data.jpeg import round_trip
from petsynth.data.scale import to_network
from petsynth.errors import InputError
from petsynth.slicing import AIR, AXIS, Plane, pad_slices, take_slices
from petsynth.systems.coverage import unmeasured_pixels
from petsynth.volume import Grid

_FLIP_STREAM, _ORDER_STREAM = 1, 2


class Scans(Protocol):
    """What slices are read from; `petsynth.data.prepared.PreparedData` is one."""

    grid: Grid
    pet_scale: float
    frame_durations: tuple[float, ...] | None

    def mri(self, participant: str) -> NDArray[Any]:
        """Return (X, Y, Z) in [-1, 1]."""

    def pet(self, participant: str) -> NDArray[Any]:
        """Return (X, Y, Z) or (X, Y, Z, T) in PET units."""

    def mask(self, participant: str) -> NDArray[Any]:
        """Return the brain, (X, Y, Z) bool."""


class SliceDataset(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """All slices of some subjects along some planes, as pairs of MRI and PET.

    Parameters
    ----------
    scans : Scans
        Prepared data; memory-mapped, so that memory does not grow with the subjects.
    participants : sequence of str
        Whose slices.
    planes : sequence of {"sagittal", "coronal", "axial"}
        Along which planes; all slices of each are used.
    padded_size : int
        Side of the square images in pixels.
    intensity : {"uint8-jpeg", "float"}
        Whether slices pass through 8-bit JPEG (paper A) or stay as they are.
    flip : bool
        Whether to flip left and right with probability 1/2. Sagittal slices never are, since
        theirs would be front and back.
    seed : int
        Decides the flipping.

    Raises
    ------
    ValueError
        If there are no subjects or planes.
    ConfigError
        If a slice is larger than the padded size.
    """

    def __init__(
        self,
        scans: Scans,
        participants: Sequence[str],
        *,
        planes: Sequence[Plane] = ("axial",),
        padded_size: int = 256,
        intensity: str = "uint8-jpeg",
        flip: bool = True,
        seed: int = 0,
    ):
        if not participants or not planes:
            raise ValueError("a slice dataset needs at least one subject and one plane")
        check_padded_size(scans.grid.shape, planes, padded_size)
        self.scans = scans
        self.participants = tuple(participants)
        self.planes = tuple(planes)
        self.padded_size = padded_size
        self.intensity = intensity
        self.flip = flip
        self.seed = seed
        self._counts = [scans.grid.shape[AXIS[plane]] for plane in self.planes]

    def __len__(self) -> int:
        return len(self.participants) * sum(self._counts)

    def __getitem__(self, key: SliceKey) -> tuple[torch.Tensor, torch.Tensor]:
        """Return MRI and PET, each (1, S, S) float32 in [-1, 1].

        The PET is NaN in that part of the brain which the scanner's field of view did not cover.

        Raises
        ------
        InputError
            If the prepared PET itself holds NaN or infinity, as ``petsynth prepare`` never writes.
        """
        epoch, index = key
        participant, plane, place = self.locate(index)
        # Opened anew each time: an open memory map would count what was read of it as ours.
        mri_HW = take_slices(self.scans.mri(participant), plane)[place]
        pet_HW = take_slices(self.scans.pet(participant), plane)[place]
        if not np.isfinite(pet_HW).all():
            raise InputError(f"{participant}: its prepared PET is not finite; prepare it again")
        unmeasured = unmeasured_pixels(
            pet_HW, take_slices(self.scans.mask(participant), plane)[place]
        )
        if pet_HW.ndim == 3:  # frames are the last axis; the network sees their mean by duration
            pet_HW = np.average(pet_HW, axis=2, weights=self.scans.frame_durations)
        pet_HW = to_network(pet_HW, self.scans.pet_scale)
        flipped = self.is_flipped(epoch, index)
        pet = self._finish(pet_HW, flipped)
        if unmeasured.any():
            pet[self._pad(unmeasured, flipped, fill=0.0) > 0] = torch.nan
        return self._finish(mri_HW, flipped), pet

    def locate(self, index: int) -> tuple[str, Plane, int]:
        """Return whose slice ``index`` is, along which plane, and its number there."""
        number, within = divmod(index, sum(self._counts))
        for plane, count in zip(self.planes, self._counts, strict=True):
            if within < count:
                return self.participants[number], plane, within
            within -= count
        raise IndexError(index)

    def is_flipped(self, epoch: int, index: int) -> bool:
        """Return whether a slice is shown with left and right exchanged in an epoch."""
        if not self.flip or self.locate(index)[1] == "sagittal":
            return False
        return bool(np.random.default_rng((self.seed, epoch, index, _FLIP_STREAM)).random() < 0.5)

    def _finish(self, image_HW: NDArray[Any], flipped: bool) -> torch.Tensor:
        if self.intensity == "uint8-jpeg":
            image_HW = round_trip(image_HW)
        return self._pad(image_HW, flipped, fill=AIR)

    def _pad(self, image_HW: NDArray[Any], flipped: bool, fill: float) -> torch.Tensor:
        if flipped:
            image_HW = image_HW[:, ::-1]
        image_HW = np.asarray(image_HW, dtype=np.float32)
        return torch.from_numpy(pad_slices(image_HW[np.newaxis], self.padded_size, fill))


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
        How many processes train together, and which of them this is: it gets its `process_part` of
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
            mine = process_part(len(batch), self.processes, self.process)
            yield [(epoch, index) for index in batch[mine] or batch[:1]]
