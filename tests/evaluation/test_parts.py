"""Errors by depth, and inside and around lesions, by hand."""

import numpy as np
import pytest

from petsynth.evaluation import parts
from petsynth.evaluation.parts import compute_depth_metrics, compute_lesion_metrics

SHAPE, VOXEL_MM = (12, 12, 12), (5.0, 5.0, 5.0)


@pytest.fixture
def lesion() -> np.ndarray:
    found = np.zeros(SHAPE, bool)
    found[5:7, 5:7, 5:7] = True
    return found


def measure(difference, lesion, counted=None) -> dict[str, float]:
    pet = np.ones(SHAPE)
    counted = np.ones(SHAPE, bool) if counted is None else counted
    return compute_lesion_metrics(pet, pet + difference, lesion, counted, VOXEL_MM)


def test_errors_inside_and_around_are_those_of_these_voxels(lesion):
    difference = np.where(lesion, 0.5, 0.0)
    difference[3, 5, 5] = 1.0  # two voxels, 10 mm, away
    difference[2, 5, 5] = 9.0  # 15 mm
    found = measure(difference, lesion)
    around = sum(  # voxels within two steps of the cube of two, as the distance goes
        0 < (max(5 - i, i - 6, 0) ** 2 + max(5 - j, j - 6, 0) ** 2 + max(5 - k, k - 6, 0) ** 2) <= 4
        for i in range(12) for j in range(12) for k in range(12)
    )  # fmt: skip
    assert found["inside_mae"] == found["inside_mean"] == 0.5
    assert found["around_mae"] == found["around_mean"] == pytest.approx(1 / around)


def test_errors_of_both_signs_cancel_in_the_difference_of_means_alone(lesion):
    difference = np.zeros(SHAPE)
    difference[5, 5:7, 5:7], difference[6, 5:7, 5:7] = 0.3, -0.3
    found = measure(difference, lesion)
    assert found["inside_mae"] == pytest.approx(0.3)
    assert found["inside_mean"] == pytest.approx(0, abs=1e-12)


def test_voxels_that_do_not_count_count_nothing(lesion):
    counted = np.ones(SHAPE, bool)
    counted[5] = False
    difference = np.zeros(SHAPE)
    difference[5] = 7.0
    assert set(measure(difference, lesion, counted).values()) == {0.0}


def test_without_a_lesion_there_is_nothing_to_measure():
    found = measure(np.ones(SHAPE), np.zeros(SHAPE, bool))
    assert all(np.isnan(value) for value in found.values())


def test_depth_counts_millimetres_from_the_surface():
    mask = np.ones((41, 41, 41), dtype=bool)  # the image ends where the brain does
    pet = np.zeros(mask.shape)
    synthetic_pet = pet.copy()
    synthetic_pet[20, 20, 20] = 8.0  # 42 mm deep: 21 voxels of 2 mm
    synthetic_pet[0, 0, 0] = 4.0  # 2 mm deep
    scores = compute_depth_metrics(pet, synthetic_pet, mask, (2.0, 2.0, 2.0))
    deeper = 17**3  # 13 voxels or more from the outside: 26 mm
    assert scores["centre"] == pytest.approx(8.0 / deeper)
    assert scores["rim"] == pytest.approx(4.0 / (41**3 - 31**3))
    assert scores["middle"] == 0
    shallow = compute_depth_metrics(pet[:3], pet[:3], mask[:3], (2.0, 2.0, 2.0))
    assert np.isnan(shallow["centre"])


def test_the_depth_of_a_brain_is_computed_once_for_all_methods(monkeypatch):
    parts._depth.cache_clear()
    calls = []
    made = parts.ndimage.distance_transform_edt
    monkeypatch.setattr(
        parts.ndimage, "distance_transform_edt", lambda *words: calls.append(1) or made(*words)
    )
    mask = np.ones((5, 5, 5), bool)
    pet = np.ones(mask.shape)
    for factor in (1, 2):
        found = parts.compute_depth_metrics(pet, factor * pet, mask, (1.0, 1.0, 1.0))
        assert found["rim"] == factor - 1
    assert len(calls) == 1
    parts.compute_depth_metrics(pet, pet, mask, (2.0, 1.0, 1.0))
    mask = mask.copy()
    mask[0] = False
    parts.compute_depth_metrics(pet, pet, mask, (1.0, 1.0, 1.0))
    assert len(calls) == 3
