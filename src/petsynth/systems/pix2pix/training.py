"""Training of pix2pix: the discriminator learns, then the generator.

Sources
-------
- Paper A (Jung et al., Inferring PET from MRI with pix2pix), section 2.3, and the Keras
  notebook that it names: one discriminator step, then one generator step, Adam with a learning
  rate of 2e-4 and beta1 0.5 for both.
- Isola et al. 2017, pix2pix, section 3.3.
- Deviation: the notebook runs the generator anew for its own step; here both steps see the same
  synthetic slice, as in Isola et al.'s own code, which saves a forward pass.
- Ours: what the PET's field of view does not cover is left out (`petsynth.systems.coverage`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim import Adam

from petsynth.data.prepared import PreparedData
from petsynth.networks.layers import lay_channels_last
from petsynth.networks.losses import adversarial_loss, discriminator_loss, l1_loss
from petsynth.networks.patchgan2d import PatchGan2d
from petsynth.networks.unet2d import UNet2d
from petsynth.slicing import AIR
from petsynth.systems.coverage import leave_out_unmeasured
from petsynth.systems.optimisation import Networks, run_network, take_step, with_adam
from petsynth.systems.pix2pix.config import Pix2pixConfig
from petsynth.systems.slices.system import Pair, SliceTraining

if TYPE_CHECKING:
    from lightning_fabric import Fabric

TERMS = ("discriminator", "adversarial", "l1", "generator")
"""Loss terms in the order in which they are logged; generator is the weighted sum it learns by."""


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
        MRI and PET in [-1, 1]; NaN where the PET was not measured.
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
    pet, synthetic_pet = leave_out_unmeasured(pet, synthetic_pet, AIR)

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


class Pix2pixTraining(SliceTraining):
    """A training of pix2pix on slices; parameters and errors as of `SliceTraining`."""

    terms = TERMS
    networks: Pix2pixNetworks

    def __init__(self, config: Pix2pixConfig, data: PreparedData, fabric: Fabric):
        super().__init__(config, data, fabric)
        self.config = config
        self.networks = build_networks(config, fabric)

    def train_step(self, batch: Pair, step: int, *, measure: bool) -> dict[str, Tensor]:
        """Improve both networks."""
        keys, weight = self.dropout_keys(step), self.weight(step)
        return train_step(self.networks, self.fabric, self.config, batch, keys, weight)
