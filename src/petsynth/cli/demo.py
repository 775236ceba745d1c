"""``petsynth demo``: the whole of paper A on a small simulated cohort, in minutes.

The demo runs the same commands that a user would type and prints each before it runs, so
that every step can be repeated by hand with other options.
"""

from __future__ import annotations

import importlib
import logging
import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from petsynth.cli.options import parse_options

logger = logging.getLogger(__name__)

SYSTEMS = ("pix2pix-axial", "pix2pix-augmented")
PARTS = ("bids", "prepared", "runs", "predictions", "evaluation")


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth demo``."""

    out: Annotated[Path, tyro.conf.Positional] = Path("petsynth-demo")
    """Folder for everything that the demo makes."""
    seed: int = 0
    """Starts every random draw: cohort, split, weights, training."""
    nprocs: int = 2
    """Processes that simulate and prepare subjects side by side, and threads that measure. The
    two models are trained side by side in any case, one thread each."""
    overwrite: bool = False
    """Replace an earlier demo in the same folder."""


def parse(argv: list[str]) -> Args:
    """Read the command line after ``petsynth demo``."""
    return parse_options(Args, argv, command="demo", description=__doc__)


def run(args: Args) -> None:
    """Simulate 16 subjects, prepare, train two models, predict, evaluate.

    Raises
    ------
    OutputError
        If the folder holds something already and ``overwrite`` is not given, or something that
        is no earlier demo.
    TrainingError
        If a training fails.
    """
    from petsynth.io.bids.metadata import read_table

    start = time.monotonic()
    out = args.out
    _make_room(out, args.overwrite)
    seed, nprocs = str(args.seed), str(args.nprocs)
    bids, prepared, runs = out / "bids", out / "prepared", out / "runs"
    masks = bids / "derivatives" / "truth"

    _run("simulate", bids, "--subjects", "16", "--voxel-mm", "2", "--pet-voxel-mm", "3",
          "--seed", seed, "--nprocs", nprocs)  # fmt: skip
    _run("prepare", bids, prepared, "--skip-bids-validation", "--voxel-mm", "3", "--test", "4",
          "--masks", masks, "--seed", seed, "--nprocs", nprocs)  # fmt: skip
    _train_side_by_side(prepared, runs, seed)
    split = read_table(prepared / "split.tsv")
    unseen = split.loc[split["split"] == "test", "participant_id"].iloc[0]
    _run("predict", bids / unseen / "anat" / f"{unseen}_T1w.nii.gz", "--model", runs / SYSTEMS[0],
          "--masks", masks, "--samples", "4", "--seed", seed, "--threads", "1",
          "--out", out / "predictions")  # fmt: skip
    _run("evaluate", *(runs / system for system in SYSTEMS), "--data", prepared,
          "--out", out / "evaluation", "--seed", seed, "--threads", nprocs)  # fmt: skip

    logger.info(
        f"demo done in {time.monotonic() - start:.0f} s. All data are simulated and all predicted "
        f"PET is synthetic. Open {out / 'evaluation' / 'report.html'}"
    )


def _train_side_by_side(prepared: Path, runs: Path, seed: str) -> None:
    """Train each system in a process of one thread, which is faster than two threads in turn.

    The first one's progress is shown; the others' goes into a log beside their run folder.
    """
    import subprocess
    import sys

    from petsynth.errors import TrainingError

    trainings = []
    runs.mkdir(parents=True)
    try:
        for system in SYSTEMS:
            words = ["train", f"small/{system}.toml", "--data", prepared, "--out", runs / system,
                     "--seed", seed, "--threads", "1"]  # fmt: skip
            command = [str(word) for word in words]
            logger.info(
                f"$ petsynth {shlex.join(command)}" + (" &" if system != SYSTEMS[-1] else "")
            )
            log = runs / f"{system}.log"
            with open(log, "wb") as file:
                stderr = None if system == SYSTEMS[0] else file
                trainings.append(
                    subprocess.Popen([sys.executable, "-m", "petsynth", *command], stderr=stderr)
                )
        for system, training in zip(SYSTEMS, trainings, strict=True):
            if training.wait():
                last = (runs / f"{system}.log").read_text().strip().rpartition("\n")[2]
                raise TrainingError(f"training {system} failed: {last or 'see the lines above'}")
    finally:
        for training in trainings:
            training.terminate()
        for training in trainings:
            training.wait()


def _run(command: str, *arguments: str | Path) -> None:
    words = [str(argument) for argument in arguments]
    logger.info(f"$ petsynth {command} {shlex.join(words)}")
    module = importlib.import_module(f"petsynth.cli.{command}")
    module.run(module.parse(words))


def _make_room(out: Path, overwrite: bool) -> None:
    import shutil

    from petsynth.errors import OutputError
    from petsynth.io.bids.metadata import is_simulated

    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is a file; name a folder")
    held = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    if held and (not overwrite or set(held) - set(PARTS)):
        raise OutputError(
            f"{out}: holds {', '.join(held[:3])} already; name another folder"
            + ("" if set(held) - set(PARTS) else " or give --overwrite to replace the earlier demo")
        )
    if held and not (is_simulated(out / "bids") and all(map(_is_own_folder, out.iterdir()))):
        raise OutputError(
            f"{out}: holds {', '.join(held[:3])}, which is no earlier demo; nothing was removed: "
            "name another folder"
        )
    for part in held:
        shutil.rmtree(out / part)


def _is_own_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
