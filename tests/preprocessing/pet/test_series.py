"""Reading PET: units, frames in time and onto a grid, smoothing."""

import numpy as np
import pytest

from petsynth.errors import InputError, PetsynthWarning
from petsynth.io.nifti import write_volume
from petsynth.preprocessing.pet.acquisition import Acquisition
from petsynth.preprocessing.pet.series import frame_weights, read_pet, smooth_to, window_times
from petsynth.volume import FWHM_PER_SIGMA, Volume

TIMES = {"FrameTimesStart": [0, 60], "FrameDuration": [60, 180]}
SIX = Acquisition("x", "SUVR", tuple(300.0 * n for n in range(6)), (300.0,) * 6)
GAP = Acquisition("x", "SUVR", (0.0, 900.0), (300.0, 300.0))


@pytest.fixture
def pet(tmp_path):
    data = np.zeros((8, 8, 8, 2), dtype=np.float32)
    data[2:6, 2:6, 2:6] = [1, 5]
    path = tmp_path / "sub-1_pet.nii.gz"
    write_volume(path, Volume(data, np.diag([3.0, 3.0, 3.0, 1.0])))
    return path


def test_the_mean_is_weighted_by_duration(pet):
    series = read_pet(pet, TIMES | {"Units": "SUVR"}, motion=False)
    there = series.on(series.acquired.grid, np.eye(4))
    assert there.data[4, 4, 4] == pytest.approx((1 * 60 + 5 * 180) / 240)
    assert (there.unit, there.frames, series.motion_mm) == ("SUVR", 1, 0)
    np.testing.assert_allclose(series.mean().data, there.data, atol=1e-5)


def test_frames_can_be_kept(pet):
    kept = read_pet(pet, TIMES | {"Units": "SUVR"}, frames="keep", motion=False)
    there = kept.on(kept.acquired.grid, np.eye(4))
    assert there.data[4, 4, 4].tolist() == [1, 5]


def test_missing_times_are_said(pet):
    with pytest.warns(PetsynthWarning, match="its 2 frames are taken as equally long"):
        series = read_pet(pet, {"Units": "SUVR"}, motion=False)
    assert series.mean().data[4, 4, 4] == 3


def test_missing_units_are_said_where_they_decide(pet):
    with pytest.warns(PetsynthWarning, match="sub-1_pet.nii.gz: Units is missing"):
        series = read_pet(pet, TIMES, motion=False)
    assert series.acquired.unit == "arbitrary"
    assert read_pet(pet, TIMES, units="suvr", motion=False).acquired.unit == "arbitrary"


def test_no_frames_are_refused(tmp_path):
    import nibabel as nib

    path = tmp_path / "empty_pet.nii"
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 4, 0), np.float32), np.eye(4)), path)
    with pytest.raises(InputError, match="holds no voxels"):
        read_pet(path, {})


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


def test_a_point_gets_the_wanted_width():
    """A point of 4 mm resolution smoothed to 8 mm: its variance is that of 8 mm less 4 mm."""
    data = np.zeros((41, 41, 41), dtype=np.float32)
    data[20, 20, 20] = 1
    smooth = smooth_to(Volume(data, np.diag([2.0, 1.0, 1.0, 1.0])), 8.0, 4.0, name="x").data
    for axis, voxel in enumerate((2.0, 1.0, 1.0)):
        profile = smooth.sum(axis=tuple({0, 1, 2} - {axis}))
        variance = (profile * ((np.arange(41) - 20) * voxel) ** 2).sum() / profile.sum()
        assert np.sqrt(variance) * FWHM_PER_SIGMA == pytest.approx(np.sqrt(48), rel=0.02)


def test_smoothing_needs_the_scanners_resolution():
    pet = Volume(np.ones((4, 4, 4), np.float32), np.eye(4))
    with pytest.raises(InputError, match="give --scanner-psf-mm"):
        smooth_to(pet, 8.0, None, name="x")
    with pytest.raises(InputError, match="coarser than 8 mm"):
        smooth_to(pet, 8.0, 9.0, name="x")


def test_what_the_sidecar_says_of_resolution_comes_before_the_option(tmp_path):
    import nibabel as nib

    path = tmp_path / "point_pet.nii"
    data = np.zeros((21, 21, 21), np.float32)
    data[10, 10, 10] = 1
    nib.save(nib.Nifti1Image(data, np.diag([2, 2, 2, 1])), path)
    told = {
        "Units": "SUV",
        "ReconMethodParameterLabels": ["iterations", "PointSpreadFWHM"],
        "ReconMethodParameterValues": [4, 5.0],
    }

    def smooth(sidecar, scanner_psf_mm):
        series = read_pet(path, sidecar, units="keep", psf_mm=8.0, scanner_psf_mm=scanner_psf_mm)
        return series.acquired.data

    np.testing.assert_array_equal(smooth(told, 7.5), smooth(told, None))
    np.testing.assert_array_equal(smooth({"Units": "SUV"}, 5.0), smooth(told, None))
