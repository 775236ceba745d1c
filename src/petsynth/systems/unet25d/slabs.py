"""Training samples: slabs of neighbouring slices of augmented volumes.

Batches mix the slices of about a dozen volumes, which are kept open meanwhile; processes of their
own make the next ones. The order is keyed by (seed, epoch), so that any step's batch can be made at
any time and a resumed training goes on exactly (decision record 0031).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Sampler

from petsynth.data.batching import SliceKey, process_part, steps_per_epoch
from petsynth.slicing import AIR, pad_slices
from petsynth.systems.unet25d.dataset import AugmentedVolume, AugmentedVolumes, VolumeKey
from petsynth.systems.unet25d.location import slice_place

_ORDER_STREAM = 12
_WAITING = 4
"""Volumes that each loading process may be ahead."""


def load_slabs(
    dataset: AugmentedVolumes,
    batches: SlabBatches,
    *,
    slices: int = 5,
    padded_size: int = 112,
    workers: int = 0,
) -> Iterator[Slab]:
    """Yield batches of slabs with the middle slice's PET.

    Parameters
    ----------
    dataset : AugmentedVolumes
        Makes the volumes.
    batches : SlabBatches
        Which slabs, in which order.
    slices : int
        Slices of a slab, an odd number.
    padded_size : int
        Side of the square images in pixels.
    workers : int
        Processes that make volumes beside this one; 0: this one makes them.

    Yields
    ------
    Slab
        Of tensors with a first axis of the batch's slabs.
    """
    loader: DataLoader[AugmentedVolume] = DataLoader(
        dataset,
        sampler=_FirstUses(batches),
        batch_size=None,
        collate_fn=_as_it_is,
        num_workers=workers,
        prefetch_factor=_WAITING if workers else None,
    )
    coming = iter(loader)
    for _, keys_of_epoch in _by_epoch(batches):
        epoch = list(keys_of_epoch)
        last_use = {batches.volume(key): step for step, batch in enumerate(epoch) for key in batch}
        volumes: dict[VolumeKey, AugmentedVolume] = {}
        for step, batch in enumerate(epoch):
            for volume in dict.fromkeys(map(batches.volume, batch)):
                if volume not in volumes:
                    volumes[volume] = next(coming)
            cut = [
                cut_slab(volumes[batches.volume(key)], batches.place(key), slices, padded_size)
                for key in batch
            ]
            yield Slab(*(torch.stack(parts) for parts in zip(*cut, strict=True)))
            volumes = {volume: kept for volume, kept in volumes.items() if last_use[volume] > step}


class Slab(NamedTuple):
    """One training sample, or a batch of them."""

    mri: torch.Tensor
    """(slices, S, S) in the network's units."""
    pet: torch.Tensor
    """(2, S, S): what is learnt, and what was measured; NaN where nothing was."""
    place: torch.Tensor
    """(3, 4): from the middle slice's pixels to MNI coordinates."""
    covariates: torch.Tensor
    """(2 K,): what the network is told of the subject."""


def cut_slab(volume: AugmentedVolume, place: int, slices: int, padded_size: int) -> Slab:
    """Return one of the slabs that a volume gives for training."""
    middle = int(volume.middles[place])
    slab = take_slab(volume.mri_NHW, middle, slices)
    shape = (slab.shape[1], slab.shape[2])
    return Slab(
        torch.from_numpy(pad_slices(slab, padded_size, AIR)),
        torch.from_numpy(pad_slices(volume.pet_PNHW[:, middle], padded_size, AIR)),
        torch.from_numpy(slice_place(volume.to_mni, middle, shape, padded_size)),
        torch.from_numpy(volume.covariates),
    )


def take_slab(mri_NHW: NDArray[Any], middle: int, slices: int) -> NDArray[np.float32]:
    """Return a slice with its neighbours; beyond the ends there is air.

    Examples
    --------
    >>> take_slab(np.arange(4.0).reshape(4, 1, 1), 0, 3).ravel().tolist()
    [-1.0, 0.0, 1.0]
    """
    reach = slices // 2
    slab = np.full((slices, *mri_NHW.shape[1:]), AIR, dtype=np.float32)
    low, high = max(middle - reach, 0), min(middle + reach + 1, len(mri_NHW))
    slab[low - middle + reach : high - middle + reach] = mri_NHW[low:high]
    return slab


class SlabBatches(Sampler[list[SliceKey]]):
    """Batches of slabs, epoch after epoch, from any step on.

    Slabs are shuffled over about ``shuffled_volumes`` volumes at a time, so that few augmented
    volumes have to be kept while batches still mix many subjects.

    Parameters
    ----------
    volumes, slabs_per_volume, batch_size : int
        Sizes; the batch is that of all processes together, an epoch's last may be smaller.
    shuffled_volumes : int
        Volumes that are open at a time.
    seed : int
        Decides the order.
    start, stop : int
        First step, and the one after the last; steps count through all epochs.
    processes, process : int
        How many processes train together, and which of them this is: it gets its
        `petsynth.data.batching.process_part` of each batch.

    Examples
    --------
    >>> batches = list(SlabBatches(3, 2, 4, shuffled_volumes=2, seed=0, start=0, stop=4))
    >>> sorted(index for batch in batches[:2] for epoch, index in batch)
    [0, 1, 2, 3, 4, 5]
    >>> list(SlabBatches(3, 2, 4, shuffled_volumes=2, seed=0, start=3, stop=4)) == batches[3:]
    True
    """

    def __init__(
        self,
        volumes: int,
        slabs_per_volume: int,
        batch_size: int,
        *,
        shuffled_volumes: int,
        seed: int,
        start: int,
        stop: int,
        processes: int = 1,
        process: int = 0,
    ):
        self.volumes = volumes
        self.slabs_per_volume = slabs_per_volume
        self.batch_size = batch_size
        self.shuffled_volumes = shuffled_volumes
        self.seed = seed
        self.start = start
        self.stop = stop
        self.processes = processes
        self.process = process

    def __len__(self) -> int:
        return max(self.stop - self.start, 0)

    def __iter__(self) -> Iterator[list[SliceKey]]:
        steps = steps_per_epoch(self.volumes * self.slabs_per_volume, self.batch_size)
        order: list[int] = []
        for step in range(self.start, self.stop):
            epoch, place = divmod(step, steps)
            if not order or place == 0:
                order = self._order(epoch)
            batch = order[place * self.batch_size : (place + 1) * self.batch_size]
            mine = process_part(len(batch), self.processes, self.process)
            yield [(epoch, index) for index in batch[mine] or batch[:1]]

    def _order(self, epoch: int) -> list[int]:
        random = np.random.default_rng((self.seed, epoch, _ORDER_STREAM))
        turn = np.empty(self.volumes)
        turn[random.permutation(self.volumes)] = np.arange(self.volumes)
        when = np.repeat(turn, self.slabs_per_volume)
        when += self.shuffled_volumes * random.random(len(when))
        result: list[int] = np.argsort(when).tolist()
        return result

    def volume(self, key: SliceKey) -> VolumeKey:
        """Return which volume a slab is cut from."""
        epoch, index = key
        return epoch, index // self.slabs_per_volume

    def place(self, key: SliceKey) -> int:
        """Return which of its volume's slabs it is."""
        return key[1] % self.slabs_per_volume


class _FirstUses(Sampler[VolumeKey]):
    """Volumes in the order in which batches first want them, in each epoch anew."""

    def __init__(self, batches: SlabBatches):
        self.batches = batches

    def __iter__(self) -> Iterator[VolumeKey]:
        for _, epoch in _by_epoch(self.batches):
            yield from dict.fromkeys(self.batches.volume(key) for batch in epoch for key in batch)


def _by_epoch(batches: SlabBatches) -> Iterator[tuple[int, Iterator[list[SliceKey]]]]:
    return itertools.groupby(batches, key=lambda batch: batch[0][0])


def _as_it_is(volume: Any) -> Any:
    return volume
