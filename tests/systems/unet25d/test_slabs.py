"""Slabs of slices: what is cut, in which order, and that processes change nothing."""

import numpy as np
import pytest
import torch

from petsynth.data.prepared import PreparedData
from petsynth.slicing import crop_padding
from petsynth.systems.unet25d.dataset import AugmentedVolume, AugmentedVolumes
from petsynth.systems.unet25d.slabs import SlabBatches, cut_slab, load_slabs


@pytest.fixture
def dataset(tiny_prepared):
    data = PreparedData(tiny_prepared)
    return AugmentedVolumes(data, data.participants("train"), slabs_per_volume=4)


def load(dataset, *, start=0, stop=9, batch_size=5, workers=0):
    batches = SlabBatches(
        len(dataset), 4, batch_size, shuffled_volumes=2, seed=3, start=start, stop=stop
    )
    return list(load_slabs(dataset, batches, slices=3, padded_size=32, workers=workers))


def same(left, right):
    return len(left) == len(right) and all(
        torch.equal(one, other)
        for pair, others in zip(left, right, strict=True)
        for one, other in zip(pair, others, strict=True)
    )


def test_a_slab_is_three_neighbours_and_the_middle_ones_pets():
    mri = np.arange(5 * 4 * 6, dtype=np.float32).reshape(5, 4, 6)
    volume = AugmentedVolume(
        mri,
        np.stack([mri + 1000, mri + 2000]),
        np.array([0, 3]),
        np.diag([2.0, 3.0, 5.0, 1.0]),
        np.array([0.5, 1.0], dtype=np.float32),
    )

    slab, pet, place, told = cut_slab(volume, 1, 3, 8)
    assert (slab.shape, pet.shape) == ((3, 8, 8), (2, 8, 8))
    np.testing.assert_array_equal(crop_padding(slab.numpy(), (4, 6)), mri[2:5])
    np.testing.assert_array_equal(crop_padding(pet.numpy(), (4, 6)), volume.pet_PNHW[:, 3])
    assert slab[0, 0, 0] == pet[0, 0, 0] == -1
    assert told.tolist() == [0.5, 1.0]
    # Rows count from the front; the padding is 2 rows and 1 column wide.
    assert (place @ torch.tensor([2.0, 1.0, 0.0, 1.0])).tolist() == [0.0, 9.0, 15.0]


def test_batches_hold_the_slabs_of_their_keys(dataset):
    batches = SlabBatches(len(dataset), 4, 5, shuffled_volumes=2, seed=3, start=0, stop=9)
    for keys, (mri, pet, *_) in zip(batches, load(dataset), strict=True):
        for number, (epoch, index) in enumerate(keys):
            wanted = cut_slab(dataset[(epoch, index // 4)], index % 4, 3, 32)
            assert torch.equal(mri[number], wanted[0])
            assert torch.equal(pet[number], wanted[1])


def test_each_volume_is_made_once_an_epoch(dataset, monkeypatch):
    made = []
    make = AugmentedVolumes.__getitem__
    monkeypatch.setattr(
        AugmentedVolumes, "__getitem__", lambda self, key: (made.append(key), make(self, key))[1]
    )
    steps = -(-len(dataset) * 4 // 5)
    load(dataset, stop=2 * steps)

    assert sorted(made) == [(epoch, volume) for epoch in (0, 1) for volume in range(len(dataset))]


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on a single core
@pytest.mark.parametrize("workers", [1, 2])
def test_the_number_of_processes_changes_nothing(dataset, workers):
    assert same(load(dataset, workers=workers), load(dataset))


def test_begun_in_the_middle_of_an_epoch_the_rest_is_the_same(dataset):
    assert same(load(dataset, start=4), load(dataset)[4:])


def test_each_epoch_shows_every_slab_once_in_another_order():
    batches = list(SlabBatches(5, 4, 6, shuffled_volumes=2, seed=1, start=0, stop=8))
    epochs = [[key for batch in batches[n : n + 4] for key in batch] for n in (0, 4)]

    for number, epoch in enumerate(epochs):
        assert {key[0] for key in epoch} == {number}
        assert sorted(key[1] for key in epoch) == list(range(20))
    assert [key[1] for key in epochs[0]] != [key[1] for key in epochs[1]]


def test_few_volumes_are_open_at_a_time():
    batches = SlabBatches(40, 8, 8, shuffled_volumes=5, seed=0, start=0, stop=40)
    volumes = [index // 8 for batch in batches for _, index in batch]
    first, last = (
        [volumes.index(h) for h in range(40)],
        [len(volumes) - volumes[::-1].index(h) for h in range(40)],
    )
    open_at_once = max(
        sum(start <= place < stop for start, stop in zip(first, last, strict=True))
        for place in range(len(volumes))
    )

    assert open_at_once <= 5 + 2


def test_two_processes_share_each_batch():
    def batches(**more):
        return list(SlabBatches(3, 5, 4, shuffled_volumes=2, seed=0, start=0, stop=4, **more))

    whole = batches()
    first, second = (batches(processes=2, process=process) for process in (0, 1))
    assert [len(batch) for batch in whole] == [4, 4, 4, 3]
    assert [one + two for one, two in zip(first, second, strict=True)] == whole
    assert [len(batch) for batch in second] == [2, 2, 2, 1]
