"""Features of two groups from the tables of evaluations, on tables of three regions."""

import json

import numpy as np
import pandas as pd
import pytest

from petsynth.errors import InputError
from petsynth.evaluation.group_features import (
    BOTH,
    MRI,
    REFERENCE,
    read_group_features,
    synthetic_pet,
)
from petsynth.io.bids.metadata import write_table

GROUPS = ("AD", "CN")
DIAGNOSES = {"sub-1": "AD", "sub-2": "CN", "sub-3": "MCI"}


def write(folder, diagnoses=DIAGNOSES, methods=("net",), drop=(), **summary):
    """Write an evaluation whose values are 10 x subject + region, of both images."""
    folder.mkdir()
    rows = [
        {
            "participant_id": name,
            "method": method,
            "kind": "region",
            "region": f"region{place}",
            "reference": 10 * number + place,
            "synthetic": 100 * number + place,
            "volume_ml": 1.0 + place,
            "grey_fraction": 0.1 * place,
        }
        for number, name in enumerate(diagnoses)
        for method in methods
        for place in range(3)
        if (name, method) not in drop
    ]
    write_table(folder / "regions.tsv", pd.DataFrame(rows))
    people = [(name, method) for name in diagnoses for method in methods]
    metrics = {
        "participant_id": [name for name, _ in people],
        "method": [method for _, method in people],
        "kind": "model",
        "diagnosis": [diagnoses[name] for name, _ in people],
    }
    write_table(folder / "metrics.tsv", pd.DataFrame(metrics))
    content = {"simulated": False, "external": [], "covariates": {}} | summary
    (folder / "summary.json").write_text(json.dumps(content))
    return folder


def test_subjects_of_other_groups_are_left_out_and_sets_are_complete(tmp_path):
    found = read_group_features([write(tmp_path / "e")], GROUPS)
    pet = synthetic_pet("net")
    assert found.participants == ["sub-1", "sub-2"]
    assert found.positive.tolist() == [True, False]
    assert list(found.sets) == [MRI, REFERENCE, pet, BOTH.format(REFERENCE), BOTH.format(pet)]
    assert found.sets[REFERENCE].tolist() == [[0, 1, 2], [10, 11, 12]]
    assert found.sets[pet].tolist() == [[0, 1, 2], [100, 101, 102]]
    assert np.allclose(found.sets[MRI][0], [1 / 6, 2 / 6, 3 / 6, 0, 0.1, 0.2])
    assert (found.simulated, found.told, found.notes) == (False, [], [])


def test_methods_that_are_not_everywhere_are_left_out_and_named(tmp_path):
    first = write(tmp_path / "a", methods=("net", "other"))
    second = write(
        tmp_path / "b", {"sub-4": "AD", "sub-5": "CN"}, covariates={"net": ["diagnosis"]}
    )
    found = read_group_features([first, second], GROUPS)
    assert (found.synthetic, found.told) == (["net"], ["net"])
    assert found.notes == ["other is not in all evaluations and is left out"]
    with pytest.raises(InputError, match="no model is in all evaluations"):
        read_group_features([first, write(tmp_path / "c", {"sub-6": "AD"}, ("third",))], GROUPS)


def test_a_subject_without_one_of_the_pets_is_left_out_and_named(tmp_path):
    people = DIAGNOSES | {"sub-4": "AD"}
    folder = write(tmp_path / "e", people, ("net", "tool"), drop=[("sub-4", "tool")])
    found = read_group_features([folder], GROUPS)
    assert found.participants == ["sub-1", "sub-2"]
    assert found.notes[0].startswith("sub-4: without regions, or without one of the PETs")


def test_visits_with_two_diagnoses_belong_to_no_group(tmp_path):
    people = {"sub-1_ses-a": "CN", "sub-1_ses-b": "AD", "sub-2": "AD", "sub-3": "CN"}
    found = read_group_features([write(tmp_path / "e", people)], GROUPS)
    assert found.participants == ["sub-2", "sub-3"]


@pytest.mark.parametrize(
    ("summary", "message"),
    [({"external": 3}, "summary.json: damaged"), ({"covariates": {"net": 1}}, "json: damaged")],
)
def test_a_damaged_summary_is_one_line(tmp_path, summary, message):
    with pytest.raises(InputError, match=message):
        read_group_features([write(tmp_path / "e", **summary)], GROUPS)


@pytest.mark.parametrize("column", ["kind", "diagnosis", "method", "participant_id"])
def test_a_missing_column_is_one_line(tmp_path, column):
    folder = write(tmp_path / "e")
    table = pd.read_csv(folder / "metrics.tsv", sep="\t").drop(columns=column)
    write_table(folder / "metrics.tsv", table)
    with pytest.raises(InputError, match=rf"{column} is not in its tables"):
        read_group_features([folder], GROUPS)
