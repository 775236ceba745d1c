"""Names, masks, sidecars and tables of BIDS."""

import json

import pandas as pd
import pytest

from petsynth.errors import InputError
from petsynth.io.bids.names import (
    parse_entities,
    participant_key,
    pet_stem,
    read_sidecar,
    read_table,
    sidecar_path,
    write_dataset_description,
    write_table,
)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("sub-01_T1w.nii.gz", "sub-01_trc-18FFDG"),
        ("sub-01_ses-m12_T1w.nii", "sub-01_ses-m12_trc-18FFDG"),
        ("sub-01_ses-bl_acq-mprage_run-2_T1w.nii.gz", "sub-01_ses-bl_trc-18FFDG_acq-mprage_run-2"),
        ("sub-01_space-aligned_desc-preproc_T1w.nii.gz", "sub-01_trc-18FFDG"),
        ("brain.v2.nii.gz", "brain.v2_trc-18FFDG"),
        ("ABC_T1w.nii.gz", "ABC_trc-18FFDG"),
    ],
)
def test_pet_stem(name, stem):
    assert pet_stem(name, "FDG") == stem


def test_pet_stem_of_an_unknown_tracer_uses_its_label():
    assert pet_stem("sub-01_T1w.nii.gz", "11CPIB") == "sub-01_trc-11CPIB"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("sub-0731", "731", True),
        ("0731", "731 ", True),
        ("sub-000", "0", True),
        ("sub-A0731", "A731", False),
        ("sub-731", "7310", False),
    ],
)
def test_one_key_per_person(one, other, same):
    assert (participant_key(one) == participant_key(other)) is same


def test_entities_of_a_name_without_entities():
    assert parse_entities("T1.nii.gz") == {"suffix": "T1", "extension": ".nii.gz"}


def test_what_json_has_not_becomes_null(tmp_path):
    (tmp_path / "x.json").write_text('{"InjectedMass": NaN, "Units": "SUVR", "Low": -Infinity}')
    fields = read_sidecar(tmp_path / "x.nii.gz")
    assert fields == {"InjectedMass": None, "Units": "SUVR", "Low": None}


def test_sidecar_beside_an_image(tmp_path):
    image = tmp_path / "sub-01_pet.nii.gz"
    assert sidecar_path(image).name == "sub-01_pet.json"
    assert read_sidecar(image) == {}
    sidecar_path(image).write_text('{"Units": "Bq/mL"}')
    assert read_sidecar(image) == {"Units": "Bq/mL"}


@pytest.mark.parametrize(("text", "message"), [("{", "not valid JSON"), ("[1]", "JSON object")])
def test_damaged_sidecar(tmp_path, text, message):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InputError, match=message):
        read_sidecar(tmp_path / "x.nii.gz")


def test_tables_keep_text_and_leading_zeros(tmp_path):
    table = pd.DataFrame({"participant_id": ["sub-007", "sub-01"], "age": ["070", None]})
    write_table(tmp_path / "participants.tsv", table)
    again = read_table(tmp_path / "participants.tsv")
    assert again["participant_id"].tolist() == ["sub-007", "sub-01"]
    assert again["age"].tolist() == ["070", "n/a"]


def test_missing_and_empty_table(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "x.tsv")
    (tmp_path / "x.tsv").touch()
    with pytest.raises(InputError, match="not a tab-separated table"):
        read_table(tmp_path / "x.tsv")


def test_dataset_description(tmp_path):
    write_dataset_description(
        tmp_path, "mine", derivative=True, sources=[str(tmp_path)], Simulated=True
    )
    content = json.loads((tmp_path / "dataset_description.json").read_text())
    assert content["DatasetType"] == "derivative"
    assert content["GeneratedBy"][0]["Name"] == "petsynth"
    assert content["SourceDatasets"] == [{"URL": tmp_path.resolve().as_uri()}]
    assert content["Simulated"] is True
