"""One subject: what it depends on and what becomes of its mistakes; many subjects; the plan."""

import dataclasses
import json
import os
import warnings
from pathlib import Path

import pandas as pd
import pytest

from petsynth import __version__
from petsynth.errors import InputError, OutputError, PetsynthWarning, RegistrationError
from petsynth.io.bids.index import Exclusion, Index, Scan
from petsynth.io.bids.participants import Participant, Participants
from petsynth.prepare import participant_level as module
from petsynth.prepare.participant_level import Preparation, plan, prepare_participants
from petsynth.prepare.records import Record, read_failures, write_record
from petsynth.preprocessing.subject import PreprocessingSettings


@pytest.fixture
def scan(tmp_path) -> Scan:
    folder = tmp_path / "bids" / "sub-1"
    folder.mkdir(parents=True)
    t1, pet = folder / "sub-1_T1w.nii.gz", folder / "sub-1_pet.nii.gz"
    t1.write_text("twelve bytes")
    pet.write_text("PET")
    return Scan("sub-1", t1, pet, "FDG")


@pytest.fixture
def preparation(tmp_path) -> Preparation:
    table = Participants({"1": Participant("AD", weight_kg=70.0)})
    return Preparation(
        tmp_path / "bids", tmp_path / "out", PreprocessingSettings(voxel_mm=3.0), participants=table
    )


def test_the_key_names_version_settings_and_inputs(scan, preparation):
    key = preparation.key(preparation.files(scan))
    assert key["petsynth_version"] == __version__
    assert key["preprocessing"]["voxel_mm"] == 3.0
    assert key["weight_kg"] == 70.0
    assert key["inputs"].keys() == {"t1", "pet"}
    stat = scan.t1.stat()
    assert key["inputs"]["t1"] == ["sub-1/sub-1_T1w.nii.gz", 12, stat.st_mtime_ns]


def test_whatever_changes_the_result_changes_the_key(scan, preparation):
    before = preparation.key(preparation.files(scan))
    sidecar = scan.pet.with_name("sub-1_pet.json")
    sidecar.write_text("{}")
    with_sidecar = preparation.key(preparation.files(scan))
    assert with_sidecar["inputs"].keys() == {"t1", "pet", "sidecar"}
    os.utime(scan.t1, ns=(1, 1))
    touched = preparation.key(preparation.files(scan))
    other = dataclasses.replace(
        preparation, preprocessing=PreprocessingSettings(voxel_mm=3.0, motion=False)
    )
    heavier = dataclasses.replace(
        preparation, participants=Participants({"1": Participant(weight_kg=71.0)})
    )
    keys = [before, with_sidecar, touched, *(p.key(p.files(scan)) for p in (other, heavier))]
    assert all(keys.count(key) == 1 for key in keys)


def test_without_a_mask_of_the_subject_its_files_are_refused(scan, preparation, tmp_path):
    masked = dataclasses.replace(preparation, masks=(tmp_path / "masks",))
    with pytest.raises(InputError, match=r"sub-1_T1w.nii.gz: no sub-1_.*desc-brain_mask"):
        masked.files(scan)
    mask = tmp_path / "masks" / "sub-1" / "sub-1_desc-brain_mask.nii.gz"
    mask.parent.mkdir(parents=True)
    mask.touch()
    assert masked.files(scan).mask == mask


def record_of(preparation, scan) -> Record:
    key = preparation.key(preparation.files(scan))
    return Record(scan.participant, None, key, [], "SUVR", 1, {"flags": "none"}, [])


def test_finished_is_what_was_made_from_the_same_and_is_all_there(scan, preparation, tmp_path):
    assert not preparation.is_finished(scan)
    record = dataclasses.replace(record_of(preparation, scan), files=["sub-1/picture.png"])
    write_record(tmp_path / "out", "sub-1", record)
    assert not preparation.is_finished(scan)
    (tmp_path / "out" / "sub-1").mkdir()
    (tmp_path / "out" / "sub-1" / "picture.png").touch()
    assert preparation.is_finished(scan)
    assert preparation.run_one(scan).record == record
    scan.t1.write_text("other bytes!")
    assert not preparation.is_finished(scan)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InputError("T1 is truncated"), "T1 is truncated"),
        (RegistrationError("no place found"), "no place found"),
        (
            FileNotFoundError(2, "No such file", "sub-1_pet.nii.gz"),
            "sub-1_pet.nii.gz: has vanished since the dataset was indexed",
        ),
        (PermissionError(13, "denied", "x.nii"), "x.nii: cannot be read (denied)"),
    ],
)
def test_a_mistake_becomes_a_reason_and_a_note(scan, preparation, monkeypatch, error, reason):
    def fail(*_):
        raise error

    monkeypatch.setattr(module, "prepare_subject", fail)
    outcome = preparation.run_one(scan)
    assert (outcome.name, outcome.record, outcome.reason) == ("sub-1", None, reason)
    assert read_failures(preparation.out) == {"sub-1": reason}
    monkeypatch.setattr(module, "prepare_subject", lambda *_: None)
    monkeypatch.setattr(module, "write_subject", lambda *_, **__: record_of(preparation, scan))
    assert preparation.run_one(scan).record is not None
    assert read_failures(preparation.out) == {}


@pytest.mark.parametrize("error", [OutputError("disk full"), ZeroDivisionError()])
def test_what_hits_everyone_and_what_is_a_bug_is_raised(scan, preparation, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(module, "prepare_subject", fail)
    with pytest.raises(type(error)):
        preparation.run_one(scan)
    assert read_failures(preparation.out) == {}


def test_own_warnings_become_notes_and_others_stay_warnings(scan, preparation, monkeypatch):
    def warn(*_):
        for _ in range(2):  # two steps may say the same of one file
            warnings.warn("LAS was assumed", PetsynthWarning, stacklevel=1)
        warnings.warn("old function", FutureWarning, stacklevel=1)

    noted = []

    def write(*_, notes, **__):
        noted.extend(notes)
        return record_of(preparation, scan)

    monkeypatch.setattr(module, "prepare_subject", warn)
    monkeypatch.setattr(module, "write_subject", write)
    with pytest.warns(FutureWarning, match="old function"):
        outcome = preparation.run_one(scan)
    assert outcome.notes == ("LAS was assumed",)
    assert noted == ["LAS was assumed"]


def test_the_key_does_not_tell_where_the_dataset_is(scan, preparation, tmp_path, monkeypatch):
    before = preparation.key(preparation.files(scan))
    (tmp_path / "link").symlink_to(tmp_path / "bids")
    (tmp_path / "bids").rename(tmp_path / "moved")
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    for root in (tmp_path / "moved", tmp_path / "link", Path("moved")):
        elsewhere = dataclasses.replace(preparation, bids=root)
        there = Scan("sub-1", *(root / "sub-1" / each.name for each in (scan.t1, scan.pet)), "FDG")
        assert elsewhere.key(elsewhere.files(there)) == before
    assert str(tmp_path) not in json.dumps(before)


def test_an_inherited_sidecar_changes_the_key(scan, preparation):
    before = preparation.key(preparation.files(scan))
    (preparation.bids / "pet.json").write_text('{"Units": "SUVR"}')
    assert preparation.key(preparation.files(scan)) != before


@pytest.fixture
def many(tmp_path, scan) -> Scan:
    """Return a subject with two T1s and two PETs."""
    t1s, pets = (
        [scan.t1, scan.t1.with_name("sub-1_run-2_T1w.nii.gz")],
        [
            scan.pet,
            scan.pet.with_name("sub-1_run-2_pet.nii.gz"),
        ],
    )
    for path in (t1s[1], pets[1]):
        path.write_text("another")
    pairs = [Scan("sub-1", t1, pet, "FDG") for pet in pets for t1 in t1s]
    return dataclasses.replace(pairs[0], others=tuple(pairs[1:]))


@pytest.fixture
def tried(preparation, monkeypatch):
    """Let some images fail; return what was tried, which images fail, and what was written."""
    seen, bad, written = [], {}, []

    def prepare(files, *_):
        seen.append((files.t1.name, files.pet.name))
        for path in (files.t1, files.pet):
            if path.name in bad:
                error = bad[path.name](f"{path}: is bad")
                error.path = path if bad[path.name] is InputError else None
                raise error

    def write(out, scan, subject, settings, key, *, notes, replaced, **_):
        inputs = Record(scan.participant, None, key, [], "SUVR", 1, {"flags": "none"}, list(notes))
        written.append(dataclasses.replace(inputs, replaced=replaced))
        write_record(out, scan.name, written[-1])
        return written[-1]

    monkeypatch.setattr(module, "prepare_subject", prepare)
    monkeypatch.setattr(module, "write_subject", write)
    return seen, bad, written


T1, T1_2 = "sub-1_T1w.nii.gz", "sub-1_run-2_T1w.nii.gz"
PET, PET_2 = "sub-1_pet.nii.gz", "sub-1_run-2_pet.nii.gz"


@pytest.mark.parametrize(
    ("bad", "taken", "replaced", "tries"),
    [
        ({}, (T1, PET), [], 1),
        ({T1: InputError}, (T1_2, PET), [T1], 2),
        ({PET: InputError}, (T1, PET_2), [PET], 2),
        ({T1: InputError, PET: InputError}, (T1_2, PET_2), [PET, T1], 3),
        ({T1: RegistrationError}, (T1_2, PET), [T1], 2),
        ({PET: RegistrationError}, (T1, PET_2), [PET], 3),
    ],
)
def test_where_an_image_cannot_be_used_the_next_is_tried(
    many, preparation, tried, bad, taken, replaced, tries
):
    seen, fails, written = tried
    fails |= bad
    outcome = preparation.run_one(many)
    assert seen[-1] == taken
    assert len(seen) == tries
    assert sorted(written[0].replaced) == sorted(replaced)
    for name in replaced:
        assert written[0].replaced[name] == f"sub-1/{name}: is bad"
        assert any(f"{name} could not be used" in note for note in outcome.notes)
    seen.clear()
    assert preparation.is_finished(many)
    assert preparation.run_one(many).record == written[0]
    assert seen == []


def test_a_replaced_image_that_changes_is_tried_again(many, preparation, tried):
    seen, fails, _ = tried
    fails[T1] = InputError
    preparation.run_one(many)
    fails.clear()
    many.t1.write_text("repaired")
    assert not preparation.is_finished(many)
    assert preparation.run_one(many).record.replaced == {}
    assert seen[-1] == (T1, PET)


def test_where_no_image_can_be_used_the_first_reason_counts(many, preparation, tried):
    _, fails, _ = tried
    fails |= {T1: InputError, T1_2: InputError}
    assert preparation.run_one(many).reason == f"sub-1/{T1}: is bad"


def test_a_t1_that_vanished_is_replaced(many, preparation, tried):
    many.t1.unlink()
    assert preparation.run_one(many).record.replaced == {
        T1: f"sub-1/{T1}: has vanished since the dataset was indexed"
    }


def test_a_weight_that_cannot_be_read_is_told_where_it_is_needed(scan, preparation, tried):
    table = Participants({"1": Participant(unread_weight="heavy")})
    for units, told in (("suv", True), ("auto", False)):
        settings = PreprocessingSettings(units=units)
        each = dataclasses.replace(preparation, participants=table, preprocessing=settings)
        assert any("weight is 'heavy'" in note for note in each.run_one(scan).notes) is told


@pytest.fixture
def scans(tmp_path, scan) -> list[Scan]:
    """Return three subjects, of which the second has lost its PET."""
    others = []
    for number in (2, 3):
        t1 = tmp_path / "bids" / f"sub-{number}_T1w.nii.gz"
        t1.touch()
        pet = scan.pet if number == 3 else tmp_path / "bids" / "gone_pet.nii.gz"
        others.append(Scan(f"sub-{number}", t1, pet, "FDG"))
    return [scan, *others]


def test_a_subject_that_fails_does_not_stop_the_others(scans, preparation, monkeypatch):
    monkeypatch.setattr(module, "prepare_subject", lambda *_: None)
    monkeypatch.setattr(
        module, "write_subject", lambda _, scan, *__, **___: record_of(preparation, scan)
    )
    seen = []
    failed = prepare_participants(preparation, scans, finished=lambda each: seen.append(each.name))
    assert [outcome.name for outcome in failed] == ["sub-2"]
    assert seen == ["sub-1", "sub-2", "sub-3"]
    assert (preparation.out / "dataset_description.json").is_file()
    with pytest.raises(InputError, match=r"sub-2: .*stopped there; finished subjects are kept"):
        prepare_participants(preparation, scans, stop_on_failure=True)


def test_a_row_for_each_pair_each_subject_and_each_image_left_out(tmp_path):
    scans = []
    for name in ("sub-1", "sub-3"):
        t1, pet = (tmp_path / f"{name}_{suffix}.nii.gz" for suffix in ("T1w", "pet"))
        if name == "sub-1":
            t1.touch()
            pet.touch()
        scans.append(Scan(name, t1, pet, "FDG", "bl", 12))
    unused = [
        Exclusion("sub-1", "further away", "sub-1_run-2_T1w.nii.gz"),
        Exclusion("sub-1", "later", "sub-1_ses-m12_pet.nii.gz"),
    ]
    index = Index(scans, {"sub-2": "no FDG PET"}, unused)
    table = plan(Preparation(tmp_path, tmp_path / "out", PreprocessingSettings()), index)
    assert list(table["participant_id"]) == ["sub-1", "sub-1", "sub-1", "sub-2", "sub-3"]
    assert list(table["what"][:4]) == [
        "prepare",
        "left out: further away",
        "left out: later",
        "left out: no FDG PET",
    ]
    last = table["what"].iloc[4]
    assert last.startswith("left out: ")
    assert last.endswith("sub-3_T1w.nii.gz: has vanished since the dataset was indexed")
    first = table.iloc[0]
    assert (first["session_id"], first["tracer"], first["interval_days"]) == ("ses-bl", "FDG", 12)
    assert table["t1"].iloc[1] == "sub-1_run-2_T1w.nii.gz"
    assert pd.isna(table["t1"].iloc[2])
    assert table["pet"].iloc[2] == "sub-1_ses-m12_pet.nii.gz"
    assert not Path(tmp_path / "out").exists()
