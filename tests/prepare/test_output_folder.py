"""Whose folder it is: taken, continued, cleared or refused."""

import dataclasses
from pathlib import Path

import pytest

from petsynth.errors import OutputError
from petsynth.io.atomic import write_json
from petsynth.prepare.derivatives import Record, record_path
from petsynth.prepare.failures import read_failures, write_failure
from petsynth.prepare.output_folder import claim_folder, finished_subjects, read_settings

SETTINGS = {"voxel_mm": 3.0, "tracer": "FDG"}


@pytest.fixture
def bids(tmp_path) -> Path:
    (tmp_path / "bids" / "sub-1").mkdir(parents=True)
    return tmp_path / "bids"


@pytest.fixture
def out(tmp_path, bids) -> Path:
    claim_folder(tmp_path / "out", bids, SETTINGS, overwrite=False)
    return tmp_path / "out"


def finish(out: Path, name: str) -> Path:
    """Leave a finished subject with one file of its own; return that file."""
    person = name.partition("_")[0]
    file = out / person / "anat" / f"{name}_T1w.nii.gz"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    record = Record(person, None, {}, [file.relative_to(out).as_posix()], "SUVR", 1, {}, [])
    write_json(record_path(out, name), dataclasses.asdict(record))
    return file


def test_settings_are_kept_and_the_same_ones_continue(out, bids):
    assert read_settings(out) == SETTINGS
    finish(out, "sub-1")
    claim_folder(out, bids, SETTINGS, overwrite=False)
    assert finished_subjects(out) == ["sub-1"]


def test_other_settings_are_refused_once_somebody_is_finished(out, bids):
    other = SETTINGS | {"voxel_mm": 2.0}
    write_failure(out, "sub-1", "needs SUVR")
    claim_folder(out, bids, other, overwrite=False)
    assert read_settings(out) == other
    assert read_failures(out) == {}  # they failed under settings that are gone
    finish(out, "sub-1")
    with pytest.raises(OutputError, match="prepared with another voxel_mm; choose another"):
        claim_folder(out, bids, SETTINGS, overwrite=False)
    assert read_settings(out) == other


def test_overwrite_removes_what_the_records_name_and_nothing_else(out, bids):
    files = [finish(out, name) for name in ("sub-1_ses-a", "sub-1_ses-b", "sub-2")]
    notes = out / "sub-2" / "notes.txt"
    notes.touch()
    (out / "sub-1_ses-a.html").touch()
    (out / "split.tsv").touch()
    claim_folder(out, bids, SETTINGS, overwrite=True)
    assert not [file for file in files if file.exists()]
    assert sorted(path.name for path in out.iterdir()) == ["arrays", "sub-2"]
    assert notes.exists()
    assert finished_subjects(out) == []


def test_the_source_its_parents_and_files_are_refused(bids, tmp_path):
    for folder in (bids, bids.parent):
        with pytest.raises(OutputError, match="is or contains the source dataset"):
            claim_folder(folder, bids, SETTINGS, overwrite=True)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file"):
        claim_folder(tmp_path / "file", bids, SETTINGS, overwrite=True)


def test_what_holds_something_else_needs_overwrite_and_a_dataset_is_never_taken(bids, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").touch()
    with pytest.raises(OutputError, match=r"holds thesis.txt, which is no prepared data"):
        claim_folder(out, bids, SETTINGS, overwrite=False)
    claim_folder(out, bids, SETTINGS, overwrite=True)
    assert (out / "thesis.txt").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "dataset_description.json").touch()
    with pytest.raises(OutputError, match="holds another dataset"):
        claim_folder(other, bids, SETTINGS, overwrite=True)


def test_a_folder_that_another_job_has_just_begun_is_shared(bids, tmp_path):
    out = tmp_path / "out"
    (out / "arrays").mkdir(parents=True)
    (out / "arrays" / ".tmp-x-settings.json").touch()
    claim_folder(out, bids, SETTINGS, overwrite=False)
    assert read_settings(out) == SETTINGS
