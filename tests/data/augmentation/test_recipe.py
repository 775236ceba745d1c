"""Changes are made in order, as often as the recipe says, and never to the last of the brain."""

import numpy as np
import pytest

from petsynth.data.augmentation import recipe
from petsynth.data.augmentation.contrast import (
    add_noise,
    add_shading,
    change_contrast,
    quantise,
)
from petsynth.data.augmentation.pair import VolumePair
from petsynth.data.augmentation.recipe import RECIPE, SMALLEST_BRAIN, augment
from petsynth.data.augmentation.sampling import blur, cut_thick_slices, sharpen


@pytest.fixture
def pair():
    ones = np.ones((11, 10, 10), np.float32)
    return VolumePair(ones, ones > 0, ones[np.newaxis], 4.0)


def brighter(random, pair):
    return pair.with_mri(pair.mri + 1)


def doubled(random, pair):
    return pair.with_mri(pair.mri * 2)


def cut_to(voxels):
    """Return a change that leaves this many voxels."""

    def cut(random, pair):
        visible = np.arange(pair.mri.size).reshape(pair.mri.shape) < voxels
        return pair.where(visible, visible.astype(np.float32))

    return cut


def test_changes_are_made_in_order(monkeypatch, pair):
    monkeypatch.setattr(recipe, "RECIPE", ((brighter, 1.0), (doubled, 1.0)))
    assert (augment(np.random.default_rng(0), pair).mri == 4).all()
    monkeypatch.setattr(recipe, "RECIPE", ((doubled, 1.0), (brighter, 1.0)))
    assert (augment(np.random.default_rng(0), pair).mri == 3).all()


def test_a_change_is_made_as_often_as_its_probability(monkeypatch, pair):
    monkeypatch.setattr(recipe, "RECIPE", ((brighter, 0.25), (doubled, 0.0)))
    values = [augment(np.random.default_rng(key), pair).mri[0, 0, 0] for key in range(400)]

    assert set(values) == {1, 2}
    assert 60 < values.count(2) < 140


def test_what_leaves_too_little_brain_is_taken_back_and_the_rest_goes_on(monkeypatch, pair):
    changes = (cut_to(SMALLEST_BRAIN - 1), 1.0), (brighter, 1.0)
    monkeypatch.setattr(recipe, "RECIPE", changes)
    changed = augment(np.random.default_rng(0), pair)
    assert changed.mask.all()
    assert (changed.mri == 2).all()

    monkeypatch.setattr(recipe, "RECIPE", ((cut_to(SMALLEST_BRAIN), 1.0),))
    assert augment(np.random.default_rng(0), pair).mask.sum() == SMALLEST_BRAIN


def test_subjects_are_moved_before_they_are_seen_and_stored_last():
    names = [change.__name__ for change, _ in RECIPE]

    assert (names[0], names[-1]) == ("transform_volume", "quantise")
    assert names.index("cut_thick_slices") < names.index("add_noise")  # noise is of the scanner
    assert all(0 < probability <= 1 for _, probability in RECIPE)


@pytest.mark.parametrize("change", [change for change, _ in RECIPE], ids=lambda c: c.__name__)
def test_a_change_keeps_shapes_and_is_decided_by_its_key(ball, change):
    one, again, other = (change(np.random.default_rng(key), ball) for key in (3, 3, 4))

    assert one.mri.shape == ball.mri.shape
    assert one.mri.dtype == np.float32
    assert one.pet.shape == ball.pet.shape
    assert np.isfinite(one.mri).all()
    np.testing.assert_array_equal(one.mri, again.mri)
    np.testing.assert_array_equal(one.pet, again.pet)
    assert not np.array_equal(one.mri, other.mri)


@pytest.mark.parametrize(
    "change", [change_contrast, add_shading, add_noise, quantise, blur, sharpen, cut_thick_slices]
)
def test_appearance_leaves_pet_and_mask_alone(ball, change):
    changed = change(np.random.default_rng(0), ball)

    assert changed.pet is ball.pet
    assert changed.mask is ball.mask


@pytest.mark.parametrize("key", range(8))
def test_enough_brain_is_always_left(ball, key):
    assert augment(np.random.default_rng(key), ball).mask.sum() >= SMALLEST_BRAIN
