"""Stacks of slices: what is cut, and that key and order decide everything."""

import numpy as np
import pytest
import torch

from petsynth.data.prepared import PreparedData
from petsynth.data.stacks import StackBatches, StackDataset
from petsynth.errors import ConfigError
from petsynth.slicing import crop_from_canvas, take_slices


@pytest.fixture
def data(tiny_prepared):
    return PreparedData(tiny_prepared)


def make(data, **options):
    settings = {"slices": 3, "slices_per_head": 4, "canvas": 32} | options
    return StackDataset(data, data.participants("train"), **settings)


def test_a_stack_is_three_neighbours_and_the_middle_ones_pet(data):
    dataset = make(data, augmented=False, target="pet")
    name = data.participants("train")[1]
    mri, pet = dataset[(0, 5)]  # the second stack of the second head
    shape = tuple(take_slices(data.mri(name), "axial").shape[1:])
    shown = crop_from_canvas(pet.numpy(), shape)
    wanted = np.clip(2 * take_slices(data.static_pet(name), "axial") / data.pet_scale - 1, -1, 1)
    (place,) = [n for n in range(len(wanted)) if np.allclose(wanted[n], shown[1], atol=1e-6)]

    assert mri.shape == (3, 32, 32)
    assert pet.shape == (2, 32, 32)
    np.testing.assert_array_equal(shown[0], shown[1])
    middle = crop_from_canvas(mri.numpy(), shape)[1]
    original = take_slices(data.mri(name), "axial")[place]
    assert np.corrcoef(middle.ravel(), original.ravel())[0, 1] > 0.99


def test_key_decides_the_stack_whatever_came_before(data):
    fresh, used = make(data), make(data)
    for index in range(8):
        used[(0, index)]

    for one, other in zip(fresh[(2, 6)], used[(2, 6)], strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(fresh[(2, 6)][0], fresh[(3, 6)][0])


def test_a_canvas_that_is_too_small_is_refused(data):
    with pytest.raises(ConfigError, match="too small"):
        make(data, canvas=16)


def test_nobody_is_refused(data):
    with pytest.raises(ValueError, match="at least one subject"):
        StackDataset(data, [])


def test_each_epoch_shows_every_stack_once_in_another_order():
    batches = list(StackBatches(5, 4, 6, window=2, seed=1, start=0, stop=8))
    epochs = [[key for batch in batches[n : n + 4] for key in batch] for n in (0, 4)]

    for number, epoch in enumerate(epochs):
        assert {key[0] for key in epoch} == {number}
        assert sorted(key[1] for key in epoch) == list(range(20))
    assert [key[1] for key in epochs[0]] != [key[1] for key in epochs[1]]


def test_few_heads_are_open_at_a_time():
    batches = StackBatches(40, 8, 8, window=5, seed=0, start=0, stop=40)
    heads = [index // 8 for batch in batches for _, index in batch]
    first, last = (
        [heads.index(h) for h in range(40)],
        [len(heads) - heads[::-1].index(h) for h in range(40)],
    )
    open_at_once = max(
        sum(start <= place < stop for start, stop in zip(first, last, strict=True))
        for place in range(len(heads))
    )

    assert open_at_once <= 5 + 2


def test_two_processes_share_each_batch():
    def batches(**knobs):
        return list(StackBatches(3, 5, 4, window=2, seed=0, start=0, stop=4, **knobs))

    whole = batches()
    first, second = (batches(processes=2, process=process) for process in (0, 1))
    assert [len(batch) for batch in whole] == [4, 4, 4, 3]
    assert [one + two for one, two in zip(first, second, strict=True)] == whole
    assert [len(batch) for batch in second] == [2, 2, 2, 1]
