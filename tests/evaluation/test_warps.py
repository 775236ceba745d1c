"""Deformations to MNI space: found once, and only where subjects lie on MNI axes."""

from types import SimpleNamespace

import numpy as np
import pytest

from petsynth.data.prepared import PreparedData
from petsynth.errors import InputError, RegistrationError
from petsynth.evaluation import warps
from petsynth.evaluation.warps import FINEST_MM, SubjectWarps, is_possible


@pytest.fixture
def data(tiny_prepared):
    return PreparedData(tiny_prepared)


def test_a_deformation_is_found_once(data, monkeypatch):
    calls = []
    monkeypatch.setattr(warps, "warp_to_mni", lambda *args, **more: calls.append(more) or object())
    found = SubjectWarps(data)
    name = data.participants("test")[0]
    assert found.find(name) is found.find(name)
    assert calls == [{"voxel_mm": data.grid.voxel_mm[0]}]
    assert found.voxel_mm >= FINEST_MM


def test_what_cannot_be_deformed_is_named(data, monkeypatch):
    def fail(*args, **more):
        raise RegistrationError("no overlap")

    monkeypatch.setattr(warps, "warp_to_mni", fail)
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
