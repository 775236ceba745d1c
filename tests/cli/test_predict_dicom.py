"""Predicting a DICOM folder, and the synthetic PET as DICOM."""

import json
import sys

import nibabel as nib
import numpy as np
import pytest
from tests.cli.test_predict import known_alignment, save_t1  # noqa: F401
from tests.io.dicom.makers import (
    OBLIQUE,
    SAGITTAL,
    Plan,
    changed,
    compress,
    pet_values,
    t1_values,
    without_slices,
    write,
    write_enhanced,
)

import petsynth
from petsynth.cli.main import run

pydicom = pytest.importorskip("pydicom", reason="needs the extra dicom")
# 24 x 26 x 22 voxels of 8 mm, as the T1s of test_predict
T1 = Plan(
    t1_values(24, 22, 26),
    orientation=SAGITTAL,
    origin=(-92.0, -90.0, 100.0),
    spacing=(8.0, 8.0, 8.0),
    more={"SliceThickness": 3.0},
)
PET = "export_trc-18FFDG_space-T1w_desc-synth_pet"


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Take slices for a T1's though they are 8 mm apart."""
    from petsynth.io.dicom import kinds

    monkeypatch.setattr(kinds, "_THICKEST_MM", 10.0)


@pytest.fixture
def command(tiny_run, tmp_path):
    """Return a function that predicts into ``out`` and returns the exit status."""

    def predict(*arguments):
        words = [*arguments, "--out", tmp_path / "out", "--model", tiny_run, "--threads", "1"]
        return run(["predict", *map(str, words)])

    return predict


@pytest.fixture
def export(tmp_path):
    write(T1, tmp_path / "export")
    write(changed(Plan(pet_values()), modality="PT", series=2), tmp_path / "export")
    return tmp_path / "export"


def values_of(folder):
    """Return the values of a series' slices, and where each lies."""
    slices = [pydicom.dcmread(path) for path in sorted(folder.glob("*.dcm"))]
    return [
        (
            each.pixel_array * float(each.RescaleSlope),
            np.array(each.ImagePositionPatient, dtype=float),
        )
        for each in slices
    ]


def test_a_dicom_folder_and_dicom_out(command, export, tmp_path, capsys):
    """The values of the DICOM are those of the NIfTI at the same places."""
    assert command(export, "--dicom") == 0
    image = nib.load(tmp_path / "out" / f"{PET}.nii.gz")
    found = values_of(tmp_path / "out" / "dicom" / "export_trc-18FFDG_desc-synth")
    assert len(found) == 24
    nifti = image.get_fdata()
    for values, place in found[::5]:
        y, x = np.indices(values.shape)
        row, column = np.array(SAGITTAL[:3]), np.array(SAGITTAL[3:])
        world = place + 8 * (x[..., None] * row + y[..., None] * column)
        voxels = nib.affines.apply_affine(np.linalg.inv(image.affine), world * [-1, -1, 1])
        i, j, k = np.moveaxis(voxels.round().astype(int), -1, 0)
        np.testing.assert_allclose(values, nifti[i, j, k], atol=np.abs(nifti).max() / 32767)
    told = capsys.readouterr().err
    assert "24 files, with the patient's name and ID" in told
    assert "4711" not in told
    for path in (tmp_path / "out").rglob("*"):  # only the DICOM knows the patient
        if path.is_file() and path.suffix != ".dcm":
            assert b"4711" not in path.read_bytes()
    assert command(export, "--dicom") == 0
    told = capsys.readouterr().err
    assert told.count("(kept") == 2


def test_dicom_can_be_asked_for_later_and_only_by_name_if_it_is_something_else(
    command, export, tmp_path, capsys
):
    assert command(export) == 0
    assert not (tmp_path / "out" / "dicom").exists()
    folder = tmp_path / "out" / "dicom" / "export_trc-18FFDG_desc-synth"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("")
    assert command(export, "--dicom") == 1
    assert "holds something else; nothing was replaced" in capsys.readouterr().err
    (folder / "notes.txt").unlink()
    assert command(export, "--dicom") == 0
    assert len(list(folder.iterdir())) == 24


def test_a_nifti_whose_dicom_is_named(command, export, tmp_path, capsys):
    """Converted by somebody else, in another axis order."""
    assert run(["import-dicom", str(export), str(tmp_path / "bids")]) == 0
    (t1,) = (tmp_path / "bids").rglob("*_T1w.nii.gz")
    turned = nib.load(t1).as_reoriented(np.array([[1, -1], [0, 1], [2, -1]]))
    nib.save(turned, tmp_path / "sub-7_T1w.nii.gz")
    assert command(tmp_path / "sub-7_T1w.nii.gz", "--dicom-reference", export) == 0
    assert command(export, "--dicom") == 0
    folders = sorted((tmp_path / "out" / "dicom").iterdir())
    first, second = (values_of(folder) for folder in folders)
    for (one, place), (other, same_place) in zip(first, second, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)
        np.testing.assert_array_equal(place, same_place)
    capsys.readouterr()
    save_t1(tmp_path / "other_T1w.nii.gz")
    assert command(tmp_path / "other_T1w.nii.gz", "--dicom") == 2
    assert "name its DICOM with --dicom-reference FOLDER" in capsys.readouterr().err
    shifted = nib.Nifti1Image(turned.get_fdata(), turned.affine + 0.3 * np.eye(4, k=3))
    nib.save(shifted, tmp_path / "shifted.nii.gz")
    assert command(tmp_path / "shifted.nii.gz", "--dicom-reference", export) == 1
    assert "do not lie on the slices of a T1 series in" in capsys.readouterr().err


def test_several_t1s_of_a_folder_in_processes_side_by_side(command, export, tmp_path, capfd):
    write(changed(T1, series=4, number=8), export)
    assert command(export, "--dicom-reference", export, "--t1-series", "3", "8") == 0
    names = sorted(path.name for path in (tmp_path / "out" / "dicom").iterdir())
    assert names == [f"export_series-{n}_trc-18FFDG_desc-synth" for n in (3, 8)]
    assert "(series 8) ->" in capfd.readouterr().err


def test_what_cannot_be_used_is_one_line(command, export, tmp_path, capsys):
    pet = tmp_path / "pet"
    write(changed(Plan(pet_values()), modality="PT", series=2), pet)
    assert command(pet) == 1
    assert "no series is a T1 (no MRI)\n" in capsys.readouterr().err
    flair = tmp_path / "flair"
    write(changed(T1, more={"SeriesDescription": "t2_flair", "ProtocolName": ""}), flair)
    assert command(flair) == 1
    assert "series 3 (t2_flair): no T1-weighted image by its name); --t1" in capsys.readouterr().err
    without_slices(sorted(export.glob("01-*")), 5)
    assert command(export) == 1
    told = capsys.readouterr().err
    assert "series 3 (t1_mprage_sag_p2_iso): 1 of 24 slices are missing" in told
    assert len(told.splitlines()) == 1


def test_one_enhanced_file_and_the_python_function(tiny_run, command, export, tmp_path):
    path = write_enhanced(T1, tmp_path / "one", name="T1.dcm")
    assert command(path, "--dicom") == 0
    sidecar = tmp_path / "out" / "T1_trc-18FFDG_space-T1w_desc-synth_pet.json"
    assert json.loads(sidecar.read_text())["Synthetic"] is True
    pet = petsynth.predict(export, model=tiny_run)
    assert sorted(pet.shape) == [22, 24, 26]


def test_oblique_and_compressed(command, tmp_path):
    paths = write(changed(T1, orientation=OBLIQUE), tmp_path / "export")
    for path in paths:
        compress(path, "1.2.840.10008.1.2.4.70")
    assert command(tmp_path / "export", "--dicom") == 0
    assert len(list((tmp_path / "out" / "dicom").rglob("*.dcm"))) == 24


def test_without_the_extra_one_line_names_it(command, export, capsys, monkeypatch):
    for name in ("pydicom", "pydicom.config"):
        monkeypatch.setitem(sys.modules, name, None)
    assert command(export) == 1
    assert capsys.readouterr().err.endswith("pip install 'petsynth[dicom]'\n")
