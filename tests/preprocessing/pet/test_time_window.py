"""Frames in time: windows of equal length, and the minutes after injection of an SUVR."""

import dataclasses

import numpy as np
import pytest

from petsynth.errors import InputError
from petsynth.preprocessing.pet.acquisition import Acquisition
from petsynth.preprocessing.pet.time_window import find_window, frame_weights, window_times

SIX = Acquisition("x", "SUVR", tuple(300.0 * n for n in range(6)), (300.0,) * 6)
GAP = Acquisition("x", "SUVR", (0.0, 900.0), (300.0, 300.0))
ONE = Acquisition("x_pet.nii.gz", "SUVR", (3000.0,), (1200.0,), injection_s=0.0)
DYNAMIC = Acquisition(
    "x", "Bq/mL", tuple(600.0 * n for n in range(9)), (600.0,) * 9, injection_s=0.0
)
"""0 to 90 minutes in frames of 10."""


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


def test_a_static_pet_has_no_several_frames():
    """One frame cannot be divided; it was taken as it is without a word."""
    with pytest.raises(
        InputError, match=r"x_pet.nii.gz: is static \(one frame\), --frames 2 needs"
    ):
        frame_weights(2, ONE, 1)
    for frames in ("mean", "keep", 1):
        assert frame_weights(frames, ONE, 1).tolist() == [[1]]


def test_more_frames_than_were_acquired_are_refused():
    with pytest.raises(InputError, match="has 6 frames in its time window, --frames 8 needs"):
        frame_weights(8, SIX, 6)


def test_a_minute_and_nine_minutes_are_weighted():
    times = Acquisition("x", "SUVR", (0.0, 60.0), (60.0, 540.0))
    weights = frame_weights("mean", times, 2)
    assert (weights @ [1.0, 3.0]).tolist() == pytest.approx([2.8])


def test_a_dynamic_scan_is_averaged_over_the_window_only():
    found = find_window((50, 70), DYNAMIC, 9)
    weights = frame_weights("mean", DYNAMIC, 9, found.within_s)
    assert weights[0].tolist() == [0, 0, 0, 0, 0, 0.5, 0.5, 0, 0]
    assert (found.covered_fraction, found.inside_fraction, found.flag) == (1, 1, "")
    assert window_times("mean", DYNAMIC, found.within_s) == ([3000], [1200])
    two = frame_weights(2, DYNAMIC, 9, found.within_s)
    assert [row.tolist().index(1) for row in two] == [5, 6]


def test_frames_that_reach_out_of_the_window_count_by_their_overlap():
    found = find_window((45, 70), DYNAMIC, 9)
    weights = frame_weights("mean", DYNAMIC, 9, found.within_s)[0]
    assert weights[4:7].tolist() == pytest.approx([0.2, 0.4, 0.4])


def test_minutes_count_from_injection():
    late = dataclasses.replace(DYNAMIC, injection_s=-1800.0)
    found = find_window((50, 70), late, 9)
    assert found.within_s == (1200, 2400)
    assert found.scanned_min == (30, 120)


def test_a_window_that_is_covered_in_part_is_flagged():
    found = find_window((80, 100), DYNAMIC, 9)
    assert found.covered_fraction == pytest.approx(0.5)
    assert found.within_s == (4800, 5400)
    assert found.flag == (
        "the time window of 80 to 100 min after injection is covered to 50% (scan of 0 to 90 min)"
    )


def test_a_window_without_data_is_flagged_and_the_scan_averaged():
    found = find_window((100, 120), DYNAMIC, 9)
    assert (found.covered_fraction, found.within_s) == (0, None)
    assert "has no data (scan of 0 to 90 min): all of the scan was averaged" in found.flag


@pytest.mark.parametrize("unknown", [{"injection_s": None}, {"starts_s": (), "durations_s": ()}])
def test_unknown_times_are_flagged(unknown):
    found = find_window((50, 70), dataclasses.replace(DYNAMIC, **unknown), 9)
    assert found.covered_fraction is None
    assert "could not be checked: FrameTimesStart, FrameDuration or Inj" in found.flag


def test_a_static_scan_of_the_window_is_not_flagged_and_one_from_injection_on_is():
    assert find_window((50, 70), ONE, 1).flag == ""
    early = dataclasses.replace(ONE, starts_s=(0.0,), durations_s=(5400.0,))
    assert find_window((50, 70), early, 1).flag.startswith("PET is the mean over more than the")
    tau = dataclasses.replace(ONE, starts_s=(4500.0,), durations_s=(1800.0,))
    assert find_window((80, 100), tau, 1).flag == ""
