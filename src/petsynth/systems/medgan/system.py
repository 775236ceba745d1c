"""MedGAN behind the interface of a system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from petsynth.data.prepared import PreparedData
from petsynth.networks.patchgan2d import PatchGan2d
from petsynth.slicing import Plane
from petsynth.systems.base import CardLines, StdKind
from petsynth.systems.medgan.casnet import CasNet
from petsynth.systems.medgan.config import MedganConfig
from petsynth.systems.medgan.extractor import Vgg19, build_own_extractor
from petsynth.systems.medgan.training import MedganTraining, build_discriminator, build_generator
from petsynth.systems.resources import run_and_measure
from petsynth.systems.slices.system import SliceSystem

if TYPE_CHECKING:
    from lightning_fabric import Fabric


EXTRACTORS = {
    "denoiser": "a network trained to denoise the training PET slices",
    "random": "a network with random weights",
    "discriminator": "the discriminator",
    "file": "VGG-19 from a weights file",
}
"""Where the features of style and content come from, in words."""


class MedganSystem(SliceSystem[MedganConfig]):
    """MedGAN on axial slices, or on slices of several planes."""

    memory_definition = (
        "estimate in bytes, float32: weights; as much again for gradients; twice as much for Adam; "
        "activations: what autograd keeps of the generator's pass, and of the discriminator's and "
        "the extractor's on the real and the generated batch. Not counted: the extractor's "
        "weights, libraries, work space of convolutions, data."
    )

    @classmethod
    def small_tables(cls, name: str) -> dict[str, Any]:
        """Return tables for slices of up to 32 pixels."""
        planes = ("axial", "coronal", "sagittal") if name == "medgan-augmented" else ("axial",)
        return {
            "data": {"padded_size": 32, "planes": planes, "intensity": "float"},
            "generator": {"blocks": 2, "filters": 4, "levels": 2},
            "discriminator": {"filters": 4, "layers": 1},
            "extractor": {"filters": 4, "stages": 2, "steps": 3, "batch_size": 2},
            "training": {"max_steps": 6, "batch_size": 10},
        }

    def build_generator(self) -> CasNet:
        """Make the CasNet."""
        return build_generator(self.config)

    def build_discriminator(self) -> PatchGan2d:
        """Make the PatchGAN."""
        return build_discriminator(self.config)

    def start_training(self, data: PreparedData, fabric: Fabric) -> MedganTraining:
        """Make networks, optimisers and batches of slices."""
        return MedganTraining(self.config, data, fabric)

    def encoder_levels(self, generator: nn.Module) -> list[nn.Module]:
        """Return the levels of the first U-block's encoder."""
        assert isinstance(generator, CasNet)
        return list(generator.blocks[0].downs)  # type: ignore[arg-type]

    def std_kind(self, samples: int) -> StdKind | None:
        """Return None: there is no dropout, so that there is nothing to sample."""
        return None

    def extra_networks(self, image: Tensor) -> dict[str, tuple[int, int]]:
        """Return the feature extractor; see `SliceSystem.extra_networks`."""
        source = self.config.extractor.source
        if source == "discriminator":
            return {}
        extractor = Vgg19() if source == "file" else build_own_extractor(self.config.extractor)
        _, size = run_and_measure(extractor, image)
        parameters = sum(weight.numel() for weight in extractor.parameters())
        return {"extractor": (parameters, 2 * size)}

    def card_lines(self, data: PreparedData) -> CardLines:
        """Return what the model card says of MedGAN."""
        definition = data.description.get("pet_scale_definition", "not stated")
        return CardLines(
            method="MedGAN after Armanious et al., Computerized Medical Imaging and Graphics "
            f"79:101684; {' + '.join(self.config.data.planes)} slices; features of style and "
            f"content from {EXTRACTORS[self.config.extractor.source]}",
            intensities=f"the network's 1 is {data.pet_scale:.6g} {data.unit}: {definition}",
        )

    def describe_run(self, steps: Any, planes: tuple[Plane, ...] | None = None) -> str:
        """Return one phrase on what was trained."""
        config = self.config
        return (
            f"MedGAN of {config.generator.blocks} U-blocks trained on "
            f"{' + '.join(config.data.planes)} slices ({config.data.intensity}), {steps} steps of "
            f"batch {self.batch_text}, seed {config.seed}, features from "
            f"{EXTRACTORS[config.extractor.source]}; predicted from "
            f"{' + '.join(self.planes_used(planes))} slices"
        )
