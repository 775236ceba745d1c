"""What makes a folder of prepared data a BIDS derivative that explains itself."""

import dataclasses
import json

import pandas as pd
import pytest

from petsynth.io.bids.metadata import read_table
from petsynth.prepare.dataset_files import (
    DATASET_FILES,
    QC_COLUMNS,
    write_dataset_files,
    write_participants,
    write_qc,
)
from petsynth.preprocessing.quality import Quality


@pytest.mark.parametrize("simulated", [True, False])
def test_the_source_is_named_and_a_simulation_is_called_so(tmp_path, simulated):
    source = tmp_path / "echte Daten"
    write_dataset_files(tmp_path / "out", source, simulated=simulated)
    description = json.loads((tmp_path / "out" / "dataset_description.json").read_text())
    readme = (tmp_path / "out" / "README.md").read_text()

    assert description["DatasetType"] == "derivative"
    assert description["DatasetLinks"] == {"raw": source.resolve().as_uri()}
    assert description["SourceDatasets"] == [{"URL": source.resolve().as_uri()}]
    assert description.get("Simulated", False) is simulated
    assert ("The scans are simulated" in readme) is simulated
    assert f"from `{source.resolve()}`." in readme


def test_every_file_at_the_root_is_known_to_whoever_removes_it(tmp_path):
    write_dataset_files(tmp_path, "bids", simulated=False)
    write_participants(tmp_path, pd.DataFrame({"participant_id": ["sub-01"]}))
    write_qc(tmp_path, [{"participant_id": "sub-01"}])

    written = {path.name for path in tmp_path.iterdir()}
    assert len(written) == 8
    assert written <= set(DATASET_FILES)


def test_what_is_no_bids_is_ignored(tmp_path):
    write_dataset_files(tmp_path, "bids", simulated=False)
    lines = (tmp_path / ".bidsignore").read_text().splitlines()

    assert {"arrays", "prepared.json", "split.tsv", "*.html", "*_xfm.*"} <= set(lines)
    assert not {"participants.tsv", "README.md"} & set(lines)


def test_unknown_figures_are_n_a_and_columns_are_explained(tmp_path):
    rows = [
        {"participant_id": "sub-01", "pet_mean": 1.25, "abnormal": None},
        {"participant_id": "sub-02", "pet_mean": None, "abnormal": "True"},
    ]
    write_qc(tmp_path, rows)
    table = read_table(tmp_path / "qc.tsv")
    meanings = json.loads((tmp_path / "qc.json").read_text())

    assert table.to_numpy().tolist() == [["sub-01", "1.25", "n/a"], ["sub-02", "n/a", "True"]]
    assert set(table.columns) - {"participant_id"} <= set(meanings)
    assert all(meaning["Description"] for meaning in meanings.values())


def test_every_figure_of_quality_has_a_meaning():
    assert {field.name for field in dataclasses.fields(Quality)} <= set(QC_COLUMNS)


def test_columns_of_participants_are_explained(tmp_path):
    people = pd.DataFrame({"participant_id": ["sub-1"], "diagnosis": ["AD"], "original_id": [None]})
    write_participants(tmp_path, people)

    assert read_table(tmp_path / "participants.tsv").iloc[0].tolist() == ["sub-1", "AD", "n/a"]
    meanings = json.loads((tmp_path / "participants.json").read_text())
    assert set(meanings) == {"diagnosis", "original_id"}
