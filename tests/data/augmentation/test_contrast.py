"""Intensities, shading, noise and grey levels by themselves."""

import numpy as np
import pytest
from scipy import ndimage

from petsynth.data.augmentation.contrast import (
    FEWEST_LEVELS,
    NOISE,
    add_noise,
    add_shading,
    change_contrast,
    enlarge,
    quantise,
)
from petsynth.data.augmentation.pair import VolumePair

SHAPE = (20, 20, 20)


def pair_of(mri, mask=True):
    mri = np.asarray(mri, np.float32)
    return VolumePair(mri, np.broadcast_to(mask, mri.shape), mri[np.newaxis], 4.0)


@pytest.fixture
def ramp():
    """A subject without air: all intensities from 0 to 2 in order."""
    return pair_of(np.linspace(0, 2, 8000).reshape(SHAPE))


@pytest.mark.parametrize("key", range(8))
def test_contrast_is_a_rising_curve_from_0_to_1_in_the_brain(ramp, key):
    changed = change_contrast(np.random.default_rng(key), ramp).mri.ravel()

    assert changed[0] == 0
    assert (np.diff(changed) >= -1e-6).all()
    np.testing.assert_allclose(changed[6000:], 1, atol=1e-5)  # 1.5 and above is all the brightest


def test_brightness_outside_the_brain_is_another_one():
    mask = np.zeros(SHAPE, bool)
    mask[:10] = True
    inside, outside = [], []
    for key in range(20):
        changed = change_contrast(np.random.default_rng(key), pair_of(np.ones(SHAPE), mask)).mri
        inside.append(changed[0, 0, 0])
        outside.append(changed[-1, 0, 0])
    factor = np.divide(outside, inside)

    assert 4 < np.isclose(factor, 1, atol=1e-5).sum() < 16  # about half of the subjects keep it
    assert factor.min() < 0.9
    assert factor.max() > 1.1


def test_shading_is_a_factor_that_does_not_depend_on_the_image(ramp):
    one, double = (
        add_shading(np.random.default_rng(3), pair).mri for pair in (ramp, pair_of(2 * ramp.mri))
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
    air = pair_of(np.zeros(SHAPE))
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
        quantise(np.random.default_rng(0), pair_of(np.zeros(SHAPE))).mri, 0
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
