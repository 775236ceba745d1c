"""pix2pix behind the interface of a system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from petsynth.data.prepared import PreparedData
from petsynth.networks.patchgan2d import PatchGan2d
from petsynth.networks.unet2d import UNet2d
from petsynth.slicing import Plane
from petsynth.systems.base import CardLines
from petsynth.systems.pix2pix.config import Pix2pixConfig
from petsynth.systems.pix2pix.training import (
    Pix2pixTraining,
    build_discriminator,
    build_generator,
)
from petsynth.systems.slices.system import SliceSystem

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Pix2pixSystem(SliceSystem[Pix2pixConfig]):
    """pix2pix on axial slices, or on slices of several planes (paper A)."""

    memory_definition = (
        "estimate in bytes, float32: weights; as much again for gradients; twice as much for Adam; "
        "activations: what autograd keeps of the generator's pass and of the discriminator's on "
        "the real and the generated batch. Not counted: libraries, work space of convolutions, "
        "data."
    )

    @classmethod
    def small_tables(cls, name: str) -> dict[str, Any]:
        """Return tables for slices of up to 32 pixels."""
        planes = ("axial", "coronal", "sagittal") if name == "pix2pix-augmented" else ("axial",)
        return {
            "data": {"padded_size": 32, "planes": planes, "intensity": "float"},
            "generator": {"filters": 4, "levels": 2, "dropout_levels": 1},
            "discriminator": {"filters": 4, "layers": 1},
            "training": {"max_steps": 6, "batch_size": 10},
        }

    def build_generator(self) -> UNet2d:
        """Make the U-Net."""
        return build_generator(self.config)

    def build_discriminator(self) -> PatchGan2d:
        """Make the PatchGAN."""
        return build_discriminator(self.config)

    def start_training(self, data: PreparedData, fabric: Fabric) -> Pix2pixTraining:
        """Make networks, optimisers and batches of slices."""
        return Pix2pixTraining(self.config, data, fabric)

    def encoder_levels(self, generator: nn.Module) -> list[nn.Module]:
        """Return the levels of the encoder."""
        assert isinstance(generator, UNet2d)
        return list(generator.downs)

    def check_samples(self, samples: int) -> None:
        """Accept any number: dropout stays active in prediction."""

    def card_lines(self, data: PreparedData) -> CardLines:
        """Return what the model card says of pix2pix."""
        definition = data.description.get("pet_scale_definition", "not stated")
        return CardLines(
            method='pix2pix after Jung et al., "Inferring PET from MRI with pix2pix"; '
            f"{' + '.join(self.config.data.planes)} slices",
            intensities=f"the network's 1 is {data.pet_scale:.6g} {data.unit}: {definition}",
            limits="- Dropout stays on in prediction (as in the paper); the spread over samples is "
            "no\n  confidence interval.\n",
        )

    def describe_run(self, steps: Any, planes: tuple[Plane, ...] | None = None) -> str:
        """Return one phrase on what was trained."""
        config = self.config
        return (
            f"pix2pix trained on {' + '.join(config.data.planes)} slices "
            f"({config.data.intensity}), {steps} steps of batch {self.batch_text}, seed "
            f"{config.seed}; predicted from {' + '.join(self.planes_used(planes))} slices, one "
            "dropout sample"
        )
