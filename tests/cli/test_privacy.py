"""What tells of people or places stays in the raw dataset: nothing of it is in any output."""

import gzip
import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from tests.conftest import make_run

from petsynth.cli.main import run
from petsynth.inference import scan as scan_module
from petsynth.inference.scan import InputCheck
from petsynth.preprocessing.resampling import resample
from petsynth.preprocessing.t1.alignment import PreparedT1

SECRETS = {
    "PatientName": "Mustermann^Erika",
    "PatientID": "4711-0815",
    "PatientBirthDate": "19500301",
    "InstitutionName": "Charite",
    "InstitutionAddress": "Luisenstr",
    "StationName": "PETCT7",
    "OperatorsName": "Doe^Jane",
    "DeviceSerialNumber": "SN990077",
    "StudyInstanceUID": "1.2.840.113619.2.55",
    "SeriesInstanceUID": "1.2.840.113619.2.66",
    "AcquisitionDateTime": "2012-03-01T09:12:33",
    "AcquisitionTime": "09:12:33.4",
    "SeriesDescription": "Erika zweiter Versuch",
}
FOLDER = "Studie Mustermann"


@pytest.fixture(scope="module")
def study(bids, tmp_path_factory):
    """Return a dataset that tells much, and everything that is made from it."""
    home = tmp_path_factory.mktemp("home")
    root, out = home / FOLDER, home / "outputs"
    shutil.copytree(bids, root)
    for path in sorted(root.glob("sub-*/*/*.json")):
        path.write_text(json.dumps(json.loads(path.read_text()) | SECRETS))
    (root / "pet.json").write_text(
        json.dumps(SECRETS | {"ReconMethodName": f"OSEM {root}/run.par"})
    )
    for path in sorted(root.glob("sub-*/pet/*.nii.gz")):
        image = nib.load(path)
        image.header["descrip"], image.header["db_name"] = b"Mustermann 4711-0815", b"Erika"
        nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj), None, image.header), path)
    t1 = root / "sub-004" / "anat" / "sub-004_T1w.nii.gz"
    shutil.copy(t1, t1.with_name("sub-004_run-2_T1w.nii.gz"))
    t1.write_bytes(t1.read_bytes()[:5000])
    for name in ("anat/sub-005_T1w.nii.gz", "pet/sub-005_trc-18FFDG_pet.nii.gz"):
        (root / "sub-005" / name).parent.mkdir(parents=True)
        (root / "sub-005" / name).write_bytes(b"damaged")
    masks = root / "derivatives" / "truth"
    mask = masks / "sub-004" / "anat" / "sub-004_desc-brain_mask.nii.gz"
    shutil.copy(mask, mask.with_name("sub-004_run-2_desc-brain_mask.nii.gz"))
    split = home / FOLDER / "Mustermann.tsv"
    rows = "sub-001\ttrain\nsub-002\ttest\nsub-003\ttrain\nsub-004\ttest\nsub-005\ttrain\n"
    split.write_text(f"participant_id\tsplit\n{rows}")
    words = ["prepare", root, out / "prepared", "--voxel-mm", "9", "--masks", masks]
    words += ["--skip-bids-validation", "--split", split]
    assert run([*map(str, words)]) == 0
    model = make_run(out / "model", out / "prepared")
    words = ["evaluate", model, "--data", out / "prepared", "--out", out / "evaluation"]
    assert run([*map(str, words)]) == 0
    with pytest.MonkeyPatch.context() as patch:  # the T1 is aligned: no registration
        patch.setattr(scan_module, "prepare_t1", _as_it_is)
        patch.setattr(scan_module, "check_input", lambda *_: InputCheck(0.7))
        anat = root / "sub-001" / "anat" / "sub-001_T1w.nii.gz"
        words = ["predict", anat, "--model", model, "--out", out / "predicted"]
        assert run([*map(str, words)]) == 0
    return root, out


def _as_it_is(t1, grid, mask=None, **_):
    mri = np.clip(resample(t1, grid, fill=-1.0).data, -1, 1)
    return PreparedT1(mri, mri > 0, np.eye(4), "given", 1.0)


def contents(out: Path) -> dict[str, bytes]:
    files = {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    return {
        path.relative_to(out).as_posix(): gzip.decompress(data) if path.suffix == ".gz" else data
        for path, data in files.items()
    }


def test_no_output_tells_who_where_or_on_which_day(study):
    root, out = study
    found = contents(out)
    kinds = {name.rpartition(".")[2] for name in found}
    assert {"json", "html", "tsv", "gz", "md", "png", "npy", "safetensors"} <= kinds
    telling = [*SECRETS.values(), "2012-03-01", "Mustermann", "Erika", FOLDER]
    telling += [str(root), str(root.parent), "file://"]
    assert [
        (name, secret)
        for name, data in found.items()
        for secret in telling
        if secret.encode() in data or secret.encode("utf-16-le") in data
    ] == []


def test_what_bids_asks_of_a_pet_is_still_there(study):
    _, out = study
    (path,) = (out / "prepared" / "sub-001" / "pet").glob("*_pet.json")
    sidecar = json.loads(path.read_text())
    assert sidecar["TracerName"] == "fluorodeoxyglucose"
    assert sidecar["ReconMethodName"].startswith("simulated")
    assert {"Manufacturer", "InjectedRadioactivity", "TimeZero", "FrameDuration"} <= sidecar.keys()
    assert sidecar["Sources"][1] == "bids:raw:sub-001/anat/sub-001_T1w.nii.gz"


def test_reasons_name_files_below_the_dataset(study):
    _, out = study
    lines = (out / "prepared" / "exclusions.tsv").read_text().splitlines()
    (reason,) = [line for line in lines if line.startswith("sub-005")]
    assert (
        "\tsub-005/anat/sub-005_T1w.nii.gz: no sub-005_*desc-brain_mask.nii* in sub-005" in reason
    )


def test_a_damaged_t1_is_replaced_by_the_next_which_is_flagged_and_reported(study):
    _, out = study
    prepared = out / "prepared"
    lines = (prepared / "exclusions.tsv").read_text().splitlines()
    (reason,) = [line for line in lines if line.startswith("sub-004")]
    assert "\tsub-004_T1w.nii.gz\tcould not be used: sub-004/anat/sub-004_T1w" in reason
    (row,) = [
        line
        for line in (prepared / "qc.tsv").read_text().splitlines()
        if line.startswith("sub-004")
    ]
    assert "sub-004_T1w.nii.gz could not be used: sub-004_run-2_T1w.nii.gz was taken" in row
    assert "could not be used" in (prepared / "sub-004.html").read_text()


def test_a_dataset_that_was_moved_is_continued(study, tmp_path, monkeypatch, capfd):
    """Also reached by a link: nobody is prepared again."""
    root, out = study
    copy = shutil.copytree(out / "prepared", tmp_path / "prepared")
    shutil.copytree(root, tmp_path / "elsewhere" / "data")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "data")

    def refuse(*_):
        raise AssertionError("prepared again")

    from petsynth.prepare import participant_level

    monkeypatch.setattr(participant_level, "prepare_subject", refuse)
    (tmp_path / "elsewhere/data/sub-005").rename(tmp_path / "sub-005")  # who failed is tried again
    words = ["prepare", tmp_path / "link", copy, "--voxel-mm", "9", "--skip-bids-validation"]
    words += ["--masks", tmp_path / "link/derivatives/truth"]
    words += ["--split", tmp_path / "link/Mustermann.tsv"]
    assert run([*map(str, words)]) == 0, capfd.readouterr().err
