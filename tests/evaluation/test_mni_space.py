"""Deformations to MNI space: found once, and only where subjects lie on MNI axes."""

from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK

from petsynth.data.prepared import PreparedData
from petsynth.errors import InputError, RegistrationError
from petsynth.evaluation import mni_space
from petsynth.evaluation.mni_space import FINEST_MM, ErrorMaps, SubjectWarps, is_possible
from petsynth.preprocessing.grids import model_grid
from petsynth.preprocessing.registration.deformable import Warp


@pytest.fixture
def data(tiny_prepared):
    return PreparedData(tiny_prepared)


def test_a_deformation_is_found_once(data, monkeypatch):
    calls = []
    monkeypatch.setattr(
        mni_space, "warp_to_mni", lambda *args, **more: calls.append(more) or object()
    )
    found = SubjectWarps(data)
    name = data.participants("test")[0]
    assert found.find(name) is found.find(name)
    assert calls == [{"voxel_mm": data.grid.voxel_mm[0]}]
    assert found.voxel_mm >= FINEST_MM


def test_what_cannot_be_deformed_is_named(data, monkeypatch):
    def fail(*args, **more):
        raise RegistrationError("no overlap")

    monkeypatch.setattr(mni_space, "warp_to_mni", fail)
    name = data.participants("test")[0]
    with pytest.raises(InputError, match=f"T1 of {name}: no overlap"):
        SubjectWarps(data).find(name)


def test_an_empty_mask_is_named_before_anything_is_registered():
    grid = SimpleNamespace(affine=np.eye(4), voxel_mm=(3.0, 3.0, 3.0))
    empty = SimpleNamespace(grid=grid, folder="prepared", mask=lambda name: np.zeros((2, 2, 2)))
    with pytest.raises(InputError, match="the brain mask of sub-1 is empty"):
        SubjectWarps(empty).find("sub-1")


@pytest.mark.parametrize(
    ("preprocessing", "possible"),
    [({}, True), ({"registration": "rigid"}, True), ({"registration": "none"}, False)],
)
def test_it_needs_subjects_on_mni_axes(preprocessing, possible):
    data = SimpleNamespace(description={"preprocessing": preprocessing})
    assert is_possible(data) is possible


GRID = model_grid(9.0)
SHIFT_MM = 9.0


class Shifts:
    """Subjects who lie a voxel to the right of MNI space, or not."""

    def find(self, participant):
        transform = SimpleITK.TranslationTransform(3, [SHIFT_MM, 0.0, 0.0])  # LPS: to the left
        shifted = participant == "sub-shifted"
        return Warp(transform if shifted else SimpleITK.Transform(3, SimpleITK.sitkIdentity), 1, 1)


@pytest.fixture
def shifted_subjects():
    mask = np.zeros(GRID.shape, bool)
    mask[5:16, 5:20, 5:16] = True
    pet = np.ones(GRID.shape, np.float32)
    return SimpleNamespace(
        grid=GRID,
        unit="SUVR",
        frame_durations=None,
        pet=lambda name: pet,
        static_pet=lambda name: pet,
        mask=lambda name: mask,
    )


def spot(value):
    """Return a prediction that is too high, or too low, at one voxel."""
    pet = np.ones(GRID.shape, np.float32)
    pet[10, 10, 10] += value
    return pet


def test_mean_and_absolute_error_of_two_subjects(shifted_subjects):
    maps = ErrorMaps(shifted_subjects, Shifts())
    maps.add("sub-1", "model", spot(0.6))
    maps.add("sub-2", "model", spot(-0.2))
    found = maps.maps()["model"]
    assert found.subjects == 2
    assert found.error.unit == "SUVR"
    assert found.error.data[10, 10, 10] == pytest.approx(0.2)
    assert found.absolute.data[10, 10, 10] == pytest.approx(0.4)
    assert np.isnan(found.error.data[0, 0, 0])  # nobody's brain is there
    assert found.template.data.shape == GRID.shape


def test_an_error_goes_to_its_place_in_mni_space(shifted_subjects):
    maps = ErrorMaps(shifted_subjects, Shifts())
    maps.add("sub-shifted", "model", spot(0.6))
    error = maps.maps()["model"].error.data
    assert np.unravel_index(np.nanargmax(error), error.shape) == (9, 10, 10)
    assert np.nanmax(error) == pytest.approx(0.6, abs=1e-5)


def test_without_models_there_is_no_map(shifted_subjects):
    assert ErrorMaps(shifted_subjects, Shifts()).maps() == {}
