"""Whether BERT is shown the real PET: fair, and decided by seed, step and place."""

import itertools

import torch
from petsynth.systems.ganbert.real_or_generated import sample_real


def test_neighbours_are_never_shown_alike():
    for step in range(10):
        chosen = sample_real(3, step, 7)
        assert chosen.dtype == torch.bool
        assert (chosen[1:] != chosen[:-1]).all()


def test_the_first_sample_is_real_in_half_of_the_steps():
    firsts = [bool(sample_real(0, step, 1)[0]) for step in range(400)]

    assert 160 < sum(firsts) < 240
    changes = sum(one != other for one, other in itertools.pairwise(firsts))
    assert 150 < changes < 250  # neither constant nor alternating


def test_another_seed_draws_otherwise_and_the_same_one_alike():
    one, again, other = (
        [bool(sample_real(seed, step, 1)[0]) for step in range(64)] for seed in (1, 1, 2)
    )

    assert one == again
    assert one != other
