"""The configuration of paper A's systems, which work on slices.

The defaults are paper A's axial configuration (section 2.3 of Jung et al., and the public
Keras notebook that it names).
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from pydantic.dataclasses import dataclass

from petsynth.systems.fields import (
    STRICT,
    FractionBelowOne,
    NotNegative,
    Positive,
    PositiveFloat,
    Precision,
    Processes,
    Weight,
)

Plane = Literal["sagittal", "coronal", "axial"]


@dataclass(frozen=True, config=STRICT)
class DataConfig:
    """What the network sees."""

    planes: tuple[Plane, ...] = ("axial",)
    """Slicing directions used for training; paper A: axial, or all three."""
    intensity: Literal["uint8-jpeg", "float"] = "uint8-jpeg"
    """uint8-jpeg: slices pass through 8-bit JPEG of quality 100 (paper A); float: unquantised."""
    padded_size: Positive = 256
    """Side of the square image, in pixels, to which a slice is padded on all sides."""
    flip: bool = True
    """Flip left and right with probability 1/2 (never sagittal slices: theirs is front-back)."""


@dataclass(frozen=True, config=STRICT)
class GeneratorConfig:
    """The U-Net."""

    filters: Positive = 64
    """Channels of the outermost level; they double inwards."""
    max_filters: Positive = 512
    """Upper limit of that doubling."""
    levels: Positive = 8
    """Number of halvings; data.padded_size must be divisible by 2 to this power."""
    dropout: FractionBelowOne = 0.5
    """Fraction of channels' values dropped, in training and in prediction."""
    dropout_levels: NotNegative = 3
    """Number of innermost up-blocks that have dropout."""


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
    """Weight of the cross-entropy of fooling the discriminator; 0 trains on L1 alone."""
    l1: Weight = 100.0
    """Weight of the mean absolute error, in the network's units of [-1, 1]."""


@dataclass(frozen=True, config=STRICT)
class OptimiserConfig:
    """Adam, the same for both networks."""

    learning_rate: PositiveFloat = 2e-4
    """Learning rate."""
    beta1: FractionBelowOne = 0.5
    """Decay of the first moment."""
    beta2: FractionBelowOne = 0.999
    """Decay of the second moment."""


@dataclass(frozen=True, config=STRICT)
class TrainingConfig:
    """How long, in which batches, and what is written on the way."""

    epochs: Positive = 100
    """Epochs: how often all training slices are seen."""
    max_steps: NotNegative = 0
    """Stop after this many steps, if that is sooner than the epochs; 0: no such limit."""
    batch_size: Positive = 1
    """Slices per step."""
    workers: Processes = 0
    """Processes that load data beside the training process."""
    precision: Precision = "32-true"
    """Arithmetic, in lightning-fabric's words; auto: bf16-mixed on a GPU that has it."""
    log_every: Positive = 50
    """Steps between rows of train_log.csv; each row is the mean over the steps since the last."""
    checkpoint_minutes: PositiveFloat = 10.0
    """A checkpoint is written after every epoch, and within one after this many minutes."""
    validate_every: Positive = 1
    """Epochs between validations on the validation subjects (none without such subjects)."""
    samples_every: Positive = 1
    """Epochs between sample pictures."""


@dataclass(frozen=True, config=STRICT)
class Pix2pixConfig:
    """A training run of paper A."""

    system: Literal["pix2pix-axial", "pix2pix-augmented"] = "pix2pix-axial"
    """Name of the method; the report calls it by this name."""
    seed: NotNegative = 0
    """Seed of every random number: weights, shuffling, flips, dropout."""
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    generator: GeneratorConfig = dataclasses.field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = dataclasses.field(default_factory=DiscriminatorConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    optimiser: OptimiserConfig = dataclasses.field(default_factory=OptimiserConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)

    def mistakes(self) -> list[str]:
        """Return what does not fit together, in words; empty if all does."""
        size, levels = self.data.padded_size, self.generator.levels
        mistakes = []
        if size % 2**levels:
            mistakes.append(
                f"data.padded_size is {size}, not divisible by 2**generator.levels = {2**levels}"
            )
        if size // 2**self.discriminator.layers < 3:
            mistakes.append(
                f"data.padded_size {size} is too small for discriminator.layers "
                f"{self.discriminator.layers}: no patch would be left"
            )
        if not self.data.planes or len(set(self.data.planes)) < len(self.data.planes):
            mistakes.append("data.planes must name at least one plane, each once")
        if self.generator.dropout_levels >= levels:
            mistakes.append("generator.dropout_levels must be smaller than generator.levels")
        return mistakes

    @property
    def prediction_planes(self) -> tuple[Plane, ...]:
        """The planes to predict along: axial as paper A does (section 2.4), if trained so."""
        return ("axial",) if "axial" in self.data.planes else self.data.planes
