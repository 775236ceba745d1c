import numpy as np
import pytest

from petsynth.simulation.partial_volume import cortex_share
from petsynth.simulation.regions import CODES
from petsynth.volume import Volume

FLUID, GREY, WHITE = 20.0, 120.0, 160.0


def slab(intensity_of_cortex):
    """A block: fluid, two layers of cortex with given intensities, white matter."""
    regions = np.full((12, 20, 20), CODES["white_matter"], np.uint8)
    mri = np.full(regions.shape, WHITE, np.float32)
    regions[:4], mri[:4] = CODES["ventricle"], FLUID
    regions[4:8], mri[4:8] = CODES["precuneus_left"], GREY
    mri[4] = intensity_of_cortex
    return Volume(mri, np.eye(4)), regions


@pytest.mark.parametrize(
    ("intensity", "low", "high"), [(GREY, 1, 1), (70.0, 0.5, 0.75), (25, 0, 0)]
)
def test_dark_cortex_is_partly_fluid(intensity, low, high):
    share = cortex_share(*slab(intensity))

    assert low <= share[4].min() <= share[4].max() <= high
    assert (share[:4] == 1).all()
    assert (share[8:] == 1).all()


def test_a_t1_without_contrast_or_fluid_changes_nothing():
    mri, regions = slab(70.0)
    flat = mri.with_data(np.full(regions.shape, 100, np.float32))
    dry = np.where(regions == CODES["ventricle"], CODES["white_matter"], regions)

    assert (cortex_share(flat, regions) == 1).all()
    assert (cortex_share(mri, dry.astype(np.uint8)) == 1).all()
