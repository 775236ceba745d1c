"""What ``petsynth prepare`` refuses in one line, before anything is changed."""

import hashlib
import re
import shutil
from pathlib import Path

import pytest

from petsynth.cli.main import run
from petsynth.data.prepared import PreparedData

SMALL = ("--voxel-mm", "6", "--nprocs", "1", "--skip-bids-validation")


def prepare(bids, out, *options) -> int:
    return run(["prepare", str(bids), str(out), *SMALL, *map(str, options)])


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def refused(capfd, *arguments) -> str:
    """Return the one line with which arguments are refused."""
    assert prepare(*arguments) in (1, 2)
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("petsynth prepare: error: ")
    return lines[0]


def test_a_folder_without_pet_is_refused(own_bids, tmp_path, capfd):
    for pet in own_bids.glob("sub-*/pet"):
        shutil.rmtree(pet)
    assert "no PET image" in refused(capfd, own_bids, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_folder_is_refused(tmp_path, capfd):
    assert "nowhere: no such folder" in refused(capfd, tmp_path / "nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_missing_masks_are_refused(bids, tmp_path, capfd):
    line = refused(capfd, bids, tmp_path / "out", "--masks", tmp_path / "nowhere")
    assert "no such folder of masks" in line


def test_a_subject_in_train_and_test_is_refused(bids, tmp_path, capfd):
    table = tmp_path / "split.tsv"
    table.write_text("participant_id\tsplit\n0001\ttrain\nsub-1\ttest\n")
    line = refused(capfd, bids, tmp_path / "out", "--split", table)
    assert "sub-1 (test) and 0001 (train) are the same subject" in line


def test_a_subject_twice_in_the_dataset_is_refused(own_bids, tmp_path, capfd):
    for old in sorted(own_bids.glob("sub-001/**/*"), reverse=True):
        if old.is_file():
            new = Path(str(old).replace("sub-001", "sub-1"))
            new.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(old, new)
    line = refused(capfd, own_bids, tmp_path / "out")
    assert "sub-001 and sub-1 may be the same subject" in line


def test_an_output_folder_that_holds_something_else_is_refused(bids, truth, tmp_path, capfd):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    line = refused(capfd, bids, out)
    assert "holds thesis.txt" in line
    assert "--overwrite" in line
    assert digest(out).keys() == {"thesis.txt"}
    chosen = ("--participant-label", "001", "--test", "0")
    assert prepare(bids, out, "--masks", truth, *chosen, "--overwrite") == 0
    assert (out / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("overwrite", [(), ("--overwrite",)])
def test_the_source_or_another_dataset_is_never_written_to(bids, own_bids, capfd, overwrite):
    before = digest(own_bids)
    assert "is or contains the source" in refused(capfd, own_bids, own_bids, *overwrite)
    assert "is or contains the source" in refused(capfd, own_bids, own_bids.parent, *overwrite)
    assert "holds another dataset" in refused(capfd, bids, own_bids, *overwrite)
    assert digest(own_bids) == before


def test_other_settings_need_overwrite(bids, truth, copy, capfd):
    before = digest(copy)
    line = refused(capfd, bids, copy, "--masks", truth, "--bias-field")
    assert "prepared with another bias_field" in line
    assert digest(copy) == before


def test_overwrite_removes_earlier_prepared_data_only(bids, truth, copy):
    (copy / "sub-001" / "notes.txt").write_text("mine")
    chosen = ("--participant-label", "002", "--test", "0")
    assert prepare(bids, copy, "--masks", truth, *chosen, "--overwrite", "--frames", "keep") == 0
    assert PreparedData(copy).participants() == ["sub-002"]
    left = {path.name for path in (copy / "sub-001").rglob("*") if path.is_file()}
    assert left == {"notes.txt"}
    assert not list((copy / "arrays").glob("sub-001*"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--voxel-mm", "0"), "--voxel-mm"),
        (("--nprocs", "0"), "--nprocs"),
        (("--seed", "-1"), "--seed"),
        (("--num-parts", "2", "--part-id", "2"), "--part-id 2: give 0 to"),
        (("--num-parts", "2"), "--num-parts needs the participant level alone"),
        (("--max-interval", "-1"), "--max-interval"),
        (("--mem-mb", "10"), "one subject of this dataset needs about"),
    ],
)
def test_impossible_options_are_refused(bids, tmp_path, capfd, options, message):
    assert message in refused(capfd, bids, tmp_path / "out", *options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--test", "nan"], "--test nan"),
        (["--test", "-1"], "--test -1"),
        (["--validation", "inf"], "--validation inf"),
        (["--test", "100"], "nobody would be left for training"),
        (["--split", "nosuch.tsv"], "nosuch.tsv: no such file"),
    ],
)
def test_an_impossible_split_is_refused_before_earlier_work_is_removed(
    bids, truth, copy, capfd, options, message
):
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    assert message in refused(capfd, bids, copy, "--masks", truth, "--overwrite", *options)
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before


def test_registration_can_be_left_out_for_paper_b_alone(bids, tmp_path, capfd):
    line = refused(capfd, bids, tmp_path / "out", "--registration", "none")
    assert "--registration none: needs --grid paper-b" in line


def test_frames_of_static_pets_are_refused(bids, truth, tmp_path, capfd):
    line = refused(capfd, bids, tmp_path / "out", "--masks", truth, "--frames", "2")
    assert re.search(r"is static .* --frames 2 needs a dynamic PET: give --frames mean", line)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--bids-filter-file", "--split", "--work-dir", "--masks"])
def test_a_link_that_leads_back_to_itself_is_refused(bids, tmp_path, capfd, option):
    loop = tmp_path / "loop"
    loop.symlink_to(loop.name)
    assert str(loop) in refused(capfd, bids, tmp_path / "out", option, loop)
    assert str(loop) in refused(capfd, loop, tmp_path / "out")
