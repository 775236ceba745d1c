"""Errors of subjects in MNI space: where, with which sign, and of how many."""

from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK

from petsynth.evaluation.error_maps import ErrorMaps
from petsynth.preprocessing.grids import model_grid
from petsynth.preprocessing.registration.deformable import Warp

GRID = model_grid(9.0)
SHIFT_MM = 9.0


class Shifts:
    """Subjects who lie a voxel to the right of MNI space, or not."""

    def find(self, participant):
        transform = SimpleITK.TranslationTransform(3, [SHIFT_MM, 0.0, 0.0])  # LPS: to the left
        shifted = participant == "sub-shifted"
        return Warp(transform if shifted else SimpleITK.Transform(3, SimpleITK.sitkIdentity), 1, 1)


@pytest.fixture
def data():
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


def test_mean_and_absolute_error_of_two_subjects(data):
    maps = ErrorMaps(data, Shifts())
    maps.add("sub-1", "model", spot(0.6))
    maps.add("sub-2", "model", spot(-0.2))
    found = maps.maps()["model"]
    assert found.subjects == 2
    assert found.error.unit == "SUVR"
    assert found.error.data[10, 10, 10] == pytest.approx(0.2)
    assert found.absolute.data[10, 10, 10] == pytest.approx(0.4)
    assert np.isnan(found.error.data[0, 0, 0])  # nobody's brain is there
    assert found.template.data.shape == GRID.shape


def test_an_error_goes_to_its_place_in_mni_space(data):
    maps = ErrorMaps(data, Shifts())
    maps.add("sub-shifted", "model", spot(0.6))
    error = maps.maps()["model"].error.data
    assert np.unravel_index(np.nanargmax(error), error.shape) == (9, 10, 10)
    assert np.nanmax(error) == pytest.approx(0.6, abs=1e-5)


def test_without_models_there_is_no_map(data):
    assert ErrorMaps(data, Shifts()).maps() == {}
