"""What the 3D systems of paper B have in common behind the interface of a system."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from petsynth.data.prepared import PreparedData
from petsynth.networks.unet3d import Generator3d
from petsynth.systems.base import (
    CardLines,
    Prediction,
    PredictionSettings,
    System,
    TrainedGenerator,
    adaptation_tables,
)
from petsynth.systems.volumes.config import VolumeConfig
from petsynth.systems.volumes.networks import build_generator
from petsynth.systems.volumes.prediction import predict_volume
from petsynth.systems.volumes.training import check_volumes

Config = TypeVar("Config", bound=VolumeConfig)


class VolumeSystem(System[Config]):
    """A system that reads a whole T1 on paper B's cube and infers all frames at once.

    References
    ----------
    Paper B (Shin et al., GANBERT).
    """

    conformed_t1 = True

    def check_data(self, data: PreparedData) -> None:
        """Raise unless data are prepared with ``--grid paper-b`` as the configuration wants."""
        check_volumes(self.config, data)

    def build_generator(self) -> Generator3d:
        """Make the 3D U-Net."""
        return build_generator(self.config)

    def adaptation_tables(self) -> dict[str, dict[str, Any]]:
        """Return a fifth of the learning rate and of the epochs."""
        return adaptation_tables(self.config.optimiser, self.config.training)

    def encoder_levels(self, generator: nn.Module) -> list[nn.Module]:
        """Return the levels of the encoder."""
        assert isinstance(generator, Generator3d)
        return [generator.outermost, *generator.downs]

    def predict(
        self, model: TrainedGenerator, t1_XYZ: NDArray[np.float32], settings: PredictionSettings
    ) -> Prediction:
        """Infer all frames; the network has no dropout, so all samples would be the same."""
        prediction = Prediction(predict_volume(model.network, t1_XYZ, model.device))
        settings.on_sample()
        return prediction

    def card_lines(self, data: PreparedData) -> CardLines:
        """Return what the model card says of the method."""
        cube = data.t1_grid
        return CardLines(
            method=f'{self.config.system} after Shin et al., "GANBERT"; '
            f"{self.config.data.frames} frame(s)",
            intensities="normalised by mean and standard deviation of the T1, the PET by a tenth "
            "of each; so restored",
            grid=""
            if cube is None
            else f"; T1 {' x '.join(map(str, cube.shape))} voxels of {cube.voxel_mm[0]:g} mm",
        )

    def describe_run(self, steps: Any) -> str:
        """Return one phrase on what was trained."""
        config = self.config
        return (
            f"{config.system} on whole volumes, {config.data.frames} frame(s), {steps} steps of "
            f"batch {self.batch_text}, seed {config.seed}"
        )

    @property
    def batch_text(self) -> str:
        """The batch of one step with its accumulation, such as ``2 x 2``."""
        return f"{self.config.training.accumulate} x {self.config.training.batch_size}"
