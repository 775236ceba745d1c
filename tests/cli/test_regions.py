"""``petsynth regions``: files in, tables out."""

import json
import sys
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

import petsynth
from petsynth.cli import regions as regions_command
from petsynth.cli.main import run
from petsynth.io.text import read_table


@pytest.fixture
def scan(tmp_path):
    """Write a PET of known values and FreeSurfer labels on one grid; return their paths."""
    labels = np.zeros((20, 20, 12), np.int16)
    pet = np.full(labels.shape, 0.5, np.float32)
    for place, (label, value) in enumerate({8: 2.0, 47: 2.0, 1028: 3.0, 2028: 2.0}.items()):
        x, y = (10 * each for each in divmod(place, 2))
        pet[x : x + 10, y : y + 10] = value
        labels[x + 2 : x + 8, y + 2 : y + 8, 3:9] = label
    affine = np.diag([4.0, 4, 4, 1])
    paths = tmp_path / "sub-01_trc-18FFDG_pet.nii.gz", tmp_path / "sub-01_dseg.nii.gz"
    for path, data in zip(paths, (pet, labels), strict=True):
        nib.save(nib.Nifti1Image(data, affine), path)
    return paths


OPTIONS = ["--aligned", "--reference", "cerebellar-grey"]


def test_table_and_json_of_a_scan(scan, tmp_path, capsys):
    pet, labels = scan
    out = tmp_path / "out"
    words = ["regions", str(pet), "--labels", str(labels), *OPTIONS, "--out", str(out)]
    assert run(words) == 0
    table = read_table(out / "sub-01_trc-18FFDG_seg-dseg_regions.tsv").set_index("region")
    assert table.loc["superiorfrontal_left", "suvr"] == "1.5"
    assert table.loc["superiorfrontal_left", "asymmetry_percent"] == "40.0"
    assert table.loc["precuneus_left", "suvr"] == "n/a"
    assert table.loc["precuneus_left", "note"] == "not in the labels"
    description = json.loads((out / "sub-01_trc-18FFDG_seg-dseg_regions.json").read_text())
    assert description["ReferenceRegion"] == "cerebellar-grey"
    assert description["Composites"]["fdg-meta-roi"]["Source"].startswith("Landau")
    assert str(tmp_path) not in json.dumps(description)
    printed = capsys.readouterr().out
    assert "superiorfrontal" in printed
    assert "fdg-meta-roi: n/a" in printed
    assert run(words) == 1
    assert "holds sub-01_trc-18FFDG_seg-dseg_regions.tsv already" in capsys.readouterr().err
    assert run([*words, "--overwrite"]) == 0


def test_without_out_the_table_is_shown_and_nothing_written(scan, tmp_path, capsys):
    before = sorted(tmp_path.iterdir())
    assert run(["regions", str(scan[0]), "--labels", str(scan[1]), *OPTIONS]) == 0
    assert "not for diagnosis" in capsys.readouterr().out
    assert sorted(tmp_path.iterdir()) == before


def test_one_bad_scan_does_not_stop_the_others(scan, tmp_path, capsys):
    pet, labels = scan
    bad = tmp_path / "sub-02_trc-18FFDG_pet.nii.gz"
    bad.write_bytes(b"no image")
    out = tmp_path / "out"
    words = ["regions", str(bad), str(pet), "--labels", str(labels), str(labels), *OPTIONS]
    assert run([*words, "--out", str(out)]) == 1
    assert "1 of 2 scans could not be measured, the others are finished: sub-02_trc" in (
        capsys.readouterr().err
    )
    assert (out / "sub-01_trc-18FFDG_seg-dseg_regions.tsv").exists()


def test_segmentations_are_found_in_a_folder_and_all_scans_stand_in_one_table(scan, tmp_path):
    pet, labels = scan
    folder, out = tmp_path / "freesurfer", tmp_path / "out"
    for subject in ("01", "02"):
        place = folder / f"sub-{subject}" / "mri"
        place.mkdir(parents=True)
        (place / "aparc+aseg.nii.gz").write_bytes(labels.read_bytes())
    second = tmp_path / "sub-02_trc-18FFDG_pet.nii.gz"
    second.write_bytes(pet.read_bytes())
    words = ["regions", str(pet), str(second), "--labels", str(folder), *OPTIONS]
    assert run([*words, "--out", str(out)]) == 0
    table = read_table(out / "regions.tsv")
    assert set(table["pet"]) == {pet.name, second.name}
    assert len(sorted(out.glob("*_regions.tsv"))) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["PET", "PET", "--labels", "LABELS"], "--labels: 1 files for 2 PETs; give one per PET"),
        (["PET", "--atlas", "aal"], "aal: no such atlas; bundled is dkt"),
        (["PET"], "an atlas is brought to the subject through the T1: give it with --t1"),
        ([], "missing: PET ...; as in: petsynth regions"),
        (["PET", "PET", "--labels", "LABELS", "LABELS"], "2 scans: name a folder"),
    ],
)
def test_mistakes_are_told_in_one_line(scan, capsys, words, message):
    names = {"PET": str(scan[0]), "LABELS": str(scan[1])}
    assert run(["regions", *(names.get(word, word) for word in words)]) in (1, 2)
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_python_returns_the_table_without_torch(scan):
    pet, labels = scan
    table = petsynth.regions(pet, labels=labels, aligned=True, reference="cerebellar-grey")
    value = table.set_index("region").loc["superiorfrontal_left", "suvr"]
    assert value == pytest.approx(1.5, abs=1e-6)
    assert table.attrs["ReferenceRegion"] == "cerebellar-grey"
    assert "petsynth.regional" in sys.modules


def test_a_subject_without_labels_is_told_in_the_status(scan, tmp_path, capsys, monkeypatch):
    pet, labels = scan
    bids, folder = tmp_path / "bids", tmp_path / "freesurfer"
    for name in ("sub-01", "sub-02"):
        for kind, end in (("anat", "T1w"), ("pet", "trc-18FFDG_pet")):
            path = bids / name / kind / f"{name}_{end}.nii.gz"
            path.parent.mkdir(parents=True)
            path.write_bytes(pet.read_bytes())
    (bids / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.0"}')
    (folder / "sub-01").mkdir(parents=True)
    (folder / "sub-01" / "aparc+aseg.nii.gz").write_bytes(labels.read_bytes())
    measured = []
    monkeypatch.setattr(
        regions_command,
        "_measure",
        lambda args, files, atlas: measured.append(files.pet.name) or SimpleNamespace(table=None),
    )
    assert run(["regions", str(bids), "--labels", str(folder)]) == 1
    assert "1 of 2 scans could not be measured, the others are finished: sub-02_trc" in (
        capsys.readouterr().err
    )
    assert measured == ["sub-01_trc-18FFDG_pet.nii.gz"]


@pytest.mark.slow
def test_a_bids_folder_is_measured_through_its_t1s(tmp_path, capsys):
    """A simulated cohort: labels of the atlas lie on the brain, FDG's cortex is above the pons."""
    bids, out = tmp_path / "bids", tmp_path / "out"
    words = ["simulate", str(bids), "--subjects", "2", "--voxel-mm", "3", "--pet-voxel-mm", "4"]
    assert run(words) == 0
    masks = str(bids / "derivatives" / "truth")
    assert run(["regions", str(bids), "--mask", masks, "--out", str(out)]) == 0
    table = read_table(out / "regions.tsv")
    rows = table[table["kind"] == "region"]
    assert len(rows) == 2 * 75
    values = rows["suvr"].replace("n/a", "nan").astype(float)
    assert values.notna().mean() > 0.9
    assert 1.0 < values.median() < 2.0
