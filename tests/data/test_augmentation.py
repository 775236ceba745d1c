"""Poses, fields of view, contrasts and coarser scans, each by itself, and the recipe of all."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from petsynth.data import augmentation
from petsynth.data.augmentation import (
    BLUR_MM,
    FEWEST_LEVELS,
    LARGEST_CUT,
    NOISE,
    RECIPE,
    SHARPENING,
    SHIFT_MM,
    SMALLEST_BRAIN,
    VolumePair,
    add_noise,
    add_shading,
    augment,
    blur,
    change_contrast,
    cut_field_of_view,
    cut_thick_slices,
    deface,
    enlarge,
    quantise,
    resample_thick,
    sample_matrix,
    sharpen,
    spill,
    strip_skull,
    transform_volume,
)


@pytest.fixture(scope="session")
def ball():
    """Return a bright ball (brain) in a dimmer one (head), 4 mm voxels, with a PET of the brain."""
    index = np.indices((40, 48, 40), dtype=np.float32)
    centre = np.array([20, 24, 20], np.float32).reshape(3, 1, 1, 1)
    distance = np.sqrt(((index - centre) ** 2).sum(axis=0))
    mask = distance < 13
    mri = np.where(mask, 0.8, np.where(distance < 17, 0.4, 0)).astype(np.float32)
    mri[mask & (index[0] > 24)] = 1.0
    pet = np.stack([mask * 1.5, mask * 1.2]).astype(np.float32)
    return VolumePair(mri, mask, pet, 4.0)


@pytest.fixture
def four_voxels():
    mri = np.array([0.2, 0.4, 0.6, 0.8], np.float32).reshape(4, 1, 1)
    mask = np.array([False, True, True, True]).reshape(4, 1, 1)
    return VolumePair(mri, mask, np.stack([mri, 10 * mri]), 3.0)


def test_another_t1_is_float32_and_leaves_the_rest(four_voxels):
    other = four_voxels.with_mri(np.ones((4, 1, 1)))

    assert other.mri.dtype == np.float32
    assert (other.mri == 1).all()
    assert (other.mask is four_voxels.mask, other.pet is four_voxels.pet, other.voxel_mm) == (
        True,
        True,
        3.0,
    )
    assert four_voxels.mri[0, 0, 0] == np.float32(0.2)


def test_what_is_not_visible_is_air_no_brain_and_has_a_fraction_of_the_pet(four_voxels):
    visible = np.array([True, True, False, False]).reshape(4, 1, 1)
    seen = np.array([1, 1, 0.5, 0], np.float32).reshape(4, 1, 1)

    left = four_voxels.where(visible, seen)

    np.testing.assert_allclose(left.mri.ravel(), [0.2, 0.4, 0, 0])
    assert left.mri.dtype == np.float32
    assert left.mask.ravel().tolist() == [False, True, False, False]
    np.testing.assert_allclose(left.pet[0].ravel(), [0.2, 0.4, 0.3, 0])
    np.testing.assert_allclose(left.pet[1].ravel(), [2, 4, 3, 0])
    assert left.voxel_mm == 3.0
    np.testing.assert_allclose(four_voxels.pet[1].ravel(), [2, 4, 6, 8])


VOXEL_MM = 4.0


@pytest.fixture
def lopsided():
    """A brain of a different brightness in each corner, away from the border."""
    mask = np.zeros((18, 20, 22), bool)
    mask[6:12, 7:13, 8:14] = True
    mri = np.random.default_rng(0).random(mask.shape, np.float32) * mask
    return VolumePair(mri, mask, np.stack([mri, 2 * mri]), VOXEL_MM)


def allow(monkeypatch, **largest):
    """Switch off every kind of movement but those that are named."""
    for name in ("ROTATION_DEGREES", "SHIFT_MM", "SIZE", "STRETCH"):
        monkeypatch.setattr(augmentation, name, largest.get(name, 0.0))


def test_mni_coordinates_go_with_the_anatomy(monkeypatch, lopsided):
    allow(monkeypatch, ROTATION_DEGREES=6.0, SHIFT_MM=8.0, SIZE=0.06)
    mask = np.zeros((30, 30, 30), bool)
    mask[8:22, 8:22, 8:22] = True
    index = np.indices(mask.shape).astype(np.float32)
    to_mni = np.diag([2.0, 2.0, 2.0, 1.0])
    to_mni[:3, 3] = -29.0  # x = 0 in the middle
    pair = VolumePair(mask.astype(np.float32), mask, index, 2.0, to_mni)
    flipped = set()
    for key in range(6):
        moved = transform_volume(np.random.default_rng(key), pair)
        inside = np.argwhere(moved.mask)
        before = moved.pet[:, moved.mask].T  # where each voxel's anatomy was
        wanted = before @ to_mni[:3, :3].T + to_mni[:3, 3]
        found = inside @ moved.to_mni[:3, :3].T + moved.to_mni[:3, 3]
        same_side = np.allclose(found[:, 0], wanted[:, 0], atol=1e-2)
        flipped.add(not same_side)
        wanted[:, 0] *= 1 if same_side else -1  # a flipped head's left is on the left
        np.testing.assert_allclose(found, wanted, atol=1e-2)
    assert flipped == {True, False}


def test_half_of_the_subjects_are_flipped_left_to_right(monkeypatch, lopsided):
    allow(monkeypatch)
    flipped = 0
    for key in range(40):
        moved = transform_volume(np.random.default_rng(key), lopsided)
        is_flipped = not np.allclose(moved.mri, lopsided.mri, atol=1e-5)
        expected = lopsided.mri[::-1] if is_flipped else lopsided.mri
        np.testing.assert_allclose(moved.mri, expected, atol=1e-5)
        flipped += is_flipped

    assert 10 < flipped < 30


def test_a_shift_is_at_most_as_many_millimetres_along_each_axis(monkeypatch, lopsided):
    allow(monkeypatch, SHIFT_MM=SHIFT_MM)
    even = VolumePair(
        lopsided.mask.astype(np.float32), lopsided.mask, lopsided.pet, lopsided.voxel_mm
    )
    before = np.array([8.5, 9.5, 10.5])  # flipping changes nothing: the box is in the middle
    shifts = []
    for key in range(40):
        centre = ndimage.center_of_mass(transform_volume(np.random.default_rng(key), even).mri)
        shifts.append(np.abs(centre - before) * VOXEL_MM)

    assert np.max(shifts) <= SHIFT_MM + 1e-3
    assert (np.max(shifts, axis=0) > 0.8 * SHIFT_MM).all()


def test_without_another_size_the_matrix_is_a_small_rotation(monkeypatch):
    allow(monkeypatch, ROTATION_DEGREES=6.0)
    for key in range(20):
        matrix = sample_matrix(np.random.default_rng(key))
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(matrix) == pytest.approx(1)
        assert matrix.trace() >= 1 + 2 * np.cos(np.deg2rad(3 * 18))  # three rotations of 18 degrees


def test_without_a_rotation_each_axis_is_stretched_by_at_most_a_fifth(monkeypatch):
    allow(monkeypatch, SIZE=1.0, STRETCH=1.0)  # most draws reach the limit
    matrices = [sample_matrix(np.random.default_rng(key)) for key in range(20)]
    stretches = np.array([np.diag(matrix) for matrix in matrices])

    for matrix, stretch in zip(matrices, stretches, strict=True):
        np.testing.assert_array_equal(matrix, np.diag(stretch))
    assert np.log(stretches).min() == pytest.approx(-0.2)
    assert np.log(stretches).max() == pytest.approx(0.2)


def test_size_is_common_and_stretch_of_each_axis(monkeypatch):
    allow(monkeypatch, SIZE=0.06)
    common = np.diag(sample_matrix(np.random.default_rng(0)))
    allow(monkeypatch, STRETCH=0.03)
    own = np.diag(sample_matrix(np.random.default_rng(0)))

    assert common[0] == common[1] == common[2] != 1
    assert len(set(own)) == 3


def test_all_images_move_alike_and_air_comes_in(lopsided):
    moved = transform_volume(np.random.default_rng(5), lopsided)

    np.testing.assert_array_equal(moved.pet[0], moved.mri)
    np.testing.assert_allclose(moved.pet[1], 2 * moved.mri, atol=1e-6)
    assert moved.mask.dtype == bool
    assert (moved.mri[[0, -1]] == 0).all()
    assert moved.voxel_mm == VOXEL_MM


def test_mri_and_pet_move_together(ball):
    moved = transform_volume(np.random.default_rng(1), ball)
    before, after = (
        (ndimage.center_of_mass(each.mask), ndimage.center_of_mass(each.pet[0]))
        for each in (ball, moved)
    )

    np.testing.assert_allclose(before[0], before[1], atol=0.1)
    np.testing.assert_allclose(after[0], after[1], atol=0.3)
    assert np.abs(np.subtract(before[0], after[0])).max() > 0.3


def test_subjects_are_rotated_and_scaled_a_little():
    matrices = [sample_matrix(np.random.default_rng(key)) for key in range(300)]
    volumes = [np.linalg.det(matrix) for matrix in matrices]

    assert 0.5 < min(volumes) < 0.9
    assert 1.1 < max(volumes) < 2
    assert max(np.abs(matrix[0, 1]) for matrix in matrices) < 0.5


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


CONTRAST_SHAPE = (20, 20, 20)


def pair_with_mask(mri, mask=True):
    mri = np.asarray(mri, np.float32)
    return VolumePair(mri, np.broadcast_to(mask, mri.shape), mri[np.newaxis], 4.0)


@pytest.fixture
def ramp():
    """A subject without air: all intensities from 0 to 2 in order."""
    return pair_with_mask(np.linspace(0, 2, 8000).reshape(CONTRAST_SHAPE))


@pytest.mark.parametrize("key", range(8))
def test_contrast_is_a_rising_curve_from_0_to_1_in_the_brain(ramp, key):
    changed = change_contrast(np.random.default_rng(key), ramp).mri.ravel()

    assert changed[0] == 0
    assert (np.diff(changed) >= -1e-6).all()
    np.testing.assert_allclose(changed[6000:], 1, atol=1e-5)  # 1.5 and above is all the brightest


def test_brightness_outside_the_brain_is_another_one():
    mask = np.zeros(CONTRAST_SHAPE, bool)
    mask[:10] = True
    inside, outside = [], []
    for key in range(20):
        changed = change_contrast(
            np.random.default_rng(key), pair_with_mask(np.ones(CONTRAST_SHAPE), mask)
        ).mri
        inside.append(changed[0, 0, 0])
        outside.append(changed[-1, 0, 0])
    factor = np.divide(outside, inside)

    assert 4 < np.isclose(factor, 1, atol=1e-5).sum() < 16  # about half of the subjects keep it
    assert factor.min() < 0.9
    assert factor.max() > 1.1


def test_shading_is_a_factor_that_does_not_depend_on_the_image(ramp):
    one, double = (
        add_shading(np.random.default_rng(3), pair).mri
        for pair in (ramp, pair_with_mask(2 * ramp.mri))
    )

    np.testing.assert_allclose(double, 2 * one, rtol=1e-6)
    assert (one[ramp.mri > 0] > 0).all()
    assert np.ptp(np.log(one[ramp.mri > 0] / ramp.mri[ramp.mri > 0])) > 0.05


def test_enlarging_is_linear_between_points():
    coarse = np.array([0.0, 1.0]).reshape(2, 1, 1)

    field = enlarge(coarse, (5, 2, 3))

    assert field.dtype == np.float32
    assert field.shape == (5, 2, 3)
    for column in field.reshape(5, -1).T:
        np.testing.assert_allclose(column, [0, 0.25, 0.5, 0.75, 1])


def test_enlarging_keeps_an_even_field():
    np.testing.assert_allclose(enlarge(np.full((4, 4, 4), 0.3), (25, 31, 7)), 0.3, rtol=1e-6)


def test_noise_of_air_is_rayleighs():
    """Mean over standard deviation of a Rayleigh distribution: the root of pi / (4 - pi)."""
    air = pair_with_mask(np.zeros(CONTRAST_SHAPE))
    noisy = [add_noise(np.random.default_rng(key), air).mri for key in range(8)]

    for image in noisy:
        assert image.min() >= 0
        assert image.mean() / image.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.04)
    levels = [image.mean() / np.sqrt(np.pi / 2) for image in noisy]
    assert max(levels) <= 1.02 * NOISE
    assert max(levels) > 3 * min(levels)


@pytest.mark.parametrize("key", range(6))
def test_grey_levels_are_evenly_spaced_from_0_to_the_brightest(ramp, key):
    quantised = quantise(np.random.default_rng(key), ramp).mri
    values = np.unique(quantised.astype(np.float64).round(5))

    assert FEWEST_LEVELS + 1 <= len(values) <= 256
    np.testing.assert_allclose(np.diff(values), values[-1] / (len(values) - 1), atol=3e-5)
    assert values[0] == 0
    assert 2 * 0.99 - 1e-3 <= values[-1] <= 2
    below = ramp.mri <= values[-1]
    half_a_level = 0.5 * values[-1] / (len(values) - 1)
    assert np.abs(quantised - ramp.mri)[below].max() <= half_a_level + 1e-5


def test_a_black_image_stays_black():
    np.testing.assert_array_equal(
        quantise(np.random.default_rng(0), pair_with_mask(np.zeros(CONTRAST_SHAPE))).mri, 0
    )


@pytest.mark.parametrize("key", range(12))
def test_contrast_is_never_inverted(ball, key):
    changed = change_contrast(np.random.default_rng(key), ball)
    inner = ndimage.binary_erosion(ball.mask, iterations=6)
    dim, bright = (changed.mri[inner & (ball.mri == value)].mean() for value in (0.8, 1.0))

    assert dim < bright


def test_quantising_leaves_few_levels(ball):
    random = np.random.default_rng(0)
    noisy = add_noise(random, ball)

    assert len(np.unique(quantise(random, noisy).mri)) <= 257 < len(np.unique(noisy.mri))


def test_shading_is_smooth():
    field = enlarge(np.random.default_rng(0).standard_normal((4, 4, 4)), (40, 40, 40))

    assert field.shape == (40, 40, 40)
    assert max(np.abs(np.diff(field, axis=axis)).max() for axis in range(3)) < 0.35


def pair_of(mri, voxel_mm=1.0):
    mri = np.asarray(mri, np.float32)
    return VolumePair(mri, mri > 0, mri[np.newaxis], voxel_mm)


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        # slices 0-2 and 2-4 have means 1 and 5 at 1 and 3; the voxels lie at 0.5, 1.5, 2.5, 3.5
        (0.0, [1.0, 2.0, 4.0, 5.0]),
        # slices -1-1, 1-3 and 3-5 have means 0, 3 and 6 at 0, 2 and 4
        (0.5, [0.75, 2.25, 3.75, 5.25]),
    ],
)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_of_two_voxels_by_hand(axis, phase, expected):
    shape = [1, 1, 1]
    shape[axis] = 4
    image = np.array([0, 2, 4, 6], np.float32).reshape(shape)

    thick = resample_thick(image, axis, 2.0, phase)

    assert thick.shape == image.shape
    np.testing.assert_allclose(thick.ravel(), expected, atol=1e-6)


@pytest.mark.parametrize("thickness", [1.0, 1.7, 3.3, 6.5])
@pytest.mark.parametrize("phase", [0.0, 0.3, 0.99])
def test_what_is_even_stays_so_up_to_the_border(thickness, phase):
    image = np.full((3, 17, 2), 0.7, np.float32)

    np.testing.assert_allclose(resample_thick(image, 1, thickness, phase), image, rtol=1e-6)


def test_slices_lie_across_one_axis_and_across_each_in_turn():
    noise = np.random.default_rng(0).random(12).astype(np.float32)
    images = [np.broadcast_to(noise.reshape(shape), (12,) * 3) for shape in (
        (12, 1, 1), (1, 12, 1), (1, 1, 12)
    )]  # fmt: skip
    seen = set()
    for key in range(20):
        changed = [
            axis
            for axis, image in enumerate(images)
            if not np.allclose(cut_thick_slices(np.random.default_rng(key), pair_of(image)).mri,
                               image, atol=1e-5)
        ]  # fmt: skip
        assert len(changed) == 1
        seen.update(changed)

    assert seen == {0, 1, 2}


def spread_mm(image, voxel_mm):
    """Return the standard deviation along each axis of what has become of one bright voxel."""
    place = (np.arange(len(image)) - len(image) // 2) * voxel_mm
    profiles = [image.sum(axis=tuple({0, 1, 2} - {axis})) for axis in range(3)]
    return np.sqrt([(profile * place**2).sum() / profile.sum() for profile in profiles])


def impulse(side=21):
    image = np.zeros((side,) * 3, np.float32)
    image[(side // 2,) * 3] = 1
    return image


@pytest.mark.parametrize("key", [0, 1, 2])
def test_blur_is_even_keeps_the_sum_and_has_a_limit(key):
    blurred = blur(np.random.default_rng(key), pair_of(impulse())).mri
    spread = spread_mm(blurred, 1.0)

    assert blurred.sum() == pytest.approx(1, rel=1e-4)
    np.testing.assert_allclose(spread, spread[0], rtol=1e-4)
    assert 0 < spread[0] <= BLUR_MM / 2.3548


def test_blur_is_in_millimetres_whatever_the_voxels():
    one, half = (
        spread_mm(blur(np.random.default_rng(0), pair_of(impulse(31), edge)).mri, edge)
        for edge in (1.0, 0.5)
    )

    assert half[0] == pytest.approx(one[0], rel=0.05)


@pytest.mark.parametrize("key", [0, 1, 2])
def test_sharpening_exaggerates_an_edge_and_leaves_even_places(key):
    image = np.full((16, 9, 9), 0.2, np.float32)
    image[8:] = 0.8
    sharp = sharpen(np.random.default_rng(key), pair_of(image)).mri[:, 4, 4]

    np.testing.assert_allclose(sharp[[0, 1, 14, 15]], [0.2, 0.2, 0.8, 0.8], atol=1e-6)
    assert 0.8 < sharp[8] <= 0.8 + SHARPENING * 0.3 + 1e-6  # half of the step is taken away at most
    assert 0.2 > sharp[7] >= 0


def test_sharpening_makes_nothing_negative():
    assert sharpen(np.random.default_rng(0), pair_of(impulse())).mri.min() == 0


def test_thick_slices_keep_a_slope_and_blur_an_edge():
    slope = np.arange(24, dtype=np.float32).reshape(24, 1, 1)
    edge = (slope >= 12).astype(np.float32)

    np.testing.assert_allclose(resample_thick(slope, 0, 1.0, 0.0), slope, atol=1e-5)
    np.testing.assert_allclose(resample_thick(slope, 0, 3.0, 0.4)[6:18], slope[6:18], atol=0.6)
    blurred = resample_thick(edge, 0, 3.0, 0.0).ravel()
    assert ((blurred > 0.05) & (blurred < 0.95)).sum() >= 2
    np.testing.assert_allclose(blurred[[3, 20]], [0, 1], atol=1e-6)


@pytest.fixture
def block():
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


def test_changes_are_made_in_order(monkeypatch, block):
    monkeypatch.setattr(augmentation, "RECIPE", ((brighter, 1.0), (doubled, 1.0)))
    assert (augment(np.random.default_rng(0), block).mri == 4).all()
    monkeypatch.setattr(augmentation, "RECIPE", ((doubled, 1.0), (brighter, 1.0)))
    assert (augment(np.random.default_rng(0), block).mri == 3).all()


def test_a_change_is_made_as_often_as_its_probability(monkeypatch, block):
    monkeypatch.setattr(augmentation, "RECIPE", ((brighter, 0.25), (doubled, 0.0)))
    values = [augment(np.random.default_rng(key), block).mri[0, 0, 0] for key in range(400)]

    assert set(values) == {1, 2}
    assert 60 < values.count(2) < 140


def test_what_leaves_too_little_brain_is_taken_back_and_the_rest_goes_on(monkeypatch, block):
    changes = (cut_to(SMALLEST_BRAIN - 1), 1.0), (brighter, 1.0)
    monkeypatch.setattr(augmentation, "RECIPE", changes)
    changed = augment(np.random.default_rng(0), block)
    assert changed.mask.all()
    assert (changed.mri == 2).all()

    monkeypatch.setattr(augmentation, "RECIPE", ((cut_to(SMALLEST_BRAIN), 1.0),))
    assert augment(np.random.default_rng(0), block).mask.sum() == SMALLEST_BRAIN


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
