"""The knobs of paper A's systems, which work on slices.

The defaults are paper A's axial configuration (section 2.3 of Jung et al., and the public
Keras notebook that it names).
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from petsynth.systems.fields import STRICT, NotNegative, Positive

Plane = Literal["sagittal", "coronal", "axial"]


@dataclass(frozen=True, config=STRICT)
class DataConfig:
    """What the network sees."""

    planes: tuple[Plane, ...] = ("axial",)
    """Slicing directions used for training; paper A: axial, or all three."""
    intensity: Literal["uint8-jpeg", "float"] = "uint8-jpeg"
    """uint8-jpeg: slices pass through 8-bit JPEG of quality 100 (paper A); float: unquantised."""
    canvas: Positive = 256
    """Side of the square image, in pixels, on whose middle a slice is placed."""
    flip: bool = True
    """Mirror left and right with probability 1/2 (never sagittal slices: theirs is front-back)."""


@dataclass(frozen=True, config=STRICT)
class GeneratorConfig:
    """The U-Net."""

    filters: Positive = 64
    """Channels of the outermost level; they double inwards."""
    max_filters: Positive = 512
    """Upper limit of that doubling."""
    levels: Positive = 8
    """Number of halvings; the canvas must be divisible by 2 to this power."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Share of channels' values dropped, in training and in prediction."""
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

    adversarial: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the cross-entropy of fooling the discriminator; 0 trains on L1 alone."""
    l1: Annotated[float, Field(ge=0)] = 100.0
    """Weight of the mean absolute error, in the network's units of [-1, 1]."""


@dataclass(frozen=True, config=STRICT)
class OptimiserConfig:
    """Adam, the same for both networks."""

    learning_rate: Annotated[float, Field(gt=0)] = 2e-4
    """Step size."""
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Decay of the first moment."""
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay of the second moment."""


@dataclass(frozen=True, config=STRICT)
class TrainingConfig:
    """How long, in what portions, and what is written on the way."""

    epochs: Positive = 100
    """Passes over the training slices."""
    max_steps: NotNegative = 0
    """Stop after this many steps, if that is sooner than the epochs; 0: no such limit."""
    batch_size: Positive = 1
    """Slices per step."""
    workers: NotNegative = 0
    """Processes that load data beside the training process."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """Arithmetic, in lightning-fabric's words; bf16-mixed is faster where the processor has it."""
    log_every: Positive = 50
    """Steps between rows of train_log.csv; each row is the mean over the steps since the last."""
    checkpoint_minutes: Annotated[float, Field(gt=0)] = 10.0
    """A checkpoint is written after every epoch, and within one after this many minutes."""
    validate_every: Positive = 1
    """Epochs between validations on the validation subjects (none without such subjects)."""
    samples_every: Positive = 1
    """Epochs between sample pictures."""


@dataclass(frozen=True, config=STRICT)
class SliceConfig:
    """A training run of paper A."""

    system: Literal["pix2pix-axial", "pix2pix-augmented"] = "pix2pix-axial"
    """Name of the method; the report calls it by this name."""
    seed: NotNegative = 0
    """Starts every random draw: weights, shuffling, flips, dropout."""
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    generator: GeneratorConfig = dataclasses.field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = dataclasses.field(default_factory=DiscriminatorConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    optimiser: OptimiserConfig = dataclasses.field(default_factory=OptimiserConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)

    def mistakes(self) -> list[str]:
        """Return what does not fit together, in words; empty if all does."""
        canvas, levels = self.data.canvas, self.generator.levels
        mistakes = []
        if canvas % 2**levels:
            mistakes.append(
                f"data.canvas is {canvas}, not divisible by 2**generator.levels = {2**levels}"
            )
        if canvas // 2**self.discriminator.layers < 3:
            mistakes.append(
                f"data.canvas {canvas} is too small for discriminator.layers "
                f"{self.discriminator.layers}: no patch would be left to judge"
            )
        if not self.data.planes or len(set(self.data.planes)) < len(self.data.planes):
            mistakes.append("data.planes must name at least one plane, each once")
        if self.generator.dropout_levels >= levels:
            mistakes.append("generator.dropout_levels must be smaller than generator.levels")
        return mistakes
