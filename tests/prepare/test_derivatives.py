"""Records of finished subjects, and whether a dataset says that it is simulated."""

import dataclasses
import json

import pytest

from petsynth.errors import InputError
from petsynth.io.atomic import write_json
from petsynth.prepare.derivatives import (
    Record,
    is_finished,
    read_record,
    read_simulated,
    record_path,
)

KEY = {"petsynth_version": "1", "inputs": {"t1": ["/bids/t1.nii.gz", 12, 3]}}


@pytest.fixture
def record():
    return Record("sub-1", "bl", KEY, ["sub-1/t1.nii.gz"], "SUVR", 2, {"flags": "none"}, ["noted"])


def store(folder, content, name="sub-1"):
    write_json(record_path(folder, name), content)


def test_a_record_comes_back(tmp_path, record):
    store(tmp_path, dataclasses.asdict(record), "sub-1_ses-bl")

    assert read_record(tmp_path, "sub-1_ses-bl") == record
    assert read_record(tmp_path, "sub-1") is None


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
    store(tmp_path, spoil(dataclasses.asdict(record)))
    assert read_record(tmp_path, "sub-1") is None


def test_a_record_that_was_cut_off_is_none(tmp_path, record):
    store(tmp_path, dataclasses.asdict(record))
    path = record_path(tmp_path, "sub-1")
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


@pytest.mark.parametrize(
    ("description", "simulated"),
    [
        ('{"Simulated": true}', True),
        ('{"Simulated": false}', False),
        ('{"Simulated": "true"}', False),
        ('{"Name": "ADNI"}', False),
        ("[]", False),
    ],
)
def test_simulated_is_what_says_so(tmp_path, description, simulated):
    (tmp_path / "dataset_description.json").write_text(description)
    assert read_simulated(tmp_path) is simulated


def test_a_dataset_without_a_description_is_of_people(tmp_path):
    assert read_simulated(tmp_path) is False


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe{"])
def test_a_damaged_description_is_refused(tmp_path, content):
    (tmp_path / "dataset_description.json").write_bytes(content)
    with pytest.raises(InputError, match=r"dataset_description\.json: not valid JSON"):
        read_simulated(tmp_path)
