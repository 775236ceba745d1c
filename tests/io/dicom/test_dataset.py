"""A DICOM folder becomes a BIDS dataset that tells nobody who somebody is."""

import gzip
import json

import nibabel as nib
import numpy as np
import pytest
from tests.io.dicom.makers import Plan, changed, pet_values, t1_values, uid, write

from petsynth.errors import ArgumentError, InputError, OutputError
from petsynth.io.bids.index import Choice, index_dataset
from petsynth.io.bids.validator import find_validator, validate
from petsynth.io.dicom.dataset import ImportSettings, import_series, list_series
from petsynth.io.text import read_table

pydicom = pytest.importorskip("pydicom", reason="needs the extra dicom")
T1 = Plan(t1_values(slices=5))
PET = Plan(pet_values(1, slices=5), modality="PT", series=2, number=4)
LATER = {"study": 2, "day": "20240410"}
STEM = "sub-001/ses-01/pet/sub-001_ses-01_trc-18FFDG_rec-acstat_pet"


def imported(folder, root, **settings):
    said = []
    chosen = ImportSettings(**settings)
    result = import_series(list_series(folder, chosen, said.append), root, chosen, said.append)
    return result, said


@pytest.fixture
def folder(tmp_path):
    """Return a patient's T1 and PET of one day, and a PET of a later one."""
    for plan in (T1, PET, changed(PET, series=3, number=5, vendor="ge", **LATER)):
        write(plan, tmp_path / "dicom")
    return tmp_path / "dicom"


def test_a_dataset_that_the_validator_accepts_and_prepare_can_pair(folder, tmp_path):
    root = tmp_path / "bids"
    result, _ = imported(folder, root)
    assert len(result.written) == 3
    assert json.loads((root / f"{STEM}.json").read_text())["Units"] == "Bq/mL"
    values = np.sort(nib.load(root / f"{STEM}.nii.gz").get_fdata(), axis=None)
    np.testing.assert_allclose(values, np.sort(PET.values, axis=None), rtol=1e-3)
    (scan,) = index_dataset(root, Choice(tracer="FDG")).scans
    assert (scan.t1.name, scan.interval_days) == ("sub-001_ses-01_T1w.nii.gz", 0)
    row = read_table(root / "participants.tsv").iloc[0].to_dict()
    assert row == {"participant_id": "sub-001", "age": "76", "sex": "F", "weight": "61.5"}
    validator = find_validator()
    if validator is not None:
        assert validate(root, validator) == []


def test_nothing_tells_who_it_is(folder, tmp_path):
    root = tmp_path / "bids"
    imported(folder, root, key=tmp_path / "key.tsv")
    secrets = ("4711", "ller", "nne", "19480229", "1948-02", "20240305", "2024-03", uid()[:12])
    secrets += ("ACC-998877", "S77", "Strange", "Hospital", "mprage_sag")
    for path in root.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            content = gzip.decompress(content) if path.suffix == ".gz" else content
            found = [each for each in secrets if each.encode() in content]
            assert (path, found) == (path, [])
            assert [each for each in secrets if each in path.as_posix().split("bids/")[1]] == []
    assert "4711" in (tmp_path / "key.tsv").read_text()
    assert (tmp_path / "key.tsv").stat().st_mode & 0o077 == 0


def test_once_more_keeps_all_even_without_a_key(folder, tmp_path):
    root = tmp_path / "bids"
    first, _ = imported(folder, root)
    before = {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
    again, said = imported(folder, root)
    assert (again.written, again.kept) == ([], first.written)
    assert all("(kept: the same image)" in line for line in said)
    assert {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()} == before


@pytest.mark.parametrize("with_key", [True, False])
def test_a_later_scan_joins_its_patient(tmp_path, with_key):
    root, key = tmp_path / "bids", {"key": tmp_path / "key.tsv"} if with_key else {}
    write(T1, tmp_path / "a")
    imported(tmp_path / "a", root, **key)
    write(changed(T1, patient="P2", study=7, values=T1.values + 1), tmp_path / "b")
    other = changed(PET, patient="P2", study=8, values=PET.values + 9)
    write(changed(other, day="20240412"), tmp_path / "b")
    write(changed(PET, **LATER), tmp_path / "a")
    if not with_key:  # the T1 that is there already tells whose PET it is
        imported(tmp_path / "a", root)
    imported(tmp_path / "b", root, **key)
    result, _ = imported(tmp_path / "a", root, **key)
    pet = "sub-001/ses-02/pet/sub-001_ses-02_trc-18FFDG_rec-acstat_pet.nii.gz"
    assert (root / pet).exists()
    assert result.kept[0].name == "sub-001_ses-01_T1w.nii.gz"
    assert (root / "sub-002" / "ses-02" / "pet").is_dir()
    rows = read_table(root / "sub-001" / "ses-02" / "sub-001_ses-02_scans.tsv")
    assert rows["acq_time"][0] == "1900-02-06T10:30:00"  # 36 days after 1 January


def test_a_label_of_ones_own(folder, tmp_path):
    imported(folder, tmp_path / "bids", label="AD07")
    assert (tmp_path / "bids" / "sub-AD07" / "ses-02").is_dir()
    with pytest.raises(ArgumentError, match="this patient is sub-AD07 already"):
        imported(folder, tmp_path / "bids", label="8")
    write(changed(T1, patient="P2", study=7, series=8), folder)
    with pytest.raises(ArgumentError, match="is for one patient, and the folder holds 2"):
        imported(folder, tmp_path / "bids", label="AD07")


def test_several_series_of_one_kind_become_runs(tmp_path):
    agent = {"ContrastBolusAgent": "Gadovist"}
    for number, more in ((1, {}), (2, {}), (3, agent)):
        values = T1.values + number
        write(changed(T1, series=number, values=values, more=more), tmp_path / "dicom")
    result, _ = imported(tmp_path / "dicom", tmp_path / "bids")
    assert sorted(path.name for path in result.written) == [
        "sub-001_ses-01_T1w.nii.gz",
        "sub-001_ses-01_ce-gadolinium_T1w.nii.gz",
        "sub-001_ses-01_run-2_T1w.nii.gz",
    ]


def test_series_that_are_named(folder, tmp_path):
    with pytest.raises(ArgumentError, match=r"--t1-series 9: no such series; there are 3"):
        list_series(folder, ImportSettings(t1_numbers=[9]), print)
    found = list_series(folder, ImportSettings(pet_numbers=[5]), print)
    assert [each.series.number for each in found if each.kind] == [3, 5]


def test_what_dcm2niix_cannot_read_costs_no_other(folder, tmp_path, monkeypatch):
    from petsynth.io.dicom import dataset

    def convert(series, scratch, real=dataset.convert):
        if series.number == 4:
            raise InputError("dcm2niix cannot read it (it says no more)")
        return real(series, scratch)

    monkeypatch.setattr(dataset, "convert", convert)
    result, said = imported(folder, tmp_path / "bids")
    assert result.failed == ["series 4 (PET_Brain_FDG_AC)"]
    assert len(result.written) == 2
    assert "series 4 (PET_Brain_FDG_AC): dcm2niix cannot read it" in said[0]


def test_where_it_does_not_belong(folder, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("")
    with pytest.raises(OutputError, match=r"holds thesis\.tex, and is no BIDS dataset"):
        imported(folder, tmp_path / "other")
    with pytest.raises(OutputError, match="keep it outside the dataset"):
        imported(folder, tmp_path / "bids", key=tmp_path / "bids" / "key.tsv")
    (tmp_path / "key.tsv").write_text("name\tage\nx\t3\n")
    with pytest.raises(InputError, match="has no column participant_id"):
        imported(folder, tmp_path / "bids", key=tmp_path / "key.tsv")
