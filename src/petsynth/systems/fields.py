"""Kinds of values that the configurations of all systems share."""

from __future__ import annotations

from dataclasses import Field as DataclassField
from typing import Annotated, Any, ClassVar, Literal, Protocol

from pydantic import ConfigDict, Field

STRICT = ConfigDict(extra="forbid")
"""Unknown keys are mistakes."""

Positive = Annotated[int, Field(gt=0, le=10**6)]
NotNegative = Annotated[int, Field(ge=0, lt=2**63)]
Processes = Annotated[int, Field(ge=0, le=256)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
FractionBelowOne = Annotated[float, Field(ge=0, lt=1)]

Precision = Literal["auto", "32-true", "bf16-mixed"]
"""Arithmetic, in lightning-fabric's words; auto: bf16-mixed on a GPU or processor
that has it (AVX512-BF16, AMX), else 32-true."""


class TrainingSettings(Protocol):
    """What the trainer reads of the table ``[training]`` of any configuration."""

    @property
    def batch_size(self) -> int:
        """Samples at once, in each process."""

    @property
    def precision(self) -> Precision:
        """Arithmetic."""

    @property
    def log_every(self) -> int:
        """Steps between rows of ``train_log.csv``."""

    @property
    def checkpoint_minutes(self) -> float:
        """Longest time between checkpoints."""

    @property
    def validate_every(self) -> int:
        """Epochs between validations."""

    @property
    def samples_every(self) -> int:
        """Epochs between sample pictures."""


class SystemConfig(Protocol):
    """What every configuration has: a frozen dataclass of pydantic, read from TOML.

    It imports no torch, so that the command line can read it at once.
    """

    __dataclass_fields__: ClassVar[dict[str, DataclassField[Any]]]

    @property
    def system(self) -> str:
        """Name of the system; a ``Literal`` of the names that the class serves."""

    @property
    def seed(self) -> int:
        """Seed of every random number: weights, order, augmentation, dropout."""

    @property
    def training(self) -> TrainingSettings:
        """How long, in which batches, and what is written on the way."""

    def mistakes(self) -> list[str]:
        """Return what does not fit together, in words; empty if all does."""


class _Optimiser(Protocol):
    @property
    def learning_rate(self) -> float: ...


class _Epochs(Protocol):
    @property
    def epochs(self) -> int: ...


def adaptation_tables(
    optimiser: _Optimiser, training: _Epochs, *, epochs: float = 0.2
) -> dict[str, dict[str, Any]]:
    """Return a fifth of the learning rate, and a fraction of the epochs.

    Parameters
    ----------
    optimiser, training : dataclass
        Tables of a configuration.
    epochs : float
        The fraction.
    """
    return {
        "optimiser": {"learning_rate": optimiser.learning_rate / 5},
        "training": {"epochs": max(round(training.epochs * epochs), 1)},
    }
