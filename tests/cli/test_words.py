"""Which word belongs to which option, and what is missing."""

import importlib
import re

import pytest

from petsynth.cli import audit, evaluate, predict, prepare, regions
from petsynth.cli.fields import MANY, declared
from petsynth.cli.main import COMMANDS, module_of, run
from petsynth.errors import UsageError


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Stand in a folder with folders of masks and of a dataset."""
    monkeypatch.chdir(tmp_path)
    for name in ("masks", "bids", "labels"):
        (tmp_path / name).mkdir()


def texts(paths):
    return [str(path) for path in paths]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("words", "t1s", "masks"),
    [
        ("--masks masks a.nii --out o", ["a.nii"], ["masks"]),
        ("--masks masks a.nii b.nii --out o", ["a.nii", "b.nii"], ["masks"]),
        ("a.nii --masks masks b.nii --out o", ["a.nii", "b.nii"], ["masks"]),
        ("--out o --masks m.nii a.nii", ["a.nii"], ["m.nii"]),
        ("--masks m1 m2 a.nii b.nii --out o", ["a.nii", "b.nii"], ["m1", "m2"]),
        ("a.nii b.nii --masks m1 m2 --out o", ["a.nii", "b.nii"], ["m1", "m2"]),
        ("a.nii b.nii --masks m1 --masks m2 --out o", ["a.nii", "b.nii"], ["m1", "m2"]),
        ("--masks=masks a.nii --out=o", ["a.nii"], ["masks"]),
    ],
)
def test_masks_swallow_no_t1(words, t1s, masks):
    args = predict.parse(words.split())
    assert texts(args.t1) == t1s
    assert texts(args.masks) == masks


@pytest.mark.parametrize(
    "words",
    [
        "--margin ssim=0.01 psnr=0.5 RUN --data d --out o",
        "--data d --out o --margin ssim=0.01 --margin psnr=0.5 RUN",
        "RUN --data d --out o --margin ssim=0.01 psnr=0.5",
    ],
)
def test_margins_swallow_no_run(words):
    args = evaluate.parse(words.split())
    assert (texts(args.runs), args.margin) == (["RUN"], ("ssim=0.01", "psnr=0.5"))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "words",
    [
        "my_bids prepared --participant-label 01 sub-02",
        "--participant-label 01 sub-02 my_bids prepared",
        "my_bids --participant-label 01 sub-02 --pairs all prepared",
    ],
)
def test_labels_swallow_no_folder(words):
    args = prepare.parse(words.split())
    assert (str(args.bids_dir), str(args.out_dir)) == ("my_bids", "prepared")
    assert args.participant_label == ("01", "sub-02")


@pytest.mark.usefixtures("here")
def test_other_options_of_several_values_leave_what_is_needed():
    assert str(audit.parse(["--runs", "r1", "r2", "data"]).data) == "data"
    assert texts(regions.parse(["--t1", "t1.nii", "pet.nii"]).pet) == ["pet.nii"]
    assert texts(regions.parse(["--labels", "labels", "bids"]).labels) == ["labels"]
    flagged = prepare.parse(["--exclude-flagged", "motion", "bids", "out", "participant"])
    assert (flagged.exclude_flagged, flagged.analysis_level) == (("motion",), ("participant",))
    assert prepare.parse(["--exclude-flagged", "bids", "out"]).exclude_flagged == ()
    assert prepare.parse(["--time-window", "-5", "10", "bids", "out"]).time_window == (-5, 10)


VALUES = {"--margin": "ssim=0.01", "--t1-series": "4", "--pet-series": "7", "--withhold": "age"}
"""Of options of several values that do not take any word."""


def several() -> list[tuple[str, str, str]]:
    """Return command, option and a value of all options that take any number of values."""
    found = []
    for command in COMMANDS:
        options = declared(importlib.import_module(module_of(command)).Args)
        for each in options:
            if each.options and each.words == MANY:
                value = each.choices[0] if each.choices else VALUES.get(each.options[0], "value")
                found.append((command, each.options[0], value))
    return found


@pytest.mark.parametrize(("command", "option", "value"), several())
def test_no_option_of_several_values_swallows_what_is_needed(command, option, value):
    """Of every command: the option stands before the words that have no name."""
    module = importlib.import_module(module_of(command))
    first = module.HELP.examples[0].split("#")[0].split()[2:]
    own = next(each for each in declared(module.Args) if option in each.options)
    needed = module.parse(first)
    found = module.parse([option, value, *first])
    for each in declared(module.Args):
        if each.name != own.name:
            assert getattr(found, each.name) == getattr(needed, each.name), each.name
    assert len(getattr(found, own.name)) == len(getattr(needed, own.name) or ()) + 1


@pytest.mark.parametrize(
    ("command", "words", "message"),
    [
        ("evaluate", "", "missing: --data PATH ..., --out PATH; as in: petsynth evaluate "),
        ("predict", "--masks masks", r"missing: T1 \.\.\., --out PATH; as in: petsynth predict "),
        ("prepare", "bids", r"missing: OUT_DIR; as in: petsynth prepare bids prepared"),
        ("train", "", r"missing: CONFIG, --data PATH, --out PATH; name a configuration first"),
        ("train", "small/ganbert.toml --out o", r"missing: --data PATH; as in"),
        ("train", "small/ganbert.toml --data d --out o --training.batch-sze 4",
         r"unknown option --training\.batch-sze \(did you mean --training\.batch-size\?\)"),
        ("train", "small/ganbert.toml --data d --out o --training.batch-size -4",
         r"command line: --training\.batch-size"),
        ("describe", "small/ganbert.toml --training.batch-size many",
         r"command line: --training\.batch-size"),
        ("predict", "a --out o --samples x --seed y",
         "--samples x: must be a whole number; --seed y: must be a whole number"),
        ("simulate", "o --tracer FFD", "--tracer FFD: must be one of FDG, AV45, AV1451"),
        ("demo", "a b", "b: belongs to no option"),
        ("prepare", "bids out --voxel-mm wide", "--voxel-mm wide: must be a number"),
        ("prepare", "bids out all", "ANALYSIS_LEVEL all: must be one of participant, group"),
        ("prepare", "bids out --dry-run=3", "--dry-run takes no value"),
        ("prepare", "bids out -x", "unknown option -x"),
        ("completion", "fish", "SHELL fish: must be one of bash, zsh"),
        ("predict", "a --out", r"--out: needs a value \(PATH\)"),
        ("predict", "a --out --samples 3", r"--out: needs a value \(PATH\)"),
        ("predict", "a --out o --samples --seed 1", r"--samples: needs a value \(INT\)"),
        ("evaluate", "r --data d --out o --margin",
         r"--margin: needs a value \(METRIC=VALUE \.\.\.\)"),
        ("classify", "e --out o --groups AD", r"--groups: needs 2 values \(ONE OTHER\)"),
        ("train", "small/ganbert.toml --data d --out o --training.batch-size",
         r"--training\.batch-size: needs a value"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("here")
def test_all_that_is_missing_or_wrong_is_named(command, words, message, capsys):
    assert run([command, *words.split()]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.match(f"petsynth {command}: error: {message}", error)


def test_an_option_may_be_switched_off_by_none():
    assert prepare.parse(["bids", "out", "--max-interval", "None"]).max_interval is None
    with pytest.raises(UsageError, match="--nprocs None: must be a whole number"):
        prepare.parse(["bids", "out", "--nprocs", "None"])
