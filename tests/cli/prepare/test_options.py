"""Options of ``petsynth prepare``, typed and in a file."""

from pathlib import Path

import pytest

from petsynth.cli.main import run
from petsynth.cli.prepare.options import Args, parse, read_config_file
from petsynth.errors import ConfigError, InputError

FILE = """
tracer-label = "AV45"
participant_label = ["01", "02"]
nprocs = 4
frames = 2
masks = ["smriprep=/data/masks"]
jpeg = true
psf_mm = 8
work_dir = "tmp"
"""


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "prepare.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_participant_labels_are_read_as_bids_apps_do():
    args = parse(["in", "out", "participant", "--participant-label", "01", "02", "--tracer", "FDG"])
    assert args.participant_label == ("01", "02")
    assert (args.bids_dir, args.out_dir, args.tracer_label) == (Path("in"), Path("out"), "FDG")


def test_options_have_the_names_that_bids_apps_users_know():
    words = ["--random-seed", "5", "-w", "/tmp/x", "--omp-nthreads", "2", "--stop-on-first-crash"]
    args = parse(["in", "out", *words])
    assert (args.seed, args.work_dir, args.omp_nthreads) == (5, Path("/tmp/x"), 2)
    assert args.stop_on_first_crash
    assert parse(["in", "out", "--seed", "6"]).seed == 6


def test_options_come_from_the_file(file):
    args = parse(["in", "out", "--config-file", str(file)])
    assert args == Args(
        Path("in"),
        Path("out"),
        tracer_label="AV45",
        participant_label=("01", "02"),
        nprocs=4,
        frames=2,
        masks=("smriprep=/data/masks",),
        jpeg=True,
        psf_mm=8.0,
        work_dir=Path("tmp"),
        config_file=file,
    )


def test_what_is_typed_wins(file):
    words = ["--nprocs", "2", "--no-jpeg", "--participant-label", "03", f"--config-file={file}"]
    args = parse(["in", "out", *words])
    assert (args.nprocs, args.jpeg, args.participant_label) == (2, False, ("03",))
    assert args.tracer_label == "AV45"


def test_without_a_file_there_are_no_options_of_it():
    assert read_config_file(["in", "out", "--nprocs", "2"]) == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("nproc = 2", r"unknown option nproc; did you mean nprocs\?"),
        ("bids_dir = 'x'", r"unknown option bids_dir; see petsynth prepare --help"),
        ("config_file = 'x'", "unknown option config_file"),
        ("nprocs = 'two'", r"nprocs = 'two': .*integer"),
        ("units = 'becquerel'", r"units = 'becquerel': .*'suvr'"),
        ("nprocs 2", "not valid TOML"),
    ],
)
def test_what_the_file_gets_wrong_is_told(tmp_path, content, message):
    path = tmp_path / "prepare.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"prepare\.toml: {message}"):
        parse(["in", "out", "--config-file", str(path)])


def test_a_file_that_is_not_there(tmp_path, capsys):
    with pytest.raises(InputError, match=r"nowhere\.toml: no such file"):
        parse(["in", "out", "--config-file", str(tmp_path / "nowhere.toml")])
    assert run(["prepare", "in", "out", "--config-file"]) == 2
    assert "--config-file" in capsys.readouterr().err
