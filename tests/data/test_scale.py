"""PET units to the network's and back, by one constant of the training set."""

import numpy as np
import pytest

from petsynth.data.scale import from_network, to_network, training_scale
from petsynth.errors import InputError


def test_inverse_is_exact_where_nothing_is_clipped():
    pet = np.linspace(0, 3, 31)
    np.testing.assert_allclose(from_network(to_network(pet, 3.0), 3.0), pet, atol=1e-6)


def test_what_lies_beyond_the_scale_is_clipped():
    assert to_network(np.array([-1.0, 4.0]), 3.0).tolist() == [-1, 1]


def test_scale_is_the_percentile_over_all_training_subjects():
    random = np.random.default_rng(1)
    pets = {name: random.gamma(3, level, (20, 20, 20)) for name, level in [("a", 1), ("b", 2)]}
    masks = {name: random.random((20, 20, 20)) < 0.5 for name in pets}
    pooled = np.concatenate([pets[name][masks[name]] for name in pets])
    scale = training_scale(["a", "b"], lambda name: (pets[name], masks[name]))
    assert scale == pytest.approx(np.percentile(pooled, 99.9), rel=0.01)


def test_only_the_training_subjects_brains_count():
    pet = np.ones((4, 4, 4))
    pet[0] = 50  # bladder, say
    asked = []

    def load(name):
        asked.append(name)
        return pet, pet < 10

    assert training_scale(["a"], load) == pytest.approx(1)
    assert set(asked) == {"a"}


def test_small_negatives_do_not_matter():
    pet = np.full((10, 10, 10), 5.0)
    pet[:2] = -0.1
    assert training_scale(["a"], lambda _: (pet, pet == pet)) == pytest.approx(5)


@pytest.mark.parametrize("names", [[], ["a"]])
def test_no_positive_pet_is_refused(names):
    nothing = np.zeros((2, 2, 2))
    with pytest.raises(InputError, match="no positive PET"):
        training_scale(names, lambda _: (nothing, nothing == 0))
