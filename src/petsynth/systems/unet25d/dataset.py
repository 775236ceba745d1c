"""Augmented volumes, from which the training samples are cut.

A subject is augmented as a whole volume, since thick slices, rotations and a cut field of view are
matters of space, and gives several samples. Nothing keeps a random state: the augmentation is keyed
by (seed, epoch, subject), so that any process can make any volume at any time, and a resumed
training goes on exactly (decision record 0031).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from petsynth.covariates import CovariateName, Covariates, encode
from petsynth.data.augmentation import VolumePair, augment
from petsynth.data.scale import to_network
from petsynth.metrics.coverage import unmeasured_voxels
from petsynth.preprocessing.t1.intensity import scale_mri
from petsynth.slicing import AIR, take_slices
from petsynth.systems.unet25d.location import jitter
from petsynth.volume import Grid

VolumeKey = tuple[int, int]
"""Epoch, and place of the subject in the dataset."""

Target = Literal["noise-free", "pet"]

_AUGMENTATION_STREAM = 11
_LEAST_FILLED = 0.02
"""A slice is worth training on if at least this fraction of it is not air."""


class Volumes(Protocol):
    """What slabs are cut from; `petsynth.data.prepared.PreparedData` is one."""

    grid: Grid
    pet_scale: float

    def mri(self, participant: str) -> NDArray[Any]:
        """Return (X, Y, Z) in [-1, 1]."""

    def static_pet(self, participant: str) -> NDArray[Any]:
        """Return (X, Y, Z) in PET units."""

    def noise_free(self, participant: str) -> NDArray[Any] | None:
        """Return what the T1 determines of the PET, or None."""

    def mask(self, participant: str) -> NDArray[Any]:
        """Return the brain, (X, Y, Z) bool."""

    def covariates(self, participant: str) -> Covariates:
        """Return what else is known of the subject."""


class AugmentedVolume(NamedTuple):
    """Axial slices of one subject, in the network's units."""

    mri_NHW: NDArray[np.float32]
    pet_PNHW: NDArray[np.float32]
    """What is learnt, and what was measured; NaN where nothing was."""
    middles: NDArray[np.int64]
    """Which slices are taken for training."""
    to_mni: NDArray[np.float64]
    """From voxel indices to MNI coordinates in mm, (4, 4)."""
    covariates: NDArray[np.float32]
    """What the network is told of the subject; see `petsynth.covariates.encode`."""


class AugmentedVolumes(Dataset[AugmentedVolume]):
    """Subjects, augmented anew in each epoch.

    Parameters
    ----------
    volumes : Volumes
        Prepared data on a grid of cubic voxels.
    participants : sequence of str
        Whose volumes.
    slabs_per_volume : int
        Slices taken from each.
    target : {"noise-free", "pet"}
        Whether the noise-free part that the T1 determines is learnt, where a simulation tells it,
        or the PET itself.
    augmented : bool
        Whether volumes are augmented at all.
    seed : int
        Decides the augmentation.
    places : mapping of str to (4, 4) array
        From voxel indices to MNI coordinates, of each subject; empty if the network is not told.
    covariates : sequence of str
        What the network is told of a subject.
    covariate_dropout : float
        Probability that a covariate is kept from it, and that all are.

    Raises
    ------
    ValueError
        If there is nobody.
    """

    def __init__(
        self,
        volumes: Volumes,
        participants: Sequence[str],
        *,
        slabs_per_volume: int = 16,
        target: Target = "noise-free",
        augmented: bool = True,
        seed: int = 0,
        places: Mapping[str, NDArray[np.float64]] | None = None,
        covariates: Sequence[CovariateName] = (),
        covariate_dropout: float = 0.0,
    ):
        if not participants:
            raise ValueError("a dataset of volumes needs at least one subject")
        self.volumes = volumes
        self.participants = tuple(participants)
        self.slabs_per_volume = slabs_per_volume
        self.target = target
        self.augmented = augmented
        self.seed = seed
        self.places = places or {}
        self.covariates = tuple(covariates)
        self.covariate_dropout = covariate_dropout

    def __len__(self) -> int:
        return len(self.participants)

    def __getitem__(self, key: VolumeKey) -> AugmentedVolume:
        """Return a subject as it is in an epoch."""
        epoch, number = key
        random = np.random.default_rng((self.seed, epoch, number, _AUGMENTATION_STREAM))
        pair = self.read(number)
        if self.augmented:
            pair = augment(random, pair)
            if self.places:
                pair = replace(pair, to_mni=jitter(random) @ pair.to_mni)
        mri = scale_mri(pair.mri, pair.mask)
        mri_NHW = np.ascontiguousarray(take_slices(mri, "axial"), dtype=np.float32)
        pet_PNHW = np.stack(
            [take_slices(to_network(pet, self.volumes.pet_scale), "axial") for pet in pair.pet]
        )
        filled = (mri_NHW > AIR + 0.1).mean(axis=(1, 2)) > _LEAST_FILLED
        worth = np.flatnonzero(filled) if filled.any() else np.arange(len(mri_NHW))
        middles = spread(random, worth, self.slabs_per_volume)
        return AugmentedVolume(mri_NHW, pet_PNHW, middles, pair.to_mni, self._told(random, number))

    def _told(self, random: np.random.Generator, number: int) -> NDArray[np.float32]:
        """Return the covariates that the network is told this time; often none at all.

        Were each left out by itself only, the T1 alone, which most users have, would hardly occur.
        """
        if not self.covariates:
            return encode({}, ())
        known = self.volumes.covariates(self.participants[number])
        kept = random.random(len(self.covariates)) >= self.covariate_dropout
        if random.random() < self.covariate_dropout:
            kept[:] = False
        told = {
            name: known[name]
            for name, keep in zip(self.covariates, kept, strict=True)
            if keep and name in known
        }
        return encode(told, self.covariates)

    def read(self, number: int) -> VolumePair:
        """Return a subject as it was prepared; air is 0 and the brightest brain 1.

        PETs are NaN in that part of the brain which the scanner's field of view did not cover.
        """
        name = self.participants[number]
        pet = np.asarray(self.volumes.static_pet(name), dtype=np.float32)
        noise_free = self.volumes.noise_free(name) if self.target == "noise-free" else None
        learnt = pet if noise_free is None else np.asarray(noise_free, dtype=np.float32)
        mri = (np.asarray(self.volumes.mri(name), dtype=np.float32) + np.float32(1)) / np.float32(2)
        mask = np.asarray(self.volumes.mask(name))
        voxel_mm = self.volumes.grid.voxel_mm[0]
        pets = np.stack([learnt, pet])
        pets[:, unmeasured_voxels(pet, mask)] = np.nan
        return VolumePair(mri, mask, pets, voxel_mm, self.places.get(name, np.eye(4)))


def spread(random: np.random.Generator, candidates: NDArray[Any], count: int) -> NDArray[Any]:
    """Draw ``count`` of the candidates, evenly spread over them; repeats if there are fewer.

    Examples
    --------
    >>> spread(np.random.default_rng(0), np.arange(10), 10).tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    position = (np.arange(count) + random.random()) * len(candidates) / count
    result: NDArray[Any] = candidates[position.astype(int) % len(candidates)]
    return result
