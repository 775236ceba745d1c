"""Training of the 2.5D U-Net: absolute error, and how large the error will be.

Sources
-------
- Ours. The expected error is learnt by its absolute deviation from the error that was made, so
  that it becomes the median of what remains unknown; a factor that is measured on held-out
  subjects makes a standard deviation of it (`petsynth.systems.unet25d.system`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from petsynth.covariates import encode
from petsynth.data.batching import (
    check_padded_size,
    process_weight,
    steps_per_epoch,
    warn_of_coarse_voxels,
)
from petsynth.data.prepared import PreparedData
from petsynth.data.scale import from_network
from petsynth.networks.layers import lay_channels_last
from petsynth.systems.base import Training
from petsynth.systems.optimisation import LearningRateSchedule, Networks, take_step, with_adam
from petsynth.systems.unet25d.config import LossConfig, Unet25dConfig
from petsynth.systems.unet25d.dataset import AugmentedVolumes
from petsynth.systems.unet25d.location import check_is_aligned, place_in_mni, population_pet
from petsynth.systems.unet25d.slabs import Slab, SlabBatches, load_slabs
from petsynth.systems.unet25d.unet import SlabUNet
from petsynth.systems.unet25d.volume import predict_slabs

if TYPE_CHECKING:
    from lightning_fabric import Fabric

TERMS = ("l1", "l2", "gradient", "error", "generator")
"""Loss terms in the order in which they are logged; generator is the weighted sum it learns by."""


def train_step(
    networks: Networks, fabric: Fabric, loss: LossConfig, batch: Slab, weight: float = 1.0
) -> dict[str, Tensor]:
    """Improve the generator on one batch.

    Parameters
    ----------
    networks : Networks
        Changed in place.
    fabric : Fabric
        Arithmetic and other processes.
    loss : LossConfig
        Weights of the terms.
    batch : Slab
        (B, S, H, W) MRI; (B, 2, H, W) PET to be learnt, and as it was measured, NaN where it was
        not; (B, 3, 4) places; (B, K) covariates.
    weight : float
        Of this process's batch in the mean over processes, if their batches differ in size.

    Returns
    -------
    dict of scalar tensors
        `TERMS`, before the step.
    """
    with fabric.autocast():
        synthetic_pet, error = networks.generator(batch.mri, batch.place, batch.covariates)
    synthetic_pet, error = synthetic_pet.float(), error.float()
    learnt, measured = batch.pet.split(1, dim=1)
    unknown = measured.isnan()  # outside the scanner's field of view: nothing is learnt there
    learnt = torch.where(unknown, synthetic_pet.detach(), learnt)
    deviation = torch.where(unknown, error.detach(), (synthetic_pet.detach() - measured).abs())
    l1 = functional.l1_loss(synthetic_pet, learnt)
    l2 = functional.mse_loss(synthetic_pet, learnt)
    gradient = gradient_loss(synthetic_pet, learnt)
    remaining = functional.l1_loss(error, deviation)
    total = loss.l1 * l1 + loss.l2 * l2 + loss.gradient * gradient + loss.error * remaining
    networks.generator_optimiser.zero_grad()
    (weight * total).backward()
    take_step(fabric, networks.generator, networks.generator_optimiser)
    terms = (l1, l2, gradient, remaining, total)
    return {name: weight * term.detach() for name, term in zip(TERMS, terms, strict=True)}


def gradient_loss(synthetic_pet: Tensor, pet: Tensor) -> Tensor:
    """Return the mean absolute error of the differences between neighbours along both axes."""
    difference = synthetic_pet - pet
    return difference.diff(dim=2).abs().mean() + difference.diff(dim=3).abs().mean()


def build_generator(config: Unet25dConfig) -> SlabUNet:
    """Make the network, with initial weights from torch's global generator."""
    return SlabUNet(
        slices=config.data.slices,
        **dataclasses.asdict(config.generator),
        location=config.data.location,
        covariates=len(config.data.covariates),
    )


def build_networks(config: Unet25dConfig, fabric: Fabric) -> Networks:
    """Make the network from the configuration's seed, with its optimiser, on the device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        generator = build_generator(config)
    lay_channels_last(generator)
    return Networks(*with_adam(fabric, generator, config.optimiser.learning_rate, (0.9, 0.999)))


class Unet25dTraining(Training[Slab]):
    """A training of the 2.5D U-Net on augmented volumes.

    Parameters
    ----------
    config : Unet25dConfig
        What to train, how long.
    data : PreparedData
        With training subjects.
    fabric : Fabric
        Device, arithmetic and processes.

    Raises
    ------
    ConfigError
        If a slice is larger than the padded size.
    """

    terms = TERMS
    planes = ("axial",)

    def __init__(self, config: Unet25dConfig, data: PreparedData, fabric: Fabric):
        self.config, self.data, self.fabric = config, data, fabric
        check_padded_size(data.grid.shape, ("axial",), config.data.padded_size)
        if fabric.is_global_zero:
            warn_of_coarse_voxels(data, config.data.padded_size, 2**config.generator.levels)
        participants = data.participants("train")
        self.places: dict[str, NDArray[np.float64]] = {}
        if config.data.location != "none":
            check_is_aligned(data)
            self.places = {name: self._place(name) for name in participants}
        self.dataset = AugmentedVolumes(
            data,
            participants,
            slabs_per_volume=config.data.slabs_per_volume,
            target=config.data.target,
            augmented=config.data.augment,
            seed=config.seed,
            places=self.places,
            covariates=config.data.covariates,
            covariate_dropout=config.data.covariate_dropout,
        )
        self.networks = build_networks(config, fabric)
        if config.data.location in ("population", "both"):
            generator = self.networks.generator
            assert isinstance(generator, SlabUNet)
            mean = torch.from_numpy(population_pet(data, self.places))
            generator.location.population.copy_(mean)
        self.batch_size = config.training.batch_size * fabric.world_size
        self.slabs = len(participants) * config.data.slabs_per_volume
        self.epoch_steps = steps_per_epoch(self.slabs, self.batch_size)
        steps = config.training.epochs * self.epoch_steps
        self.steps = int(min(steps, config.training.max_steps or math.inf))
        warm_up = math.ceil(config.optimiser.warm_up * self.steps)
        self.schedule = LearningRateSchedule(
            self.steps, warm_up=warm_up, decay=self.steps - warm_up, shape="cosine"
        )

    def batches(self, start: int) -> Iterator[Slab]:
        """Yield the slabs of each step, from a step on."""
        order = SlabBatches(
            len(self.dataset),
            self.config.data.slabs_per_volume,
            self.batch_size,
            shuffled_volumes=self.config.data.shuffled_volumes,
            seed=self.config.seed,
            start=start,
            stop=self.steps,
            processes=self.fabric.world_size,
            process=self.fabric.global_rank,
        )
        for batch in load_slabs(
            self.dataset,
            order,
            slices=self.config.data.slices,
            padded_size=self.config.data.padded_size,
            workers=self.config.training.workers,
        ):
            yield self.fabric.to_device(batch)

    def train_step(self, batch: Slab, step: int, *, measure: bool) -> dict[str, Tensor]:
        """Improve the network."""
        learning_rate = self.config.optimiser.learning_rate
        self.networks.set_learning_rate(learning_rate * self.schedule(step))
        within = step % self.epoch_steps * self.batch_size
        weight = process_weight(
            min(self.batch_size, self.slabs - within),
            self.fabric.world_size,
            self.fabric.global_rank,
        )
        return train_step(self.networks, self.fabric, self.config.loss, batch, weight)

    def infer_pet(self, participant: str) -> NDArray[np.float32]:
        """Return the synthetic PET of a prepared subject, (X, Y, Z) in PET units."""
        config = self.config.data
        if config.location != "none" and participant not in self.places:
            self.places[participant] = self._place(participant)
        pet, _ = predict_slabs(
            self.networks.generator,
            self.data.mri(participant),
            slices=config.slices,
            padded_size=config.padded_size,
            to_mni=self.places.get(participant),
            covariates=encode(self.data.covariates(participant), config.covariates),
            device=self.fabric.device,
        )
        return from_network(pet, self.data.pet_scale)

    def _place(self, participant: str) -> NDArray[np.float64]:
        data = self.data
        return place_in_mni(data.mri(participant), data.mask(participant), data.grid)
