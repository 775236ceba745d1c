"""Training of MedGAN: the discriminator learns now and then, the generator at each step.

Sources
-------
- Armanious et al. 2020, MedGAN, Computerized Medical Imaging and Graphics 79:101684: the sum of
  adversarial, perceptual, style and content loss; three steps of the generator per step of the
  discriminator; Adam with a learning rate of 2e-4 and beta1 0.5.
- Ours: what the PET's field of view does not cover is left out (`petsynth.systems.coverage`).
- Deviations: decision record 0081 (the feature extractor; the features that are compared).
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.optim import Adam

from petsynth.data.prepared import PreparedData
from petsynth.networks.layers import lay_channels_last
from petsynth.networks.losses import adversarial_loss, discriminator_loss, l1_loss
from petsynth.networks.patchgan2d import PatchGan2d
from petsynth.slicing import AIR
from petsynth.systems.coverage import leave_out_unmeasured
from petsynth.systems.medgan.casnet import CasNet
from petsynth.systems.medgan.config import MedganConfig
from petsynth.systems.medgan.extractor import (
    FeatureExtractor,
    build_extractor,
    train_denoiser,
)
from petsynth.systems.medgan.losses import content_loss, perceptual_loss, style_loss
from petsynth.systems.optimisation import Networks, run_network, take_step, with_adam
from petsynth.systems.slices.system import Pair, SliceTraining

if TYPE_CHECKING:
    from lightning_fabric import Fabric

logger = logging.getLogger(__name__)

TERMS = ("discriminator", "adversarial", "l1", "perceptual", "style", "content", "generator")
"""Loss terms in the order in which they are logged; generator is the weighted sum it learns by."""

_EXTRACTOR_STREAM = 3


@dataclass
class MedganNetworks(Networks):
    """Generator and discriminator, and their optimisers; the extractor learns no more."""

    discriminator: PatchGan2d
    discriminator_optimiser: Adam
    extractor: FeatureExtractor | None


def build_generator(config: MedganConfig) -> CasNet:
    """Make the CasNet, with initial weights from torch's global generator."""
    return CasNet(**dataclasses.asdict(config.generator))


def build_discriminator(config: MedganConfig) -> PatchGan2d:
    """Make the PatchGAN, with initial weights from torch's global generator."""
    return PatchGan2d(**dataclasses.asdict(config.discriminator))


def build_networks(config: MedganConfig, fabric: Fabric) -> MedganNetworks:
    """Make all networks from the configuration's seed, with their optimisers, on the device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        generator, discriminator = build_generator(config), build_discriminator(config)
        extractor = build_extractor(config.extractor)
    lay_channels_last(generator)
    lay_channels_last(discriminator)
    optimiser = config.optimiser
    adam = optimiser.learning_rate, (optimiser.beta1, optimiser.beta2)
    return MedganNetworks(
        *with_adam(fabric, generator, *adam),
        *with_adam(fabric, discriminator, *adam),
        None if extractor is None else extractor.to(fabric.device),
    )


def train_step(
    networks: MedganNetworks,
    fabric: Fabric,
    config: MedganConfig,
    batch: Pair,
    step: int,
    weight: float = 1.0,
) -> dict[str, Tensor]:
    """Improve the generator on one batch, and at every n-th step the discriminator before it.

    Parameters
    ----------
    networks : MedganNetworks
        Changed in place.
    fabric : Fabric
        Device, arithmetic and other processes.
    config : MedganConfig
        Its loss weights count.
    batch : pair of (B, 1, S, S) float tensors
        MRI and PET in [-1, 1]; NaN where the PET was not measured.
    step : int
        Number of the step: the discriminator learns at multiples of ``loss.generator_steps``.
    weight : float
        Of this process's batch in the mean over processes, if their batches differ in size.

    Returns
    -------
    dict of scalar tensors
        `TERMS`, each before its step.
    """
    mri, pet = batch
    synthetic_pet = run_network(fabric, networks.generator, mri)
    pet, synthetic_pet = leave_out_unmeasured(pet, synthetic_pet, AIR)

    learns = step % config.loss.generator_steps == 0
    networks.discriminator.requires_grad_(learns)
    real_logits = run_network(fabric, networks.discriminator, mri, pet)
    generated_logits = run_network(fabric, networks.discriminator, mri, synthetic_pet.detach())
    discriminator = discriminator_loss(real_logits, generated_logits)
    if learns:
        networks.discriminator_optimiser.zero_grad()
        (weight * discriminator).backward()
        take_step(fabric, networks.discriminator, networks.discriminator_optimiser)

    networks.discriminator.requires_grad_(False)
    *real_layers, _ = features_of(fabric, networks.discriminator.features, mri, pet)
    *layers, logits = features_of(fabric, networks.discriminator.features, mri, synthetic_pet)
    real_features, features = real_layers, layers
    if networks.extractor is not None:
        real_features = features_of(fabric, networks.extractor, pet)
        features = features_of(fabric, networks.extractor, synthetic_pet)

    loss = config.loss
    adversarial, l1 = adversarial_loss(logits), l1_loss(synthetic_pet, pet)
    perceptual = loss.pixels * l1 + perceptual_loss(layers, real_layers)
    style, content = style_loss(features, real_features), content_loss(features, real_features)
    generator = loss.adversarial * adversarial + loss.perceptual * perceptual
    generator = generator + loss.style * style + loss.content * content
    networks.generator_optimiser.zero_grad()
    (weight * generator).backward()
    take_step(fabric, networks.generator, networks.generator_optimiser)

    terms = (discriminator, adversarial, l1, perceptual, style, content, generator)
    return {name: weight * term.detach() for name, term in zip(TERMS, terms, strict=True)}


def features_of(
    fabric: Fabric, network: Callable[..., list[Tensor]], *slices: Tensor
) -> list[Tensor]:
    """Return a network's features in float32, computed in the training's arithmetic."""
    with fabric.autocast():
        features = network(*slices)
    return [each.float() for each in features]


class MedganTraining(SliceTraining):
    """A training of MedGAN on slices; parameters and errors as of `SliceTraining`.

    A denoiser is trained before the first step and is kept in the checkpoints.
    """

    terms = TERMS
    networks: MedganNetworks

    def __init__(self, config: MedganConfig, data: PreparedData, fabric: Fabric):
        super().__init__(config, data, fabric)
        self.config = config
        self.networks = build_networks(config, fabric)

    def train_step(self, batch: Pair, step: int, *, measure: bool) -> dict[str, Tensor]:
        """Improve the networks."""
        if step == 0 and self.config.extractor.source == "denoiser":
            self._train_extractor()
        weight = self.weight(step)
        return train_step(self.networks, self.fabric, self.config, batch, step, weight)

    def _train_extractor(self) -> None:
        extractor, config = self.networks.extractor, self.config.extractor
        assert extractor is not None
        if self.fabric.is_global_zero:
            logger.info(f"feature extractor: learns to denoise PET slices, {config.steps} steps")
        errors = train_denoiser(extractor, config, self._pet_batches(), self.seed)
        if self.fabric.is_global_zero:
            logger.info(
                f"feature extractor: denoises PET slices with a mean absolute error of "
                f"{np.mean(errors[-50:]):.3f} (at the first step {errors[0]:.3f})"
            )

    def _pet_batches(self) -> Iterator[Tensor]:
        for step in range(self.config.extractor.steps):
            random = np.random.default_rng((self.seed, step, _EXTRACTOR_STREAM))
            chosen = random.integers(len(self.dataset), size=self.config.extractor.batch_size)
            pets = [self.dataset[0, int(index)][1] for index in chosen]
            yield self.fabric.to_device(torch.stack(pets).nan_to_num(AIR))
