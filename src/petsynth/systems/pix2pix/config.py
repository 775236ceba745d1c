"""The configuration of paper A's systems.

The defaults are paper A's axial configuration (section 2.3 of Jung et al., and the public
Keras notebook that it names).
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from pydantic.dataclasses import dataclass

from petsynth.systems.fields import STRICT, FractionBelowOne, NotNegative, Positive, Weight
from petsynth.systems.slices.config import (
    SliceDataConfig,
    SliceOptimiserConfig,
    SliceTrainingConfig,
    slice_mistakes,
)


@dataclass(frozen=True, config=STRICT)
class GeneratorConfig:
    """The U-Net."""

    filters: Positive = 64
    """Channels of the outermost level; they double inwards."""
    max_filters: Positive = 512
    """Most channels of a level."""
    levels: Positive = 8
    """Number of halvings; data.padded_size must be divisible by 2 to this power."""
    dropout: FractionBelowOne = 0.5
    """Fraction of channels dropped; in training and in prediction."""
    dropout_levels: NotNegative = 3
    """Up-blocks with dropout; the innermost ones."""


@dataclass(frozen=True, config=STRICT)
class DiscriminatorConfig:
    """The PatchGAN."""

    filters: Positive = 64
    """Channels of the first layer."""
    layers: Positive = 3
    """Number of stride-2 layers; 3 gives a receptive field of 70 pixels."""


@dataclass(frozen=True, config=STRICT)
class LossConfig:
    """Weights of the generator's loss terms."""

    adversarial: Weight = 1.0
    """Of fooling the discriminator; its cross-entropy. 0 trains on L1 alone."""
    l1: Weight = 100.0
    """Of the mean absolute error; in the network's units of [-1, 1]."""


@dataclass(frozen=True, config=STRICT)
class Pix2pixConfig:
    """A training run of paper A."""

    system: Literal["pix2pix-axial", "pix2pix-augmented"] = "pix2pix-axial"
    """Name of the method; the report calls it by this name."""
    seed: NotNegative = 0
    """Seed of all random numbers; of weights, shuffling, flips, dropout."""
    data: SliceDataConfig = dataclasses.field(default_factory=SliceDataConfig)
    generator: GeneratorConfig = dataclasses.field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = dataclasses.field(default_factory=DiscriminatorConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    optimiser: SliceOptimiserConfig = dataclasses.field(default_factory=SliceOptimiserConfig)
    training: SliceTrainingConfig = dataclasses.field(default_factory=SliceTrainingConfig)

    def mistakes(self) -> list[str]:
        """Return what does not fit together, in words; empty if all does."""
        levels = self.generator.levels
        mistakes = slice_mistakes(self.data, levels, self.discriminator.layers)
        if self.generator.dropout_levels >= levels:
            mistakes.append("generator.dropout_levels must be smaller than generator.levels")
        return mistakes
