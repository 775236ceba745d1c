"""Fractions of tissue in a row of hand-made voxels."""

import numpy as np
import pytest

from petsynth.simulation.anatomy import Anatomy
from petsynth.simulation.regions import CODES
from petsynth.volume import Volume

KINDS = ("precuneus_left", "cerebellar_cortex", "putamen_left", "ventricle", "precuneus_left")


@pytest.fixture
def anatomy():
    """Cortex with white matter, cerebellum with fluid, a nucleus, a ventricle, and air."""

    def row(*values):
        return np.array(values, np.float32).reshape(5, 1, 1)

    return Anatomy(
        mri=Volume(row(5, 4, 6, 1, 0), np.diag([2.0, 2.0, 2.0, 1.0])),
        mask=row(1, 1, 1, 1, 0).astype(bool),
        regions=row(*(CODES[kind] for kind in KINDS)).astype(np.uint8),
        own=row(0.75, 0.25, 1, 0.5, 0),
        white=row(0.25, 0.5, 0, 0, 0),
        scalp=row(0, 0, 0, 0, 1),
    )


def test_grey_matter_is_cortex_cerebellum_and_nuclei(anatomy):
    np.testing.assert_allclose(anatomy.grey.ravel(), [0.75, 0.25, 1, 0, 0])


def test_fluid_is_the_rest_inside_the_mask(anatomy):
    np.testing.assert_allclose(anatomy.fluid.ravel(), [0, 0.25, 0, 0.5, 0])
    assert anatomy.fluid.dtype == np.float32


def test_its_grid_is_the_t1s(anatomy):
    assert anatomy.grid.shape == (5, 1, 1)
    assert anatomy.grid.voxel_mm == (2.0, 2.0, 2.0)
