"""Tables of the configuration that paper B's systems share.

The defaults are the paper's (sections 3.1, 4 and A.3 of Shin et al., GANBERT); where it is
silent, those of the decision records 0050 to 0031 and 0075.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, Protocol

from pydantic import Field
from pydantic.dataclasses import dataclass

from petsynth.systems.fields import (
    STRICT,
    Fraction,
    FractionBelowOne,
    NotNegative,
    Positive,
    PositiveFloat,
    Precision,
    Processes,
    SystemConfig,
)

MRI_BOX_MM, PET_BOX_MM = 256, (152, 186, 152)
"""Sides of the T1's cube and of the PET's box at any voxel size (decision record 0053)."""


@dataclass(frozen=True, config=STRICT)
class VolumeDataConfig:
    """What the network sees; the prepared data must be so."""

    voxel_mm: PositiveFloat = 2.0
    """Edge of the PET's voxels in mm; the T1's are half as wide. 2: 256^3 and 76 x 93 x 76."""
    frames: Positive = 2
    """Time points of the PET; 1 for a static one."""


@dataclass(frozen=True, config=STRICT)
class Generator3dConfig:
    """The 3D U-Net."""

    filters: Positive = 32
    """Channels of the outermost level; they double inwards."""
    max_filters: Positive = 256
    """Most channels of a level."""
    levels: Annotated[int, Field(ge=2)] = 5
    """Number of halvings of the T1."""
    activation: Literal["tanhshrink", "tanh"] = "tanhshrink"
    """Last layer; tanhshrink: x - tanh(x), without limits; or tanh."""
    checkpointing: bool = True
    """Recompute activations; less memory, more time, the same values."""


@dataclass(frozen=True, config=STRICT)
class CnnConfig:
    """The 3D PatchGAN, discriminator of pix2pix3d and of ganbert-cnnd."""

    filters: Positive = 64
    """Channels of the first layer."""
    layers: Positive = 4
    """Number of stride-2 layers."""


@dataclass(frozen=True, config=STRICT)
class VolumeOptimiserConfig:
    """Adam, the same for all networks; BERT may have a learning rate of its own."""

    learning_rate: PositiveFloat = 1e-4
    """Learning rate after warm-up."""
    beta1: FractionBelowOne = 0.9
    """Decay of the first moment."""
    beta2: FractionBelowOne = 0.999
    """Decay of the second moment."""
    warm_up: Fraction = 0.05
    """Fraction of steps of warm-up; over which the rate grows linearly from zero."""
    decay: Fraction = 0.0
    """Fraction of steps of decay; the last, over which the rate falls linearly to zero. 0 in the
    paper."""


@dataclass(frozen=True, config=STRICT)
class VolumeTrainingConfig:
    """How long, in which batches, and what is written on the way."""

    epochs: Positive = 500
    """How often all subjects are seen."""
    max_steps: NotNegative = 0
    """Steps at most, 0 for no limit; the epochs are a limit, too."""
    batch_size: Positive = 2
    """Subjects at once, in each process."""
    accumulate: Positive = 2
    """Batches per step; their gradients are added up."""
    workers: Processes = 0
    """Processes that load data; beside the training process."""
    precision: Precision = "auto"
    """Arithmetic; in lightning-fabric's words. auto: bf16-mixed on a GPU or processor that has it
    (AVX512-BF16, AMX), else 32-true."""
    log_every: Positive = 10
    """Steps between rows of the log; a row of train_log.csv is the mean over the steps since the
    last."""
    checkpoint_minutes: PositiveFloat = 10.0
    """Least time between checkpoints; one is written at the end in any case."""
    validate_every: Positive = 10
    """Epochs between validations; on the validation subjects, if there are any."""
    samples_every: Positive = 50
    """Epochs between sample pictures."""


class VolumeConfig(SystemConfig, Protocol):
    """What the configurations of all 3D systems have."""

    @property
    def system(self) -> str:
        """Name of the system."""

    @property
    def seed(self) -> int:
        """Seed of every random number."""

    @property
    def data(self) -> VolumeDataConfig:
        """What the network sees."""

    @property
    def generator(self) -> Generator3dConfig:
        """The 3D U-Net."""

    @property
    def cnn(self) -> CnnConfig:
        """The CNN discriminator."""

    @property
    def optimiser(self) -> VolumeOptimiserConfig:
        """Adam and its schedule."""

    @property
    def training(self) -> VolumeTrainingConfig:
        """How long, in which batches, and what is written on the way."""

    def mistakes(self) -> list[str]:
        """Return what does not fit together, in words; empty if all does."""


def grid_mistakes(data: VolumeDataConfig, generator: Generator3dConfig) -> list[str]:
    """Return what does not fit together of the generator and the grid."""
    sides = [round(side / data.voxel_mm) for side in PET_BOX_MM]
    if min(sides) < 8:
        return [f"data.voxel_mm {data.voxel_mm:g} leaves fewer than the 8 voxels that are pooled"]
    mri_side = round(2 * MRI_BOX_MM / data.voxel_mm)
    coarsest = (mri_side / 2**generator.levels, max(sides) / 2 ** (generator.levels - 1))
    if min(math.ceil(side) for side in coarsest) < 2:
        return [
            f"generator.levels {generator.levels} leave a single voxel of images of "
            f"{data.voxel_mm:g} mm; take fewer"
        ]
    return []


def cnn_mistakes(data: VolumeDataConfig, cnn: CnnConfig) -> list[str]:
    """Return what does not fit together of the CNN discriminator and the grid."""
    smallest = min(round(side / data.voxel_mm) for side in PET_BOX_MM)
    if smallest >= 2 ** (cnn.layers + 1):
        return []
    return [
        f"cnn.layers {cnn.layers} leave no patch of a PET that is {smallest} "
        "voxels wide; take fewer"
    ]
