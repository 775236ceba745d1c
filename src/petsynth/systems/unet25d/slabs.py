"""Training samples of the pretrained models: stacks of neighbouring slices of augmented heads.

Batches mix the slices of about a dozen heads, which are kept open meanwhile; processes of their own
make the next ones. The order is keyed by (seed, epoch), so that any step's batch can be made at
any time and a resumed training goes on exactly (decision record 0031).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Sampler

from petsynth.slicing import AIR, place_on_canvas
from petsynth.systems.pix2pix.dataset import SliceKey, share, steps_per_epoch
from petsynth.systems.unet25d.dataset import AugmentedHead, HeadDataset, HeadKey

_ORDER_STREAM = 12
_WAITING = 4
"""Heads that each loading process may be ahead."""


def load_stacks(
    dataset: HeadDataset,
    batches: StackBatches,
    *,
    slices: int = 5,
    canvas: int = 112,
    workers: int = 0,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield batches of stacks with the middle slice's PET.

    Parameters
    ----------
    dataset : HeadDataset
        Makes the heads.
    batches : StackBatches
        Which stacks, in which order.
    slices : int
        Slices of a stack, an odd number.
    canvas : int
        Side of the square images in pixels.
    workers : int
        Processes that make heads beside this one; 0: this one makes them.

    Yields
    ------
    pair of (B, slices, canvas, canvas) and (B, 2, canvas, canvas) float32 tensors
        MRI, and PET: what is learnt, and what was measured; both in the network's units.
    """
    loader: DataLoader = DataLoader(
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
        last_use = {batches.head(key): step for step, batch in enumerate(epoch) for key in batch}
        heads: dict[HeadKey, AugmentedHead] = {}
        for step, batch in enumerate(epoch):
            for head in dict.fromkeys(map(batches.head, batch)):
                if head not in heads:
                    heads[head] = next(coming)
            cut = [
                cut_stack(heads[batches.head(key)], batches.place(key), slices, canvas)
                for key in batch
            ]
            yield torch.stack([mri for mri, _ in cut]), torch.stack([pet for _, pet in cut])
            heads = {head: kept for head, kept in heads.items() if last_use[head] > step}


def cut_stack(
    head: AugmentedHead, place: int, slices: int, canvas: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return one stack of a head, (slices, canvas, canvas), and its PET, (2, canvas, canvas)."""
    middle = int(head.middles[place])
    stack = take_stack(head.mri_NHW, middle, slices)
    return (
        torch.from_numpy(place_on_canvas(stack, canvas, AIR)),
        torch.from_numpy(place_on_canvas(head.pet_PNHW[:, middle], canvas, AIR)),
    )


def take_stack(mri_NHW: NDArray, middle: int, slices: int) -> NDArray[np.float32]:
    """Return a slice with its neighbours; beyond the ends there is air.

    Examples
    --------
    >>> take_stack(np.arange(4.0).reshape(4, 1, 1), 0, 3).ravel().tolist()
    [-1.0, 0.0, 1.0]
    """
    reach = slices // 2
    stack = np.full((slices, *mri_NHW.shape[1:]), AIR, dtype=np.float32)
    low, high = max(middle - reach, 0), min(middle + reach + 1, len(mri_NHW))
    stack[low - middle + reach : high - middle + reach] = mri_NHW[low:high]
    return stack


class StackBatches(Sampler[list[SliceKey]]):
    """Batches of stacks, epoch after epoch, from any step on.

    Stacks are shuffled over about ``window`` heads at a time, so that few augmented heads have to
    be kept while batches still mix many subjects.

    Parameters
    ----------
    heads, slices_per_head, batch_size : int
        Sizes; the batch is that of all processes together, an epoch's last may be smaller.
    window : int
        Heads that are open at a time.
    seed : int
        Decides the order.
    start, stop : int
        First step, and the one after the last; steps count through all epochs.
    processes, process : int
        How many processes train together, and which of them this is: it gets its
        `petsynth.systems.pix2pix.dataset.share` of each batch.

    Examples
    --------
    >>> batches = list(StackBatches(3, 2, 4, window=2, seed=0, start=0, stop=4))
    >>> sorted(index for batch in batches[:2] for epoch, index in batch)
    [0, 1, 2, 3, 4, 5]
    >>> list(StackBatches(3, 2, 4, window=2, seed=0, start=3, stop=4)) == batches[3:]
    True
    """

    def __init__(
        self,
        heads: int,
        slices_per_head: int,
        batch_size: int,
        *,
        window: int,
        seed: int,
        start: int,
        stop: int,
        processes: int = 1,
        process: int = 0,
    ):
        self.heads = heads
        self.slices_per_head = slices_per_head
        self.batch_size = batch_size
        self.window = window
        self.seed = seed
        self.start = start
        self.stop = stop
        self.processes = processes
        self.process = process

    def __len__(self) -> int:
        return max(self.stop - self.start, 0)

    def __iter__(self) -> Iterator[list[SliceKey]]:
        steps = steps_per_epoch(self.heads * self.slices_per_head, self.batch_size)
        order: list[int] = []
        for step in range(self.start, self.stop):
            epoch, place = divmod(step, steps)
            if not order or place == 0:
                order = self._order(epoch)
            batch = order[place * self.batch_size : (place + 1) * self.batch_size]
            mine = share(len(batch), self.processes, self.process)
            yield [(epoch, index) for index in batch[mine] or batch[:1]]

    def _order(self, epoch: int) -> list[int]:
        random = np.random.default_rng((self.seed, epoch, _ORDER_STREAM))
        turn = np.empty(self.heads)
        turn[random.permutation(self.heads)] = np.arange(self.heads)
        when = np.repeat(turn, self.slices_per_head)
        when += self.window * random.random(len(when))
        return np.argsort(when).tolist()

    def head(self, key: SliceKey) -> HeadKey:
        """Return which head a stack is cut from."""
        epoch, index = key
        return epoch, index // self.slices_per_head

    def place(self, key: SliceKey) -> int:
        """Return which of its head's stacks it is."""
        return key[1] % self.slices_per_head


class _FirstUses(Sampler[HeadKey]):
    """Heads in the order in which batches first want them, in each epoch anew."""

    def __init__(self, batches: StackBatches):
        self.batches = batches

    def __iter__(self) -> Iterator[HeadKey]:
        for _, epoch in _by_epoch(self.batches):
            yield from dict.fromkeys(self.batches.head(key) for batch in epoch for key in batch)


def _by_epoch(batches: StackBatches) -> Iterator[tuple[int, Iterator[list[SliceKey]]]]:
    return itertools.groupby(batches, key=lambda batch: batch[0][0])


def _as_it_is(head: Any) -> Any:
    return head
