"""A known bias field is removed."""

import numpy as np

from petsynth.preprocessing.t1.bias_field import correct_bias_field, flatten


def _with_field(person):
    """Return an even brain under a brightness that doubles from left to right."""
    ramp = np.linspace(-0.35, 0.35, person.t1.data.shape[0], dtype=np.float32)
    even = flatten(person.t1, person.mask)
    return even.with_data(even.data * np.exp(ramp)[:, np.newaxis, np.newaxis])


def _sides(t1, mask):
    middle = t1.data.shape[0] // 2
    left, right = mask.data > 0, mask.data > 0
    left[middle:] = False
    right[:middle] = False
    return float(t1.data[right].mean() / t1.data[left].mean())


def test_n4_evens_out_left_and_right(people):
    person = people[0]
    spoilt = _with_field(person)
    corrected = correct_bias_field(spoilt, person.mask)
    assert _sides(spoilt, person.mask) > 1.2
    assert abs(_sides(corrected, person.mask) - 1) < 0.08
    assert corrected.grid.matches(person.t1.grid)


def test_flattening_evens_out_too_and_leaves_air_at_zero(people):
    person = people[0]
    spoilt = _with_field(person)
    flat = flatten(spoilt, person.mask)
    assert abs(_sides(flat, person.mask) - 1) < 0.05
    assert not flat.data[person.mask.data == 0].any()
    inside = person.mask.data > 0
    np.testing.assert_allclose(flat.data[inside].mean(), 1, atol=0.1)
