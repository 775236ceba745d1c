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


def test_a_region_out_of_the_field_of_view_is_refused(in_place):
    pet = constant()
    cut = Volume(pet.data[:, :, 15:], pet.affine.copy())
    cut.affine[2, 3] += 15 * 4
    with pytest.raises(InputError, match="pons lies 100% outside the PET's field of view"):
        measure_region("pons", in_place, cut, np.eye(4))


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
