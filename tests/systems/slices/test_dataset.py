from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import pytest
from torch.utils.data import DataLoader

from petsynth.errors import ConfigError
from petsynth.slicing import take_slices
from petsynth.systems.slices.dataset import EpochBatches, SliceDataset
from petsynth.volume import Grid

SHAPE = (7, 11, 9)
PLANES = ("sagittal", "coronal", "axial")


@dataclass
class Phantoms:
    """Volumes of random numbers; the second subject has two frames."""

    grid: Grid = field(default_factory=lambda: Grid(SHAPE, np.eye(4)))
    pet_scale: float = 2.0
    frame_durations: tuple[float, ...] | None = None
    at_1: float | None = None
    """PET of the second sagittal slice, if it is another."""

    def mri(self, participant):
        return random_volume(participant, 0) * 2 - 1

    def pet(self, participant):
        pet = random_volume(participant, 1) * self.pet_scale
        if self.at_1 is not None:
            pet[1] = self.at_1
        return pet if participant == "sub-1" else np.stack([pet - 0.25, pet + 0.25], axis=3)

    def mask(self, participant):
        mask = np.zeros(SHAPE, bool)
        mask[:3, 2:6] = True
        return mask


def random_volume(participant: str, kind: int) -> np.ndarray:
    seed = (int(participant[-1]), kind)
    return np.random.default_rng(seed).random(SHAPE).astype(np.float32)


def dataset(**more) -> SliceDataset:
    options = {"planes": PLANES, "padded_size": 16, "intensity": "float", "flip": True, "seed": 3}
    return SliceDataset(Phantoms(), ["sub-1", "sub-2"], **options | more)


def test_every_slice_of_every_plane_and_subject_is_there_once():
    slices = dataset()
    assert len(slices) == 2 * (7 + 11 + 9)
    places = [slices.locate(index) for index in range(len(slices))]
    assert len(set(places)) == len(slices)
    assert places[0] == ("sub-1", "sagittal", 0)
    assert places[7] == ("sub-1", "coronal", 0)
    assert places[-1] == ("sub-2", "axial", 8)
    with pytest.raises(IndexError):
        slices.locate(len(slices))


def test_paper_size_counts():
    scans = Phantoms(grid=Grid((121, 145, 121), np.eye(4)))
    twelve = [f"sub-{number}" for number in range(12)]
    assert len(SliceDataset(scans, twelve, planes=("axial",))) == 1452
    assert len(SliceDataset(scans, twelve, planes=PLANES)) == 4644


@pytest.mark.parametrize("index", [0, 6, 7, 17, 18, 26, 27, 53])
def test_a_pair_is_the_slice_on_the_middle_of_the_padded_image(index):
    slices = dataset(flip=False)
    participant, plane, place = slices.locate(index)
    mri, pet = slices[0, index]
    assert mri.shape == pet.shape == (1, 16, 16)
    expected = take_slices(Phantoms().mri(participant), plane)[place]
    height, width = expected.shape
    top, left = (16 - height) // 2, (16 - width) // 2
    inside = (slice(top, top + height), slice(left, left + width))
    np.testing.assert_array_equal(mri[0][inside], expected)
    # PET in the network's units: 0 is -1, the PET scale is 1; frames are averaged.
    expected = take_slices(random_volume(participant, 1), plane)[place] * 2 - 1
    np.testing.assert_allclose(pet[0][inside], expected, atol=1e-6)
    border = np.ones((16, 16), dtype=bool)
    border[inside] = False
    assert (mri[0].numpy()[border] == -1).all()
    assert (pet[0].numpy()[border] == -1).all()


def test_frames_count_by_their_durations():
    """A minute 0.25 below and nine minutes 0.25 above: 0.2 above, 0.2 in the network's units."""
    slices = dataset(flip=False)
    slices.scans.frame_durations = (60.0, 540.0)
    equal = dataset(flip=False)[0, 30][1]
    assert slices.locate(30)[0] == "sub-2"
    inside = (equal > -1) & (equal < 0.8)  # neither padded nor clipped
    np.testing.assert_allclose((slices[0, 30][1] - equal)[inside], 0.2, atol=1e-5)


def test_flipping_exchanges_left_and_right_never_front_and_back():
    flipped, plain = dataset(), dataset(flip=False)
    seen = set()
    for index in range(len(flipped)):
        _, plane, _ = flipped.locate(index)
        for image, reference in zip(flipped[5, index], plain[5, index], strict=True):
            # Columns of axial and coronal slices run from left to right; rows never turn.
            turned = np.asarray(reference)[:, :, ::-1]
            if plane != "sagittal":
                # 7 columns stand in the middle of 16 from column 4 on, turned or not
                turned = np.roll(turned, -1, axis=2)
            expected = turned if flipped.is_flipped(5, index) else np.asarray(reference)
            np.testing.assert_array_equal(image, expected)
        seen.add((plane, flipped.is_flipped(5, index)))
    assert ("sagittal", True) not in seen
    assert {("axial", True), ("axial", False), ("coronal", True), ("coronal", False)} <= seen


def test_flipping_changes_between_epochs_and_seeds_about_half_the_time():
    slices = dataset(planes=("axial",))
    chosen = np.array([[slices.is_flipped(epoch, index) for index in range(18)]
                       for epoch in range(100)])  # fmt: skip
    assert chosen.mean() == pytest.approx(0.5, abs=0.05)
    assert not (chosen == chosen[0]).all(axis=0).any()
    other = dataset(planes=("axial",), seed=4)
    assert [other.is_flipped(0, index) for index in range(18)] != chosen[0].tolist()


def test_jpeg_is_close_and_not_the_same():
    exact, quantised = dataset(flip=False), dataset(flip=False, intensity="uint8-jpeg")
    error = np.abs(np.asarray(exact[0, 20][0]) - np.asarray(quantised[0, 20][0]))
    # Half a grey level is 1/255; the codec's own rounding adds a few.
    assert 0 < error.max() < 6 / 255


@pytest.mark.parametrize("intensity", ["float", "uint8-jpeg"])
@pytest.mark.parametrize("plane", PLANES)
def test_what_was_not_measured_is_nan(plane, intensity):
    """Where the PET is 0 in the brain; outside it 0 says that there is none."""
    options = {"planes": (plane,), "padded_size": 16, "intensity": intensity, "seed": 3}
    slices = SliceDataset(Phantoms(at_1=0.0), ["sub-1"], **options)
    found = 0
    for index in range(len(slices)):
        place = slices.locate(index)[2]
        expected = np.zeros(SHAPE, bool)
        expected[1, 2:6] = True
        expected = take_slices(expected, plane)[place]
        if slices.is_flipped(0, index):
            expected = expected[:, ::-1]
        mri, pet = slices[0, index]
        assert not mri.isnan().any()
        top, left = ((16 - side) // 2 for side in expected.shape)
        inside = pet[0, top : top + expected.shape[0], left : left + expected.shape[1]].isnan()
        np.testing.assert_array_equal(inside.numpy(), expected)
        assert pet.isnan().sum() == expected.sum()
        found += int(expected.sum())
    assert found == 4 * SHAPE[2]


def test_what_cannot_be_used_is_refused():
    with pytest.raises(
        ConfigError, match=r"padded_size of 10 pixels is too small: .* a side of 11"
    ):
        dataset(padded_size=10)
    with pytest.raises(ValueError, match="at least one subject"):
        SliceDataset(Phantoms(), [])


def batches(**more) -> list[list[tuple[int, int]]]:
    return list(EpochBatches(10, 4, **{"seed": 1, "start": 0, "stop": 9} | more))


def test_each_epoch_is_another_permutation():
    epochs = [list(chain(*batches()[first : first + 3])) for first in (0, 3, 6)]
    for number, epoch in enumerate(epochs):
        assert sorted(epoch) == [(number, index) for index in range(10)]
    assert len({tuple(index for _, index in epoch) for epoch in epochs}) == 3


def test_order_follows_the_seed():
    assert batches() == batches()
    assert batches() != batches(seed=2)


@pytest.mark.parametrize("start", range(9))
def test_starting_at_a_step_gives_the_batches_from_there(start):
    assert batches(start=start) == batches()[start:]


@pytest.mark.parametrize("workers", [0, 2])
def test_loader_gives_the_same_batches_with_and_without_workers(workers):
    slices = dataset()
    order = EpochBatches(len(slices), 5, seed=0, start=9, stop=13)
    loaded = list(DataLoader(slices, batch_sampler=order, num_workers=workers))
    assert len(loaded) == 4
    for (mri, pet), keys in zip(loaded, order, strict=True):
        np.testing.assert_array_equal(mri, np.stack([slices[key][0] for key in keys]))
        np.testing.assert_array_equal(pet, np.stack([slices[key][1] for key in keys]))
