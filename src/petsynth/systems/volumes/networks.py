"""The networks of paper B's systems, as a configuration asks for them, and their prediction.

References
----------
Shin et al., GANBERT, section 3.1: the T1's own statistics bring the PET back to its units.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from petsynth.data.volumes import mri_statistics, normalise_mri, restore_pet
from petsynth.networks.patchgan3d import PatchGan3d
from petsynth.networks.unet3d import Generator3d
from petsynth.preprocessing.grids import (
    conformed_grid,
    from_paper_order,
    grid_in_paper_order,
    pet_grid,
)
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


@torch.inference_mode()
def predict_volume(
    generator: nn.Module, t1_XYZ: NDArray[Any], device: torch.device | str = "cpu"
) -> NDArray[np.float32]:
    """Infer all frames of a PET.

    Parameters
    ----------
    generator : torch.nn.Module
        On ``device``.
    t1_XYZ : (X, Y, Z) array
        Conformed T1, 0 to 255, on the cube that the generator was made for.
    device : torch.device or str
        Where to compute.

    Returns
    -------
    (X, Y, Z) or (X, Y, Z, T) float32 array
        In PET units, on the PET's grid.
    """
    statistics = mri_statistics(np.asarray(t1_XYZ))
    mri_BCXYZ = torch.from_numpy(normalise_mri(t1_XYZ, statistics))[None, None]
    pet_BTYXZ = generator(mri_BCXYZ.to(device)).float().cpu()
    return np.ascontiguousarray(from_paper_order(restore_pet(pet_BTYXZ[0].numpy(), statistics)))
