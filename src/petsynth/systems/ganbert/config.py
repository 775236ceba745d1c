"""The configuration of GANBERT.

The defaults are the paper's (sections 3.1, 4 and A.3 of Shin et al., GANBERT); where it is
silent, those of the decision records 0050 to 0031 and 0075.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from pydantic.dataclasses import dataclass

from petsynth.systems.fields import (
    STRICT,
    Fraction,
    FractionBelowOne,
    NotNegative,
    Positive,
    Weight,
)
from petsynth.systems.volumes.config import (
    CnnConfig,
    Generator3dConfig,
    VolumeDataConfig,
    VolumeOptimiserConfig,
    VolumeTrainingConfig,
    cnn_mistakes,
    grid_mistakes,
)

_TOKENS = 8**3
"""Of each image, of which the masked fractions are taken."""


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
    """Width of feed-forward parts; BERT-base: 3072."""
    dropout: FractionBelowOne = 0.0
    """Fraction dropped in training; of hidden values and attention weights."""
    checkpointing: bool = True
    """Recompute activations; less memory, more time, the same values."""
    embedding: Literal["continuous", "table"] = "continuous"
    """How a value enters; as a smooth function of it, or as the row of its id in a table."""
    shortest_wavelength: Weight = 0.0
    """Of the continuous embedding; in units of asinh(2 value), the longest is 8 times as long. 0:
    0.8 times the spread of the training PETs, so that SUVR is told apart like original units. The
    unit of loss.l1 follows the spread then, so that L1 and BERT balance as they do there."""
    tokens: Literal["offset", "literal", "linear"] = "offset"
    """How values become ids; a reading of the paper's vocabulary (decision record 0051)."""
    linear_from: float = -50.0
    """Value of the first linear id; normalised, for original units. In SUVR take -1."""
    linear_to: float = 250.0
    """Value of the last linear id; normalised, for original units. In SUVR take 10."""
    learning_rate: Weight = 0.0
    """BERT's own learning rate; 0: optimiser.learning_rate, as for the other networks."""
    mri_masked: Fraction = 0.05
    """Masked fraction of the T1; of its tokens."""
    pet_masked: Fraction = 0.25
    """Masked fraction of the PET; of its tokens."""
    replacement: Literal["mask", "80-10-10"] = "mask"
    """What a chosen token becomes; [MASK], or BERT's mixture."""
    gradient_penalty: Weight = 0.0
    """Weight of a gradient penalty; on BERT (decision record 0050). The paper has none."""


@dataclass(frozen=True, config=STRICT)
class LossConfig:
    """Weights of the generator's loss terms (paper B, equation 1)."""

    nsp: Weight = 20.0
    """Weight of fooling next-sentence prediction."""
    mlm: Weight = 1.0
    """Weight of the masked-language model."""
    l1: Weight = 20.0
    """Of the mean absolute error; in normalised units, or, where bert.shortest_wavelength is 0, in
    140ths of the training PETs' spread, which are about the same in original units."""
    adversarial: Weight = 1.0
    """Weight of fooling the CNN discriminator; ganbert-cnnd only."""


@dataclass(frozen=True, config=STRICT)
class GanbertConfig:
    """A training run of GANBERT, without or with a CNN discriminator beside BERT."""

    system: Literal["ganbert", "ganbert-cnnd"] = "ganbert"
    """Name of the method; the report calls it by this name."""
    seed: NotNegative = 0
    """Seed of all random numbers; of weights, shuffling, masks, real or generated."""
    data: VolumeDataConfig = dataclasses.field(default_factory=VolumeDataConfig)
    generator: Generator3dConfig = dataclasses.field(default_factory=Generator3dConfig)
    bert: BertConfig = dataclasses.field(default_factory=BertConfig)
    cnn: CnnConfig = dataclasses.field(default_factory=CnnConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    optimiser: VolumeOptimiserConfig = dataclasses.field(default_factory=VolumeOptimiserConfig)
    training: VolumeTrainingConfig = dataclasses.field(default_factory=VolumeTrainingConfig)

    @property
    def has_cnn(self) -> bool:
        """Whether a CNN discriminator stands beside BERT."""
        return self.system == "ganbert-cnnd"

    def mistakes(self) -> list[str]:
        """Return what does not fit together, in words; empty if all does."""
        mistakes = grid_mistakes(self.data, self.generator)
        if self.has_cnn:
            mistakes += cnn_mistakes(self.data, self.cnn)
        if self.bert.hidden % self.bert.heads:
            mistakes.append(
                f"bert.hidden is {self.bert.hidden}, not divisible by bert.heads {self.bert.heads}"
            )
        if not self.bert.linear_from < self.bert.linear_to:
            mistakes.append("bert.linear_from must be smaller than bert.linear_to")
        fractions = self.bert.mri_masked, self.bert.pet_masked
        if not any(round(fraction * _TOKENS) for fraction in fractions):
            mistakes.append("bert.mri_masked and bert.pet_masked mask no token at all")
        return mistakes
