"""``petsynth demo``: the whole of paper A on a small simulated cohort, in minutes.

The demo runs the same commands that a user would type and prints each before it runs, so
that every step can be repeated by hand with other options.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import shlex
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated

import tyro

from petsynth.cli.help import Help
from petsynth.cli.options import parser
from petsynth.log import LOG_FILES, recorded

logger = logging.getLogger(__name__)

RUNS: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["runs"]
"""Run folder -> the shipped configuration that is trained in it."""
PARTS = ("bids", "prepared", "runs", "predictions", "evaluation")


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth demo``."""

    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")] = Path("petsynth-demo")
    """Folder for everything that the demo makes."""
    seed: int = 0
    """Seed of every random number; of cohort, split, weights and training."""
    nprocs: int = 2
    """Processes to simulate and prepare, threads to measure; the
    two models are trained side by side in any case, one thread each."""
    overwrite: bool = False
    """Replace an earlier demo in the same folder."""


HELP = Help(
    "demo",
    """Simulate, prepare, train, predict and evaluate, in minutes.

    The whole of paper A on a small simulated cohort. Each command is printed before it runs, so
    that every step can be repeated by hand with other options.""",
    {"options": ("seed", "nprocs", "overwrite")},
    ("petsynth demo", "petsynth demo my-demo --nprocs 4"),
)


parse = parser(Args, HELP)
"""Reads what was typed after the command."""


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
    from petsynth.io.lock import lock_folder

    start = time.monotonic()
    with lock_folder(args.out):
        _make_room(args.out, args.overwrite)
        _run_all(args)
    logger.info(
        f"demo done in {time.monotonic() - start:.0f} s. All data are simulated and all predicted "
        f"PET is synthetic. Open {args.out / 'evaluation' / 'report.html'}"
    )


def _run_all(args: Args) -> None:
    from petsynth.io.text import read_table

    out = args.out
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
    _run("predict", bids / unseen / "anat" / f"{unseen}_T1w.nii.gz",
          "--model", runs / next(iter(RUNS)), "--masks", masks, "--samples", "4",
          "--seed", seed, "--threads", "1", "--out", out / "predictions")  # fmt: skip
    _run("evaluate", *(runs / name for name in RUNS), "--data", prepared,
          "--out", out / "evaluation", "--seed", seed, "--threads", nprocs,
          "--save-predictions")  # fmt: skip


def _train_side_by_side(prepared: Path, runs: Path, seed: str) -> None:
    """Train each in a process of one thread, which is faster than two threads in turn.

    The first one's progress is shown; the others' goes into a log beside their run folder.
    """
    import subprocess
    import sys

    from petsynth.errors import TrainingError

    trainings: list[subprocess.Popen[bytes]] = []
    runs.mkdir(parents=True, exist_ok=True)
    try:
        for name, configuration in RUNS.items():
            words = ["train", configuration, "--data", prepared, "--out", runs / name,
                     "--seed", seed, "--threads", "1"]  # fmt: skip
            command = [str(word) for word in words]
            is_shown, is_last = not trainings, len(trainings) == len(RUNS) - 1
            logger.info(f"$ petsynth {shlex.join(command)}" + ("" if is_last else " &"))
            with contextlib.ExitStack() as stack:
                file: IO[bytes] | None = None  # the one that is shown leaves no empty log
                if not is_shown:
                    file = stack.enter_context(open(runs / f"{name}.log", "wb"))
                trainings.append(
                    subprocess.Popen([sys.executable, "-m", "petsynth", *command], stderr=file)
                )
        for name, training in zip(RUNS, trainings, strict=True):
            if training.wait():
                log = runs / f"{name}.log"
                last = log.read_text().strip().rpartition("\n")[2] if log.exists() else ""
                raise TrainingError(f"training {name} failed: {last or 'see the lines above'}")
    finally:
        for training in trainings:
            training.terminate()
        for training in trainings:
            training.wait()


def _run(command: str, *arguments: str | Path) -> None:
    words = [str(argument) for argument in arguments]
    logger.info(f"$ petsynth {command} {shlex.join(words)}")
    module = importlib.import_module(f"petsynth.cli.{command}")
    with recorded(command, words):
        module.run(module.parse(words))


def _make_room(out: Path, overwrite: bool) -> None:
    """Remove an earlier demo if that is asked for; whatever else is there stops it beforehand."""
    from petsynth.errors import OutputError
    from petsynth.io.bids.metadata import is_simulated
    from petsynth.io.lock import is_bookkeeping
    from petsynth.io.removal import files_and_links, remove_own
    from petsynth.simulation.dataset import own_files

    held = sorted(path.name for path in out.iterdir() if not is_bookkeeping(path.name))
    if held and (not overwrite or set(held) - set(PARTS)):
        raise OutputError(
            f"{out}: holds {', '.join(held[:3])} already; name another folder"
            + ("" if set(held) - set(PARTS) else " or give --overwrite to replace the earlier demo")
        )
    if all(is_bookkeeping(path.name) for path in files_and_links(out)):
        return
    if not is_simulated(out / "bids"):
        raise OutputError(
            f"{out}: holds {', '.join(held[:3])}, which is no earlier demo; nothing was removed: "
            "name another folder"
        )
    own_files(out / "bids")  # refuses others than the simulated subjects
    remove_own(out, _own_files(), "an earlier demo")


def _own_files() -> list[str]:
    """Return the names of everything that a demo's commands write."""
    from petsynth.inference.dataset import FILES as PREDICTIONS
    from petsynth.prepare.output_folder import FILES as PREPARED
    from petsynth.report.folder import FILES as EVALUATION
    from petsynth.simulation.dataset import FILES as COHORT
    from petsynth.training.run_folder import FILES as RUN

    runs = [f"{each}.log" for each in RUNS] + [f"{each}/{name}" for each in RUNS for name in RUN]
    names = {
        "bids": COHORT,
        "prepared": PREPARED,
        "runs": runs,
        "predictions": (*PREDICTIONS, LOG_FILES),
        "evaluation": EVALUATION,
    }
    return [f"{part}/{name}" for part in PARTS for name in names[part]]
