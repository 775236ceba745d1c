"""The networks of paper B's systems, as a configuration asks for them."""

from __future__ import annotations

from petsynth.networks.patchgan3d import PatchGan3d
from petsynth.networks.unet3d import Generator3d
from petsynth.preprocessing.grids import conformed_grid, grid_in_paper_order, pet_grid
from petsynth.systems.volumes.config import VolumeConfig


def build_generator(config: VolumeConfig) -> Generator3d:
    """Make the generator, with initial weights from torch's global generator."""
    return Generator3d(
        conformed_grid(config.data.voxel_mm),
        grid_in_paper_order(pet_grid(config.data.voxel_mm)),
        frames=config.data.frames,
        filters=config.generator.filters,
        max_filters=config.generator.max_filters,
        levels=config.generator.levels,
        activation=config.generator.activation,
        checkpointing=config.generator.checkpointing,
    )


def build_cnn(config: VolumeConfig) -> PatchGan3d:
    """Make the CNN discriminator, with initial weights from torch's global generator."""
    return PatchGan3d(
        conformed_grid(config.data.voxel_mm),
        grid_in_paper_order(pet_grid(config.data.voxel_mm)),
        frames=config.data.frames,
        filters=config.cnn.filters,
        layers=config.cnn.layers,
    )
