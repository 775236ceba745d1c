"""Names of files that are no text, or hold digits that are no numbers: one line, or the result."""

import os
import shutil
from pathlib import Path

import pytest

from .harness import Run, count_failure

NAMES = {
    "not UTF-8": os.fsdecode(b"sub-01_acq-\xff_T1w.nii.gz"),
    "superscript": "sub-01_run-\N{SUPERSCRIPT TWO}_T1w.nii.gz",
    "other digits": "sub-01_run-\N{ARABIC-INDIC DIGIT TWO}_T1w.nii.gz",
    "line break": "sub-01_acq-a\nb_T1w.nii.gz",
    "markup": "sub-01_acq-<b>&[link](x)$_T1w.nii.gz",
    "right to left": "sub-01_acq-\N{RIGHT-TO-LEFT OVERRIDE}x_T1w.nii.gz",
}


@pytest.mark.parametrize("kind", NAMES)
def test_predict(commands, folder, tally, tiny_run, kind):
    root, log = folder / f"names-{kind}", folder / f"names-{kind}.log"
    root.mkdir()
    first, second = root / NAMES[kind], root / "sub-02_T1w.nii.gz"
    for number, path in enumerate((first, second), start=1):
        shutil.copy(folder / "in" / f"sub-{number:02}_T1w.nii.gz", path)
    words = ["predict", str(first), str(second), "--model", str(tiny_run), "--out"]
    words += [str(root / "out"), "--threads", "1", "--device", "cpu"]
    run = Run(words, log)
    check(run, tally)
    name = "sub-02/pet/sub-02_trc-18FFDG_space-T1w_desc-synth_pet.nii.gz"
    assert (root / "out" / name).exists(), run.messages()


@pytest.mark.parametrize("kind", NAMES)
def test_prepare(commands, folder, tally, kind):
    root, log = folder / f"bids-{kind}", folder / f"bids-{kind}.log"
    shutil.copytree(folder / "bids", root)
    anat = root / "sub-01" / "anat"
    (anat / "sub-01_T1w.nii.gz").rename(anat / NAMES[kind])
    words = ["prepare", str(root), str(folder / f"prepared-{kind}"), "--voxel-mm", "18"]
    run = Run([*words, "--test", "2", "--skip-bids-validation"], log)
    check(run, tally)
    assert (folder / f"prepared-{kind}" / "arrays" / "sub-02_pet.npy").exists(), run.messages()


@pytest.mark.parametrize("kind", NAMES)
def test_measure_and_regions(commands, folder, tally, kind):
    root = folder / f"pairs-{kind}"
    for part, name in (("a", NAMES[kind]), ("b", NAMES[kind]), ("a", "x.nii"), ("b", "x.nii")):
        Path(root / part).mkdir(parents=True, exist_ok=True)
        shutil.copy(
            folder / "in" / "sub-02_T1w.nii.gz",
            root / part / name.replace("x.nii", "sub-02_T1w.nii.gz"),
        )
    words = ["measure", str(root / "a"), str(root / "b"), "--data-range", "1"]
    run = Run([*words, "--out", str(root / "out")], folder / f"measure-{kind}.log")
    check(run, tally)
    assert (root / "out" / "measure.tsv").exists(), run.messages()
    pets = [str(root / "a" / NAMES[kind]), str(root / "b" / "sub-02_T1w.nii.gz")]
    atlas = ["--labels", *pets, "--tracer", "FDG", "--out", str(root / "regions")]
    check(Run(["regions", *pets, *atlas], folder / f"regions-{kind}.log"), tally)


def check(run: Run, tally) -> None:
    """Whatever the status, there is one line per file and no traceback."""
    count_failure(run, run.wait(), tally, (0, 1))
    tally.faults += 1
    tally.check(run.messages())
