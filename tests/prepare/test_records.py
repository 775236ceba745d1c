"""Arrays, records and failures of single subjects."""

import dataclasses
import json

import numpy as np
import pytest

from petsynth.data.prepared import read_array
from petsynth.io.atomic import write_json
from petsynth.prepare.records import (
    Record,
    finished_subjects,
    is_finished,
    read_failures,
    read_record,
    remove_failure,
    write_array,
    write_failure,
    write_record,
)

KEY = {"petsynth_version": "1", "inputs": {"t1": ["/bids/t1.nii.gz", 12, 3]}}


@pytest.fixture
def record():
    return Record("sub-1", "bl", KEY, ["sub-1/t1.nii.gz"], "SUVR", 2, {"flags": "none"}, ["noted"])


def path_of(folder, name="sub-1"):
    return folder / "arrays" / f"{name}.json"


def test_a_record_comes_back(tmp_path, record):
    write_record(tmp_path, "sub-1_ses-bl", record)

    assert read_record(tmp_path, "sub-1_ses-bl") == record
    assert read_record(tmp_path, "sub-1") is None
    write_record(tmp_path, "sub-0", record)
    assert finished_subjects(tmp_path) == ["sub-0", "sub-1_ses-bl"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content | {"colour": "red"},
        lambda content: {name: content[name] for name in content if name != "frames"},
        lambda content: [content],
        lambda content: None,
    ],
)
def test_a_record_of_another_version_is_none(tmp_path, record, spoil):
    write_json(path_of(tmp_path), spoil(dataclasses.asdict(record)))
    assert read_record(tmp_path, "sub-1") is None


def test_a_record_that_was_cut_off_is_none(tmp_path, record):
    write_record(tmp_path, "sub-1", record)
    path = path_of(tmp_path)
    path.write_text(path.read_text()[:40])

    assert read_record(tmp_path, "sub-1") is None


def test_finished_is_what_has_the_same_key_and_all_files(tmp_path, record):
    assert not is_finished(tmp_path, None, KEY)
    assert not is_finished(tmp_path, record, KEY)
    (tmp_path / "sub-1").mkdir()
    (tmp_path / "sub-1" / "t1.nii.gz").touch()

    assert is_finished(tmp_path, record, json.loads(json.dumps(KEY)))
    assert not is_finished(tmp_path, record, KEY | {"petsynth_version": "2"})
    assert not is_finished(tmp_path, record, KEY | {"weight_kg": None})


def test_an_array_comes_back_bit_for_bit(tmp_path):
    array = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32)
    path = write_array(tmp_path, "sub-1", "pet", array)
    assert path == tmp_path / "arrays" / "sub-1_pet.npy"
    np.testing.assert_array_equal(read_array(tmp_path, "sub-1", "pet"), array)


def test_a_failure_is_noted_until_it_is_removed(tmp_path):
    assert read_failures(tmp_path) == {}
    write_failure(tmp_path, "sub-02", "no PET")
    write_failure(tmp_path, "sub-01", "T1 is truncated")
    write_failure(tmp_path, "sub-02", "PET is constant")
    assert read_failures(tmp_path) == {"sub-01": "T1 is truncated", "sub-02": "PET is constant"}
    remove_failure(tmp_path, "sub-02")
    remove_failure(tmp_path, "sub-99")
    assert list(read_failures(tmp_path)) == ["sub-01"]


def test_what_is_no_note_is_passed_over(tmp_path):
    write_failure(tmp_path, "sub-01", "T1 is truncated")
    folder = tmp_path / "arrays" / "failed"
    (folder / "sub-02.json").write_text("{")
    (folder / "sub-03.json").write_text('{"why": 1}')
    (folder / "sub-04.json").write_text("[]")
    assert list(read_failures(tmp_path)) == ["sub-01"]
