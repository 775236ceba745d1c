"""One training step of the 3D pix2pix baselines: the discriminator learns, then the generator.

Sources
-------
- Paper B (Shin et al., GANBERT), section 5.1: "usual 3D pix2pix", with tanh or tanhshrink (table
  1, rows 1 and 2).
- Isola et al. 2017, pix2pix, section 3.3; losses as in paper A's system (decision record 0075).
- Gradient accumulation as for GANBERT (section A.3), so that all systems see the same samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Adam

from petsynth.config import Pix2pix3dConfig
from petsynth.networks.losses import adversarial_loss, discriminator_loss, l1_loss
from petsynth.systems.optimisation import Players, place
from petsynth.systems.volumes_networks import build_cnn, build_generator3d
from petsynth.training.distributed import learn, run_network

TERMS = ("cnn", "adversarial", "l1", "generator")
"""Loss terms in the order in which they are logged; generator is the weighted sum it learns by."""

Batch = tuple[Tensor, Tensor]
"""Normalised T1, (B, 1, X, Y, Z), and PET, (B, T, Y, X, Z)."""


@dataclass
class Pix2pix3dPlayers(Players):
    """Generator and CNN discriminator, and their optimisers."""

    cnn: nn.Module
    cnn_optimiser: Adam


def build_players(config: Pix2pix3dConfig, fabric: Fabric) -> Pix2pix3dPlayers:
    """Make both networks from the configuration's seed, with their optimisers, on the device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        generator, cnn = build_generator3d(config), build_cnn(config)
    knobs = config.optimiser
    adam = knobs.learning_rate, (knobs.beta1, knobs.beta2)
    return Pix2pix3dPlayers(*place(fabric, generator, *adam), *place(fabric, cnn, *adam))


def train_step(
    players: Pix2pix3dPlayers, fabric: Fabric, config: Pix2pix3dConfig, batches: Sequence[Batch]
) -> dict[str, Tensor]:
    """Improve both networks on the batches of one accumulation window.

    Parameters
    ----------
    players : Pix2pix3dPlayers
        Changed in place.
    fabric : Fabric
        Device, arithmetic and other processes.
    config : Pix2pix3dConfig
        Its loss weights count.
    batches : sequence of pairs of tensors
        Of equal size; see `Batch`.

    Returns
    -------
    dict of scalar tensors
        `TERMS`, means over the batches.
    """
    terms = dict.fromkeys(TERMS, torch.zeros((), device=fabric.device))
    share = 1 / len(batches)
    players.cnn.requires_grad_(True)
    players.cnn_optimiser.zero_grad()
    for mri, pet in batches:
        with torch.no_grad():
            synthetic_pet = run_network(fabric, players.generator, mri)
        real_logits = run_network(fabric, players.cnn, mri, pet)
        generated_logits = run_network(fabric, players.cnn, mri, synthetic_pet)
        cnn = share * discriminator_loss(real_logits, generated_logits)
        cnn.backward()
        terms["cnn"] = terms["cnn"] + cnn.detach()
    learn(fabric, players.cnn, players.cnn_optimiser)

    players.cnn.requires_grad_(False)
    players.generator_optimiser.zero_grad()
    for mri, pet in batches:
        synthetic_pet = run_network(fabric, players.generator, mri)
        adversarial = adversarial_loss(run_network(fabric, players.cnn, mri, synthetic_pet))
        l1 = l1_loss(synthetic_pet, pet)
        generator = config.loss.adversarial * adversarial + config.loss.l1 * l1
        (share * generator).backward()
        for name, term in (("adversarial", adversarial), ("l1", l1), ("generator", generator)):
            terms[name] = terms[name] + share * term.detach()
    learn(fabric, players.generator, players.generator_optimiser)
    return terms
