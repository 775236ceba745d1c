"""Frames in time."""

import numpy as np
import pytest

from petsynth.errors import InputError
from petsynth.preprocessing.pet.acquisition import Acquisition
from petsynth.preprocessing.pet.frames import frame_weights, window_times

SIX = Acquisition("x", "SUVR", tuple(300.0 * n for n in range(6)), (300.0,) * 6)
GAP = Acquisition("x", "SUVR", (0.0, 900.0), (300.0, 300.0))


def test_six_frames_to_two():
    third = [1 / 3] * 3
    expected = [[*third, 0, 0, 0], [0, 0, 0, *third]]
    for row, wanted in zip(frame_weights(2, SIX, 6), expected, strict=True):
        assert row.tolist() == pytest.approx(wanted)
    assert window_times(2, SIX) == ([0, 900], [900, 900])


def test_a_frame_may_be_shared():
    """Six frames to four windows of 1.5: the second frame counts in the first two."""
    weights = frame_weights(4, SIX, 6)
    assert weights[0].tolist() == pytest.approx([2 / 3, 1 / 3, 0, 0, 0, 0])
    assert weights[1].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 0, 0, 0])


def test_gaps_count_nothing():
    assert frame_weights("mean", GAP, 2).tolist() == [[0.5, 0.5]]
    with pytest.raises(InputError, match="leave a window without data"):
        frame_weights(4, GAP, 2)


def test_kept_frames_stay():
    assert (frame_weights("keep", SIX, 6) == np.eye(6)).all()
    assert window_times("keep", GAP) == ([0, 900], [300, 300])


def test_without_times_a_mean_is_possible_and_windows_are_not():
    unknown = Acquisition("x", "SUVR")
    assert frame_weights("mean", unknown, 4).tolist() == [[0.25] * 4]
    assert window_times("mean", unknown) == ([], [])
    with pytest.raises(InputError, match="2 frames need FrameTimesStart"):
        frame_weights(2, unknown, 4)
