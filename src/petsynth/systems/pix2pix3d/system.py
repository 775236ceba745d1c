"""The 3D pix2pix baselines: the system, and its step: the discriminator learns, then the generator.

Sources
-------
- Paper B (Shin et al., GANBERT), section 5.1: "usual 3D pix2pix", with tanh or tanhshrink (table
  1, rows 1 and 2).
- Isola et al. 2017, pix2pix, section 3.3; losses as in paper A's system (decision record 0075).
- Gradient accumulation as for GANBERT (section A.3), so that all systems see the same samples.
- Ours: what the PET's field of view does not cover is left out (`petsynth.systems.coverage`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import Adam

from petsynth.data.prepared import PreparedData
from petsynth.networks.losses import adversarial_loss, discriminator_loss, l1_loss
from petsynth.systems.coverage import leave_out_unmeasured
from petsynth.systems.optimisation import Networks, run_network, take_step, with_adam
from petsynth.systems.pix2pix3d.config import Pix2pix3dConfig
from petsynth.systems.resources import Resources
from petsynth.systems.volumes.networks import build_cnn, build_generator
from petsynth.systems.volumes.resources import cnn_size, generator_size, volume_resources
from petsynth.systems.volumes.system import AccumulationWindow, Pair, VolumeSystem, VolumeTraining

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Pix2pix3dSystem(VolumeSystem[Pix2pix3dConfig]):
    """3D pix2pix with tanh or tanhshrink (paper B, table 1, rows 1 and 2)."""

    @classmethod
    def small_tables(cls, name: str) -> dict[str, Any]:
        """Return tables for voxels of 13 mm and two frames."""
        activation = name.removeprefix("pix2pix3d-")
        return {
            "data": {"voxel_mm": 13.0, "frames": 2},
            "generator": {
                "filters": 4,
                "levels": 2,
                "checkpointing": False,
                "activation": activation,
            },
            "cnn": {"filters": 4, "layers": 2},
            "training": {"max_steps": 6, "batch_size": 1, "accumulate": 2},
        }

    def start_training(self, data: PreparedData, fabric: Fabric) -> Pix2pix3dTraining:
        """Make networks, optimisers and accumulation windows."""
        return Pix2pix3dTraining(self.config, data, fabric)

    def resources(
        self, *, grid_shape: tuple[int, int, int] | None = None, subjects: int | None = None
    ) -> Resources:
        """Return the size of a training; by default of paper B's 3,108 pairs with FDG."""
        config = self.config

        def with_checkpointing(is_on: bool) -> Pix2pix3dConfig:
            generator = dataclasses.replace(config.generator, checkpointing=is_on)
            return dataclasses.replace(config, generator=generator)

        sizes = {"generator": generator_size(config, with_checkpointing), "cnn": cnn_size(config)}
        return volume_resources(config, sizes, subjects=subjects)


TERMS = ("cnn", "adversarial", "l1", "generator")
"""Loss terms in the order in which they are logged; generator is the weighted sum it learns by."""


@dataclass
class Pix2pix3dNetworks(Networks):
    """Generator and CNN discriminator, and their optimisers."""

    cnn: nn.Module
    cnn_optimiser: Adam


def build_networks(config: Pix2pix3dConfig, fabric: Fabric) -> Pix2pix3dNetworks:
    """Make both networks from the configuration's seed, with their optimisers, on the device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        generator, cnn = build_generator(config), build_cnn(config)
    optimiser = config.optimiser
    adam = optimiser.learning_rate, (optimiser.beta1, optimiser.beta2)
    return Pix2pix3dNetworks(*with_adam(fabric, generator, *adam), *with_adam(fabric, cnn, *adam))


def train_step(
    networks: Pix2pix3dNetworks,
    fabric: Fabric,
    config: Pix2pix3dConfig,
    window: Sequence[Pair],
) -> dict[str, Tensor]:
    """Improve both networks on the batches of one accumulation window.

    Parameters
    ----------
    networks : Pix2pix3dNetworks
        Changed in place.
    fabric : Fabric
        Device, arithmetic and other processes.
    config : Pix2pix3dConfig
        Its loss weights count.
    window : sequence of pairs of tensors
        Micro-batches of equal size; see `petsynth.systems.volumes.system.Pair`.

    Returns
    -------
    dict of scalar tensors
        `TERMS`, means over the window.
    """
    terms = dict.fromkeys(TERMS, torch.zeros((), device=fabric.device))
    fraction = 1 / len(window)
    networks.cnn.requires_grad_(True)
    networks.cnn_optimiser.zero_grad()
    for mri, pet in window:
        with torch.no_grad():
            synthetic_pet = run_network(fabric, networks.generator, mri)
        pet, synthetic_pet = leave_out_unmeasured(pet, synthetic_pet)
        real_logits = run_network(fabric, networks.cnn, mri, pet)
        generated_logits = run_network(fabric, networks.cnn, mri, synthetic_pet)
        cnn = fraction * discriminator_loss(real_logits, generated_logits)
        cnn.backward()
        terms["cnn"] = terms["cnn"] + cnn.detach()
    take_step(fabric, networks.cnn, networks.cnn_optimiser)

    networks.cnn.requires_grad_(False)
    networks.generator_optimiser.zero_grad()
    for mri, pet in window:
        synthetic_pet = run_network(fabric, networks.generator, mri)
        pet, synthetic_pet = leave_out_unmeasured(pet, synthetic_pet)
        adversarial = adversarial_loss(run_network(fabric, networks.cnn, mri, synthetic_pet))
        l1 = l1_loss(synthetic_pet, pet)
        generator = config.loss.adversarial * adversarial + config.loss.l1 * l1
        (fraction * generator).backward()
        for name, term in (("adversarial", adversarial), ("l1", l1), ("generator", generator)):
            terms[name] = terms[name] + fraction * term.detach()
    take_step(fabric, networks.generator, networks.generator_optimiser)
    return terms


class Pix2pix3dTraining(VolumeTraining):
    """A training of a 3D pix2pix; parameters and errors as of `VolumeTraining`."""

    terms = TERMS
    networks: Pix2pix3dNetworks

    def __init__(self, config: Pix2pix3dConfig, data: PreparedData, fabric: Fabric):
        super().__init__(config, data, fabric)
        self.config = config
        self.networks = build_networks(config, fabric)

    def improve(self, window: AccumulationWindow, step: int, *, measure: bool) -> dict[str, Tensor]:
        """Improve both networks once."""
        return train_step(self.networks, self.fabric, self.config, window)
