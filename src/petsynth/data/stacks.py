"""Training samples of the boxed models: stacks of neighbouring slices of augmented heads.

A head is augmented as a whole volume, since thick slices, turns and partial heads are matters of
space, and gives several slices before the next one is made. Nothing keeps a random state: the
augmentation is keyed by (seed, epoch, subject), the order by (seed, epoch), so that any step's
batch can be made at any time by any process and a resumed training goes on exactly (decision
record 0031).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from petsynth.data.augmentation.pair import HeadPair
from petsynth.data.augmentation.recipe import augment
from petsynth.data.scale import to_network
from petsynth.data.slices import SliceKey, check_canvas, share, steps_per_epoch
from petsynth.preprocessing.intensity import scale_mri
from petsynth.slicing import place_on_canvas, take_slices
from petsynth.volume import Grid

AIR = -1.0
"""The network's value of air."""

Target = Literal["oracle", "pet"]

_AUGMENTATION_STREAM, _ORDER_STREAM = 11, 12
_HEAD_SHARE = 0.02
"""A slice is worth training on if at least this share of it is not air."""


class Heads(Protocol):
    """What stacks are cut from; `petsynth.data.prepared.PreparedData` is one."""

    grid: Grid
    pet_scale: float

    def mri(self, participant: str) -> NDArray:
        """Return (X, Y, Z) in [-1, 1]."""

    def static_pet(self, participant: str) -> NDArray:
        """Return (X, Y, Z) in PET units."""

    def oracle(self, participant: str) -> NDArray | None:
        """Return what the T1 determines of the PET, or None."""

    def mask(self, participant: str) -> NDArray:
        """Return the brain, (X, Y, Z) bool."""


class StackDataset(Dataset):
    """Stacks of axial slices, each with the middle one's PET.

    Parameters
    ----------
    heads : Heads
        Prepared data on a grid of cubic voxels.
    participants : sequence of str
        Whose heads.
    slices : int
        Slices of a stack, an odd number.
    slices_per_head : int
        Stacks taken from each augmented head.
    canvas : int
        Side of the square images in pixels.
    target : {"oracle", "pet"}
        Whether the noise-free part that the T1 determines is learnt, where a simulation tells it,
        or the PET itself.
    augmented : bool
        Whether heads are changed at all.
    seed : int
        Decides the changes.
    kept : int
        Augmented heads that are kept for the next stack.

    Raises
    ------
    ValueError
        If there is nobody.
    ConfigError
        If a slice is larger than the canvas.
    """

    def __init__(
        self,
        heads: Heads,
        participants: Sequence[str],
        *,
        slices: int = 5,
        slices_per_head: int = 24,
        canvas: int = 112,
        target: Target = "oracle",
        augmented: bool = True,
        seed: int = 0,
        kept: int = 1,
    ):
        if not participants:
            raise ValueError("a stack dataset needs at least one subject")
        check_canvas(heads.grid.shape, ("axial",), canvas)
        self.heads = heads
        self.participants = tuple(participants)
        self.slices = slices
        self.slices_per_head = slices_per_head
        self.canvas = canvas
        self.target = target
        self.augmented = augmented
        self.seed = seed
        self._kept = kept
        self._made: OrderedDict[tuple[int, int], tuple[NDArray, NDArray, NDArray]] = OrderedDict()

    def __len__(self) -> int:
        return len(self.participants) * self.slices_per_head

    def __getitem__(self, key: SliceKey) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a stack (slices, canvas, canvas) and its PET (2, canvas, canvas), float32.

        The PET's first channel is what is learnt, the second what was measured; both in the
        network's units.
        """
        epoch, index = key
        number, place = divmod(index, self.slices_per_head)
        mri_NHW, pet_PNHW, chosen = self._head(epoch, number)
        middle = int(chosen[place])
        stack = take_stack(mri_NHW, middle, self.slices)
        return (
            torch.from_numpy(place_on_canvas(stack, self.canvas, AIR)),
            torch.from_numpy(place_on_canvas(pet_PNHW[:, middle], self.canvas, AIR)),
        )

    def _head(self, epoch: int, number: int) -> tuple[NDArray, NDArray, NDArray]:
        """Return the slices of a head, of its PETs, and which middles are taken; the last kept."""
        key = (epoch, number)
        if key not in self._made:
            self._made[key] = self._make_head(epoch, number)
            while len(self._made) > self._kept:
                self._made.popitem(last=False)
        return self._made[key]

    def _make_head(self, epoch: int, number: int) -> tuple[NDArray, NDArray, NDArray]:
        random = np.random.default_rng((self.seed, epoch, number, _AUGMENTATION_STREAM))
        head = self.read(number)
        if self.augmented:
            head = augment(random, head)
        mri = scale_mri(head.mri, head.mask)
        mri_NHW = np.ascontiguousarray(take_slices(mri, "axial"))
        pet_PNHW = np.stack(
            [take_slices(to_network(pet, self.heads.pet_scale), "axial") for pet in head.pet]
        )
        filled = (mri_NHW > AIR + 0.1).mean(axis=(1, 2)) > _HEAD_SHARE
        worth = np.flatnonzero(filled) if filled.any() else np.arange(len(mri_NHW))
        return mri_NHW, pet_PNHW, spread(random, worth, self.slices_per_head)

    def read(self, number: int) -> HeadPair:
        """Return a subject's head as it was prepared; air is 0 and the brightest brain 1."""
        name = self.participants[number]
        pet = np.asarray(self.heads.static_pet(name), dtype=np.float32)
        oracle = self.heads.oracle(name) if self.target == "oracle" else None
        learnt = pet if oracle is None else np.asarray(oracle, dtype=np.float32)
        mri = (np.asarray(self.heads.mri(name), dtype=np.float32) + np.float32(1)) / np.float32(2)
        mask = np.asarray(self.heads.mask(name))
        return HeadPair(mri, mask, np.stack([learnt, pet]), self.heads.grid.voxel_mm[0])


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


def spread(random: np.random.Generator, candidates: NDArray, count: int) -> NDArray:
    """Draw ``count`` of the candidates, evenly spread over them; repeats if there are fewer.

    Examples
    --------
    >>> spread(np.random.default_rng(0), np.arange(10), 10).tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    position = (np.arange(count) + random.random()) * len(candidates) / count
    return candidates[position.astype(int) % len(candidates)]


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
        `petsynth.data.slices.share` of each batch.

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
