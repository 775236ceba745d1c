"""The MRI scanner: brightness, shading and noise of an even head."""

import numpy as np
import pytest

from petsynth.simulation.mri import acquire_t1
from petsynth.volume import Grid

GRID = Grid((30, 32, 28), np.diag([5.0, 5.0, 5.0, 1.0]))


@pytest.fixture
def halves():
    """White matter on one side, air on the other."""
    signal = np.zeros(GRID.shape, np.float32)
    signal[15:] = 1
    return signal


def acquire(signal, seed=0):
    return acquire_t1(np.random.default_rng(seed), signal, GRID)


def test_stored_values_are_whole_and_not_negative(halves):
    image = acquire(halves)

    assert image.dtype == np.float32
    assert image.shape == GRID.shape
    np.testing.assert_array_equal(image, np.round(image))
    assert image.min() >= 0


def test_white_matter_lies_about_700_in_everyone(halves):
    levels = [np.median(acquire(halves, seed)[15:]) for seed in range(30)]

    assert 700 / 1.1 < np.exp(np.mean(np.log(levels))) < 700 * 1.1
    assert 0.1 < np.std(np.log(levels)) < 0.3


def test_noise_in_air_is_rayleighs_and_small(halves):
    """Its mean is 2.5 % of white matter times the root of half pi, 3.1 %."""
    for seed in range(4):
        image = acquire(halves, seed)
        air, white = image[:15], np.median(image[15:])
        assert air.mean() / white == pytest.approx(0.031, rel=0.25)  # shading is within
        assert air.mean() / air.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.05)


def test_shading_is_smooth_and_stays_within_what_coils_do():
    even = acquire(np.ones(GRID.shape, np.float32))
    blocks = even.reshape(6, 5, 8, 4, 7, 4).mean(axis=(1, 3, 5)) / even.mean()

    assert 0.02 < blocks.std() < 0.25  # the noise alone would leave 0.003
    for axis in range(3):  # neighbours, 2 cm apart, differ less than the whole does
        assert np.abs(np.diff(blocks, axis=axis)).max() < np.ptp(blocks)
        assert np.diff(blocks, axis=axis).std() < 0.7 * blocks.std()
