"""The configuration of the bundled models, which work on slabs of neighbouring slices.

The defaults are those of `configs/petsynth-fdg.toml` (decision record 0071).
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from petsynth.covariates import CovariateName
from petsynth.systems.fields import (
    STRICT,
    Fraction,
    NotNegative,
    Positive,
    PositiveFloat,
    Precision,
    Processes,
    Weight,
)

Location = Literal["none", "coordinates", "population", "both"]


@dataclass(frozen=True, config=STRICT)
class DataConfig:
    """What the network sees."""

    slices: Annotated[int, Field(ge=1, le=15)] = 5
    """MRI slices of a slab; neighbouring axial ones, an odd number: the PET belongs to the
    middle."""
    padded_size: Positive = 112
    """Side of the padded slice (pixels); it is a square, padded on all sides."""
    slabs_per_volume: Positive = 16
    """Slabs per augmented volume; then the next one is made."""
    shuffled_volumes: Positive = 12
    """Volumes over which slabs are shuffled."""
    augment: bool = True
    """Augment the training subjects; contrast, resolution, pose and field of view change at
    random."""
    target: Literal["noise-free", "pet"] = "noise-free"
    """What is learnt; noise-free: the part of a simulated PET that is no chance; pet: the PET
    itself."""
    location: Location = "none"
    """What tells where it is; none; coordinates: of MNI space; population: the mean training PET,
    affinely registered; both."""
    covariates: tuple[CovariateName, ...] = ()
    """What else it is told; of a subject, where it is known."""
    covariate_dropout: Fraction = 0.3
    """Probability to hide a covariate; drawn for each augmented volume. With the same probability
    all are kept from the network."""


@dataclass(frozen=True, config=STRICT)
class GeneratorConfig:
    """The U-Net."""

    filters: Positive = 48
    """Channels of the second level; at half the slices' resolution, a multiple of 8. They double
    inwards."""
    max_filters: Positive = 288
    """Most channels of a level; a multiple of 8."""
    levels: Positive = 4
    """Number of halvings; data.padded_size must be divisible by 2 to this power."""
    group_correction: bool = False
    """Correct by real group maps; the PET is multiplied by factors over MNI space, kept with the
    weights, that bring the mean of many subjects to a real group's. Needs data.location. A training
    leaves them."""
    shrinkage: Fraction = 0.0
    """Shrink towards a real mean PET; 0 not, 1 wholly. That population's PET is kept with the
    weights of pretrained models. Needs data.location. A training that starts from such weights
    begins without: its pairs tell how far the T1 can be trusted."""


@dataclass(frozen=True, config=STRICT)
class LossConfig:
    """Weights of the loss terms."""

    l1: Weight = 1.0
    """Of the mean absolute error; in the network's units of [-1, 1]."""
    l2: Weight = 0.0
    """Of the mean squared error; with it, what stays unknown is drawn as its mean."""
    gradient: Weight = 0.0
    """Of the error of gradients; mean absolute error of differences between neighbouring pixels."""
    error: Weight = 0.2
    """Of the expected error; its mean absolute error."""


@dataclass(frozen=True, config=STRICT)
class OptimiserConfig:
    """Adam with a linear warm-up and a cosine decay to zero."""

    learning_rate: PositiveFloat = 1e-3
    """Largest learning rate."""
    warm_up: Fraction = 0.03
    """Fraction of steps of warm-up; over which the rate grows linearly from zero."""


@dataclass(frozen=True, config=STRICT)
class TrainingConfig:
    """How long, in which batches, and what is written on the way."""

    epochs: Positive = 40
    """How often all subjects are seen; each time augmented anew."""
    max_steps: NotNegative = 0
    """Steps at most, 0 for no limit; the epochs are a limit, too."""
    batch_size: Positive = 16
    """Slabs per step."""
    workers: Processes = 1
    """Processes that augment volumes; beside the training process. On a GPU several are wanted."""
    precision: Precision = "32-true"
    """Arithmetic; in lightning-fabric's words. auto: bf16-mixed on a GPU or processor that has it
    (AVX512-BF16, AMX), else 32-true."""
    log_every: Positive = 50
    """Steps between rows of the log; a row of train_log.csv is the mean over the steps since the
    last."""
    checkpoint_minutes: PositiveFloat = 5.0
    """Minutes between checkpoints; one is written after every epoch, too."""
    validate_every: Positive = 5
    """Epochs between validations; on the validation subjects, if there are any."""
    samples_every: Positive = 5
    """Epochs between sample pictures."""


@dataclass(frozen=True, config=STRICT)
class Unet25dConfig:
    """A training run of the 2.5D U-Net."""

    system: Literal["unet25d"] = "unet25d"
    """Name of the method; the report calls it by this name."""
    seed: NotNegative = 0
    """Seed of all random numbers; of weights, shuffling, augmentation."""
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    generator: GeneratorConfig = dataclasses.field(default_factory=GeneratorConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    optimiser: OptimiserConfig = dataclasses.field(default_factory=OptimiserConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)

    def mistakes(self) -> list[str]:
        """Return what does not fit together, in words; empty if all does."""
        mistakes = []
        if self.data.slices % 2 == 0:
            mistakes.append(f"data.slices is {self.data.slices}; a slab needs a middle slice")
        if self.data.padded_size % 2**self.generator.levels:
            mistakes.append(
                f"data.padded_size is {self.data.padded_size}, not divisible by "
                f"2**generator.levels = {2**self.generator.levels}"
            )
        for name in ("group_correction", "shrinkage"):
            if getattr(self.generator, name) and self.data.location == "none":
                mistakes.append(f"generator.{name} needs data.location")
        for name in ("filters", "max_filters"):
            if getattr(self.generator, name) % 8:
                mistakes.append(f"generator.{name} must be a multiple of 8")
        return mistakes
