"""The boxed models as the training loop sees them: batches of stacks."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from petsynth.config import StackConfig
from petsynth.data.prepared import PreparedData
from petsynth.data.scale import from_network
from petsynth.data.stacks import StackBatches, StackDataset
from petsynth.models.layers import lay_channels_last
from petsynth.models.stack_unet import StackUNet
from petsynth.models.stack_volume import predict_stacks
from petsynth.training.players import Players, place
from petsynth.training.stack_step import TERMS, step_size, train_step
from petsynth.training.system import System

Batch = tuple[Tensor, Tensor]

_WAITING = 16
"""Batches that the loading process may be ahead."""


class StackSystem(System[Batch]):
    """A 2.5D U-Net on augmented heads; one process.

    Parameters
    ----------
    config : StackConfig
        What to train, how long.
    data : PreparedData
        With training subjects.
    fabric : Fabric
        Device and arithmetic.
    """

    terms = TERMS
    planes = ("axial",)

    def __init__(self, config: StackConfig, data: PreparedData, fabric: Fabric):
        self.config, self.data, self.fabric = config, data, fabric
        participants = data.participants("train")
        self.dataset = StackDataset(
            data,
            participants,
            slices=config.data.slices,
            slices_per_head=config.data.slices_per_head,
            canvas=config.data.canvas,
            target=config.data.target,
            augmented=config.data.augment,
            seed=config.seed,
            kept=config.data.window + 2,
        )
        self.players = build_players(config, fabric)
        self.epoch_steps = -(-len(self.dataset) // config.training.batch_size)
        steps = config.training.epochs * self.epoch_steps
        self.steps = int(min(steps, config.training.max_steps or math.inf))

    def batches(self, start: int) -> Iterator[Batch]:
        """Yield the stacks of each step, from a step on."""
        order = StackBatches(
            len(self.dataset.participants),
            self.config.data.slices_per_head,
            self.config.training.batch_size,
            window=self.config.data.window,
            seed=self.config.seed,
            start=start,
            stop=self.steps,
        )
        workers = self.config.training.workers
        loader: DataLoader = DataLoader(
            self.dataset,
            batch_sampler=order,
            num_workers=workers,
            prefetch_factor=_WAITING if workers else None,
        )
        for batch in loader:
            yield self.fabric.to_device(batch)

    def train_step(self, batch: Batch, step: int, *, measure: bool) -> dict[str, Tensor]:
        """Improve the network."""
        optimiser, loss = self.config.optimiser, self.config.loss
        share = step_size(step, self.steps, optimiser.warm_up)
        self.players.set_learning_rate(optimiser.learning_rate * share)
        weights = (loss.l1, loss.edges, loss.error)
        return train_step(self.players, self.fabric, batch, weights=weights)

    def infer_pet(self, participant: str) -> NDArray[np.float32]:
        """Return the synthetic PET of a prepared subject, (X, Y, Z) in PET units."""
        pet, _ = predict_stacks(
            self.players.generator,
            self.data.mri(participant),
            slices=self.config.data.slices,
            canvas=self.config.data.canvas,
            device=self.fabric.device,
        )
        return from_network(pet, self.data.pet_scale)


def build_stack_generator(config: StackConfig) -> StackUNet:
    """Make the network of a configuration, with starting weights from torch's generator."""
    return StackUNet(slices=config.data.slices, **dataclasses.asdict(config.generator))


def build_players(config: StackConfig, fabric: Fabric) -> Players:
    """Make the network from the configuration's seed, with its optimiser, on the device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        generator = build_stack_generator(config)
    lay_channels_last(generator)
    rate = config.optimiser.learning_rate
    return Players(*place(fabric, generator, rate, (0.9, 0.999)))
