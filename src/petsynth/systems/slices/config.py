"""Tables of the configuration that the systems on slices share.

The defaults are paper A's axial configuration (section 2.3 of Jung et al., and the public
Keras notebook that it names).
"""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic.dataclasses import dataclass

from petsynth.systems.fields import (
    STRICT,
    FractionBelowOne,
    NotNegative,
    Positive,
    PositiveFloat,
    Precision,
    Processes,
    SystemConfig,
)

Plane = Literal["sagittal", "coronal", "axial"]


@dataclass(frozen=True, config=STRICT)
class SliceDataConfig:
    """What the network sees."""

    planes: tuple[Plane, ...] = ("axial",)
    """Planes; paper A slices axially, or in all three."""
    intensity: Literal["uint8-jpeg", "float"] = "uint8-jpeg"
    """How slices are stored; uint8-jpeg: through 8-bit JPEG of quality 100 (paper A); float:
    unquantised."""
    padded_size: Positive = 256
    """Side of the padded slice (pixels); it is a square, padded on all sides."""
    flip: bool = True
    """Flip left and right; with probability 1/2 (never sagittal slices: theirs is front-back)."""


@dataclass(frozen=True, config=STRICT)
class SliceOptimiserConfig:
    """Adam, the same for both networks."""

    learning_rate: PositiveFloat = 2e-4
    """Learning rate."""
    beta1: FractionBelowOne = 0.5
    """Decay of the first moment."""
    beta2: FractionBelowOne = 0.999
    """Decay of the second moment."""


@dataclass(frozen=True, config=STRICT)
class SliceTrainingConfig:
    """How long, in which batches, and what is written on the way."""

    epochs: Positive = 100
    """How often all slices are seen."""
    max_steps: NotNegative = 0
    """Steps at most, 0 for no limit; the epochs are a limit, too."""
    batch_size: Positive = 1
    """Slices per step."""
    workers: Processes = 0
    """Processes that load data; beside the training process."""
    precision: Precision = "32-true"
    """Arithmetic; in lightning-fabric's words. auto: bf16-mixed on a GPU or processor that has it
    (AVX512-BF16, AMX), else 32-true."""
    log_every: Positive = 50
    """Steps between rows of the log; a row of train_log.csv is the mean over the steps since the
    last."""
    checkpoint_minutes: PositiveFloat = 10.0
    """Minutes between checkpoints; one is written after every epoch, too."""
    validate_every: Positive = 1
    """Epochs between validations; on the validation subjects, if there are any."""
    samples_every: Positive = 1
    """Epochs between sample pictures."""


class SliceConfig(SystemConfig, Protocol):
    """What the configurations of all systems on slices have."""

    @property
    def system(self) -> str:
        """Name of the system."""

    @property
    def seed(self) -> int:
        """Seed of every random number."""

    @property
    def data(self) -> SliceDataConfig:
        """What the network sees."""

    @property
    def optimiser(self) -> SliceOptimiserConfig:
        """Adam."""

    @property
    def training(self) -> SliceTrainingConfig:
        """How long, in which batches, and what is written on the way."""

    def mistakes(self) -> list[str]:
        """Return what does not fit together, in words; empty if all does."""


def prediction_planes(data: SliceDataConfig) -> tuple[Plane, ...]:
    """Return the planes to predict along: axial as paper A does (section 2.4), if trained so."""
    return ("axial",) if "axial" in data.planes else data.planes


def slice_mistakes(data: SliceDataConfig, levels: int, discriminator_layers: int) -> list[str]:
    """Return what does not fit together of the slices, a U-Net and a PatchGAN.

    Parameters
    ----------
    data : SliceDataConfig
        Its planes and padded size.
    levels : int
        Halvings of the U-Net.
    discriminator_layers : int
        Stride-2 layers of the PatchGAN.
    """
    size = data.padded_size
    mistakes = []
    if size % 2**levels:
        mistakes.append(
            f"data.padded_size is {size}, not divisible by 2**generator.levels = {2**levels}"
        )
    if size // 2**discriminator_layers < 3:
        mistakes.append(
            f"data.padded_size {size} is too small for discriminator.layers "
            f"{discriminator_layers}: no patch would be left"
        )
    if not data.planes or len(set(data.planes)) < len(data.planes):
        mistakes.append("data.planes must name at least one plane, each once")
    return mistakes
