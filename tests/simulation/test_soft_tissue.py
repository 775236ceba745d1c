import numpy as np
import pytest

from petsynth.simulation.soft_tissue import BONE_UPTAKE, DEEP_UPTAKE, FAT_UPTAKE, soft_tissue
from petsynth.volume import Volume


@pytest.fixture(scope="module")
def head():
    """Shells of 2 mm voxels: brain (1.0) to 40 mm, bone to 48, muscle to 90, fat to 96, air."""
    index = np.indices((101, 101, 101), dtype=np.float32) - 50
    distance = 2 * np.sqrt((index**2).sum(axis=0))
    mri = np.select([distance < 40, distance < 48, distance < 90, distance < 96], [1, 0.05, 0.7, 2])
    volume = Volume(mri.astype(np.float32), np.diag([2.0, 2.0, 2.0, 1.0]))
    return distance, soft_tissue(volume, distance < 40, np.zeros(mri.shape, np.float32))


def between(head, low, high):
    distance, uptake = head
    return uptake[(distance > low) & (distance < high)].mean()


def test_air_and_brain_take_up_nothing(head):
    assert between(head, 99, 140) == 0
    assert between(head, 0, 42) == 0


def test_bone_takes_up_less_than_fat_and_fat_less_than_muscle(head):
    bone, muscle, fat = (between(head, *range_mm) for range_mm in ((44.5, 46), (82, 87), (92, 95)))

    assert bone == pytest.approx(BONE_UPTAKE, rel=0.3)
    assert fat == pytest.approx(FAT_UPTAKE, rel=0.3)
    assert bone < fat < 1 < muscle


def test_deep_tissue_takes_up_most(head):
    assert between(head, 52, 58) == pytest.approx(DEEP_UPTAKE, rel=0.05)
    assert between(head, 82, 86) < 1.6
