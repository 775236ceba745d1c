"""What ``prepare`` says without preparing, from records that are written by hand."""

import dataclasses
from pathlib import Path

import pytest

from petsynth import __version__
from petsynth.cli.prepare.levels import make_pages, print_boilerplate
from petsynth.cli.prepare.options import Args
from petsynth.cli.prepare.settings import preprocessing_of, settings_of
from petsynth.errors import InputError, OutputError
from petsynth.io.bids.metadata import write_dataset_description
from petsynth.prepare.output_folder import write_settings
from petsynth.prepare.records import Record, write_record

pytestmark = pytest.mark.usefixtures("messages")


@pytest.fixture
def args(tmp_path) -> Args:
    (tmp_path / "bids").mkdir()
    return Args(tmp_path / "bids", tmp_path / "out")


def finish(args: Args, *names: str, version: str = "9.9", **qc: str) -> None:
    """Write records as the participant level does, of subjects prepared with these options."""
    write_settings(args.out_dir, settings_of(args))
    for name in names:
        figures = {"participant_id": name, "flags": "none", "mask_source": "given"} | qc
        key = {
            "petsynth_version": version,
            "preprocessing": dataclasses.asdict(preprocessing_of(args)),
        }
        key["inputs"] = {"t1": [f"/data/{name}_T1w.nii.gz", 10, 0]}
        record = Record(name, None, key, [], "SUVR", 1, figures, [])
        write_record(args.out_dir, name, record)


def files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".log"
    }


@pytest.mark.parametrize("simulated", [True, False])
def test_pages_are_made_of_all_finished_subjects_and_of_the_group(args, capsys, simulated):
    if simulated:
        write_dataset_description(args.bids_dir, "a cohort", derivative=False, Simulated=True)
    finish(args, "sub-1", "sub-2_ses-b")
    before = files(args.out_dir)
    make_pages(args)
    pages = {"sub-1.html", "sub-2_ses-b.html", "group_qc.html"}
    assert files(args.out_dir) - before >= pages
    for name in pages:
        assert ("SIMULATED DATA" in (args.out_dir / name).read_text()) == simulated
    assert capsys.readouterr().err == f"pages of 2 subjects and of the group: {args.out_dir}\n"


def test_pages_that_stand_there_are_made_anew(args):
    finish(args, "sub-1")
    (args.out_dir / "sub-1.html").write_text("old")
    make_pages(args)
    assert "sub-1" in (args.out_dir / "sub-1.html").read_text()


def test_a_folder_that_was_never_prepared_has_no_pages(args):
    for _ in range(2):
        with pytest.raises(InputError, match=r"out: holds no prepared subjects; run"):
            make_pages(args)
        assert not args.out_dir.exists() or not files(args.out_dir)
        args.out_dir.mkdir(exist_ok=True)


def test_a_folder_in_which_nobody_is_finished_has_no_pages(args):
    finish(args)
    with pytest.raises(InputError, match=r"out: holds no prepared subjects; run"):
        make_pages(args)
    assert files(args.out_dir) == {"arrays/settings.json"}


def test_pages_that_cannot_be_written_are_said(args):
    finish(args, "sub-1")
    (args.out_dir / "sub-1.html").mkdir()
    with pytest.raises(OutputError, match=r"sub-1\.html"):
        make_pages(args)


def test_the_paragraph_tells_of_finished_subjects_and_not_of_the_options(args, capsys):
    finish(dataclasses.replace(args, psf_mm=8.0), "sub-1", "sub-2")
    before = files(args.out_dir)
    print_boilerplate(args)
    told = capsys.readouterr().out
    assert "smoothed to a resolution of 8 mm" in told
    assert "9.9" in told
    assert files(args.out_dir) == before


@pytest.mark.parametrize("exists", [False, True])
def test_before_there_are_any_it_tells_of_the_options(args, capsys, exists):
    args = dataclasses.replace(args, psf_mm=6.5, frames=3)
    if exists:
        finish(dataclasses.replace(args, psf_mm=8.0))
    print_boilerplate(args)
    told = capsys.readouterr().out
    assert "smoothed to a resolution of 6.5 mm" in told
    assert "resampled in time to 3 windows" in told
    assert __version__ in told
    assert args.out_dir.exists() == exists


def test_how_the_brain_is_found_is_told_only_where_it_is_known(args, capsys):
    print_boilerplate(args)
    unknown = capsys.readouterr().out
    print_boilerplate(dataclasses.replace(args, masks=("masks",)))
    given = capsys.readouterr().out
    assert given != unknown
    assert "mask" in given
    finish(args, "sub-1", mask_source="deepbet")
    print_boilerplate(args)
    assert "deepbet" in capsys.readouterr().out


def test_no_line_is_left_open(args, capsys):
    print_boilerplate(args)
    told = capsys.readouterr().out
    assert told.endswith("\n")
    assert not told.endswith("\n\n")
