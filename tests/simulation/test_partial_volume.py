import numpy as np
import pytest

from petsynth.simulation.partial_volume import tissue_fractions
from petsynth.simulation.regions import CODES
from petsynth.volume import Volume

FLUID, GREY, WHITE = 20.0, 120.0, 160.0
CORTEX = slice(4, 8)
SHAPE = (24, 20, 20)


def slab(changed=(), shading=None):
    """A block: fluid, four layers of cortex, white matter; some layers with other intensities."""
    regions = np.full(SHAPE, CODES["white_matter"], np.uint8)
    mri = np.full(SHAPE, WHITE, np.float32)
    regions[:4], mri[:4] = CODES["ventricle"], FLUID
    regions[CORTEX], mri[CORTEX] = CODES["precuneus_left"], GREY
    for layer, intensity in dict(changed).items():
        mri[layer] = intensity
    if shading is not None:
        mri *= shading
    return Volume(mri, np.eye(4)), regions


def test_pure_tissue_stays_as_labelled():
    fractions = tissue_fractions(*slab())

    np.testing.assert_allclose(fractions.grey[CORTEX], 1, atol=1e-4)
    assert not fractions.grey[:4].any()
    np.testing.assert_allclose(fractions.white[8:], 1, atol=1e-4)
    assert not fractions.white[:8].any()


def test_half_intensity_next_to_cortex_is_half_grey_and_has_the_cortex_code():
    fractions = tissue_fractions(*slab({8: (GREY + WHITE) / 2}))

    np.testing.assert_allclose(fractions.grey[8], 0.5, atol=0.01)
    np.testing.assert_allclose(fractions.white[8], 0.5, atol=0.01)
    assert (fractions.regions[8] == CODES["precuneus_left"]).all()
    assert (fractions.regions[9:] == CODES["white_matter"]).all()


def test_bright_cortex_is_partly_white():
    mri, regions = slab()
    mri.data[7, ::2, ::2] = (GREY + WHITE) / 2

    fractions = tissue_fractions(mri, regions)

    # the brighter voxels raise cortex's own intensity a little
    np.testing.assert_allclose(fractions.white[7, ::2, ::2], 0.5, atol=0.08)
    np.testing.assert_allclose((fractions.grey + fractions.white)[7], 1, atol=1e-4)


@pytest.mark.parametrize(("intensity", "fraction"), [(70.0, 0.5), (25.0, 0.0), (45.0, 0.1875)])
def test_dark_cortex_is_partly_fluid(intensity, fraction):
    fractions = tissue_fractions(*slab({4: intensity}))

    np.testing.assert_allclose(fractions.grey[4], fraction, atol=0.01)
    assert not fractions.white[4].any()
    np.testing.assert_allclose(fractions.grey[5:8], 1, atol=1e-4)


def test_dark_white_matter_away_from_cortex_is_no_cortex():
    fractions = tissue_fractions(*slab({12: GREY}))

    assert (fractions.white[12] == 1).all()
    assert not fractions.grey[12].any()


def test_shading_does_not_pass_for_grey_matter():
    ramp = np.exp(-0.3 * np.linspace(-1, 1, SHAPE[2]) ** 2 - 0.2 * np.linspace(0, 1, SHAPE[2]))
    mri, regions = slab({8: (GREY + WHITE) / 2}, shading=ramp.astype(np.float32))
    # the ventricle is taken to be equally dark everywhere
    fractions = tissue_fractions(mri, regions)

    np.testing.assert_allclose(fractions.grey[8], 0.5, atol=0.01)
    np.testing.assert_allclose(fractions.white[9:], 1, atol=1e-4)


def test_cerebellar_cortex_is_divided_with_fluid_alone():
    mri, regions = slab({4: 70.0, 7: (GREY + WHITE) / 2})
    regions[CORTEX] = CODES["cerebellar_cortex"]

    fractions = tissue_fractions(mri, regions)

    assert 0.3 < fractions.grey[4].mean() < 0.5
    assert not fractions.white[:8].any()
    assert (fractions.white[8:] == 1).all()


@pytest.mark.parametrize("flawed", ["no contrast", "no fluid", "dark white matter"])
def test_a_t1_without_contrast_or_fluid_is_taken_as_labelled(flawed):
    mri, regions = slab({4: 70.0, 8: 140.0})
    if flawed == "no contrast":
        mri = mri.with_data(np.full(SHAPE, 100, np.float32))
    if flawed == "no fluid":
        regions[:4] = CODES["white_matter"]
    if flawed == "dark white matter":
        mri = mri.with_data(np.where(regions == CODES["white_matter"], 90, mri.data))

    fractions = tissue_fractions(mri, regions)

    np.testing.assert_array_equal(fractions.grey, regions == CODES["precuneus_left"])
    np.testing.assert_array_equal(fractions.white, regions == CODES["white_matter"])
    assert fractions.regions is regions
