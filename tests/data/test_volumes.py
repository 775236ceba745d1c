"""Paper B's normalisation, section 3.1, and its inverse."""

import numpy as np
import pytest
import torch

from petsynth.data.prepared import PreparedData
from petsynth.data.volumes import (
    BatchPartition,
    MriStatistics,
    VolumeBatches,
    VolumeDataset,
    mri_statistics,
    normalise_mri,
    normalise_pet,
    restore_pet,
)
from petsynth.errors import InputError
from petsynth.preprocessing.grids import from_paper_order

STATISTICS = MriStatistics(mean=40.0, std=50.0)


def test_by_hand():
    assert normalise_mri(np.array([40.0, 90.0, -10.0]), STATISTICS).tolist() == [0, 1, -1]
    # m/10 = 4, s/10 = 5
    assert normalise_pet(np.array([4.0, 9.0, -1.0, 1004.0]), STATISTICS).tolist() == [0, 1, -1, 200]
    assert restore_pet(np.array([0.0, 1.0, -1.0, 200.0]), STATISTICS).tolist() == [4, 9, -1, 1004]


@pytest.mark.parametrize(("low", "high"), [(-100.0, 1000.0), (0.0, 3.0)])
def test_restoring_is_exact_to_float_precision(low, high):
    pet = np.random.default_rng(0).uniform(low, high, (2, 31, 25, 25)).astype(np.float32)
    statistics = MriStatistics(mean=31.4159, std=52.71828)
    restored = restore_pet(normalise_pet(pet, statistics), statistics)
    assert restored.dtype == np.float32
    # half a unit in the last place of the larger of value and offset, twice
    np.testing.assert_allclose(restored, pet, rtol=2e-7, atol=2e-7 * max(abs(high), 10))


def test_all_voxels_count():
    mri = np.zeros((4, 4, 4), dtype=np.float32)
    mri[:2] = 100.0
    assert mri_statistics(mri) == MriStatistics(50.0, 50.0)


def test_large_images_lose_no_precision():
    mri = np.full((256, 256, 64), 1000.1, dtype=np.float32)
    mri[0, 0, 0] = 0
    assert mri_statistics(mri).mean == pytest.approx(1000.1, rel=1e-6)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_images_without_statistics_are_refused(value):
    with pytest.raises(InputError, match="cannot be normalised"):
        mri_statistics(np.full((3, 3, 3), value))


def test_a_pair_is_normalised_by_its_t1_and_can_be_restored(tiny_volumes):
    data = PreparedData(tiny_volumes)
    mri, pet = VolumeDataset(data, ["sub-002"])[0]
    assert (mri.shape, pet.shape) == ((1, 39, 39, 39), (2, 14, 12, 12))
    assert mri.dtype == pet.dtype == torch.float32
    assert abs(float(mri.mean())) < 1e-4
    assert float(mri.std()) == pytest.approx(1, abs=1e-4)
    restored = restore_pet(pet.numpy(), mri_statistics(data.t1("sub-002")))
    np.testing.assert_allclose(from_paper_order(restored), data.pet("sub-002"), atol=1e-5)


def test_data_of_paper_a_are_refused(tiny_prepared):
    with pytest.raises(InputError, match="not prepared for paper B's models; run petsynth prepare"):
        VolumeDataset(PreparedData(tiny_prepared), ["sub-001"])[0]


def batches_of(partition: BatchPartition, start: int = 0, stop: int = 6) -> list[list[int]]:
    return list(VolumeBatches(5, partition, seed=3, start=start, stop=stop))


def test_every_subject_is_seen_once_before_any_is_seen_again():
    stream = [index for batch in batches_of(BatchPartition(2, 2)) for index in batch]
    assert len(stream) == 24
    for epoch in range(4):
        assert sorted(stream[5 * epoch : 5 * epoch + 5]) == [0, 1, 2, 3, 4]


def test_any_step_can_be_made_at_any_time():
    assert batches_of(BatchPartition(2, 2), start=4) == batches_of(BatchPartition(2, 2))[8:]


def test_two_processes_see_together_what_one_with_twice_the_batch_sees():
    alone = batches_of(BatchPartition(4, 2))
    ranks = [batches_of(BatchPartition(2, 2, 2, rank)) for rank in (0, 1)]
    assert [one + other for one, other in zip(*ranks, strict=True)] == alone


def test_steps_of_an_epoch_are_rounded_up():
    assert [BatchPartition(2, 2).steps_per_epoch(count) for count in (4, 5, 87)] == [1, 2, 22]
