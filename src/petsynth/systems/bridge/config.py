"""The configuration of the rectified flow from T1 to PET."""

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
)


@dataclass(frozen=True, config=STRICT)
class DataConfig:
    """What the network sees."""

    flip: bool = True
    """Flip left and right; with probability 1/2."""
    covariates: tuple[CovariateName, ...] = ()
    """What else it is told; of a subject, where it is known."""
    covariate_dropout: Fraction = 0.3
    """Probability to hide a covariate; then the network is not told it."""


@dataclass(frozen=True, config=STRICT)
class GeneratorConfig:
    """The 3D U-Net."""

    filters: Annotated[int, Field(gt=0, le=4096, multiple_of=4)] = 32
    """Channels of the outermost level; they double inwards."""
    max_filters: Annotated[int, Field(gt=0, le=4096, multiple_of=4)] = 128
    """Most channels of a level."""
    levels: Positive = 3
    """Number of levels; each but the outermost has half the resolution of the one before."""
    patch: Positive = 2
    """Side of a patch in voxels; the voxels of a patch become channels first."""


@dataclass(frozen=True, config=STRICT)
class FlowConfig:
    """The path from T1 to PET, and the steps along it."""

    noise: PositiveFloat = 0.2
    """Noise at the start; its standard deviation on the T1, in the network's units, best near that
    of what the T1 does not tell."""
    evaluations: Annotated[int, Field(ge=1, le=1000)] = 5
    """Evaluations of the network for each sample."""


@dataclass(frozen=True, config=STRICT)
class OptimiserConfig:
    """Adam, with a linear warm-up and a cosine decay."""

    learning_rate: PositiveFloat = 1e-3
    """Largest learning rate."""
    warm_up: Fraction = 0.03
    """Fraction of steps of warm-up; over which the rate grows from zero."""


@dataclass(frozen=True, config=STRICT)
class TrainingConfig:
    """How long, in which batches, and what is written on the way."""

    epochs: Positive = 200
    """How often all subjects are seen."""
    max_steps: NotNegative = 0
    """Steps at most, 0 for no limit; the epochs are a limit, too."""
    batch_size: Positive = 2
    """Subjects per step."""
    precision: Precision = "32-true"
    """Arithmetic; in lightning-fabric's words. auto: bf16-mixed on a GPU that has it."""
    log_every: Positive = 10
    """Steps between rows of the log; a row of train_log.csv is the mean over the steps since the
    last."""
    checkpoint_minutes: PositiveFloat = 10.0
    """Minutes between checkpoints; one is written after every epoch, too."""
    validate_every: Positive = 10
    """Epochs between validations; on the validation subjects, if there are any."""
    samples_every: Positive = 50
    """Epochs between sample pictures."""


@dataclass(frozen=True, config=STRICT)
class BridgeConfig:
    """A training run of the flow."""

    system: Literal["pet-bridge"] = "pet-bridge"
    """Name of the method; the report calls it by this name."""
    seed: NotNegative = 0
    """Seed of all random numbers; of weights, order, flips, noise, times."""
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    generator: GeneratorConfig = dataclasses.field(default_factory=GeneratorConfig)
    flow: FlowConfig = dataclasses.field(default_factory=FlowConfig)
    optimiser: OptimiserConfig = dataclasses.field(default_factory=OptimiserConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)

    def mistakes(self) -> list[str]:
        """Return what does not fit together, in words; empty if all does."""
        if len(set(self.data.covariates)) < len(self.data.covariates):
            return ["data.covariates must name each covariate once"]
        return []
