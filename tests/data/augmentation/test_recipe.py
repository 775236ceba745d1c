"""Changes are made in order, as often as the recipe says, and never to the last of the brain."""

import numpy as np
import pytest

from petsynth.data.augmentation import recipe
from petsynth.data.augmentation.pair import VolumePair
from petsynth.data.augmentation.recipe import RECIPE, SMALLEST_BRAIN, augment


@pytest.fixture
def head():
    ones = np.ones((11, 10, 10), np.float32)
    return VolumePair(ones, ones > 0, ones[np.newaxis], 4.0)


def brighter(random, head):
    return head.with_mri(head.mri + 1)


def doubled(random, head):
    return head.with_mri(head.mri * 2)


def cut_to(voxels):
    """Return a change that leaves this many voxels."""

    def cut(random, head):
        visible = np.arange(head.mri.size).reshape(head.mri.shape) < voxels
        return head.where(visible, visible.astype(np.float32))

    return cut


def test_changes_are_made_in_order(monkeypatch, head):
    monkeypatch.setattr(recipe, "RECIPE", ((brighter, 1.0), (doubled, 1.0)))
    assert (augment(np.random.default_rng(0), head).mri == 4).all()
    monkeypatch.setattr(recipe, "RECIPE", ((doubled, 1.0), (brighter, 1.0)))
    assert (augment(np.random.default_rng(0), head).mri == 3).all()


def test_a_change_is_made_as_often_as_its_probability(monkeypatch, head):
    monkeypatch.setattr(recipe, "RECIPE", ((brighter, 0.25), (doubled, 0.0)))
    values = [augment(np.random.default_rng(key), head).mri[0, 0, 0] for key in range(400)]

    assert set(values) == {1, 2}
    assert 60 < values.count(2) < 140


def test_what_leaves_too_little_brain_is_taken_back_and_the_rest_goes_on(monkeypatch, head):
    changes = (cut_to(SMALLEST_BRAIN - 1), 1.0), (brighter, 1.0)
    monkeypatch.setattr(recipe, "RECIPE", changes)
    changed = augment(np.random.default_rng(0), head)
    assert changed.mask.all()
    assert (changed.mri == 2).all()

    monkeypatch.setattr(recipe, "RECIPE", ((cut_to(SMALLEST_BRAIN), 1.0),))
    assert augment(np.random.default_rng(0), head).mask.sum() == SMALLEST_BRAIN


def test_heads_are_moved_before_they_are_seen_and_stored_last():
    names = [change.__name__ for change, _ in RECIPE]

    assert (names[0], names[-1]) == ("move_volume", "quantise")
    assert names.index("cut_thick_slices") < names.index("add_noise")  # noise is of the scanner
    assert all(0 < probability <= 1 for _, probability in RECIPE)
