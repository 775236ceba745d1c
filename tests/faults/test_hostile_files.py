"""Files that are no files, damaged or without end: one line each, and nothing that hangs."""

import json
import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from .harness import FAULTS, SEED, Run, complete, count_failure, limit_memory

SHARE = 5
"""Bad files per fault that was asked for: each costs much less than a kill."""


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(path.name)
    finally:
        os.chdir(before)


def half(path: Path) -> None:
    path.write_bytes(HELD[path.name][: len(HELD[path.name]) // 2])


def flipped(path: Path) -> None:
    content = bytearray(HELD[path.name])
    random = np.random.default_rng(SEED)
    for place in random.integers(0, len(content), 8) if content else ():
        content[place] ^= 1 << int(random.integers(8))
    path.write_bytes(content)


HELD: dict[str, bytes] = {}
"""What the files held that are replaced now."""
KINDS: dict[str, Callable[[Path], object]] = {
    "pipe": pipe,
    "socket": listening,
    "folder": Path.mkdir,
    "loop": lambda path: path.symlink_to(path.name),
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "missing": lambda path: None,
    "empty": Path.touch,
    "zeros": lambda path: path.write_bytes(bytes(10_000)),
    "noise": lambda path: path.write_bytes(np.random.default_rng(SEED).bytes(10_000)),
    "half": half,
    "flipped bits": flipped,
    "nested": lambda path: path.write_text('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"),
    "nested toml": lambda path: path.write_text("a = " + "[" * 100_000 + "]" * 100_000),
    "no number": lambda path: path.write_text('{"pet_scale": 1e999, "FrameDuration": [1e999]}'),
    "long number": lambda path: path.write_text('{"Units": "SUVR", "frames": 1' + "0" * 400 + "}"),
    "table": lambda path: path.write_text("participant_id\tsplit\n../../x\ttrain\n/etc\ttest\n"),
}


@dataclass(frozen=True)
class Place:
    """A file of a command, and what must be there in spite of it.

    Parameters
    ----------
    words : list of str
        What is typed after ``petsynth``; ``{root}`` stands for a folder with copies of all inputs.
    file : str
        The file that is replaced, relative to that folder.
    others : tuple of str
        Results, relative to it, that the bad file may not stop.
    """

    words: list[str]
    file: str
    others: tuple[str, ...] = field(default=())


PREPARE = ["prepare", "{root}/bids", "{root}/out", "--voxel-mm", "18", "--test", "2"]
PREPARE += ["--skip-bids-validation"]
PREDICT = ["predict", "{root}/in/sub-01_T1w.nii.gz", "{root}/in/sub-02_T1w.nii.gz"]
PREDICT += ["--model", "{root}/run", "--out", "{root}/out", "--threads", "1", "--device", "cpu"]
MASKS = ["--masks", "{root}/in/sub-03_T1w.nii.gz", "{root}/in/sub-02_T1w.nii.gz"]
TRAIN = ["train", "{root}/config.toml", "--data", "{root}/prepared", "--out", "{root}/out"]
TRAIN += ["--threads", "1", "--device", "cpu", "--training.max-steps", "1"]
RESUME = [word.replace("/out", "/trained") for word in TRAIN[:-1]] + ["2", "--resume"]
EVALUATE = ["evaluate", "{root}/run", "--data", "{root}/prepared", "--out", "{root}/out"]
EVALUATE += ["--threads", "1", "--device", "cpu"]
OTHER = ("out/sub-02/pet/sub-02_trc-18FFDG_space-T1w_desc-synth_pet.nii.gz",)
SUBJECT = "bids/sub-01/{}/sub-01_{}"
PET = "trc-18FFDG_pet"
PLACES = [
    Place(PREDICT, "in/sub-01_T1w.nii.gz", OTHER),
    Place([*PREDICT, *MASKS], "in/sub-03_T1w.nii.gz", OTHER),
    Place(PREDICT, "run/model.safetensors"),
    Place(PREDICT, "run/config.toml"),
    Place(PREPARE, SUBJECT.format("anat", "T1w.nii.gz"), ("out/arrays/sub-02_pet.npy",)),
    Place(PREPARE, SUBJECT.format("pet", f"{PET}.nii.gz"), ("out/arrays/sub-02_pet.npy",)),
    Place(PREPARE, SUBJECT.format("pet", f"{PET}.json"), ("out/arrays/sub-02_pet.npy",)),
    Place(PREPARE, "bids/participants.tsv"),
    Place(PREPARE, "bids/dataset_description.json"),
    Place([*PREPARE, "--bids-filter-file", "{root}/filter.json"], "filter.json"),
    Place([*PREPARE, "--split", "{root}/split.tsv"], "split.tsv"),
    Place([*PREPARE, "--config-file", "{root}/options.toml"], "options.toml"),
    Place(TRAIN, "config.toml"),
    Place(TRAIN, "prepared/prepared.json"),
    Place(TRAIN, "prepared/split.tsv"),
    Place(TRAIN, "prepared/arrays/sub-001_pet.npy"),
    Place(RESUME, "trained/checkpoints/last.pt"),
    Place(RESUME, "trained/train_log.csv"),
    Place(RESUME, "trained/data.json"),
    Place(RESUME, "trained/model.safetensors"),
    Place(["describe", "{root}/config.toml"], "config.toml"),
    Place(EVALUATE, "prepared/arrays/sub-006_mask.npy"),
    Place(EVALUATE, "run/model.safetensors"),
]


@pytest.fixture(scope="module")
def inputs(commands, folder, tiny_prepared, tiny_run) -> Path:
    """Return a folder with all inputs, copies of which are damaged."""
    root = folder / "inputs"
    shutil.copytree(folder / "in", root / "in")
    shutil.copytree(folder / "bids", root / "bids")
    shutil.copytree(tiny_prepared, root / "prepared")
    shutil.copytree(tiny_run, root / "run")
    shutil.copy(folder / "config.toml", root)
    (root / "bids" / "participants.tsv").write_text("participant_id\tage\nsub-01\t71\n")
    (root / "filter.json").write_text(json.dumps({"t1w": {"suffix": "T1w"}}))
    (root / "options.toml").write_text("nprocs = 1\n")
    parts = [f"sub-0{number}\t{'test' if number == 1 else 'train'}\n" for number in range(1, 6)]
    (root / "split.tsv").write_text("participant_id\tsplit\n" + "".join(parts))
    complete([word.format(root=root) for word in TRAIN], folder / "inputs.log")
    (root / "out").rename(root / "trained")
    return root


def test_bad_files_end_in_one_line(inputs, folder, tally):
    random = np.random.default_rng([SEED, 3])
    cases = [
        (place, kind)
        for place in PLACES
        for kind in KINDS
        # A folder behind --masks is no bad mask: what follows it is a T1 then.
        if kind != "folder" or MASKS[0] not in place.words
    ]
    chosen = random.permutation(len(cases))[: SHARE * FAULTS]
    for number, case in enumerate(chosen.tolist()):
        place, kind = cases[case]
        root, log = folder / f"hostile-{number}", folder / f"hostile-{number}.log"
        shutil.copytree(inputs, root)
        replace(root / place.file, kind)
        run = Run([word.format(root=root) for word in place.words], log, limit_memory)
        count_failure(run, run.wait(), tally, (0, 1))
        tally.faults += 1
        tally.lost += sum(not (root / name).exists() for name in place.others)
        told = f"{place.file} is {kind}\n{run.messages()}"
        if run.process.exitcode == 1:
            *_, last = run.messages().strip().splitlines()
            assert last.startswith(f"petsynth {place.words[0]}: error: "), told
            name = Path(place.file).name
            named = (name, name.partition("_")[0], Path(place.file).parts[0])
            assert any(each in run.messages() for each in named), told
            assert "out of memory" not in run.messages(), told
        tally.check(told)
        shutil.rmtree(root)


def replace(path: Path, kind: str) -> None:
    """Put something else where a file was."""
    HELD[path.name] = path.read_bytes()
    path.unlink()
    KINDS[kind](path)
