"""``petsynth demo``: the whole of paper A on a small simulated cohort, in minutes.

The demo runs the same verbs that a user would type and prints each command before it runs, so
that every step can be repeated by hand with other options.
"""

from __future__ import annotations

import importlib
import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

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
    """Processes that simulate and prepare subjects side by side."""
    threads: int = 2
    """Threads for training and prediction; never more than there are cores."""
    overwrite: bool = False
    """Replace an earlier demo in the same folder."""


def parse(argv: list[str]) -> Args:
    """Read the command line after ``petsynth demo``."""
    return tyro.cli(Args, args=argv, prog="petsynth demo", description=__doc__)


def run(args: Args) -> None:
    """Simulate 16 subjects, prepare, train two models, predict, evaluate.

    Raises
    ------
    OutputError
        If the folder holds something already and ``overwrite`` is not given.
    """
    from petsynth.io.bids import read_table
    from petsynth.progress import say

    start = time.monotonic()
    out = args.out
    _make_room(out, args.overwrite)
    seed, nprocs, threads = str(args.seed), str(args.nprocs), str(args.threads)
    bids, prepared, runs = out / "bids", out / "prepared", out / "runs"

    _verb("simulate", bids, "--subjects", "16", "--voxel-mm", "2", "--pet-voxel-mm", "3",
          "--seed", seed, "--nprocs", nprocs)  # fmt: skip
    _verb("prepare", bids, prepared, "participant", "--voxel-mm", "3", "--test", "4", "--masks",
          bids / "derivatives" / "truth", "--seed", seed, "--nprocs", nprocs)  # fmt: skip
    for system in SYSTEMS:
        _verb("train", f"small/{system}.toml", "--data", prepared, "--out", runs / system,
              "--seed", seed, "--threads", threads)  # fmt: skip
    split = read_table(prepared / "split.tsv")
    unseen = split.loc[split["split"] == "test", "participant_id"].iloc[0]
    _verb("predict", bids / unseen / "anat" / f"{unseen}_T1w.nii.gz", "--model", runs / SYSTEMS[0],
          "--masks", bids / "derivatives" / "truth", "--samples", "4", "--seed", seed,
          "--out", out / "predictions", "--threads", threads)  # fmt: skip
    _verb("evaluate", *(runs / system for system in SYSTEMS), "--data", prepared,
          "--out", out / "evaluation", "--seed", seed, "--threads", threads)  # fmt: skip

    say(
        f"demo done in {time.monotonic() - start:.0f} s. All data are simulated and all predicted "
        f"PET is synthetic. Open {out / 'evaluation' / 'report.html'}"
    )


def _verb(verb: str, *arguments: str | Path) -> None:
    from petsynth.progress import say

    words = [str(argument) for argument in arguments]
    say(f"$ petsynth {verb} {shlex.join(words)}")
    module = importlib.import_module(f"petsynth.cli.{verb}")
    module.run(module.parse(words))


def _make_room(out: Path, overwrite: bool) -> None:
    import shutil

    from petsynth.errors import OutputError

    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is a file; name a folder")
    held = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    if held and (not overwrite or set(held) - set(PARTS)):
        raise OutputError(
            f"{out}: holds {', '.join(held[:3])} already; name another folder"
            + ("" if set(held) - set(PARTS) else " or give --overwrite to replace the earlier demo")
        )
    for part in held:
        shutil.rmtree(out / part)
