"""3D pix2pix behind the interface of a system."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from petsynth.data.prepared import PreparedData
from petsynth.systems.pix2pix3d.config import Pix2pix3dConfig
from petsynth.systems.pix2pix3d.training import Pix2pix3dTraining
from petsynth.systems.resources import Resources
from petsynth.systems.volumes.resources import cnn_size, generator_size, volume_resources
from petsynth.systems.volumes.system import VolumeSystem

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Pix2pix3dSystem(VolumeSystem[Pix2pix3dConfig]):
    """3D pix2pix with tanh or tanhshrink (paper B, table 1, rows 1 and 2)."""

    @classmethod
    def small_tables(cls, name: str) -> dict[str, Any]:
        """Return tables for voxels of 13 mm and two frames."""
        activation = name.removeprefix("pix2pix3d-")
        return {
            "data": {"voxel_mm": 13.0, "frames": 2},
            "generator": {
                "filters": 4,
                "levels": 2,
                "checkpointing": False,
                "activation": activation,
            },
            "cnn": {"filters": 4, "layers": 2},
            "training": {"max_steps": 6, "batch_size": 1, "accumulate": 2},
        }

    def start_training(self, data: PreparedData, fabric: Fabric) -> Pix2pix3dTraining:
        """Make networks, optimisers and accumulation windows."""
        return Pix2pix3dTraining(self.config, data, fabric)

    def resources(
        self, *, grid_shape: tuple[int, int, int] | None = None, subjects: int | None = None
    ) -> Resources:
        """Return the size of a training; by default of paper B's 3,108 pairs with FDG."""
        config = self.config

        def with_checkpointing(is_on: bool) -> Pix2pix3dConfig:
            generator = dataclasses.replace(config.generator, checkpointing=is_on)
            return dataclasses.replace(config, generator=generator)

        sizes = {"generator": generator_size(config, with_checkpointing), "cnn": cnn_size(config)}
        return volume_resources(config, sizes, subjects=subjects)
