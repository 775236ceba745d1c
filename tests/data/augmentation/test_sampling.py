"""Thick slices by hand, blur in millimetres, sharpening."""

import numpy as np
import pytest

from petsynth.data.augmentation.pair import VolumePair
from petsynth.data.augmentation.sampling import (
    BLUR_MM,
    SHARPENING,
    blur,
    cut_thick_slices,
    resample_thick,
    sharpen,
)


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
