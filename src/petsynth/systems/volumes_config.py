"""The knobs of paper B's systems, which work on whole volumes.

The defaults are the paper's (sections 3.1, 4 and A.3 of Shin et al., GANBERT); where it is
silent, those of the decision records 0050 to 0057 and 0075.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from petsynth.systems.fields import (
    STRICT,
    NotNegative,
    Positive,
    PositiveFloat,
    Share,
    ShareBelowOne,
    Weight,
)

MRI_BOX_MM, PET_BOX_MM = 256, (152, 186, 152)
"""Sides of the T1's cube and of the PET's box at any voxel size (decision record 0053)."""

_TOKENS = 8**3
"""Of each image, of which the masked shares are taken."""


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
    """Upper limit of that doubling."""
    levels: Annotated[int, Field(ge=2)] = 5
    """Number of halvings of the T1."""
    activation: Literal["tanhshrink", "tanh"] = "tanhshrink"
    """Last layer: x - tanh(x), without limits, or tanh."""
    checkpointing: bool = True
    """Compute activations again for the gradient: less memory, more time, the same values."""


@dataclass(frozen=True, config=STRICT)
class CnnConfig:
    """The 3D PatchGAN, discriminator of pix2pix3d and of ganbert-cnnd."""

    filters: Positive = 64
    """Channels of the first layer."""
    layers: Positive = 4
    """Number of stride-2 layers."""


@dataclass(frozen=True, config=STRICT)
class BertConfig:
    """BERT as the discriminator, and what it reads."""

    layers: Positive = 12
    """Transformer layers; BERT-base: 12."""
    hidden: Positive = 768
    """Length of a token's vector; BERT-base: 768."""
    heads: Positive = 12
    """Attention heads; they must divide hidden."""
    inner: Positive = 3072
    """Width of a layer's feed-forward part; BERT-base: 3072."""
    dropout: ShareBelowOne = 0.0
    """Share of hidden values and attention weights dropped in training."""
    checkpointing: bool = True
    """Compute activations again for the gradient: less memory, more time, the same values."""
    embedding: Literal["continuous", "table"] = "continuous"
    """How a value enters: a smooth function of it, or the row of its id in a table."""
    tokens: Literal["offset", "literal", "linear"] = "offset"
    """Reading of the paper's vocabulary (decision record 0051)."""
    linear_from: float = -50.0
    """Normalised value of the first id of linear tokens; for original units, in SUVR take -1."""
    linear_to: float = 250.0
    """Normalised value of the last id of linear tokens; for original units, in SUVR take 10."""
    learning_rate: Weight = 0.0
    """BERT's own step size; 0: optimiser.learning_rate, as for the other networks."""
    mri_masked: Share = 0.05
    """Share of the T1's tokens that are masked."""
    pet_masked: Share = 0.25
    """Share of the PET's tokens that are masked."""
    replacement: Literal["mask", "80-10-10"] = "mask"
    """What stands for a chosen token: [MASK], or BERT's mixture."""
    slope_penalty: Weight = 0.0
    """Weight of the penalty on steep judgements (decision record 0050); the paper has none."""


@dataclass(frozen=True, config=STRICT)
class Pix2pix3dLossConfig:
    """Weights of the generator's loss terms."""

    adversarial: Weight = 1.0
    """Weight of fooling the CNN discriminator."""
    l1: Weight = 100.0
    """Weight of the mean absolute error, in normalised units."""


@dataclass(frozen=True, config=STRICT)
class GanbertLossConfig:
    """Weights of the generator's loss terms (paper B, equation 1)."""

    nsp: Weight = 20.0
    """Weight of fooling next-sentence prediction."""
    mlm: Weight = 1.0
    """Weight of the masked-language model."""
    l1: Weight = 20.0
    """Weight of the mean absolute error, in normalised units."""
    adversarial: Weight = 1.0
    """Weight of fooling the CNN discriminator; ganbert-cnnd only."""


@dataclass(frozen=True, config=STRICT)
class VolumeOptimiserConfig:
    """Adam, the same for all networks; BERT may have a step size of its own."""

    learning_rate: PositiveFloat = 1e-4
    """Step size after warm-up."""
    beta1: ShareBelowOne = 0.9
    """Decay of the first moment."""
    beta2: ShareBelowOne = 0.999
    """Decay of the second moment."""
    warm_up: Share = 0.05
    """Share of all steps over which the step size grows linearly from zero."""
    decay: Share = 0.0
    """Share of all steps, the last ones, over which it falls linearly to zero; 0 in the paper."""


@dataclass(frozen=True, config=STRICT)
class VolumeTrainingConfig:
    """How long, in what portions, and what is written on the way."""

    epochs: Positive = 500
    """Passes over the training subjects."""
    max_steps: NotNegative = 0
    """Stop after this many steps, if that is sooner than the epochs; 0: no such limit."""
    batch_size: Positive = 2
    """Subjects at once, in each process."""
    accumulate: Positive = 2
    """Batches whose gradients are added up for one step."""
    workers: NotNegative = 0
    """Processes that load data beside the training process."""
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    """Arithmetic, in lightning-fabric's words; auto: bf16-mixed on a GPU that has it."""
    log_every: Positive = 10
    """Steps between rows of train_log.csv; each row is the mean over the steps since the last."""
    checkpoint_minutes: PositiveFloat = 10.0
    """Least time between checkpoints; one is written at the end in any case."""
    validate_every: Positive = 10
    """Epochs between validations on the validation subjects (none without such subjects)."""
    samples_every: Positive = 50
    """Epochs between sample pictures."""


@dataclass(frozen=True, config=STRICT)
class Pix2pix3dConfig:
    """A training run of a 3D pix2pix, paper B's baseline."""

    system: Literal["pix2pix3d-tanh", "pix2pix3d-tanhshrink"] = "pix2pix3d-tanhshrink"
    """Name of the method; the report calls it by this name."""
    seed: NotNegative = 0
    """Starts every random draw: weights, shuffling."""
    data: VolumeDataConfig = dataclasses.field(default_factory=VolumeDataConfig)
    generator: Generator3dConfig = dataclasses.field(default_factory=Generator3dConfig)
    cnn: CnnConfig = dataclasses.field(default_factory=CnnConfig)
    loss: Pix2pix3dLossConfig = dataclasses.field(default_factory=Pix2pix3dLossConfig)
    optimiser: VolumeOptimiserConfig = dataclasses.field(default_factory=VolumeOptimiserConfig)
    training: VolumeTrainingConfig = dataclasses.field(default_factory=VolumeTrainingConfig)

    def mistakes(self) -> list[str]:
        """Return what does not fit together, in words; empty if all does."""
        activation = self.system.removeprefix("pix2pix3d-")
        named = [] if self.generator.activation == activation else [
            f"generator.activation is {self.generator.activation}, of {self.system} it is "
            f"{activation}"
        ]  # fmt: skip
        return named + _grid_mistakes(self.data, self.generator) + _cnn_mistakes(self)


@dataclass(frozen=True, config=STRICT)
class GanbertConfig:
    """A training run of GANBERT, without or with a CNN discriminator beside BERT."""

    system: Literal["ganbert", "ganbert-cnnd"] = "ganbert"
    """Name of the method; the report calls it by this name."""
    seed: NotNegative = 0
    """Starts every random draw: weights, shuffling, masks, real or generated."""
    data: VolumeDataConfig = dataclasses.field(default_factory=VolumeDataConfig)
    generator: Generator3dConfig = dataclasses.field(default_factory=Generator3dConfig)
    bert: BertConfig = dataclasses.field(default_factory=BertConfig)
    cnn: CnnConfig = dataclasses.field(default_factory=CnnConfig)
    loss: GanbertLossConfig = dataclasses.field(default_factory=GanbertLossConfig)
    optimiser: VolumeOptimiserConfig = dataclasses.field(default_factory=VolumeOptimiserConfig)
    training: VolumeTrainingConfig = dataclasses.field(default_factory=VolumeTrainingConfig)

    @property
    def has_cnn(self) -> bool:
        """Whether a CNN discriminator stands beside BERT."""
        return self.system == "ganbert-cnnd"

    def mistakes(self) -> list[str]:
        """Return what does not fit together, in words; empty if all does."""
        mistakes = _grid_mistakes(self.data, self.generator)
        if self.has_cnn:
            mistakes += _cnn_mistakes(self)
        if self.bert.hidden % self.bert.heads:
            mistakes.append(
                f"bert.hidden is {self.bert.hidden}, not divisible by bert.heads {self.bert.heads}"
            )
        if not self.bert.linear_from < self.bert.linear_to:
            mistakes.append("bert.linear_from must be smaller than bert.linear_to")
        shares = self.bert.mri_masked, self.bert.pet_masked
        if not any(round(share * _TOKENS) for share in shares):
            mistakes.append("bert.mri_masked and bert.pet_masked mask no token at all")
        return mistakes


VolumeConfig = Pix2pix3dConfig | GanbertConfig
"""A training run of paper B."""


def _grid_mistakes(data: VolumeDataConfig, generator: Generator3dConfig) -> list[str]:
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


def _cnn_mistakes(config: Pix2pix3dConfig | GanbertConfig) -> list[str]:
    smallest = min(round(side / config.data.voxel_mm) for side in PET_BOX_MM)
    if smallest >= 2 ** (config.cnn.layers + 1):
        return []
    return [
        f"cnn.layers {config.cnn.layers} leave no patch to judge of a PET that is {smallest} "
        "voxels wide; take fewer"
    ]
