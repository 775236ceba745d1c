"""The configuration of MedGAN (Armanious et al. 2020), on paper A's slices.

Its defaults are what we know of the paper, but for the feature extractor; they were not compared
with its full text (decision record 0081).
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from pydantic.dataclasses import dataclass

from petsynth.systems.fields import STRICT, NotNegative, Positive, PositiveFloat, Weight
from petsynth.systems.slices.config import (
    SliceDataConfig,
    SliceOptimiserConfig,
    SliceTrainingConfig,
    slice_mistakes,
)


@dataclass(frozen=True, config=STRICT)
class CasNetConfig:
    """The generator: U-Nets one after the other, each of which refines what the last made."""

    blocks: Positive = 6
    """Number of U-blocks."""
    filters: Positive = 64
    """Channels of a U-block's outermost level; they double inwards."""
    max_filters: Positive = 512
    """Most channels of a level."""
    levels: Positive = 8
    """Number of halvings; data.padded_size must be divisible by 2 to this power."""


@dataclass(frozen=True, config=STRICT)
class DiscriminatorConfig:
    """The PatchGAN."""

    filters: Positive = 64
    """Channels of the first layer."""
    layers: Positive = 1
    """Number of stride-2 layers; 1 gives the paper's receptive field of 16 pixels."""


@dataclass(frozen=True, config=STRICT)
class ExtractorConfig:
    """The network whose features the style and content losses compare."""

    source: Literal["denoiser", "random", "discriminator", "file"] = "denoiser"
    """Where features come from; denoiser: trained first to denoise the training PET slices; random:
    initial weights; discriminator: the PatchGAN's hidden layers; file: VGG-19 from extractor.file
    (the paper's)."""
    file: str = ""
    """Weights of VGG-19; with torchvision's names, .pth or .safetensors. For source "file"."""
    filters: Positive = 32
    """Channels of the first stage; they double with each stage. For denoiser and random."""
    stages: Positive = 3
    """Number of stages; a halving between them. For denoiser and random."""
    steps: Positive = 2000
    """Steps of the denoiser's training."""
    batch_size: Positive = 8
    """Slices per step; of the denoiser's training."""
    learning_rate: PositiveFloat = 1e-3
    """Learning rate; of the denoiser's training."""


@dataclass(frozen=True, config=STRICT)
class LossConfig:
    """Weights of the generator's loss terms."""

    adversarial: Weight = 1.0
    """Of fooling the discriminator; its cross-entropy."""
    perceptual: Weight = 20.0
    """Of the perceptual loss; the L1 distance of slices and of the discriminator's hidden
    layers."""
    pixels: Weight = 1.0
    """Of slices in the perceptual loss; each hidden layer has 1."""
    style: Weight = 1e-4
    """Of the style loss; the distance of Gram matrices of the extractor's features."""
    content: Weight = 1e-4
    """Of the content loss; the squared distance of the extractor's features."""
    generator_steps: Positive = 3
    """Generator steps per discriminator step."""


@dataclass(frozen=True, config=STRICT)
class MedganConfig:
    """A training run of MedGAN."""

    system: Literal["medgan-axial", "medgan-augmented"] = "medgan-axial"
    """Name of the method; the report calls it by this name."""
    seed: NotNegative = 0
    """Seed of all random numbers; of weights, shuffling, flips, the extractor's training."""
    data: SliceDataConfig = dataclasses.field(default_factory=SliceDataConfig)
    generator: CasNetConfig = dataclasses.field(default_factory=CasNetConfig)
    discriminator: DiscriminatorConfig = dataclasses.field(default_factory=DiscriminatorConfig)
    extractor: ExtractorConfig = dataclasses.field(default_factory=ExtractorConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    optimiser: SliceOptimiserConfig = dataclasses.field(default_factory=SliceOptimiserConfig)
    training: SliceTrainingConfig = dataclasses.field(default_factory=SliceTrainingConfig)

    def mistakes(self) -> list[str]:
        """Return what does not fit together, in words; empty if all does."""
        mistakes = slice_mistakes(self.data, self.generator.levels, self.discriminator.layers)
        extractor, size = self.extractor, self.data.padded_size
        if extractor.source == "file" and not extractor.file:
            mistakes.append(
                'extractor.source is "file": give extractor.file, the weights of a VGG-19'
            )
        if extractor.file and extractor.source != "file":
            mistakes.append(
                f'extractor.file is given, but extractor.source is "{extractor.source}": make it '
                '"file", or leave the file out'
            )
        if extractor.source in ("denoiser", "random") and size % 2 ** (extractor.stages - 1):
            mistakes.append(
                f"data.padded_size is {size}, not divisible by 2**(extractor.stages - 1) = "
                f"{2 ** (extractor.stages - 1)}"
            )
        if extractor.source == "file" and size < 16:
            mistakes.append(f"data.padded_size {size} is too small for VGG-19: at least 16")
        return mistakes
