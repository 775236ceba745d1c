"""What the training loop needs to know of a system, whichever it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from petsynth.slicing import Plane
from petsynth.systems.optimisation import Players

Batch = TypeVar("Batch")


class System(ABC, Generic[Batch]):
    """Networks, data and training step of one configuration.

    Attributes
    ----------
    players : Players
        Networks and optimisers.
    terms : tuple of str
        Names of the loss terms, in the order of the log.
    extras : tuple of str
        Names of what is measured now and then beside them.
    planes : tuple of {"sagittal", "coronal", "axial"}
        Which slices sample pictures show.
    write_every : int
        Epochs between model files, and between checkpoints.
    epoch_steps : int
        Steps of one pass over the training data.
    steps : int
        Steps of the whole training.
    """

    players: Players
    terms: tuple[str, ...]
    extras: tuple[str, ...] = ()
    planes: tuple[Plane, ...]
    write_every: int = 1
    epoch_steps: int
    steps: int

    @abstractmethod
    def batches(self, start: int) -> Iterator[Batch]:
        """Yield what each step takes, from a step on, on the device."""

    @abstractmethod
    def train_step(self, batch: Batch, step: int, *, measure: bool) -> dict[str, Tensor]:
        """Improve the networks; return ``terms``, with ``measure`` also ``extras``."""

    @abstractmethod
    def infer_pet(self, participant: str) -> NDArray[np.float32]:
        """Return the synthetic PET of a prepared subject, (X, Y, Z[, T]) in PET units."""
