"""The folder of a simulated cohort and its tables."""

import dataclasses
import json

import pytest

from petsynth.errors import OutputError
from petsynth.io.text import read_table
from petsynth.simulation.dataset import (
    TRUTH,
    prepare_folder,
    write_descriptions,
    write_participants,
)
from petsynth.simulation.participants import sample_participant


@pytest.fixture
def cohort(tmp_path):
    """A finished dataset of one subject, and notes that somebody else has put there."""
    write_descriptions(tmp_path, "one subject", "--subjects 1", ["sub-001"])
    write_participants(tmp_path, [sample_participant(0, 0, "FDG", "sub-001")], "FDG")
    (tmp_path / "sub-001" / "anat").mkdir(parents=True)
    (tmp_path / "sub-001" / "anat" / "sub-001_T1w.nii.gz").write_bytes(b"T1")
    (tmp_path / TRUTH / "sub-001" / "anat").mkdir(parents=True)
    (tmp_path / TRUTH / "sub-001" / "anat" / "sub-001_desc-brain_mask.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("precious")
    return tmp_path


def test_a_new_and_an_empty_folder_are_free(tmp_path):
    for overwrite in (False, True):
        prepare_folder(tmp_path, overwrite)
        prepare_folder(tmp_path / "new", overwrite)
    assert not (tmp_path / "new").exists()


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "raw").write_text("")
    with pytest.raises(OutputError, match="raw: is a file; name a folder"):
        prepare_folder(tmp_path / "raw", overwrite=True)


def test_overwriting_takes_the_subjects_and_leaves_what_is_not_of_the_cohort(cohort):
    prepare_folder(cohort, overwrite=True)

    left = {path.name for path in cohort.iterdir()}
    assert not left & {"sub-001", "participants.tsv", "participants.json"}
    assert not (cohort / TRUTH).exists()
    assert (cohort / "notes.txt").read_text() == "precious"


def test_overwriting_takes_nobody_whom_the_simulation_did_not_write(cohort):
    theirs = cohort / "sub-999" / "anat" / "sub-999_T1w.nii.gz"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"a real T1")
    with pytest.raises(OutputError, match="holds sub-999, which this simulation did not write"):
        prepare_folder(cohort, overwrite=True)
    assert theirs.read_bytes() == b"a real T1"
    assert (cohort / "sub-001" / "anat" / "sub-001_T1w.nii.gz").exists()
    assert (cohort / "participants.tsv").exists()


def test_overwriting_leaves_other_files_of_its_own_subjects(cohort):
    segmentation = cohort / "sub-001" / "anat" / "sub-001_dseg.nii.gz"
    segmentation.write_bytes(b"by hand")
    prepare_folder(cohort, overwrite=True)
    assert segmentation.read_bytes() == b"by hand"
    assert not (cohort / "sub-001" / "anat" / "sub-001_T1w.nii.gz").exists()


@pytest.mark.parametrize("linked", ["sub-001", "derivatives", "participants.tsv"])
def test_overwriting_follows_no_link(cohort, tmp_path_factory, linked):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "data"
    (cohort / linked).rename(elsewhere)
    (cohort / linked).symlink_to(elsewhere)
    with pytest.raises(OutputError, match=rf"{linked} is a link; nothing was removed"):
        prepare_folder(cohort, overwrite=True)
    assert elsewhere.is_file() or any(elsewhere.rglob("*.*"))
    assert (cohort / "README.md").exists()


def test_what_a_killed_simulation_left_is_no_obstacle(tmp_path):
    (tmp_path / ".tmp-host.1-x-README.md").write_text("half")
    (tmp_path / ".petsynth.lock").write_text("{}")
    prepare_folder(tmp_path, overwrite=False)


@pytest.mark.parametrize(
    "description", ["{", "[]", '{"DatasetType": "raw"}', '{"Simulated": 1, "DatasetType": "raw"}']
)
def test_what_does_not_say_that_it_is_simulated_is_never_overwritten(cohort, description):
    (cohort / "dataset_description.json").write_text(description)
    with pytest.raises(OutputError, match="no simulated cohort"):
        prepare_folder(cohort, overwrite=True)
    assert (cohort / "sub-001").exists()


def test_both_datasets_say_what_they_are_and_how_they_were_made(cohort):
    for folder, kind in ((cohort, "raw"), (cohort / TRUTH, "derivative")):
        description = json.loads((folder / "dataset_description.json").read_text())
        assert (description["DatasetType"], description["Simulated"]) == (kind, True)
        readme = (folder / "README.md").read_text()
        assert "**Simulated.**" in readme
        assert "`--subjects 1`" in readme
    meanings = read_table(cohort / TRUTH / "descriptions.tsv")
    assert set(meanings["desc_id"]) == {"desc-noisefree", "desc-brain", "desc-lesion"}


def test_the_table_is_in_the_cohorts_order_and_says_what_is_unknown(tmp_path):
    members = [sample_participant(0, index, "FDG", f"sub-{index}") for index in range(12)]
    members[3] = dataclasses.replace(members[3], age=float("nan"), sex="n/a")
    write_participants(tmp_path, members[::-1], "FDG")
    table = read_table(tmp_path / "participants.tsv").set_index("participant_id")

    assert list(table.index) == [f"sub-{index}" for index in range(12)]
    assert (table.loc["sub-3", "age"], table.loc["sub-3", "sex"]) == ("n/a", "n/a")
    assert float(table.loc["sub-4", "age"]) == members[4].age
    assert table.loc["sub-5", "diagnosis"] == "AD"
    meanings = json.loads((tmp_path / "participants.json").read_text())
    assert list(meanings) == list(table.columns)


@pytest.mark.parametrize(("tracer", "column"), [("AV45", "amyloid"), ("AV1451", "tau")])
def test_status_stands_in_the_table_of_its_tracer(tmp_path, tracer, column):
    members = [sample_participant(0, index, tracer, f"sub-{index}") for index in range(20)]
    write_participants(tmp_path, members, tracer)
    table = read_table(tmp_path / "participants.tsv")

    assert table[column].tolist() == [
        "positive" if participant.burden > 0 else "negative" for participant in members
    ]
    assert {"amyloid", "tau"} & set(table.columns) == {column}
