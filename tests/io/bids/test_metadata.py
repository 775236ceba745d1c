"""Sidecars, the inheritance principle, tables and the description of a dataset."""

import json

import pytest

from petsynth.errors import InputError, PetsynthWarning
from petsynth.io.bids.metadata import (
    is_simulated,
    read_metadata,
    read_sidecar,
    sidecar_path,
    write_dataset_description,
)


def test_what_json_has_not_becomes_null(tmp_path):
    (tmp_path / "x.json").write_text('{"InjectedMass": NaN, "Units": "SUVR", "Low": -Infinity}')
    with pytest.warns(PetsynthWarning, match=r"x\.json: holds NaN, which is no finite number"):
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


def test_dataset_description(tmp_path):
    write_dataset_description(
        tmp_path, "mine", derivative=True, sources=["doi:10.1234/x"], Simulated=True
    )
    content = json.loads((tmp_path / "dataset_description.json").read_text())
    assert content["DatasetType"] == "derivative"
    assert content["GeneratedBy"][0]["Name"] == "petsynth"
    assert content["SourceDatasets"] == [{"URL": "doi:10.1234/x"}]
    assert content["Simulated"] is True


def test_what_stands_closer_wins(tmp_path):
    image = tmp_path / "sub-1" / "ses-a" / "pet" / "sub-1_ses-a_trc-18FFDG_pet.nii.gz"
    image.parent.mkdir(parents=True)
    (tmp_path / "pet.json").write_text('{"Units": "Bq/mL", "Scanner": "A", "Body": "brain"}')
    (tmp_path / "trc-18FFDG_pet.json").write_text('{"Scanner": "B"}')
    (tmp_path / "trc-18FAV45_pet.json").write_text('{"Scanner": "C"}')
    (tmp_path / "T1w.json").write_text('{"Scanner": "D"}')
    assert read_metadata(image) == {"Units": "Bq/mL", "Scanner": "B", "Body": "brain"}
    image.with_name("sub-1_ses-a_trc-18FFDG_pet.json").write_text('{"Units": "SUVR"}')
    assert read_metadata(image)["Units"] == "SUVR"
    (tmp_path / "sub-1" / "sub-1_pet.json").write_text("[]")
    with pytest.raises(InputError, match="must be a JSON object"):
        read_metadata(image)


def test_outside_a_dataset_only_the_own_sidecar_counts(tmp_path):
    (tmp_path / "pet.json").write_text('{"Units": "Bq/mL"}')
    assert read_metadata(tmp_path / "x_pet.nii.gz") == {}


@pytest.mark.parametrize(
    ("description", "simulated"),
    [
        ('{"Simulated": true}', True),
        ('{"Simulated": false}', False),
        ('{"Simulated": "true"}', False),
        ('{"Name": "ADNI"}', False),
    ],
)
def test_simulated_is_what_says_so(tmp_path, description, simulated):
    (tmp_path / "dataset_description.json").write_text(description)
    assert is_simulated(tmp_path) is simulated


def test_a_dataset_without_a_description_is_not_simulated(tmp_path):
    assert is_simulated(tmp_path) is False


@pytest.mark.parametrize("content", [b"{", b"", b"{]"])
def test_a_damaged_description_is_refused(tmp_path, content):
    (tmp_path / "dataset_description.json").write_bytes(content)
    with pytest.raises(InputError, match=r"dataset_description\.json: not valid JSON"):
        is_simulated(tmp_path)
