"""Means per region by hand: what has none says why, and is never 0."""

import numpy as np
import pytest

from petsynth.regional.means import MIN_ML, RegionMean, label_means, mask_mean, pooled


@pytest.mark.parametrize("seed", range(3))
def test_means_of_labels_are_those_of_masks(seed):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, (8, 8, 8))
    pet = random.normal(1.5, 0.3, labels.shape)
    pet[labels == 3][:5] = np.nan
    for label, found in label_means(labels, pet, 0.1, [1, 2, 3]).items():
        alone = mask_mean(labels == label, pet, 0.1)
        assert found.mean == pytest.approx(np.nanmean(pet[labels == label]))
        assert found.mean == pytest.approx(alone.mean)
        assert (found.ml, found.covered_fraction) == (alone.ml, alone.covered_fraction)


@pytest.mark.parametrize(
    ("covered", "voxel_ml", "note"),
    [
        (10, MIN_ML / 20, "too small"),
        (0, 1.0, "outside the PET's field of view"),
        (2, 1.0, "the PET covers 20%"),
    ],
)
def test_what_has_no_mean_says_why(covered, voxel_ml, note):
    pet = np.full(10, np.nan)
    pet[:covered] = 1.0
    found = label_means(np.ones(10, int), pet, voxel_ml, [1])[1]
    assert np.isnan(found.mean)
    assert found.note.startswith(note)
    assert found.covered_fraction == covered / 10


def test_an_empty_region_is_not_zero():
    found = mask_mean(np.zeros(4, bool), np.ones(4), 1.0)
    assert np.isnan(found.mean)
    assert (found.ml, found.note) == (0, "not in the labels")


def test_regions_are_pooled_by_covered_volume_and_need_all_parts():
    one, other = RegionMean(1.0, 2.0, 1.0), RegionMean(4.0, 2.0, 0.5)
    assert pooled([one, other]) == pytest.approx((2 * 1 + 1 * 4) / 3)
    assert np.isnan(pooled([one, RegionMean(np.nan, 0, np.nan, "not in the labels")]))
    assert np.isnan(pooled([]))
