"""Training of pix2pix: the discriminator learns, then the generator.

Sources
-------
- Paper A (Jung et al., Inferring PET from MRI with pix2pix), section 2.3, and the Keras
  notebook that it names: one discriminator step, then one generator step, Adam with a learning
  rate of 2e-4 and beta1 0.5 for both.
- Isola et al. 2017, pix2pix, section 3.3.
- Deviation: the notebook runs the generator anew for its own step; here both steps see the same
  synthetic slice, as in Isola et al.'s own code, which saves a forward pass.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Adam
from torch.utils.data import DataLoader

from petsynth.data.batching import process_part, process_weight, steps_per_epoch
from petsynth.data.prepared import PreparedData
from petsynth.data.scale import from_network
from petsynth.networks.layers import lay_channels_last, sample_keys
from petsynth.networks.losses import adversarial_loss, discriminator_loss, l1_loss
from petsynth.systems.base import Training
from petsynth.systems.optimisation import Networks, run_network, take_step, with_adam
from petsynth.systems.pix2pix.config import Pix2pixConfig
from petsynth.systems.pix2pix.dataset import EpochBatches, SliceDataset
from petsynth.systems.pix2pix.patchgan import PatchGan2d
from petsynth.systems.pix2pix.unet import UNet2d
from petsynth.systems.pix2pix.volume import predict_volume

if TYPE_CHECKING:
    from lightning_fabric import Fabric

TERMS = ("discriminator", "adversarial", "l1", "generator")
"""Loss terms in the order in which they are logged; generator is the weighted sum it learns by."""

_PREDICTION_BATCH = 16

Pair = tuple[Tensor, Tensor]
"""MRI and PET, (B, 1, S, S) float tensors in [-1, 1]."""


@dataclass
class Pix2pixNetworks(Networks):
    """Generator and discriminator, and their optimisers."""

    discriminator: nn.Module
    discriminator_optimiser: Adam


def build_generator(config: Pix2pixConfig) -> UNet2d:
    """Make the U-Net, with initial weights from torch's global generator."""
    return UNet2d(**dataclasses.asdict(config.generator))


def build_discriminator(config: Pix2pixConfig) -> PatchGan2d:
    """Make the PatchGAN, with initial weights from torch's global generator."""
    return PatchGan2d(**dataclasses.asdict(config.discriminator))


def build_networks(config: Pix2pixConfig, fabric: Fabric) -> Pix2pixNetworks:
    """Make both networks from the configuration's seed, with their optimisers, on the device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        generator, discriminator = build_generator(config), build_discriminator(config)
    lay_channels_last(generator)
    lay_channels_last(discriminator)
    optimiser = config.optimiser
    adam = optimiser.learning_rate, (optimiser.beta1, optimiser.beta2)
    return Pix2pixNetworks(
        *with_adam(fabric, generator, *adam), *with_adam(fabric, discriminator, *adam)
    )


def train_step(
    networks: Pix2pixNetworks,
    fabric: Fabric,
    config: Pix2pixConfig,
    batch: Pair,
    dropout_keys_B: Tensor,
    weight: float = 1.0,
) -> dict[str, Tensor]:
    """Improve both networks on one batch.

    Parameters
    ----------
    networks : Pix2pixNetworks
        Changed in place.
    fabric : Fabric
        Device, arithmetic and other processes.
    config : Pix2pixConfig
        Its loss weights count.
    batch : pair of (B, 1, S, S) float tensors
        MRI and PET in [-1, 1].
    dropout_keys_B : (B,) int64 tensor
        Dropout key of each slice.
    weight : float
        Of this process's batch in the mean over processes, if their batches differ in size.

    Returns
    -------
    dict of scalar tensors
        `TERMS`, each before its step.
    """
    mri, pet = batch
    synthetic_pet = run_network(fabric, networks.generator, mri, dropout_keys_B)

    networks.discriminator.requires_grad_(True)
    real_logits = run_network(fabric, networks.discriminator, mri, pet)
    generated_logits = run_network(fabric, networks.discriminator, mri, synthetic_pet.detach())
    discriminator = discriminator_loss(real_logits, generated_logits)
    networks.discriminator_optimiser.zero_grad()
    (weight * discriminator).backward()
    take_step(fabric, networks.discriminator, networks.discriminator_optimiser)

    networks.discriminator.requires_grad_(False)
    adversarial = adversarial_loss(run_network(fabric, networks.discriminator, mri, synthetic_pet))
    l1 = l1_loss(synthetic_pet, pet)
    generator = config.loss.adversarial * adversarial + config.loss.l1 * l1
    networks.generator_optimiser.zero_grad()
    (weight * generator).backward()
    take_step(fabric, networks.generator, networks.generator_optimiser)

    terms = (discriminator, adversarial, l1, generator)
    return {name: weight * term.detach() for name, term in zip(TERMS, terms, strict=True)}


class Pix2pixTraining(Training[Pair]):
    """A training of pix2pix on slices.

    Parameters
    ----------
    config : Pix2pixConfig
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
    networks: Pix2pixNetworks

    def __init__(self, config: Pix2pixConfig, data: PreparedData, fabric: Fabric):
        self.config, self.data, self.fabric = config, data, fabric
        self.dataset = SliceDataset(
            data,
            data.participants("train"),
            planes=config.data.planes,
            padded_size=config.data.padded_size,
            intensity=config.data.intensity,
            flip=config.data.flip,
            seed=config.seed,
        )
        self.networks = build_networks(config, fabric)
        self.planes = config.data.planes
        self.batch_size = config.training.batch_size * fabric.world_size
        self.epoch_steps = steps_per_epoch(len(self.dataset), self.batch_size)
        steps = config.training.epochs * self.epoch_steps
        self.steps = int(min(steps, config.training.max_steps or math.inf))

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
        loader: DataLoader[Pair] = DataLoader(
            self.dataset, batch_sampler=order, num_workers=self.config.training.workers
        )
        for batch in loader:
            yield self.fabric.to_device(batch)

    def train_step(self, batch: Pair, step: int, *, measure: bool) -> dict[str, Tensor]:
        """Improve both networks."""
        within = step % self.epoch_steps * self.batch_size
        together = min(self.batch_size, len(self.dataset) - within)
        mine = process_part(together, self.fabric.world_size, self.fabric.global_rank)
        keys = sample_keys(self.config.seed, step, max(mine.stop - mine.start, 1), mine.start)
        weight = process_weight(together, self.fabric.world_size, self.fabric.global_rank)
        return train_step(self.networks, self.fabric, self.config, batch, keys, weight)

    def infer_pet(self, participant: str) -> NDArray[np.float32]:
        """Return the synthetic PET of a prepared subject, (X, Y, Z) in PET units."""
        pet = predict_volume(
            self.networks.generator,
            self.data.mri(participant),
            planes=self.config.prediction_planes,
            padded_size=self.config.data.padded_size,
            dropout_key=self.config.seed,
            batch_size=_PREDICTION_BATCH,
            device=self.fabric.device,
        )
        return from_network(pet, self.data.pet_scale)
