"""The pretrained models as the training loop sees them: batches of stacks."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from petsynth.config import StackConfig
from petsynth.data.prepared import PreparedData
from petsynth.data.scale import from_network
from petsynth.networks.layers import lay_channels_last
from petsynth.systems.base import System
from petsynth.systems.optimisation import Players, place
from petsynth.systems.pix2pix.dataset import check_canvas, share_weight, steps_per_epoch
from petsynth.systems.unet25d.dataset import HeadDataset
from petsynth.systems.unet25d.slabs import StackBatches, load_stacks
from petsynth.systems.unet25d.step import TERMS, step_size, train_step
from petsynth.systems.unet25d.unet import StackUNet
from petsynth.systems.unet25d.volume import predict_stacks

Batch = tuple[Tensor, Tensor]


class StackSystem(System[Batch]):
    """A 2.5D U-Net on augmented heads.

    Parameters
    ----------
    config : StackConfig
        What to train, how long.
    data : PreparedData
        With training subjects.
    fabric : Fabric
        Device, arithmetic and processes.

    Raises
    ------
    ConfigError
        If a slice is larger than the canvas.
    """

    terms = TERMS
    planes = ("axial",)

    def __init__(self, config: StackConfig, data: PreparedData, fabric: Fabric):
        self.config, self.data, self.fabric = config, data, fabric
        check_canvas(data.grid.shape, ("axial",), config.data.canvas)
        participants = data.participants("train")
        self.dataset = HeadDataset(
            data,
            participants,
            slices_per_head=config.data.slices_per_head,
            target=config.data.target,
            augmented=config.data.augment,
            seed=config.seed,
        )
        self.players = build_players(config, fabric)
        self.batch_size = config.training.batch_size * fabric.world_size
        self.stacks = len(participants) * config.data.slices_per_head
        self.epoch_steps = steps_per_epoch(self.stacks, self.batch_size)
        steps = config.training.epochs * self.epoch_steps
        self.steps = int(min(steps, config.training.max_steps or math.inf))

    def batches(self, start: int) -> Iterator[Batch]:
        """Yield the stacks of each step, from a step on."""
        order = StackBatches(
            len(self.dataset),
            self.config.data.slices_per_head,
            self.batch_size,
            window=self.config.data.window,
            seed=self.config.seed,
            start=start,
            stop=self.steps,
            processes=self.fabric.world_size,
            process=self.fabric.global_rank,
        )
        for batch in load_stacks(
            self.dataset,
            order,
            slices=self.config.data.slices,
            canvas=self.config.data.canvas,
            workers=self.config.training.workers,
        ):
            yield self.fabric.to_device(batch)

    def train_step(self, batch: Batch, step: int, *, measure: bool) -> dict[str, Tensor]:
        """Improve the network."""
        optimiser, loss = self.config.optimiser, self.config.loss
        rise = step_size(step, self.steps, optimiser.warm_up)
        self.players.set_learning_rate(optimiser.learning_rate * rise)
        within = step % self.epoch_steps * self.batch_size
        weight = share_weight(
            min(self.batch_size, self.stacks - within),
            self.fabric.world_size,
            self.fabric.global_rank,
        )
        weights = (loss.l1, loss.edges, loss.error)
        return train_step(self.players, self.fabric, batch, weights=weights, weight=weight)

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
