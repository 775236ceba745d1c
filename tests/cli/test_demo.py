"""The demo's commands, its two trainings side by side, and whose folder it may replace."""

import importlib
import shlex
import time
from pathlib import Path

import pandas as pd
import pytest

from petsynth.cli.demo import PARTS, RUNS, Args, parse, run
from petsynth.errors import OutputError, TrainingError
from petsynth.io.bids.metadata import write_dataset_description, write_table

TRAINING = """
import os, sys, time
from pathlib import Path
system = Path(sys.argv[2]).stem
with open(os.environ["CALLS"], "a") as file:
    file.write(system + "\\n")
for action in os.environ.get(system.replace("-", "_"), "").split(";"):
    if action == "sleep":
        time.sleep(60)
    if action == "fail":
        sys.exit("step 1: 9 slices\\nstep 2: the loss is nan")
"""
"""Stands for ``python -m petsynth train``."""
NAMES = list(RUNS)


class Commands:
    """Stand for the commands: keep the options that each was run with."""

    def __init__(self, calls: Path):
        self.ran: dict[str, object] = {}
        self.calls = calls

    def __call__(self, command: str, args) -> None:
        self.ran[command] = args
        if command == "prepare":
            rows = {"participant_id": ["sub-001", "sub-007", "sub-009"]}
            table = pd.DataFrame(rows | {"split": ["train", "test", "test"]})
            write_table(args.out_dir / "split.tsv", table)


@pytest.fixture
def commands(tmp_path, monkeypatch) -> Commands:
    calls = tmp_path / "calls.txt"
    commands = Commands(calls)
    for name in ("simulate", "prepare", "predict", "evaluate"):
        module = importlib.import_module(f"petsynth.cli.{name}")
        monkeypatch.setattr(module, "run", lambda args, name=name: commands(name, args))
    package = tmp_path / "modules" / "petsynth"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(TRAINING)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    monkeypatch.setenv("CALLS", str(calls))
    return commands


def shown_commands(told: str) -> list[list[str]]:
    """Return the words of the commands that were shown, each after ``petsynth``."""
    lines = [line.removesuffix(" &") for line in told.splitlines() if line.startswith("$ ")]
    return [shlex.split(line)[2:] for line in lines]


@pytest.mark.usefixtures("messages")
def test_every_command_that_is_shown_can_be_given_by_hand(tmp_path, commands, capfd):
    out = tmp_path / "my demo"
    run(Args(out, seed=5, nprocs=3))
    told = capfd.readouterr().err
    shown = shown_commands(told)
    assert [words[0] for words in shown] == [
        *("simulate", "prepare", "train", "train", "predict", "evaluate")
    ]
    for command, *words in shown:
        again = importlib.import_module(f"petsynth.cli.{command}").parse(words)
        if command == "train":
            assert again[1].seed == 5
        else:
            assert again.seed == 5
            assert again == commands.ran[command]
    assert f"Open {out / 'evaluation' / 'report.html'}" in told
    assert "All data are simulated" in told


def test_each_step_takes_what_the_one_before_made(tmp_path, commands, capfd):
    run(Args(tmp_path / "demo"))
    capfd.readouterr()
    simulate, prepare, predict, evaluate = commands.ran.values()
    out = tmp_path / "demo"
    assert (simulate.out, simulate.subjects) == (out / "bids", 16)
    assert (prepare.bids_dir, prepare.out_dir) == (out / "bids", out / "prepared")
    assert (predict.out, evaluate.out) == (out / "predictions", out / "evaluation")
    assert evaluate.data == (out / "prepared",)
    assert evaluate.runs == tuple(out / "runs" / name for name in NAMES)
    assert predict.t1 == (out / "bids" / "sub-007" / "anat" / "sub-007_T1w.nii.gz",)
    assert predict.model == str(out / "runs" / NAMES[0])


def test_both_systems_are_trained_and_all_but_the_first_leave_a_log(tmp_path, commands):
    run(Args(tmp_path / "demo"))
    assert sorted(commands.calls.read_text().split()) == sorted(NAMES)
    logs = sorted((tmp_path / "demo" / "runs").glob("*.log"))
    assert [log.name for log in logs] == [f"{NAMES[1]}.log"]  # no empty one of what was shown


def test_a_training_that_fails_is_told_with_its_last_line(tmp_path, commands, monkeypatch):
    monkeypatch.setenv(NAMES[1].replace("-", "_"), "fail")
    message = rf"training {NAMES[1]} failed: step 2: the loss is nan"
    with pytest.raises(TrainingError, match=message):
        run(Args(tmp_path / "demo"))
    assert "predict" not in commands.ran


def test_of_the_training_that_is_shown_the_lines_above_tell_more(tmp_path, commands, monkeypatch):
    monkeypatch.setenv(NAMES[0].replace("-", "_"), "fail")
    with pytest.raises(TrainingError, match=rf"training {NAMES[0]} failed: see the lines above"):
        run(Args(tmp_path / "demo"))


def test_when_one_training_fails_the_other_is_ended(tmp_path, commands, monkeypatch):
    monkeypatch.setenv(NAMES[0].replace("-", "_"), "fail")
    monkeypatch.setenv(NAMES[1].replace("-", "_"), "sleep")
    start = time.monotonic()
    with pytest.raises(TrainingError):
        run(Args(tmp_path / "demo"))
    assert time.monotonic() - start < 50


WRITTEN = {
    "bids": "README.md",
    "prepared": "arrays/sub-001_mri.npy",
    "runs": f"{NAMES[0]}/checkpoints/last.pt",
    "predictions": "sub-001/figures/sub-001_trc-18FFDG_desc-synth_panel.png",
    "evaluation": "figures/figure1_boxplots.png",
}
"""A file that each part of a demo holds."""


def make_demo(out: Path, *parts: str) -> None:
    """Make what an earlier demo left, or what looks like it."""
    for part in parts:
        (out / part / WRITTEN[part]).parent.mkdir(parents=True)
        (out / part / WRITTEN[part]).touch()
    if "bids" in parts:
        write_dataset_description(out / "bids", "a cohort", derivative=False, Simulated=True)


def left(out: Path, *parts: str) -> list[str]:
    """Return the parts whose file is still there."""
    return [part for part in parts if (out / part / WRITTEN[part]).exists()]


@pytest.mark.parametrize("parts", [PARTS, PARTS[:1], PARTS[:3]])
def test_an_earlier_demo_is_replaced_only_when_asked(tmp_path, commands, parts):
    out = tmp_path / "demo"
    make_demo(out, *parts)
    with pytest.raises(OutputError, match=r"demo: holds .* or give --overwrite to replace the"):
        run(Args(out))
    assert left(out, *parts) == list(parts)
    run(Args(out, overwrite=True))
    assert not left(out, *parts)
    assert commands.ran


@pytest.mark.parametrize("overwrite", [False, True])
def test_nothing_is_removed_beside_what_is_not_the_demos(tmp_path, commands, overwrite):
    out = tmp_path / "demo"
    make_demo(out, *PARTS)
    (out / "thesis.txt").write_text("precious")
    with pytest.raises(OutputError, match=r"holds .* already; name another folder$"):
        run(Args(out, overwrite=overwrite))
    assert left(out, *PARTS) == list(PARTS)
    assert not commands.ran


@pytest.mark.parametrize("part", PARTS)
def test_what_somebody_added_to_a_demo_stops_its_removal(tmp_path, commands, part):
    out = tmp_path / "demo"
    make_demo(out, *PARTS)
    added = out / part / ("sub-999/anat/sub-999_T1w.nii.gz" if part == "bids" else "my notes.txt")
    added.parent.mkdir(parents=True, exist_ok=True)
    added.write_text("precious")
    with pytest.raises(OutputError, match="nothing was removed"):
        run(Args(out, overwrite=True))
    assert added.read_text() == "precious"
    assert left(out, *PARTS) == list(PARTS)
    assert not commands.ran


@pytest.mark.parametrize("parts", [("bids",), ("bids", "prepared", "runs"), ("prepared", "runs")])
def test_a_study_of_real_scans_is_never_taken_for_an_earlier_demo(tmp_path, commands, parts):
    """Its folders may have the same names."""
    out = tmp_path / "study"
    for part in parts:
        (out / part).mkdir(parents=True)
        (out / part / "file.txt").write_text("precious")
    if "bids" in parts:
        write_dataset_description(out / "bids", "real scans", derivative=False)
    with pytest.raises(OutputError, match=r"study: holds .*no earlier demo.*name another folder"):
        run(Args(out, overwrite=True))
    assert len(list(out.glob("*/file.txt"))) == len(parts)
    assert not commands.ran


def test_a_link_in_place_of_a_folder_is_not_followed(tmp_path, commands):
    out, elsewhere = tmp_path / "demo", tmp_path / "elsewhere"
    make_demo(out, "bids")
    elsewhere.mkdir()
    (elsewhere / "file.txt").touch()
    (out / "runs").symlink_to(elsewhere)
    with pytest.raises(OutputError, match="holds runs, a link, which is no part of"):
        run(Args(out, overwrite=True))
    assert (elsewhere / "file.txt").exists()
    assert left(out, "bids") == ["bids"]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path, commands):
    (tmp_path / "demo").touch()
    with pytest.raises(OutputError, match=r"demo: is a file; name a folder"):
        run(Args(tmp_path / "demo", overwrite=True))


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_empty_folder_may_be_used(tmp_path, commands, overwrite):
    (tmp_path / "demo").mkdir()
    run(Args(tmp_path / "demo", overwrite=overwrite))
    assert "evaluate" in commands.ran


def test_options_have_defaults_that_suit_two_cores():
    assert parse([]) == Args(Path("petsynth-demo"), seed=0, nprocs=2, overwrite=False)
    assert parse(["here", "--seed", "3", "--overwrite"]) == Args(Path("here"), 3, overwrite=True)
