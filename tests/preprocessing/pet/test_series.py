"""Reading PET: units, frames in time and onto a grid, smoothing."""

import json
from pathlib import Path

import numpy as np
import pytest

from petsynth.errors import InputError, PetsynthWarning
from petsynth.io.nifti import read_volume, write_volume
from petsynth.preprocessing.pet import series as series_module
from petsynth.preprocessing.pet.registration import mean_of_frames
from petsynth.preprocessing.pet.series import mark_unmeasured, read_pet, smooth_to
from petsynth.simulation.cohort import simulate_cohort
from petsynth.volume import FWHM_PER_SIGMA, Volume

TIMES = {"FrameTimesStart": [0, 60], "FrameDuration": [60, 180]}


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
    np.testing.assert_allclose(series.mean.data, there.data, atol=1e-5)


def test_frames_can_be_kept(pet):
    kept = read_pet(pet, TIMES | {"Units": "SUVR"}, frames="keep", motion=False)
    there = kept.on(kept.acquired.grid, np.eye(4))
    assert there.data[4, 4, 4].tolist() == [1, 5]


def test_missing_times_are_said(pet):
    with pytest.warns(PetsynthWarning, match="its 2 frames are taken as equally long"):
        series = read_pet(pet, {"Units": "SUVR"}, motion=False)
    assert series.mean.data[4, 4, 4] == 3


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


def write(folder, data, voxel_mm=3.0):
    path = folder / "sub-1_pet.nii.gz"
    write_volume(path, Volume(data.astype(np.float32), np.diag([voxel_mm] * 3 + [1.0])))
    return path


@pytest.mark.parametrize("starts", [[0, 60], None, []])
def test_one_minute_and_nine_minutes(tmp_path, starts):
    """1 min at 1.0 and 9 min at 3.0 are 2.8 in the mean and on a grid, also without starts."""
    data = np.ones((6, 6, 6, 2)) * [1.0, 3.0]
    data[0, 0, 0] += 0.5  # a constant image is refused
    times = {"FrameTimesStart": starts, "FrameDuration": [60, 540], "Units": "SUVR"}
    series = read_pet(write(tmp_path, data), times, motion=False)
    assert series.mean.data[3, 3, 3] == pytest.approx(2.8)
    assert series.on(series.acquired.grid, np.eye(4)).data[3, 3, 3] == pytest.approx(2.8)


def test_a_dynamic_scan_is_averaged_over_its_time_window(tmp_path):
    """Frames of 10 minutes from injection on that hold their number: 50 to 70 min is 5.5."""
    data = np.ones((6, 6, 6, 9)) * np.arange(9.0)
    data[0, 0, 0] += 0.5
    times = [600 * number for number in range(9)]
    told = {"FrameTimesStart": times, "FrameDuration": [600] * 9, "Units": "SUVR"}
    path = write(tmp_path, data)
    series = read_pet(path, told | {"InjectionStart": 0}, motion=False, window_min=(50, 70))
    assert series.mean.data[3, 3, 3] == pytest.approx(5.5)
    assert series.time_window.flag == ""
    unknown = read_pet(path, told, motion=False, window_min=(50, 70))
    assert unknown.mean.data[3, 3, 3] == pytest.approx(4)
    assert "could not be checked" in unknown.time_window.flag


@pytest.mark.parametrize(
    ("unit", "factor"), [("kBq/mL", 1e3), ("MBq/mL", 1e6), ("nCi/cc", 37), ("Bq/cm^3", 1)]
)
def test_activity_comes_in_becquerels_per_ml(tmp_path, unit, factor):
    data = np.ones((4, 4, 4))
    data[0, 0, 0] = 2
    series = read_pet(write(tmp_path, data), {"Units": unit}, units="keep")
    assert series.acquired.unit == "Bq/mL"
    assert series.acquired.data[2, 2, 2] == pytest.approx(factor)
    other = series.acquired.with_data(data.astype(np.float32), "arbitrary")
    there = series.on(other.grid, np.eye(4), other)
    assert (there.unit, there.data[2, 2, 2]) == ("Bq/mL", pytest.approx(factor))


def test_an_unknown_unit_is_said(tmp_path):
    data = np.ones((4, 4, 4))
    data[0, 0, 0] = 2
    path = write(tmp_path, data)
    with pytest.warns(PetsynthWarning, match="Units is 'CNTS', which is not known"):
        assert read_pet(path, {"Units": "CNTS"}).acquired.unit == "CNTS"
    assert read_pet(path, {"Units": "CNTS"}, units="suvr").acquired.unit == "CNTS"


def test_planes_of_zeros_at_the_edge_are_outside_the_field_of_view(tmp_path):
    data = np.full((8, 8, 8), 2.0)
    data[:, :, :3] = 0
    data[4, 4, 4] = 0  # inside, a 0 is a value
    found = mark_unmeasured(Volume(data.astype(np.float32), np.eye(4)))
    assert np.isnan(found.data[:, :, :3]).all()
    assert np.isfinite(found.data[:, :, 3:]).all()
    series = read_pet(write(tmp_path, data), {"Units": "SUVR"}, psf_mm=8.0, scanner_psf_mm=4.0)
    assert series.acquired.data[1, 1, 3] == pytest.approx(2.0, rel=1e-4)


def test_frames_that_moved_out_of_the_field_of_view_do_not_darken_the_mean():
    """Of two frames of 2.0, one moved by 4 voxels: at the edge only the other counts."""
    data = np.full((8, 8, 8, 2), 2.0, np.float32)
    moved = np.eye(4)
    moved[2, 3] = 12.0
    pet = Volume(data, np.diag([3.0, 3.0, 3.0, 1.0]))
    assert (mean_of_frames(pet, [1.0, 3.0], [np.eye(4), moved]).data == 2.0).all()


def test_voxels_that_are_nan_count_nothing(tmp_path):
    """As tools write them outside the scanner's field of view."""
    import nibabel as nib

    data = np.full((8, 8, 8), 2.0, np.float32)
    data[:, :, 5:] = np.nan
    data[4, 4, 1] = 2.5
    path = tmp_path / "sub-1_pet.nii"
    nib.save(nib.Nifti1Image(data, np.diag([3.0, 3.0, 3.0, 1.0])), path)
    series = read_pet(path, {"Units": "SUVR"}, psf_mm=8.0, scanner_psf_mm=4.0)
    there = series.on(series.acquired.grid, np.eye(4)).data
    np.testing.assert_array_equal(np.isfinite(there), np.isfinite(data))
    assert there[0, 0, 4] == pytest.approx(2.0, rel=1e-4)


@pytest.fixture(scope="module")
def six_frames(tmp_path_factory) -> Path:
    """Return two simulated cohorts of the same subject: six frames, and one without noise."""
    folder, size = tmp_path_factory.mktemp("frames"), {"t1_voxel_mm": 4.0, "pet_voxel_mm": 4.0}
    simulate_cohort(folder / "six", subjects=1, frames=6, seed=2, **size)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("petsynth.simulation.imaging.NOISE_SUVR", (0.0, 0.0))
        simulate_cohort(folder / "static", subjects=1, frames=1, seed=2, **size)
    return folder


def test_simulated_frames_are_brought_together_and_average_to_the_static_scan(six_frames):
    """Motion is found to a fraction of a voxel, and what was blurred by it is as it was."""
    name = "sub-001/pet/sub-001_trc-18FFDG"
    sidecar = json.loads((six_frames / "six" / f"{name}_pet.json").read_text())
    truth = six_frames / "six" / "derivatives" / "truth" / f"{name}_from-pet_to-T1w_xfm.json"
    transforms = json.loads(truth.read_text())
    true = np.linalg.inv(transforms["frame_matrices"]) @ np.array(transforms["matrix"])
    static = read_volume(six_frames / "static" / f"{name}_pet.nii.gz")
    brain = static.data > 0.5
    points = np.argwhere(brain) @ static.affine[:3, :3].T + static.affine[:3, 3]

    def distance_mm(found, expected):
        offset = np.array(found) - expected
        return np.linalg.norm(points @ offset[:3, :3].T + offset[:3, 3], axis=1).mean()

    found, still = (
        read_pet(six_frames / "six" / f"{name}_pet.nii.gz", sidecar, motion=motion)
        for motion in (True, False)
    )
    errors, moved = (
        np.array([distance_mm(*pair) for pair in zip(series.to_frame, true, strict=True)])
        for series in (found, still)
    )
    assert moved.max() > 1
    assert errors.max() < 0.5
    assert errors.mean() < moved.mean() / 3
    np.testing.assert_allclose(found.weights, np.full((1, 6), 1 / 6))

    mean, blurred = found.mean.data, still.mean.data
    assert np.nanmean(mean[brain]) == pytest.approx(static.data[brain].mean(), rel=0.01)
    rms = [np.sqrt(np.nanmean((each - static.data)[brain] ** 2)) for each in (mean, blurred)]
    assert rms[0] < rms[1]


def test_the_mean_over_frames_is_made_once(pet, monkeypatch):
    """Motion and registration ask for it, and resampling every frame takes its time."""
    calls = []
    made = series_module.mean_of_frames
    monkeypatch.setattr(
        series_module, "mean_of_frames", lambda *words: calls.append(1) or made(*words)
    )
    series = read_pet(pet, TIMES | {"Units": "SUVR"}, motion=False)
    assert series.mean is series.mean
    assert series.motion_mm == 0
    assert len(calls) == 1
