"""Augmentation: what each change does, and that a key decides all of it."""

import numpy as np
import pytest
from scipy import ndimage

from petsynth.data.augmentation.contrast import (
    add_noise,
    add_shading,
    change_contrast,
    enlarge,
    quantise,
)
from petsynth.data.augmentation.field_of_view import (
    cut_field_of_view,
    deface,
    spill,
    strip_skull,
)
from petsynth.data.augmentation.geometry import draw_matrix, move_volume
from petsynth.data.augmentation.pair import VolumePair
from petsynth.data.augmentation.recipe import RECIPE, SMALLEST_BRAIN, augment
from petsynth.data.augmentation.sampling import blur, cut_thick_slices, resample_thick, sharpen


@pytest.fixture(scope="module")
def head():
    """A bright ball (brain) in a dimmer one (head), 4 mm voxels, with a PET of the brain."""
    index = np.indices((40, 48, 40), dtype=np.float32)
    centre = np.array([20, 24, 20], np.float32).reshape(3, 1, 1, 1)
    distance = np.sqrt(((index - centre) ** 2).sum(axis=0))
    mask = distance < 13
    mri = np.where(mask, 0.8, np.where(distance < 17, 0.4, 0)).astype(np.float32)
    mri[mask & (index[0] > 24)] = 1.0
    pet = np.stack([mask * 1.5, mask * 1.2]).astype(np.float32)
    return VolumePair(mri, mask, pet, 4.0)


@pytest.mark.parametrize("change", [change for change, _ in RECIPE], ids=lambda c: c.__name__)
def test_a_change_keeps_shapes_and_is_decided_by_its_key(head, change):
    one, again, other = (change(np.random.default_rng(key), head) for key in (3, 3, 4))

    assert one.mri.shape == head.mri.shape
    assert one.mri.dtype == np.float32
    assert one.pet.shape == head.pet.shape
    assert np.isfinite(one.mri).all()
    np.testing.assert_array_equal(one.mri, again.mri)
    np.testing.assert_array_equal(one.pet, again.pet)
    assert not np.array_equal(one.mri, other.mri)


@pytest.mark.parametrize(
    "change", [change_contrast, add_shading, add_noise, quantise, blur, sharpen, cut_thick_slices]
)
def test_appearance_leaves_pet_and_mask_alone(head, change):
    changed = change(np.random.default_rng(0), head)

    assert changed.pet is head.pet
    assert changed.mask is head.mask


@pytest.mark.parametrize("key", range(12))
def test_contrast_is_never_inverted(head, key):
    changed = change_contrast(np.random.default_rng(key), head)
    inner = ndimage.binary_erosion(head.mask, iterations=6)
    dim, bright = (changed.mri[inner & (head.mri == value)].mean() for value in (0.8, 1.0))

    assert dim < bright


def test_mri_and_pet_move_together(head):
    moved = move_volume(np.random.default_rng(1), head)
    before, after = (
        (ndimage.center_of_mass(each.mask), ndimage.center_of_mass(each.pet[0]))
        for each in (head, moved)
    )

    np.testing.assert_allclose(before[0], before[1], atol=0.1)
    np.testing.assert_allclose(after[0], after[1], atol=0.3)
    assert np.abs(np.subtract(before[0], after[0])).max() > 0.3


def test_heads_are_turned_and_scaled_a_little():
    matrices = [draw_matrix(np.random.default_rng(key)) for key in range(300)]
    volumes = [np.linalg.det(matrix) for matrix in matrices]

    assert 0.5 < min(volumes) < 0.9
    assert 1.1 < max(volumes) < 2
    assert max(np.abs(matrix[0, 1]) for matrix in matrices) < 0.5


def test_thick_slices_keep_a_slope_and_blur_an_edge():
    slope = np.arange(24, dtype=np.float32).reshape(24, 1, 1)
    edge = (slope >= 12).astype(np.float32)

    np.testing.assert_allclose(resample_thick(slope, 0, 1.0, 0.0), slope, atol=1e-5)
    np.testing.assert_allclose(resample_thick(slope, 0, 3.0, 0.4)[6:18], slope[6:18], atol=0.6)
    blurred = resample_thick(edge, 0, 3.0, 0.0).ravel()
    assert ((blurred > 0.05) & (blurred < 0.95)).sum() >= 2
    np.testing.assert_allclose(blurred[[3, 20]], [0, 1], atol=1e-6)


def test_quantising_leaves_few_levels(head):
    random = np.random.default_rng(0)
    noisy = add_noise(random, head)

    assert len(np.unique(quantise(random, noisy).mri)) <= 257 < len(np.unique(noisy.mri))


def test_a_stripped_head_is_dark_outside_the_brain_in_both_images(head):
    stripped = strip_skull(np.random.default_rng(0), head)
    far = ~ndimage.binary_dilation(head.mask, iterations=5)

    assert (stripped.mri[far] == 0).all()
    assert (stripped.pet[:, far] == 0).all()
    inner = ndimage.binary_erosion(head.mask, iterations=2)
    np.testing.assert_array_equal(stripped.mri[inner], head.mri[inner])


def test_defacing_takes_the_front_and_spares_the_brain(head):
    defaced = deface(np.random.default_rng(0), head)

    np.testing.assert_array_equal(defaced.mask, head.mask)
    gone = (head.mri > 0) & (defaced.mri == 0)
    assert gone.any()
    assert np.argwhere(gone)[:, 1].mean() > 30  # the front is at high y; the middle at 24


def test_a_cut_head_has_no_pet_beyond_the_cut(head):
    cut = cut_field_of_view(np.random.default_rng(2), head)
    lost = head.mask & ~cut.mask

    assert lost.any()
    assert cut.pet[0][lost].mean() < 0.7 * head.pet[0][lost].mean()


def test_spill_falls_from_one_to_nothing():
    visible = np.zeros((21, 5, 5), bool)
    visible[:10] = True
    share = spill(visible, 2.0)[:, 2, 2]

    assert (share[:10] == 1).all()
    assert (np.diff(share[9:]) <= 0).all()
    assert share[13:].max() == 0


def test_shading_is_smooth():
    field = enlarge(np.random.default_rng(0).standard_normal((4, 4, 4)), (40, 40, 40))

    assert field.shape == (40, 40, 40)
    assert max(np.abs(np.diff(field, axis=axis)).max() for axis in range(3)) < 0.35


@pytest.mark.parametrize("key", range(8))
def test_enough_brain_is_always_left(head, key):
    assert augment(np.random.default_rng(key), head).mask.sum() >= SMALLEST_BRAIN
