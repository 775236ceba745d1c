"""SUVR, with regions that need no warping."""

import numpy as np
import pytest
import SimpleITK

from petsynth.errors import InputError, PetsynthWarning
from petsynth.preprocessing.grids import model_grid
from petsynth.preprocessing.pet.suvr import measure_region, measure_uptake, reference_of
from petsynth.preprocessing.pet.tracers import region
from petsynth.preprocessing.registration.deformable import Warp
from petsynth.volume import Volume


@pytest.fixture
def in_place() -> Warp:
    return Warp(SimpleITK.Transform(3, SimpleITK.sitkIdentity), 1.0, 1.0)


def constant(value: float = 1.0) -> Volume:
    grid = model_grid(4.0)
    return Volume(np.full(grid.shape, value, dtype=np.float32), grid.affine)


@pytest.mark.parametrize("tracer", ["FDG", "AV45", "AV1451"])
def test_the_suvr_of_a_constant_image_is_one(in_place, tracer):
    uptake = measure_uptake(tracer, in_place, constant(37.0), np.eye(4), reference_of(tracer, None))
    assert uptake.reference.mean == pytest.approx(37)
    if tracer == "AV45":
        assert uptake.target.mean == pytest.approx(1)
        assert uptake.abnormal is False
        assert uptake.centiloid_like == pytest.approx(175.17 - 182.26)


def test_only_the_region_counts(in_place):
    pet, pons = constant(), region("pons")
    world = np.argwhere(pons.data) @ pons.affine[:3, :3] + pons.affine[:3, 3]
    inside = np.round((world - pet.affine[:3, 3]) / 4).astype(int)
    for shift in np.ndindex(5, 5, 5):
        pet.data[tuple((inside + np.array(shift) - 2).T)] = 3
    assert measure_region("pons", in_place, pet, np.eye(4)).mean == pytest.approx(3, rel=1e-3)
    found = measure_region("pons", in_place, pet, np.eye(4))
    assert found.ml == pytest.approx(pons.data.sum() * 8 / 1000, rel=0.1)


def cut_below(pet: Volume, planes: int) -> Volume:
    """Return an image without its lowest planes."""
    cut = Volume(pet.data[:, :, planes:], pet.affine.copy())
    cut.affine[2, 3] += planes * 4
    return cut


def test_only_covered_voxels_of_a_region_count(in_place):
    """A constant PET of 2.0 with a part of the region cut off is 2.0, not less."""
    whole = measure_region("pons", in_place, constant(2.0), np.eye(4))
    found = measure_region("pons", in_place, cut_below(constant(2.0), 11), np.eye(4))
    assert found.mean == whole.mean == 2.0
    assert 0.5 < found.covered_fraction < 0.9
    assert whole.covered_fraction == 1
    assert found.ml == whole.ml


def test_a_tenth_cut_off_changes_no_mean(in_place):
    """Cut at the front of the cortex, which is at the edge of the field of view."""
    pet = constant(2.0)
    cut = Volume(pet.data[:, :40], pet.affine)
    found = measure_region("centiloid-cortex", in_place, cut, np.eye(4))
    assert found.mean == 2.0
    assert 0.5 < found.covered_fraction < 1


@pytest.mark.parametrize("region_name", ["pons", "whole-cerebellum", "centiloid-cortex"])
def test_what_is_nan_counts_nothing(in_place, region_name):
    pet = constant(2.0)
    gaps = pet.with_data(pet.data.copy())
    gaps.data[:, ::9] = np.nan
    found = measure_region(region_name, in_place, gaps, np.eye(4))
    assert found.mean == 2.0
    assert 0.7 < found.covered_fraction < 1


def test_a_region_that_is_cut_is_flagged(in_place):
    uptake = measure_uptake("FDG", in_place, cut_below(constant(2.0), 11), np.eye(4), "pons")
    assert uptake.reference.covered_fraction < 0.9
    (flag,) = uptake.flags
    assert flag.check == "reference-region"
    assert flag.text == (
        f"PET covers {uptake.reference.covered_fraction:.0%} of the reference region pons"
    )


def test_a_region_out_of_the_field_of_view_is_refused(in_place):
    with pytest.raises(InputError, match="pons lies 100% outside the PET's field of view, at most"):
        measure_region("pons", in_place, cut_below(constant(), 15), np.eye(4))


def test_a_target_out_of_the_field_of_view_costs_the_figure_only(in_place):
    pet = constant()
    low = Volume(pet.data[:, :, :20], pet.affine)
    with pytest.warns(PetsynthWarning, match="no target SUVR: region centiloid-cortex lies"):
        uptake = measure_uptake("AV45", in_place, low, np.eye(4), "whole-cerebellum")
    assert uptake.target is None
    assert uptake.reference.mean == pytest.approx(1)


def test_a_region_too_small_is_refused():
    small = SimpleITK.ScaleTransform(3, [10.0] * 3)
    with pytest.raises(InputError, match=r"pons holds 0.00 mL in this subject"):
        measure_region("pons", Warp(small, 1.0, 1.0), constant(), np.eye(4))


def test_a_region_of_zeros_is_refused(in_place):
    with pytest.raises(InputError, match="nothing to divide by"):
        measure_region("pons", in_place, constant(0.0), np.eye(4))


def test_unknown_names_are_refused():
    with pytest.raises(InputError, match="region 'liver' is not known; there are"):
        reference_of("FDG", "liver")
    with pytest.raises(InputError, match="known for the tracer 18FXYZ"):
        reference_of("18FXYZ", None)
