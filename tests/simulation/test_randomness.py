"""Every subject and purpose has draws of its own."""

import itertools

import numpy as np

from petsynth.simulation.randomness import PURPOSES, generator_for


def test_seed_subject_and_purpose_all_count():
    keys = list(itertools.product(range(6), range(6), PURPOSES))
    first = {key: generator_for(*key).random() for key in keys}

    assert len(set(first.values())) == len(keys)


def test_draws_for_one_purpose_do_not_shift_those_for_another():
    anatomy, uptake = (generator_for(1, 2, purpose) for purpose in ("anatomy", "uptake"))
    anatomy.random(1000)

    assert uptake.random() == generator_for(1, 2, "uptake").random()


def test_neighbours_are_not_alike():
    draws = np.array([generator_for(0, index, "scan").standard_normal(400) for index in range(8)])
    correlation = np.corrcoef(draws) - np.eye(8)

    assert np.abs(correlation).max() < 0.2
