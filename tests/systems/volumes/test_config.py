"""Tables that paper B's systems share: which depths fit which voxel size."""

import pytest

from petsynth.networks.patchgan3d import PatchGan3d
from petsynth.networks.unet3d import Generator3d
from petsynth.preprocessing.grids import conformed_grid, grid_in_paper_order, pet_grid
from petsynth.systems.volumes.config import (
    CnnConfig,
    Generator3dConfig,
    VolumeDataConfig,
    cnn_mistakes,
    grid_mistakes,
)


@pytest.mark.parametrize("voxel_mm", [2.0, 6.0, 16.0])
@pytest.mark.parametrize("levels", range(2, 9))
def test_a_depth_is_refused_if_the_generator_refuses_it(voxel_mm, levels):
    grids = conformed_grid(voxel_mm), grid_in_paper_order(pet_grid(voxel_mm))
    mistakes = grid_mistakes(VolumeDataConfig(voxel_mm), Generator3dConfig(levels=levels))
    try:
        Generator3d(*grids, filters=1, max_filters=1, levels=levels)
    except ValueError:
        (mistake,) = mistakes
        assert f"generator.levels {levels} leave a single voxel" in mistake
    else:
        assert mistakes == []


def test_voxels_that_are_too_large_to_be_pooled_are_refused():
    (mistake,) = grid_mistakes(VolumeDataConfig(30.0), Generator3dConfig(levels=2))
    assert mistake == "data.voxel_mm 30 leaves fewer than the 8 voxels that are pooled"


@pytest.mark.parametrize("voxel_mm", [2.0, 8.0, 16.0])
@pytest.mark.parametrize("layers", range(1, 7))
def test_layers_are_refused_if_the_discriminator_refuses_them(voxel_mm, layers):
    grids = conformed_grid(voxel_mm), grid_in_paper_order(pet_grid(voxel_mm))
    mistakes = cnn_mistakes(VolumeDataConfig(voxel_mm), CnnConfig(layers=layers))
    try:
        PatchGan3d(*grids, filters=1, layers=layers)
    except ValueError:
        (mistake,) = mistakes
        assert f"cnn.layers {layers} leave no patch of a PET" in mistake
    else:
        assert mistakes == []
