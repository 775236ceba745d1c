"""What is left of a subject that is stripped, defaced or cut off."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from petsynth.data.augmentation.field_of_view import (
    LARGEST_CUT,
    cut_field_of_view,
    deface,
    spill,
    strip_skull,
)
from petsynth.data.augmentation.pair import VolumePair

BRAIN = slice(6, 16), slice(4, 14), slice(8, 18)
SHAPE = (22, 20, 24)


@pytest.fixture
def full():
    """A box of brain, 10 voxels a side, in an image that shows something everywhere."""
    mask = np.zeros(SHAPE, bool)
    mask[BRAIN] = True
    ones = np.ones(SHAPE, np.float32)
    return VolumePair(ones, mask, ones[np.newaxis], 4.0)


def test_skulls_are_stripped_sparingly_exactly_and_generously(full):
    shapes = {
        "sparing": ndimage.binary_erosion(full.mask).sum(),
        "exact": full.mask.sum(),
        "generous": ndimage.binary_dilation(full.mask).sum(),
        "very": ndimage.binary_dilation(full.mask, iterations=2).sum(),
    }
    stripped = [strip_skull(np.random.default_rng(key), full) for key in range(30)]

    assert {int(each.mri.sum()) for each in stripped} == {int(each) for each in shapes.values()}
    for each in stripped:
        np.testing.assert_array_equal(each.mask, full.mask & (each.mri > 0))


@pytest.mark.parametrize("key", range(6))
def test_the_lower_front_is_taken_and_the_upper_back_stays(full, key):
    defaced = deface(np.random.default_rng(key), full)

    assert (defaced.mri[:, -1, 0] == 0).all()
    assert (defaced.pet[0, :, -1, 0] == 0).all()
    assert (defaced.mri[:, 0, -1] == 1).all()
    assert (defaced.mri[full.mask] == 1).all()
    assert (defaced.pet[0][full.mask] == 1).all()
    for rows in defaced.mri:  # alike at the left and at the right, but for the brain itself
        np.testing.assert_array_equal(np.maximum(rows, full.mask[9]), np.maximum(
            defaced.mri[0], full.mask[9]))  # fmt: skip


def left_along(axis, image):
    others = tuple({0, 1, 2} - {axis})
    return int(image.any(axis=others).sum())


def test_one_or_two_sides_are_cut_above_and_below_most_often(full):
    times = np.zeros(3, int)
    for key in range(60):
        cut = cut_field_of_view(np.random.default_rng(key), full)
        is_cut = [left_along(axis, cut.mri) < SHAPE[axis] for axis in range(3)]
        times += is_cut
        assert sum(is_cut) in (1, 2)
        for axis in range(3):
            assert left_along(axis, cut.mask) >= 10 * (1 - LARGEST_CUT) - 1

    assert times[2] > 40
    assert times[2] > 2 * times[:2].max()
    assert times[:2].min() > 3


def test_the_kept_part_of_a_cut_image_is_a_box_that_is_as_it_was(full):
    cut = cut_field_of_view(np.random.default_rng(0), full)
    visible = cut.mri > 0
    sides = [left_along(axis, visible) for axis in range(3)]

    assert visible.sum() == np.prod(sides)
    np.testing.assert_array_equal(cut.mri[visible], 1)
    np.testing.assert_array_equal(cut.pet[0][visible], 1)
    np.testing.assert_array_equal(cut.mask, full.mask & visible)


def test_nothing_spills_where_all_or_nothing_is_visible():
    for everything in (True, False):
        fraction = spill(np.full((5, 5, 5), everything), 2.0)
        np.testing.assert_array_equal(fraction, float(everything))


def test_pet_spills_alike_to_all_sides():
    visible = np.zeros((13, 13, 13), bool)
    visible[4:9, 4:9, 4:9] = True
    fraction = spill(visible, 2.0)

    assert 0 < fraction[3, 6, 6] < 1
    for turned in (fraction[::-1], fraction.swapaxes(0, 1), fraction.swapaxes(0, 2)):
        np.testing.assert_allclose(fraction, turned, atol=1e-6)


def test_a_subject_without_a_brain_is_not_cut(full):
    empty = dataclasses.replace(full, mask=np.zeros_like(full.mask))
    cut = cut_field_of_view(np.random.default_rng(0), empty)
    np.testing.assert_array_equal(cut.mri, full.mri)


def test_a_stripped_subject_is_dark_outside_the_brain_in_both_images(ball):
    stripped = strip_skull(np.random.default_rng(0), ball)
    far = ~ndimage.binary_dilation(ball.mask, iterations=5)

    assert (stripped.mri[far] == 0).all()
    assert (stripped.pet[:, far] == 0).all()
    inner = ndimage.binary_erosion(ball.mask, iterations=2)
    np.testing.assert_array_equal(stripped.mri[inner], ball.mri[inner])


def test_defacing_takes_the_front_and_spares_the_brain(ball):
    defaced = deface(np.random.default_rng(0), ball)

    np.testing.assert_array_equal(defaced.mask, ball.mask)
    gone = (ball.mri > 0) & (defaced.mri == 0)
    assert gone.any()
    assert np.argwhere(gone)[:, 1].mean() > 30  # the front is at high y; the middle at 24


def test_a_cut_subject_has_no_pet_beyond_the_cut(ball):
    cut = cut_field_of_view(np.random.default_rng(2), ball)
    lost = ball.mask & ~cut.mask

    assert lost.any()
    assert cut.pet[0][lost].mean() < 0.7 * ball.pet[0][lost].mean()


def test_spill_falls_from_one_to_nothing():
    visible = np.zeros((21, 5, 5), bool)
    visible[:10] = True
    fraction = spill(visible, 2.0)[:, 2, 2]

    assert (fraction[:10] == 1).all()
    assert (np.diff(fraction[9:]) <= 0).all()
    assert fraction[13:].max() == 0
