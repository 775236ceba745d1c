"""The folder of prepared data: taken, continued, cleared or refused; files at its root."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from petsynth.data.prepared import read_description
from petsynth.errors import InputError, OutputError
from petsynth.io.text import read_table
from petsynth.prepare.output_folder import (
    DATASET_FILES,
    FolderSettings,
    claim_folder,
    read_settings,
    write_dataset_files,
    write_description,
    write_participants,
)
from petsynth.prepare.quality_control import write_qc
from petsynth.prepare.records import (
    Record,
    finished_subjects,
    read_failures,
    read_record,
    write_failure,
    write_record,
)
from petsynth.preprocessing.subject import PreprocessingSettings
from petsynth.volume import Grid

SETTINGS = FolderSettings(
    preprocessing=PreprocessingSettings(voxel_mm=3.0),
    tracer="FDG",
    session=None,
    pairs="first",
    max_interval=365.0,
    bids_filter_file=None,
)


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
    participant = name.partition("_")[0]
    file = out / participant / "anat" / f"{name}_T1w.nii.gz"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    record = Record(participant, None, {}, [file.relative_to(out).as_posix()], "SUVR", 1, {}, [])
    write_record(out, name, record)
    return file


def test_settings_are_kept_and_the_same_ones_continue(out, bids):
    assert read_settings(out) == SETTINGS
    finish(out, "sub-1")
    claim_folder(out, bids, SETTINGS, overwrite=False)
    assert finished_subjects(out) == ["sub-1"]


def test_other_settings_are_refused_once_somebody_is_finished(out, bids):
    finer = PreprocessingSettings(voxel_mm=2.0)
    other = dataclasses.replace(SETTINGS, preprocessing=finer, pairs="all")
    write_failure(out, "sub-1", "needs SUVR")
    claim_folder(out, bids, other, overwrite=False)
    assert read_settings(out) == other
    assert read_failures(out) == {}  # they failed under settings that are gone
    finish(out, "sub-1")
    with pytest.raises(
        OutputError, match="prepared with another pairs and voxel_mm; choose another"
    ):
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


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: {name: content[name] for name in content if name != "format"},
        lambda content: content | {"format": 1},
        lambda content: content | {"colour": "red"},
        lambda content: content | {"preprocessing": {"voxel_mm": 3.0, "steps": 2}},
        lambda content: [content],
    ],
)
def test_a_folder_of_another_version_is_refused_and_may_be_overwritten(out, bids, spoil):
    finish(out, "sub-1")
    path = out / "arrays" / "settings.json"
    path.write_text(json.dumps(spoil(json.loads(path.read_text()))))
    for read in (
        lambda: read_settings(out),
        lambda: claim_folder(out, bids, SETTINGS, overwrite=False),
    ):
        with pytest.raises(InputError, match=r"(another version|must be a JSON object).*; choose"):
            read()
    assert finished_subjects(out) == ["sub-1"]
    claim_folder(out, bids, SETTINGS, overwrite=True)
    assert (read_settings(out), finished_subjects(out)) == (SETTINGS, [])


def test_a_folder_without_settings_has_none(tmp_path):
    assert read_settings(tmp_path) is None
    assert read_settings(tmp_path / "nowhere") is None


@pytest.mark.parametrize("simulated", [True, False])
def test_the_source_is_named_and_a_simulation_is_called_so(tmp_path, simulated):
    source = tmp_path / "echte Daten"
    write_dataset_files(tmp_path / "out", source, simulated=simulated)
    description = json.loads((tmp_path / "out" / "dataset_description.json").read_text())
    readme = (tmp_path / "out" / "README.md").read_text()

    assert description["DatasetType"] == "derivative"
    assert description.get("Simulated", False) is simulated
    assert ("The scans are simulated" in readme) is simulated
    assert str(tmp_path) not in readme + json.dumps(description)
    assert "echte" not in readme + json.dumps(description)


def test_a_link_to_the_dataset_tells_no_folder(tmp_path):
    """The way up from inside it, else its DOI, else an identifier that stays the same."""
    source = tmp_path / "Jane Doe"
    inside, outside = source / "derivatives" / "petsynth", tmp_path / "out"
    source.mkdir()

    def link(folder):
        write_dataset_files(folder, source, simulated=False)
        description = json.loads((folder / "dataset_description.json").read_text())
        assert description["SourceDatasets"] == [{"URL": description["DatasetLinks"]["raw"]}]
        return description["DatasetLinks"]["raw"]

    assert link(inside) == "../.."
    without = link(outside)
    assert without.startswith("urn:uuid:")
    (tmp_path / "Jane Doe").rename(tmp_path / "moved")
    source = tmp_path / "moved"
    assert link(outside) == without
    (source / "dataset_description.json").write_text('{"DatasetDOI": "doi:10.1234/x"}')
    assert link(outside) == "doi:10.1234/x"


def test_another_dataset_is_refused_and_a_moved_one_is_not(out, bids, tmp_path):
    image = bids / "sub-1" / "sub-1_T1w.nii.gz"
    image.write_bytes(b"seven b")
    key = {"inputs": {"t1": ["sub-1/sub-1_T1w.nii.gz", 7, 1], "pet": ["sub-1/gone.nii", 1, 1]}}
    write_record(out, "sub-1", Record("sub-1", None, key, [], "SUVR", 1, {}, []))
    bids.rename(tmp_path / "moved")
    claim_folder(out, tmp_path / "moved", SETTINGS, overwrite=False)
    other = tmp_path / "other"
    (other / "sub-1").mkdir(parents=True)
    (other / "sub-1" / "sub-1_T1w.nii.gz").write_bytes(b"eight by")
    with pytest.raises(OutputError, match="was prepared with another dataset"):
        claim_folder(out, other, SETTINGS, overwrite=False)
    assert finished_subjects(out) == ["sub-1"]


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


def test_columns_of_participants_are_explained(tmp_path):
    row = {"participant_id": ["sub-1"], "diagnosis": ["AD"], "original_id": [None]}
    write_participants(tmp_path, pd.DataFrame(row))

    assert read_table(tmp_path / "participants.tsv").iloc[0].tolist() == ["sub-1", "AD", "n/a"]
    meanings = json.loads((tmp_path / "participants.json").read_text())
    assert set(meanings) == {"diagnosis", "original_id"}


def test_a_description_comes_back_with_its_grids(tmp_path):
    grid, cube = Grid((2, 3, 4), np.diag([2.0, 2, 2, 1])), Grid((5, 5, 5), np.eye(4))
    content = {"tracer": "FDG", "unit": "SUVR", "frames": 1, "pet_scale": 2.0, "simulated": True}
    write_description(tmp_path, grid, t1_grid=cube, **content)
    read = read_description(tmp_path)
    assert content.items() <= read.items()
    assert Grid.from_dict(read["grid"]).matches(grid)
    assert Grid.from_dict(read["t1_grid"]).matches(cube)


@pytest.fixture
def victim(tmp_path):
    path = tmp_path / "victim"
    path.write_text("precious")
    return path


@pytest.mark.parametrize("name", ["../victim", "sub-1/../../victim", "{absolute}", "link/victim"])
def test_records_never_lead_out_of_the_folder(out, bids, victim, name):
    finish(out, "sub-1")
    (out / "link").symlink_to(victim.parent)
    record = read_record(out, "sub-1")
    files = [*record.files, name.format(absolute=victim)]
    write_record(out, "sub-1", dataclasses.replace(record, files=files))
    assert read_record(out, "sub-1") is None
    claim_folder(out, bids, SETTINGS, overwrite=True)
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("linked", ["arrays", "slices"])
def test_overwrite_follows_no_link(out, bids, tmp_path, linked):
    finish(out, "sub-1")
    (out / "slices").mkdir()
    elsewhere = tmp_path / "elsewhere"
    (out / linked).rename(elsewhere)
    (elsewhere / "sub-1_mri.npy").write_bytes(b"precious")
    (out / linked).symlink_to(elsewhere)
    with pytest.raises(OutputError, match=f"{linked} is a link; nothing was removed"):
        claim_folder(out, bids, SETTINGS, overwrite=True)
    assert (elsewhere / "sub-1_mri.npy").read_bytes() == b"precious"


def test_what_somebody_put_among_the_arrays_stays(out, bids):
    finish(out, "sub-1")
    mine = out / "arrays" / "my analysis.csv"
    mine.write_text("precious")
    claim_folder(out, bids, SETTINGS, overwrite=True)
    assert mine.read_text() == "precious"
    assert finished_subjects(out) == []


def test_a_file_of_the_users_is_not_written_over(bids, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "README.md").write_text("precious")
    with pytest.raises(OutputError, match=r"holds README.md, which is no prepared data and would"):
        claim_folder(out, bids, SETTINGS, overwrite=True)
    assert (out / "README.md").read_text() == "precious"
