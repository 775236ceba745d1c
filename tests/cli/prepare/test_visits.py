"""``petsynth prepare --pairs all``: every visit of a subject, and the subject as the unit."""

import shutil
from pathlib import Path

import pytest

from petsynth.cli.main import run
from petsynth.data.prepared import PreparedData
from petsynth.io.bids.validator import find_validator, validate
from petsynth.io.text import read_table

SMALL = ("--voxel-mm", "6", "--skip-bids-validation")
VISITS = {
    "sub-1_ses-bl": "001",
    "sub-1_ses-m12": "002",
    "sub-2_ses-bl": "003",
    "sub-2_ses-m12": None,
}
"""Name of a visit -> the simulated subject whose scans it has; None: damaged ones."""


def prepare(bids, out, *options) -> int:
    return run(["prepare", str(bids), str(out), *SMALL, *map(str, options)])


@pytest.fixture(scope="module")
def followed(bids, tmp_path_factory) -> Path:
    """Return a dataset of two subjects that were seen twice, a year apart."""
    root = tmp_path_factory.mktemp("followed") / "bids"
    masks = root / "derivatives" / "masks"
    for name, source in VISITS.items():
        participant, _, session = name.partition("_")
        origin = f"sub-{source or '001'}"
        mask = f"{origin}_desc-brain_mask.nii.gz"
        (masks / participant / session / "anat").mkdir(parents=True)
        shutil.copy(
            bids / "derivatives" / "truth" / origin / "anat" / mask,
            masks / participant / session / "anat" / mask.replace(origin, name),
        )
        for path in sorted((bids / origin).rglob("*.*")):
            there = (
                root / participant / session / path.parent.name / path.name.replace(origin, name)
            )
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, there)
            if source is None and path.name.endswith("_pet.nii.gz"):
                there.write_bytes(b"no image")
    for participant in ("sub-1", "sub-2"):
        (root / participant / f"{participant}_sessions.tsv").write_text(
            "session_id\tacq_time\nses-bl\t2010-01-01\nses-m12\t2011-01-05\n"
        )
    shutil.copy(bids / "dataset_description.json", root)
    (root / "participants.tsv").write_text("participant_id\tdiagnosis\nsub-1\tAD\nsub-2\tCN\n")
    return root


@pytest.fixture(scope="module")
def prepared(followed, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("visits") / "out"
    masks = ("--masks", followed / "derivatives" / "masks")
    assert prepare(followed, out, *masks, "--pairs", "all", "--test", "1", "--jpeg") == 0
    return out


def test_every_visit_has_arrays_derivatives_and_a_page(prepared):
    data = PreparedData(prepared)
    assert data.participants() == ["sub-1_ses-bl", "sub-1_ses-m12", "sub-2_ses-bl"]
    assert data.subjects() == ["sub-1", "sub-2"]
    assert abs(data.mri("sub-1_ses-bl") - data.mri("sub-1_ses-m12")).max() > 0.1
    for name in data.participants():
        participant, _, session = name.partition("_")
        assert (prepared / f"{name}.html").exists()
        assert (prepared / "slices" / name).is_dir()
        folder = prepared / participant / session
        assert (folder / "anat" / f"{name}_space-aligned_desc-preproc_T1w.nii.gz").exists()
        assert f'href="{name}.html"' in (prepared / "group_qc.html").read_text()


def test_the_group_page_counts_subjects_and_pairs(prepared):
    assert "Prepared scans: 2 subjects, 3 pairs</h1>" in (prepared / "group_qc.html").read_text()


def test_the_split_is_by_subject(prepared):
    table = read_table(prepared / "split.tsv")
    assert list(table.columns) == ["participant_id", "session_id", "split", "diagnosis"]
    assert list(table["session_id"]) == ["ses-bl", "ses-m12", "ses-bl"]
    of_subject = table.groupby("participant_id")["split"].nunique()
    assert of_subject.tolist() == [1, 1]
    data = PreparedData(prepared)
    assert (len(data.subjects("test")), len(data.subjects("train"))) == (1, 1)
    assert list(read_table(prepared / "participants.tsv")["participant_id"]) == data.subjects()


def test_quality_and_exclusions_name_the_visit(prepared):
    qc = read_table(prepared / "qc.tsv")
    assert list(zip(qc["participant_id"], qc["session_id"], strict=True)) == [
        ("sub-1", "ses-bl"),
        ("sub-1", "ses-m12"),
        ("sub-2", "ses-bl"),
    ]
    (left_out,) = read_table(prepared / "exclusions.tsv").to_dict("records")
    assert (left_out["participant_id"], left_out["session_id"]) == ("sub-2", "ses-m12")
    assert "cannot be read as NIfTI" in left_out["reason"]


def test_the_derivatives_are_valid_bids(prepared):
    validator = find_validator()
    if validator is None:
        pytest.skip("the BIDS validator is not installed")
    assert validate(prepared, validator) == []


def test_continued_by_the_group_level_alone(followed, prepared, tmp_path):
    out = Path(shutil.copytree(prepared, tmp_path / "out"))
    (out / "split.tsv").unlink()
    assert run(["prepare", str(followed), str(out), "group", "--test", "1", "--jpeg"]) == 0
    for name in ("split.tsv", "qc.tsv", "exclusions.tsv", "prepared.json"):
        assert (out / name).read_text() == (prepared / name).read_text()


def test_a_split_table_names_subjects(followed, prepared, tmp_path):
    out = Path(shutil.copytree(prepared, tmp_path / "out"))
    table = tmp_path / "split.tsv"
    table.write_text("participant_id\tsplit\nsub-1\ttrain\n")
    assert run(["prepare", str(followed), str(out), "group", "--split", str(table)]) == 0
    data = PreparedData(out)
    assert data.participants() == data.participants("train") == ["sub-1_ses-bl", "sub-1_ses-m12"]
    excluded = read_table(out / "exclusions.tsv")
    assert list(zip(excluded["participant_id"], excluded["session_id"], strict=True)) == [
        ("sub-2", "ses-bl"),
        ("sub-2", "ses-m12"),
    ]


def test_one_pair_per_subject_is_another_folder_or_overwrites(followed, prepared, tmp_path, capfd):
    out = Path(shutil.copytree(prepared, tmp_path / "out"))
    words = (followed, out, "--masks", followed / "derivatives" / "masks", "--test", "0")
    assert prepare(*words) == 1
    assert "was prepared with another pairs" in capfd.readouterr().err
    assert prepare(*words, "--overwrite", "--participant-label", "1") == 0
    assert PreparedData(out).participants() == ["sub-1"]
    assert not list(out.glob("sub-*_ses-*.html"))
    assert {path.name for path in out.glob("sub-*")} == {"sub-1", "sub-1.html"}
    assert "session_id" not in read_table(out / "split.tsv")
    left = [path for path in (out / "sub-1").rglob("*") if "ses-m12" in path.name]
    assert left == []


def test_a_dry_run_shows_every_visit(followed, prepared, tmp_path, capfd):
    masks = ("--masks", followed / "derivatives" / "masks")
    assert prepare(followed, tmp_path / "new", *masks, "--pairs", "all", "--dry-run") == 0
    rows = [line.split("\t") for line in capfd.readouterr().out.splitlines()[1:]]
    assert [(row[0], row[1], row[-1]) for row in rows] == [
        ("sub-1", "ses-bl", "prepare"),
        ("sub-1", "ses-m12", "prepare"),
        ("sub-2", "ses-bl", "prepare"),
        ("sub-2", "ses-m12", "prepare"),
    ]
    assert not (tmp_path / "new").exists()


def make_visits(root: Path, *, dates: dict[str, str], names: list[str]) -> None:
    """Make empty images of one subject, and a table of their sessions."""
    for name in names:
        path = root / "sub-01" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    rows = "".join(f"ses-{label}\t{day}\n" for label, day in dates.items())
    (root / "sub-01" / "sub-01_sessions.tsv").write_text(f"session_id\tacq_time\n{rows}")


def planned(root: Path, tmp_path: Path, capfd) -> dict[str, list[str]]:
    """Return the images of a dry run, by what would be done with them."""
    assert prepare(root, tmp_path / "out", "--dry-run") == 0
    assert not (tmp_path / "out").exists()
    what: dict[str, list[str]] = {}
    for line in capfd.readouterr().out.splitlines()[1:]:
        _, _, t1, pet, *_, done = line.split("\t")
        what.setdefault(done, []).extend(name for name in (t1, pet) if name != "n/a")
    return what


def test_sessions_out_of_order(tmp_path, capfd):
    """The earliest PET by date, whatever the sessions are called and listed."""
    make_visits(
        tmp_path / "bids",
        dates={"z": "2010-01-01", "a": "2013-05-01", "m": "2011-03-01"},
        names=[
            f"ses-{s}/{kind}"
            for s in "azm"
            for kind in (
                f"anat/sub-01_ses-{s}_T1w.nii.gz",
                f"pet/sub-01_ses-{s}_trc-18FFDG_pet.nii.gz",
            )
        ],
    )
    taken = planned(tmp_path / "bids", tmp_path, capfd)["prepare"]
    assert taken == ["sub-01_ses-z_T1w.nii.gz", "sub-01_ses-z_trc-18FFDG_pet.nii.gz"]


def test_two_t1s_of_the_same_date(tmp_path, capfd):
    make_visits(
        tmp_path / "bids",
        dates={"a": "2010-01-01"},
        names=[
            "ses-a/anat/sub-01_ses-a_run-2_T1w.nii.gz",
            "ses-a/anat/sub-01_ses-a_run-1_T1w.nii.gz",
            "ses-a/pet/sub-01_ses-a_trc-18FFDG_pet.nii.gz",
        ],
    )
    what = planned(tmp_path / "bids", tmp_path, capfd)
    assert what["prepare"][0] == "sub-01_ses-a_run-1_T1w.nii.gz"
    (reason,) = [reason for reason in what if reason.startswith("left out")]
    assert "as close in time" in reason
    assert what[reason] == ["sub-01_ses-a_run-2_T1w.nii.gz"]
