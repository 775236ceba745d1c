"""The levels of ``prepare`` around the work itself: whom they take, what they say and refuse."""

import dataclasses
import itertools
import os
import shlex
import tempfile
from pathlib import Path

import pytest

from petsynth.cli.prepare import levels as prepare_levels
from petsynth.cli.prepare.levels import print_plan, run_group_level, run_participant_level
from petsynth.cli.prepare.options import Args, parse
from petsynth.cli.prepare.settings import settings_of
from petsynth.errors import ArgumentError, InputError, OutputError, SplitError
from petsynth.io.bids.index import Index, Scan
from petsynth.prepare.output_folder import read_settings
from petsynth.prepare.participant_level import Outcome

pytestmark = pytest.mark.usefixtures("messages")


@pytest.fixture
def args(tmp_path) -> Args:
    """Return options for a dataset of seven subjects; there is no validator to be waited for."""
    for number in range(1, 8):
        (tmp_path / "bids" / f"sub-{number}").mkdir(parents=True)
    out = tmp_path / "out"
    return Args(tmp_path / "bids", out, ("participant",), skip_bids_validation=True, test=2)


@pytest.fixture
def index(args) -> Index:
    names = [f"sub-{number}" for number in range(1, 8)]
    return Index([scan_of(args, name) for name in names])


def scan_of(args: Args, name: str, session: str | None = None) -> Scan:
    folder = args.bids_dir / name
    t1, pet = folder / f"{name}_T1w.nii.gz", folder / f"{name}_pet.nii.gz"
    return Scan(name, t1, pet, "FDG", session, one_of_many=session is not None)


class Worker:
    """Stands for the work on subjects: keeps what it is asked for, and fails whom it is told."""

    def __init__(self):
        self.names: list[str] = []
        self.options: dict = {}
        self.failing: tuple[str, ...] = ()

    def __call__(self, preparation, scans, **options):
        self.names, self.options = [scan.name for scan in scans], options
        self.preparation = preparation
        return [Outcome(name, reason="PET is constant") for name in self.names if self.fails(name)]

    def fails(self, name: str) -> bool:
        return self.failing == ("all",) or name in self.failing


@pytest.fixture
def worker(monkeypatch) -> Worker:
    worker = Worker()
    monkeypatch.setattr(prepare_levels, "prepare_participants", worker)
    return worker


def prepare(args: Args, index: Index, *, alone: bool = True) -> None:
    run_participant_level(args, settings_of(args), index, alone=alone)


@pytest.mark.parametrize("parts", [1, 2, 3, 7, 9])
def test_the_parts_of_an_array_hold_everyone_once(args, index, worker, parts):
    taken = []
    for part in range(parts):
        prepare(dataclasses.replace(args, num_parts=parts, part_id=part), index)
        taken.append(worker.names)
    assert sorted(itertools.chain(*taken)) == [scan.name for scan in index.scans]
    sizes = [len(names) for names in taken]
    assert max(sizes) - min(sizes) <= 1


def test_a_part_without_anyone_is_no_failure(args, index, worker, capsys):
    prepare(dataclasses.replace(args, num_parts=9, part_id=8), index)
    assert worker.names == []
    assert "prepared 0 of 0 subjects" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "processes"),
    [
        ({}, 4),
        ({"mem_mb": 1599}, 3),
        ({"mem_mb": 1600}, 4),
        ({"mem_mb": 400}, 1),
        ({"mem_mb": 99_999}, 4),
    ],
)
def test_no_more_run_at_a_time_than_fit_into_memory(args, index, worker, options, processes):
    """With masks a process takes 400 MB; images that cannot be read count nothing."""
    (args.bids_dir / "masks").mkdir()
    masks = (str(args.bids_dir / "masks"),)
    prepare(dataclasses.replace(args, masks=masks, nprocs=4, **options), index)
    assert worker.options["nprocs"] == processes


def test_without_masks_memory_is_kept_for_deepbet(args, index, worker):
    with pytest.raises(ArgumentError, match=r"--mem-mb 1499: one subject .* about 1500 MB"):
        prepare(dataclasses.replace(args, mem_mb=1499), index)
    assert not args.out_dir.exists()


def test_options_of_the_work_are_passed_on(args, index, worker):
    prepare(
        dataclasses.replace(
            args, omp_nthreads=3, stop_on_first_crash=True, verbose=1, device="auto"
        ),
        index,
    )
    assert worker.options["threads"] == 3
    assert worker.options["stop_on_failure"]
    assert worker.options["verbose"]
    assert worker.options["scheduler"] is None
    assert worker.preparation.device == "auto"
    assert (worker.preparation.bids, worker.preparation.out) == (args.bids_dir, args.out_dir)


def test_choices_among_a_subjects_images_are_told_once_of_those_that_are_prepared(
    args, index, worker, capsys
):
    visits = [scan_of(args, "sub-1", "a"), scan_of(args, "sub-1", "b")]
    notes = {"sub-1": "sub-1: of two T1s the first", "sub-3": "sub-3: of three PETs the last"}
    noted = dataclasses.replace(index, scans=[*visits, *index.scans[1:]], notes=notes)
    prepare(dataclasses.replace(args, num_parts=2, part_id=0), noted)
    assert worker.names == ["sub-1_ses-a", "sub-2", "sub-4", "sub-6"]
    told = capsys.readouterr().err
    assert told.count("of two T1s the first") == 1
    assert "of three PETs" not in told
    prepare(args, noted)
    assert capsys.readouterr().err.count("of two T1s the first") == 1


def test_alone_it_names_who_failed_and_the_command_that_comes_next(args, worker, tmp_path, capsys):
    folder = tmp_path / "my data"
    folder.mkdir()
    args = dataclasses.replace(args, bids_dir=folder, out_dir=tmp_path / "it's prepared")
    worker.failing = ("sub-2",)
    prepare(args, Index([scan_of(args, name) for name in ("sub-1", "sub-2", "sub-3")]))
    left_out, done = capsys.readouterr().err.splitlines()
    assert left_out == "left out: sub-2: PET is constant"
    told, _, command = done.partition("; when all are done: ")
    assert told == f"prepared 2 of 3 subjects in {args.out_dir}"
    assert shlex.split(command)[:2] == ["petsynth", "prepare"]
    again = parse(shlex.split(command)[2:])
    assert (again.bids_dir, again.out_dir) == (args.bids_dir, args.out_dir)
    assert again.analysis_level == ("group",)
    assert shlex.split(command)[5:] == ["--test", "2"]


def test_the_command_that_comes_next_has_what_only_the_group_level_uses(
    args, worker, tmp_path, capsys
):
    given = {"test": 0.5, "validation": 2, "seed": 4, "jpeg": True}
    prepare(dataclasses.replace(args, **given), Index([scan_of(args, "sub-1")]))
    command = capsys.readouterr().err.partition("; when all are done: ")[2]
    again = parse(shlex.split(command)[2:])
    assert {name: getattr(again, name) for name in given} == given


def test_alone_it_fails_if_nobody_could_be_prepared(args, index, worker):
    worker.failing = ("all",)
    with pytest.raises(InputError, match=r"no subject could be prepared; .* PET is constant"):
        prepare(args, index)


def test_before_the_group_level_it_leaves_the_last_word_to_that(args, index, worker, capsys):
    worker.failing = ("all",)
    prepare(args, index, alone=False)
    assert capsys.readouterr().err == ""


def test_an_impossible_split_is_refused_before_the_folder_is_claimed(args, index, worker):
    with pytest.raises(SplitError):
        prepare(dataclasses.replace(args, test=7), index, alone=False)
    assert not args.out_dir.exists()
    prepare(dataclasses.replace(args, test=7), index)  # alone: others may follow
    assert read_settings(args.out_dir) == settings_of(args)


def write_split(path: Path, *names: str) -> Path:
    rows = [f"{name}\t{'test' if number == 0 else 'train'}" for number, name in enumerate(names)]
    path.write_text("\n".join(["participant_id\tsplit", *rows]) + "\n")
    return path


def test_only_whom_a_split_table_names_is_prepared(args, index, worker, tmp_path):
    table = write_split(tmp_path / "split.tsv", "sub-2", "5", "sub-6")
    prepare(dataclasses.replace(args, split=table), index)
    assert worker.names == ["sub-2", "sub-5", "sub-6"]


def test_a_split_table_of_strangers_is_refused(args, index, worker, tmp_path):
    table = write_split(tmp_path / "split.tsv", "sub-98", "sub-99")
    with pytest.raises(SplitError, match=r"split\.tsv: .*"):
        prepare(dataclasses.replace(args, split=table), index)
    assert not args.out_dir.exists()


def test_a_folder_that_is_taken_is_refused_before_the_work(args, index, worker):
    args.out_dir.mkdir()
    (args.out_dir / "thesis.txt").touch()
    with pytest.raises(OutputError, match=r"holds thesis\.txt"):
        prepare(args, index)
    assert worker.names == []


@pytest.fixture
def temporary(monkeypatch):
    """Let a test change where temporary files stand."""
    for name in ("TMPDIR", "JOBLIB_TEMP_FOLDER"):
        monkeypatch.setenv(name, tempfile.gettempdir())
    monkeypatch.setattr(tempfile, "tempdir", tempfile.gettempdir())


@pytest.mark.usefixtures("temporary")
def test_temporary_files_stand_where_they_are_wanted(args, index, worker, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prepare(dataclasses.replace(args, work_dir=Path("deep/work")), index)
    folder = tmp_path / "deep" / "work"
    assert folder.is_dir()
    assert os.environ["TMPDIR"] == os.environ["JOBLIB_TEMP_FOLDER"] == str(folder)
    assert tempfile.gettempdir() == str(folder)


@pytest.mark.usefixtures("temporary")
def test_a_work_folder_that_cannot_be_made_is_refused_before_the_work(
    args, index, worker, tmp_path
):
    (tmp_path / "file").touch()
    before = dict(os.environ)
    with pytest.raises(OutputError, match=r"-w .*file/work: cannot be made \(Not a directory\)"):
        prepare(dataclasses.replace(args, work_dir=tmp_path / "file" / "work"), index)
    assert dict(os.environ) == before
    assert not args.out_dir.exists()


@pytest.fixture
def validator(monkeypatch):
    """Return a function that says what the BIDS validator finds; None: it does not run."""

    def find(errors, *, installed=True):
        path = Path("/opt/bids-validator-deno") if installed else None
        monkeypatch.setattr(prepare_levels, "find_validator", lambda: path)
        monkeypatch.setattr(prepare_levels, "validate", lambda folder, command: errors)

    return find


@pytest.mark.parametrize(
    ("errors", "installed", "told"),
    [
        ([], True, None),
        (["/sub-1 NIFTI_TOO_SMALL", "x"], True, "2 errors, the first: /sub-1 NIFTI_TOO_SMALL;"),
        (None, True, "skipped: the validator did not run"),
        ([], False, "skipped: bids-validator-deno is not installed (pip install"),
    ],
)
def test_the_validators_errors_are_told_and_stop_nothing(
    args, index, worker, validator, capsys, errors, installed, told
):
    validator(errors, installed=installed)
    prepare(dataclasses.replace(args, skip_bids_validation=False), index, alone=False)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == (told is not None)
    assert told is None or told in lines[0]
    assert len(worker.names) == 7


@pytest.mark.parametrize(
    "options",
    [
        {"skip_bids_validation": True},
        {"participant_label": ("1",)},
        {"num_parts": 2},
    ],
)
def test_a_job_that_prepares_only_some_does_not_validate(
    args, index, worker, validator, capsys, options
):
    validator(["an error"])
    options = {"skip_bids_validation": False} | options
    prepare(dataclasses.replace(args, **options), index, alone=False)
    assert capsys.readouterr().err == ""


def test_the_plan_names_who_is_left_out_and_writes_nothing(args, index, capsys):
    for scan in index.scans[1:]:
        scan.t1.touch()
        scan.pet.touch()
    known = dataclasses.replace(index, excluded={"sub-9": "no PET"})
    print_plan(args, known)
    header, *rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    what = {row[0]: row[header.index("what")] for row in rows}
    assert what["sub-9"] == "left out: no PET"
    assert what["sub-1"].startswith("left out: ")
    assert {what[f"sub-{number}"] for number in range(2, 8)} == {"prepare"}
    assert rows[0][header.index("interval_days")] == "n/a"
    assert not args.out_dir.exists()


def test_a_group_of_nobody_is_refused(args, index, worker, capsys):
    worker.failing = ("all",)
    prepare(args, index, alone=False)
    with pytest.raises(InputError, match=r"no subject could be prepared; the first: .*"):
        run_group_level(args, dataclasses.replace(settings_of(args), tracer="FDG"), index)
    assert "left out: sub-7: not prepared yet" in capsys.readouterr().err
