"""The knobs of the pretrained models, which work on stacks of neighbouring slices.

The defaults are those of `configs/petsynth-fdg.toml` (decision record 0071).
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from petsynth.systems.fields import STRICT, NotNegative, Positive, PositiveFloat, Share, Weight


@dataclass(frozen=True, config=STRICT)
class StackDataConfig:
    """What the network sees."""

    slices: Annotated[int, Field(ge=1, le=15)] = 5
    """Neighbouring axial MRI slices of a stack, an odd number; the PET belongs to the middle."""
    canvas: Positive = 112
    """Side of the square image, in pixels, on whose middle a slice is placed."""
    slices_per_head: Positive = 16
    """Stacks taken from an augmented head before the next one is made."""
    window: Positive = 12
    """Heads over which stacks are shuffled."""
    augment: bool = True
    """Change contrast, resolution, pose and field of view of the training heads at random."""
    target: Literal["oracle", "pet"] = "oracle"
    """oracle: learn the part of a simulated PET that its T1 determines; pet: the PET itself."""


@dataclass(frozen=True, config=STRICT)
class StackGeneratorConfig:
    """The U-Net."""

    filters: Positive = 48
    """Channels at half the slices' resolution, a multiple of 8; they double inwards."""
    max_filters: Positive = 288
    """Upper limit of that doubling, a multiple of 8."""
    levels: Positive = 4
    """Number of halvings; the canvas must be divisible by 2 to this power."""


@dataclass(frozen=True, config=STRICT)
class StackLossConfig:
    """Weights of the loss terms."""

    l1: Weight = 1.0
    """Weight of the mean absolute error, in the network's units of [-1, 1]."""
    edges: Weight = 0.0
    """Weight of the mean absolute error of differences between neighbouring pixels."""
    error: Weight = 0.2
    """Weight of the mean absolute error of the expected error."""


@dataclass(frozen=True, config=STRICT)
class StackOptimiserConfig:
    """Adam with a step size that rises, then falls to zero as a cosine."""

    learning_rate: PositiveFloat = 1e-3
    """Largest step size."""
    warm_up: Share = 0.03
    """Share of all steps over which it grows linearly from zero."""


@dataclass(frozen=True, config=STRICT)
class StackTrainingConfig:
    """How long, in what portions, and what is written on the way."""

    epochs: Positive = 40
    """Passes over the training subjects, each augmented anew."""
    max_steps: NotNegative = 0
    """Stop after this many steps, if that is sooner than the epochs; 0: no such limit."""
    batch_size: Positive = 16
    """Stacks per step."""
    workers: NotNegative = 1
    """Processes that augment heads beside the training process; on a GPU several are wanted."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """Arithmetic, in lightning-fabric's words."""
    log_every: Positive = 50
    """Steps between rows of train_log.csv; each row is the mean over the steps since the last."""
    checkpoint_minutes: PositiveFloat = 5.0
    """A checkpoint is written after every epoch, and within one after this many minutes."""
    validate_every: Positive = 5
    """Epochs between validations on the validation subjects (none without such subjects)."""
    samples_every: Positive = 5
    """Epochs between sample pictures."""


@dataclass(frozen=True, config=STRICT)
class StackConfig:
    """A training run of a pretrained model."""

    system: Literal["stack-unet"] = "stack-unet"
    """Name of the method; the report calls it by this name."""
    seed: NotNegative = 0
    """Starts every random draw: weights, shuffling, augmentation."""
    data: StackDataConfig = dataclasses.field(default_factory=StackDataConfig)
    generator: StackGeneratorConfig = dataclasses.field(default_factory=StackGeneratorConfig)
    loss: StackLossConfig = dataclasses.field(default_factory=StackLossConfig)
    optimiser: StackOptimiserConfig = dataclasses.field(default_factory=StackOptimiserConfig)
    training: StackTrainingConfig = dataclasses.field(default_factory=StackTrainingConfig)

    def mistakes(self) -> list[str]:
        """Return what does not fit together, in words; empty if all does."""
        mistakes = []
        if self.data.slices % 2 == 0:
            mistakes.append(f"data.slices is {self.data.slices}; a stack needs a middle slice")
        if self.data.canvas % 2**self.generator.levels:
            mistakes.append(
                f"data.canvas is {self.data.canvas}, not divisible by "
                f"2**generator.levels = {2**self.generator.levels}"
            )
        for name in ("filters", "max_filters"):
            if getattr(self.generator, name) % 8:
                mistakes.append(f"generator.{name} must be a multiple of 8")
        return mistakes
