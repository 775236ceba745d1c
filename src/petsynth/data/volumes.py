"""Pairs of whole volumes for training: read, normalised, in an order that needs no state.

Paper B normalises the PET by mean and standard deviation of the subject's own T1, so that a
prediction is brought back to PET units by the statistics of the T1 that it was made from; nothing
about the PET need be known.

The order is one endless stream, permutation after permutation of the subjects. A step takes
the next batches of it, and each process its own part of each; so any step's batch can be made
at any time by any process, a resumed training goes on exactly, and two processes together see
what one with twice the batch sees.

References
----------
Shin et al., GANBERT (paper B), section 3.1, "Restoring original PET values with MRI statistics",
and A.3 (batch 2, accumulation 2). Decision record 0053: mean and standard deviation run over all
voxels of the conformed T1, air included, whose intensities lie on 0 to 255.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from petsynth.errors import InputError
from petsynth.preprocessing.grids import to_paper_order

# Paper B's normalisation: the T1's own mean and standard deviation serve the PET, too.

PET_FRACTION = 1 / 10
"""The PET is normalised by this fraction of the T1's mean and standard deviation (section 3.1)."""


@dataclass(frozen=True)
class MriStatistics:
    """Mean and standard deviation of one subject's T1.

    Parameters
    ----------
    mean, std : float
        In the T1's units, 0 to 255.
    """

    mean: float
    std: float


def mri_statistics(mri: NDArray[Any]) -> MriStatistics:
    """Return the statistics of a T1 over all its voxels.

    Parameters
    ----------
    mri : (X, Y, Z) array
        The conformed T1 on 0 to 255.

    Raises
    ------
    InputError
        If the image is constant, or has values that are not finite.

    Examples
    --------
    >>> mri_statistics(np.array([[[0.0, 0.0, 20.0, 20.0]]]))
    MriStatistics(mean=10.0, std=10.0)
    """
    mean, std = float(np.mean(mri, dtype=np.float64)), float(np.std(mri, dtype=np.float64))
    if not std > 0 or not np.isfinite(std):
        raise InputError(
            f"T1 with mean {mean:g} and standard deviation {std:g}: cannot be normalised; "
            "look for an empty image or voxels that are not finite"
        )
    return MriStatistics(mean, std)


def normalise_mri(mri: NDArray[Any], statistics: MriStatistics) -> NDArray[np.float32]:
    """Return ``(mri - mean) / std``."""
    centred = np.asarray(mri, dtype=np.float64) - statistics.mean
    return (centred / statistics.std).astype(np.float32)


def normalise_pet(pet: NDArray[Any], statistics: MriStatistics) -> NDArray[np.float32]:
    """Return ``(pet - mean / 10) / (std / 10)``.

    Parameters
    ----------
    pet : array of any shape
        In PET units.
    statistics : MriStatistics
        Of the same subject's T1.

    Examples
    --------
    >>> normalise_pet(np.array([0.0, 1.0, 1000.0]), MriStatistics(10.0, 10.0)).tolist()
    [-1.0, 0.0, 999.0]
    """
    centred = np.asarray(pet, dtype=np.float64) - PET_FRACTION * statistics.mean
    return (centred / (PET_FRACTION * statistics.std)).astype(np.float32)


def restore_pet(pet: NDArray[Any], statistics: MriStatistics) -> NDArray[np.float32]:
    """Bring a normalised PET, real or synthetic, back to PET units; undoes `normalise_pet`.

    Examples
    --------
    >>> restore_pet(np.array([-1.0, 0.0, 999.0]), MriStatistics(10.0, 10.0)).tolist()
    [0.0, 1.0, 1000.0]
    """
    scaled = np.asarray(pet, dtype=np.float64) * (PET_FRACTION * statistics.std)
    return (scaled + PET_FRACTION * statistics.mean).astype(np.float32)


# Pairs of whole volumes for training: read, normalised, in an order that needs no state.

_ORDER_STREAM = 3


class VolumeScans(Protocol):
    """What volumes are read from; `petsynth.data.prepared.PreparedData` is one."""

    def t1(self, participant: str) -> NDArray[Any]:
        """Return (X, Y, Z) on 0 to 255."""

    def pet(self, participant: str) -> NDArray[Any]:
        """Return (X, Y, Z) or (X, Y, Z, T) in PET units."""


class VolumeDataset(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """T1 and PET of some subjects, normalised.

    Parameters
    ----------
    scans : VolumeScans
        Prepared data; memory-mapped, so that memory does not grow with the subjects.
    participants : sequence of str
        Whose volumes.
    """

    def __init__(self, scans: VolumeScans, participants: Sequence[str]):
        self.scans = scans
        self.participants = tuple(participants)

    def __len__(self) -> int:
        return len(self.participants)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return T1, (1, X, Y, Z), and PET, (T, Y, X, Z), float32, both normalised."""
        participant = self.participants[index]
        t1_XYZ = np.asarray(self.scans.t1(participant))
        statistics = mri_statistics(t1_XYZ)
        mri_XYZ = normalise_mri(t1_XYZ, statistics)
        pet_TYXZ = normalise_pet(to_paper_order(self.scans.pet(participant)), statistics)
        return torch.from_numpy(mri_XYZ)[None], torch.from_numpy(np.ascontiguousarray(pet_TYXZ))


@dataclass(frozen=True)
class BatchPartition:
    """How a step's samples are divided.

    Parameters
    ----------
    batch_size : int
        Samples at once, in each process.
    batches : int
        Batches of one step: gradient accumulation.
    processes, process : int
        How many processes train together, and which of them this is.
    """

    batch_size: int
    batches: int = 1
    processes: int = 1
    process: int = 0

    @property
    def samples(self) -> int:
        """Samples of one step, in all processes together."""
        return self.batch_size * self.batches * self.processes

    def first(self, step: int, batch: int) -> int:
        """Return the place in the stream of the first sample of one batch of this process.

        Examples
        --------
        >>> [BatchPartition(2, 2, processes=2, process=1).first(1, batch) for batch in (0, 1)]
        [10, 14]
        """
        batches_before = (step * self.batches + batch) * self.processes + self.process
        return batches_before * self.batch_size

    def steps_per_epoch(self, subjects: int) -> int:
        """Return how many steps see every subject at least once."""
        return -(-subjects // self.samples)


class VolumeBatches(Sampler[list[int]]):
    """Batches of indices from any step on.

    Parameters
    ----------
    subjects : int
        How many there are.
    partition : BatchPartition
        What one step takes.
    seed : int
        Decides the order.
    start, stop : int
        First step, and the one after the last.

    Examples
    --------
    >>> one = list(VolumeBatches(5, BatchPartition(4), seed=0, start=0, stop=3))
    >>> sorted(one[0] + one[1][:1]), [len(batch) for batch in one]
    ([0, 1, 2, 3, 4], [4, 4, 4])
    >>> parts = [BatchPartition(2, 1, 2, process) for process in (0, 1)]
    >>> two = [VolumeBatches(5, part, seed=0, start=0, stop=3) for part in parts]
    >>> [left + right for left, right in zip(*two)] == one
    True
    """

    def __init__(
        self, subjects: int, partition: BatchPartition, *, seed: int, start: int, stop: int
    ):
        self.subjects = subjects
        self.partition = partition
        self.seed = seed
        self.start = start
        self.stop = stop

    def __len__(self) -> int:
        return max(self.stop - self.start, 0) * self.partition.batches

    def __iter__(self) -> Iterator[list[int]]:
        for step in range(self.start, self.stop):
            for batch in range(self.partition.batches):
                first = self.partition.first(step, batch)
                yield [self._index(first + place) for place in range(self.partition.batch_size)]

    def _index(self, place: int) -> int:
        epoch, within = divmod(place, self.subjects)
        random = np.random.default_rng((self.seed, epoch, _ORDER_STREAM))
        return int(random.permutation(self.subjects)[within])
