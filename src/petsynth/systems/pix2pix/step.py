"""One training step of pix2pix: the discriminator learns, then the generator.

Sources
-------
- Paper A (Jung et al., Inferring PET from MRI with pix2pix), section 2.3, and the Keras
  notebook that it names: one discriminator step, then one generator step, Adam with a step
  size of 2e-4 and beta1 0.5 for both.
- Isola et al. 2017, pix2pix, section 3.3.
- Deviation: the notebook draws the generated slice anew for the generator's step; here both
  steps see the same one, as in Isola et al.'s own code, which saves a forward pass.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Adam

from petsynth.config import SliceConfig
from petsynth.networks.layers import lay_channels_last
from petsynth.networks.losses import adversarial_loss, discriminator_loss, l1_loss
from petsynth.systems.optimisation import Players, place
from petsynth.systems.pix2pix.networks import build_discriminator, build_generator
from petsynth.training.distributed import learn, run_network

TERMS = ("discriminator", "adversarial", "l1", "generator")
"""Loss terms in the order in which they are logged; generator is the weighted sum it learns by."""


@dataclass
class Pix2pixPlayers(Players):
    """Generator and discriminator, and their optimisers."""

    discriminator: nn.Module
    discriminator_optimiser: Adam


def build_players(config: SliceConfig, fabric: Fabric) -> Pix2pixPlayers:
    """Make both networks from the configuration's seed, with their optimisers, on the device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        generator = build_generator(config.system, **dataclasses.asdict(config.generator))
        discriminator = build_discriminator(
            config.system, **dataclasses.asdict(config.discriminator)
        )
    lay_channels_last(generator)
    lay_channels_last(discriminator)
    knobs = config.optimiser
    betas = (knobs.beta1, knobs.beta2)
    return Pix2pixPlayers(
        *place(fabric, generator, knobs.learning_rate, betas),
        *place(fabric, discriminator, knobs.learning_rate, betas),
    )


def train_step(
    players: Pix2pixPlayers,
    fabric: Fabric,
    config: SliceConfig,
    batch: tuple[Tensor, Tensor],
    draws_B: Tensor,
    weight: float = 1.0,
) -> dict[str, Tensor]:
    """Improve both networks on one batch.

    Parameters
    ----------
    players : Pix2pixPlayers
        Changed in place.
    fabric : Fabric
        Device, arithmetic and other processes.
    config : SliceConfig
        Its loss weights count.
    batch : pair of (B, 1, S, S) float tensors
        MRI and PET in [-1, 1].
    draws_B : (B,) int64 tensor
        Dropout key of each slice.
    weight : float
        Of this process's batch in the mean over processes, if their batches differ in size.

    Returns
    -------
    dict of scalar tensors
        `TERMS`, each before its step.
    """
    mri, pet = batch
    synthetic_pet = run_network(fabric, players.generator, mri, draws_B)

    players.discriminator.requires_grad_(True)
    real_logits = run_network(fabric, players.discriminator, mri, pet)
    generated_logits = run_network(fabric, players.discriminator, mri, synthetic_pet.detach())
    discriminator = discriminator_loss(real_logits, generated_logits)
    players.discriminator_optimiser.zero_grad()
    (weight * discriminator).backward()
    learn(fabric, players.discriminator, players.discriminator_optimiser)

    players.discriminator.requires_grad_(False)
    adversarial = adversarial_loss(run_network(fabric, players.discriminator, mri, synthetic_pet))
    l1 = l1_loss(synthetic_pet, pet)
    generator = config.loss.adversarial * adversarial + config.loss.l1 * l1
    players.generator_optimiser.zero_grad()
    (weight * generator).backward()
    learn(fabric, players.generator, players.generator_optimiser)

    terms = (discriminator, adversarial, l1, generator)
    return {name: weight * term.detach() for name, term in zip(TERMS, terms, strict=True)}
