"""Paper A's systems as the training loop sees them: batches of slices."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from petsynth.config import SliceConfig
from petsynth.data.prepared import PreparedData
from petsynth.data.scale import from_network
from petsynth.networks.dropout import draw_keys
from petsynth.systems.base import System
from petsynth.systems.pix2pix import step as pix2pix
from petsynth.systems.pix2pix.dataset import (
    EpochBatches,
    SliceDataset,
    share,
    share_weight,
    steps_per_epoch,
)
from petsynth.systems.pix2pix.volume import predict_volume
from petsynth.training.validation import validation_planes

_PREDICTION_BATCH = 16

Pair = tuple[Tensor, Tensor]


class SliceSystem(System[Pair]):
    """pix2pix on slices.

    Parameters
    ----------
    config : SliceConfig
        What to train, how long.
    data : PreparedData
        With training subjects.
    fabric : Fabric
        Device, arithmetic and processes.
    """

    terms = pix2pix.TERMS
    players: pix2pix.Pix2pixPlayers

    def __init__(self, config: SliceConfig, data: PreparedData, fabric: Fabric):
        self.config, self.data, self.fabric = config, data, fabric
        self.dataset = SliceDataset(
            data,
            data.participants("train"),
            planes=config.data.planes,
            canvas=config.data.canvas,
            intensity=config.data.intensity,
            flip=config.data.flip,
            seed=config.seed,
        )
        self.players = pix2pix.build_players(config, fabric)
        self.planes = config.data.planes
        self.batch_size = config.training.batch_size * fabric.world_size
        self.epoch_steps = steps_per_epoch(len(self.dataset), self.batch_size)
        self.steps = total_steps(config, len(self.dataset), fabric.world_size)

    def batches(self, start: int) -> Iterator[Pair]:
        """Yield the slices of each step, from a step on."""
        order = EpochBatches(
            len(self.dataset),
            self.batch_size,
            seed=self.config.seed,
            start=start,
            stop=self.steps,
            processes=self.fabric.world_size,
            process=self.fabric.global_rank,
        )
        loader: DataLoader = DataLoader(
            self.dataset, batch_sampler=order, num_workers=self.config.training.workers
        )
        for batch in loader:
            yield self.fabric.to_device(batch)

    def train_step(self, batch: Pair, step: int, *, measure: bool) -> dict[str, Tensor]:
        """Improve both networks."""
        within = step % self.epoch_steps * self.batch_size
        together = min(self.batch_size, len(self.dataset) - within)
        mine = share(together, self.fabric.world_size, self.fabric.global_rank)
        draws = draw_keys(self.config.seed, step, max(mine.stop - mine.start, 1), mine.start)
        weight = share_weight(together, self.fabric.world_size, self.fabric.global_rank)
        return pix2pix.train_step(self.players, self.fabric, self.config, batch, draws, weight)

    def infer_pet(self, participant: str) -> NDArray[np.float32]:
        """Return the synthetic PET of a prepared subject, (X, Y, Z) in PET units."""
        pet = predict_volume(
            self.players.generator,
            self.data.mri(participant),
            planes=validation_planes(self.config),
            canvas=self.config.data.canvas,
            draw=self.config.seed,
            batch_size=_PREDICTION_BATCH,
            device=self.fabric.device,
        )
        return from_network(pet, self.data.pet_scale)


def total_steps(config: SliceConfig, slices: int, processes: int = 1) -> int:
    """Return how many steps a training takes in all."""
    batch_size = config.training.batch_size * processes
    steps = config.training.epochs * steps_per_epoch(slices, batch_size)
    return int(min(steps, config.training.max_steps or math.inf))
