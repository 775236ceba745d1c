"""Augmented heads, from which the pretrained models' training samples are cut.

A head is augmented as a whole volume, since thick slices, turns and partial heads are matters of
space, and gives several samples. Nothing keeps a random state: the augmentation is keyed by
(seed, epoch, subject), so that any process can make any head at any time, and a resumed training
goes on exactly (decision record 0031).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from petsynth.data.augmentation.pair import HeadPair
from petsynth.data.augmentation.recipe import augment
from petsynth.data.scale import to_network
from petsynth.preprocessing.t1.intensity import scale_mri
from petsynth.slicing import AIR, take_slices
from petsynth.volume import Grid

HeadKey = tuple[int, int]
"""Epoch, and place of the subject in the dataset."""

Target = Literal["oracle", "pet"]

_AUGMENTATION_STREAM = 11
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

    def noise_free(self, participant: str) -> NDArray | None:
        """Return what the T1 determines of the PET, or None."""

    def mask(self, participant: str) -> NDArray:
        """Return the brain, (X, Y, Z) bool."""


class AugmentedHead(NamedTuple):
    """Axial slices of one head, in the network's units."""

    mri_NHW: NDArray[np.float32]
    pet_PNHW: NDArray[np.float32]
    """What is learnt, and what was measured."""
    middles: NDArray[np.int64]
    """Which slices are taken for training."""


class HeadDataset(Dataset):
    """Heads, changed anew in each epoch.

    Parameters
    ----------
    heads : Heads
        Prepared data on a grid of cubic voxels.
    participants : sequence of str
        Whose heads.
    slices_per_head : int
        Slices taken from each.
    target : {"oracle", "pet"}
        Whether the noise-free part that the T1 determines is learnt, where a simulation tells it,
        or the PET itself.
    augmented : bool
        Whether heads are changed at all.
    seed : int
        Decides the changes.

    Raises
    ------
    ValueError
        If there is nobody.
    """

    def __init__(
        self,
        heads: Heads,
        participants: Sequence[str],
        *,
        slices_per_head: int = 16,
        target: Target = "oracle",
        augmented: bool = True,
        seed: int = 0,
    ):
        if not participants:
            raise ValueError("a dataset of heads needs at least one subject")
        self.heads = heads
        self.participants = tuple(participants)
        self.slices_per_head = slices_per_head
        self.target = target
        self.augmented = augmented
        self.seed = seed

    def __len__(self) -> int:
        return len(self.participants)

    def __getitem__(self, key: HeadKey) -> AugmentedHead:
        """Return a head as it is in an epoch."""
        epoch, number = key
        random = np.random.default_rng((self.seed, epoch, number, _AUGMENTATION_STREAM))
        head = self.read(number)
        if self.augmented:
            head = augment(random, head)
        mri = scale_mri(head.mri, head.mask)
        mri_NHW = np.ascontiguousarray(take_slices(mri, "axial"), dtype=np.float32)
        pet_PNHW = np.stack(
            [take_slices(to_network(pet, self.heads.pet_scale), "axial") for pet in head.pet]
        )
        filled = (mri_NHW > AIR + 0.1).mean(axis=(1, 2)) > _HEAD_SHARE
        worth = np.flatnonzero(filled) if filled.any() else np.arange(len(mri_NHW))
        return AugmentedHead(mri_NHW, pet_PNHW, spread(random, worth, self.slices_per_head))

    def read(self, number: int) -> HeadPair:
        """Return a subject's head as it was prepared; air is 0 and the brightest brain 1."""
        name = self.participants[number]
        pet = np.asarray(self.heads.static_pet(name), dtype=np.float32)
        oracle = self.heads.noise_free(name) if self.target == "oracle" else None
        learnt = pet if oracle is None else np.asarray(oracle, dtype=np.float32)
        mri = (np.asarray(self.heads.mri(name), dtype=np.float32) + np.float32(1)) / np.float32(2)
        mask = np.asarray(self.heads.mask(name))
        return HeadPair(mri, mask, np.stack([learnt, pet]), self.heads.grid.voxel_mm[0])


def spread(random: np.random.Generator, candidates: NDArray, count: int) -> NDArray:
    """Draw ``count`` of the candidates, evenly spread over them; repeats if there are fewer.

    Examples
    --------
    >>> spread(np.random.default_rng(0), np.arange(10), 10).tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    position = (np.arange(count) + random.random()) * len(candidates) / count
    return candidates[position.astype(int) % len(candidates)]
