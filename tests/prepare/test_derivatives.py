"""The files of one prepared subject."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from petsynth.io.bids.index import Scan
from petsynth.io.nifti import read_volume
from petsynth.prepare import derivatives
from petsynth.prepare.derivatives import write_subject
from petsynth.prepare.records import read_record
from petsynth.preprocessing.pet.suvr import RegionMean, Uptake
from petsynth.preprocessing.quality import Quality
from petsynth.preprocessing.subject import PreprocessingSettings
from petsynth.volume import Volume

SHAPE = (3, 4, 5)


def volume(value: float, unit: str = "arbitrary") -> Volume:
    data = np.full(SHAPE, value, np.float32)
    return Volume(data, np.diag([2.0, 2.0, 2.0, 1.0]), unit)


@pytest.fixture
def scan(tmp_path) -> Scan:
    folder = tmp_path / "bids" / "sub-1" / "ses-a"
    (folder / "pet").mkdir(parents=True)
    pet = folder / "pet" / "sub-1_ses-a_trc-18FFDG_pet.nii.gz"
    pet.with_name("sub-1_ses-a_trc-18FFDG_pet.json").write_text(
        json.dumps({"Manufacturer": "A", "Units": "Bq/mL"})
    )
    return Scan("sub-1", folder / "anat" / "sub-1_ses-a_T1w.nii.gz", pet, "FDG", session="a")


@pytest.fixture
def subject() -> SimpleNamespace:
    reference = RegionMean("pons", 1234.5, 15.0, volume(1))
    return SimpleNamespace(
        mri=np.zeros(SHAPE, np.float32),
        t1=volume(100),
        pet=volume(1.2, "SUVR"),
        noise_free=volume(1.1, "SUVR"),
        mask=np.ones(SHAPE, bool),
        unaligned_pet=volume(1.2),
        grid_to_t1=np.eye(4),
        t1_to_pet=np.diag([1.0, -1.0, -1.0, 1.0]),
        mask_source="given",
        quality=Quality(1400, 0.4, 0.5, 0.3, 0.1, 3.0, 2.0, 1.0),
        frame_times=([0.0], [600.0]),
        uptake=Uptake(reference, None, 0.9),
        conformed=None,
        static_noise_free=lambda: volume(1.1, "SUVR"),
        static_pet=lambda: volume(1.2, "SUVR"),
        covered=np.ones(SHAPE, bool),
        aligned=True,
        time_window=None,
        lesion=None,
    )


@pytest.fixture
def record(tmp_path, scan, subject, monkeypatch):
    monkeypatch.setattr(derivatives, "write_pictures", lambda *_, **__: [])
    settings = PreprocessingSettings()
    return write_subject(
        tmp_path / "out", scan, subject, settings, {"key": 1}, notes=["assumed"], simulated=True
    )


def sidecar(out: Path, name: str) -> dict:
    return json.loads((out / "sub-1" / "ses-a" / name).read_text())


def test_the_record_names_all_files_and_comes_back(tmp_path, record):
    out = tmp_path / "out"
    written = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert written == {*record.files, "arrays/sub-1.json"}
    assert {"arrays/sub-1_noisefree.npy", "arrays/sub-1_mri.npy"} <= written
    assert "arrays/sub-1_t1.npy" not in written
    assert read_record(out, "sub-1") == record
    assert (record.session, record.unit, record.frames) == ("a", "SUVR", 1)
    assert (record.key, record.notes) == ({"key": 1}, ["assumed"])


def test_images_stand_among_the_subjects_derivatives_with_their_values(tmp_path, record):
    folder = tmp_path / "out" / "sub-1" / "ses-a"
    start = "sub-1_ses-a"
    t1 = read_volume(folder / "anat" / f"{start}_space-aligned_desc-preproc_T1w.nii.gz")
    mask = read_volume(folder / "anat" / f"{start}_space-aligned_desc-brain_mask.nii.gz")
    pet = read_volume(folder / "pet" / f"{start}_trc-18FFDG_space-aligned_desc-preproc_pet.nii.gz")
    assert (t1.data.max(), mask.data.max(), pet.data.max()) == (100, 1, np.float32(1.2))


def test_sidecars_tell_what_was_done_and_that_it_is_simulated(tmp_path, record):
    out, start = tmp_path / "out", "pet/sub-1_ses-a_trc-18FFDG"
    pet = sidecar(out, f"{start}_space-aligned_desc-preproc_pet.json")
    assert (pet["Manufacturer"], pet["Units"]) == ("A", "SUVR")
    assert (pet["ReferenceRegion"], pet["ReferenceValue"]) == ("pons", 1234.5)
    assert (pet["FrameTimesStart"], pet["FrameDuration"]) == ([0.0], [600.0])
    assert pet["Description"].endswith("resampled once, mean over frames")
    assert pet["Sources"][0] == "bids:raw:sub-1/ses-a/pet/sub-1_ses-a_trc-18FFDG_pet.nii.gz"
    t1 = sidecar(out, "anat/sub-1_ses-a_space-aligned_desc-preproc_T1w.json")
    assert (t1["SkullStripped"], t1["BiasFieldCorrected"]) == (False, False)
    assert pet["Simulated"] is t1["Simulated"] is True
    transform = sidecar(out, f"{start}_from-T1w_to-pet_mode-image_xfm.json")
    assert np.diag(transform["matrix"]).tolist() == [1, -1, -1, 1]
