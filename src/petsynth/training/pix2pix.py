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
from torch.optim import Adam, Optimizer

from petsynth.config import Config
from petsynth.models.layers import lay_channels_last
from petsynth.models.losses import adversarial_loss, discriminator_loss, l1_loss
from petsynth.models.registry import build_discriminator, build_generator

TERMS = ("discriminator", "adversarial", "l1", "generator")
"""Loss terms in the order in which they are logged; generator is the weighted sum it learns by."""


@dataclass
class Players:
    """Both networks and their optimisers."""

    generator: nn.Module
    discriminator: nn.Module
    generator_optimiser: Optimizer
    discriminator_optimiser: Optimizer

    def state_dict(self) -> dict[str, dict]:
        """Return everything that training changes, as tensors and plain values."""
        return {
            field.name: getattr(self, field.name).state_dict() for field in dataclasses.fields(self)
        }

    def load_state_dict(self, state: dict[str, dict]) -> None:
        """Take over what `state_dict` returned."""
        for field in dataclasses.fields(self):
            getattr(self, field.name).load_state_dict(state[field.name])


def build_players(config: Config, fabric: Fabric) -> Players:
    """Make both networks from the configuration's seed, with their optimisers, on the device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        generator = build_generator(config.system, **dataclasses.asdict(config.generator))
        discriminator = build_discriminator(
            config.system, **dataclasses.asdict(config.discriminator)
        )
    lay_channels_last(generator)
    lay_channels_last(discriminator)
    generator, generator_optimiser = fabric.setup(generator, _adam(generator, config))
    discriminator, discriminator_optimiser = fabric.setup(
        discriminator, _adam(discriminator, config)
    )
    return Players(generator, discriminator, generator_optimiser, discriminator_optimiser)


def train_step(
    players: Players, fabric: Fabric, config: Config, batch: tuple[Tensor, Tensor], draws_B: Tensor
) -> dict[str, Tensor]:
    """Improve both networks on one batch.

    Parameters
    ----------
    players : Players
        Changed in place.
    fabric : Fabric
        Runs the backward passes.
    config : Config
        Its loss weights count.
    batch : pair of (B, 1, S, S) float tensors
        MRI and PET in [-1, 1].
    draws_B : (B,) int64 tensor
        Dropout key of each slice.

    Returns
    -------
    dict of scalar tensors
        `TERMS`, each before its step.
    """
    mri, pet = batch
    synthetic_pet = players.generator(mri, draws_B)

    players.discriminator.requires_grad_(True)
    real_logits = players.discriminator(mri, pet)
    generated_logits = players.discriminator(mri, synthetic_pet.detach())
    discriminator = discriminator_loss(real_logits, generated_logits)
    players.discriminator_optimiser.zero_grad()
    fabric.backward(discriminator)
    players.discriminator_optimiser.step()

    players.discriminator.requires_grad_(False)
    adversarial = adversarial_loss(players.discriminator(mri, synthetic_pet))
    l1 = l1_loss(synthetic_pet, pet)
    generator = config.loss.adversarial * adversarial + config.loss.l1 * l1
    players.generator_optimiser.zero_grad()
    fabric.backward(generator)
    players.generator_optimiser.step()

    terms = (discriminator, adversarial, l1, generator)
    return {name: term.detach() for name, term in zip(TERMS, terms, strict=True)}


def _adam(network: nn.Module, config: Config) -> Adam:
    knobs = config.optimiser
    return Adam(
        network.parameters(),
        lr=knobs.learning_rate,
        betas=(knobs.beta1, knobs.beta2),
        fused=True,
    )
