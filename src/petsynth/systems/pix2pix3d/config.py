"""The configuration of the 3D pix2pix baselines (paper B, section 5.1; decision record 0075)."""

from __future__ import annotations

import dataclasses
from typing import Literal

from pydantic.dataclasses import dataclass

from petsynth.systems.fields import STRICT, NotNegative, Weight
from petsynth.systems.volumes.config import (
    CnnConfig,
    Generator3dConfig,
    VolumeDataConfig,
    VolumeOptimiserConfig,
    VolumeTrainingConfig,
    cnn_mistakes,
    grid_mistakes,
)


@dataclass(frozen=True, config=STRICT)
class LossConfig:
    """Weights of the generator's loss terms."""

    adversarial: Weight = 1.0
    """Weight of fooling the CNN discriminator."""
    l1: Weight = 100.0
    """Of the mean absolute error; in normalised units."""


@dataclass(frozen=True, config=STRICT)
class Pix2pix3dConfig:
    """A training run of a 3D pix2pix, paper B's baseline."""

    system: Literal["pix2pix3d-tanh", "pix2pix3d-tanhshrink"] = "pix2pix3d-tanhshrink"
    """Name of the method; the report calls it by this name."""
    seed: NotNegative = 0
    """Seed of all random numbers; of weights, shuffling."""
    data: VolumeDataConfig = dataclasses.field(default_factory=VolumeDataConfig)
    generator: Generator3dConfig = dataclasses.field(default_factory=Generator3dConfig)
    cnn: CnnConfig = dataclasses.field(default_factory=CnnConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    optimiser: VolumeOptimiserConfig = dataclasses.field(default_factory=VolumeOptimiserConfig)
    training: VolumeTrainingConfig = dataclasses.field(default_factory=VolumeTrainingConfig)

    def mistakes(self) -> list[str]:
        """Return what does not fit together, in words; empty if all does."""
        activation = self.system.removeprefix("pix2pix3d-")
        named = [] if self.generator.activation == activation else [
            f"generator.activation is {self.generator.activation}, of {self.system} it is "
            f"{activation}"
        ]  # fmt: skip
        return named + grid_mistakes(self.data, self.generator) + cnn_mistakes(self.data, self.cnn)
