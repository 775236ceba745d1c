"""``petsynth train``: fit a system's networks to prepared data."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from petsynth.cli.overrides import load_with_overrides, print_keys, split_overrides
from petsynth.errors import ArgumentError

logger = logging.getLogger(__name__)

DESCRIPTION = """Train a system on what `petsynth prepare` wrote. RUN receives the resolved
configuration, weights, a model card, logs, checkpoints and sample pictures. A training that was
stopped goes on with --resume and ends as if it had not been stopped."""


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth train``."""

    config: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CONFIG")]
    """TOML file, or the name of a shipped one, such as small/pix2pix-axial.toml."""
    data: Path
    """Prepared data: the folder that petsynth prepare wrote."""
    out: Path
    """Run folder to write."""
    resume: bool = False
    """Go on from the run folder's last checkpoint."""
    overwrite: bool = False
    """Remove an earlier run in the folder first."""
    threads: int | None = None
    """Processor threads, never more than there are cores; default: all cores."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; auto takes a GPU if there is one."""
    devices: int = 1
    """Devices on each machine (on a CPU: processes); each takes a batch of its own."""
    nodes: int = 1
    """Machines; start the same command on each with torchrun or Slurm."""
    seed: int | None = None
    """Starts every random draw; default: the configuration's."""
    overrides: tyro.conf.Suppress[tuple[str, ...]] = ()
    """Configuration keys given on the command line, as typed."""


def parse(argv: list[str]) -> Args:
    """Read the command line after ``petsynth train``."""
    own = {field.name for field in dataclasses.fields(Args)}
    rest, overrides = split_overrides(argv, own)
    try:
        args = tyro.cli(Args, args=rest, prog="petsynth train", description=DESCRIPTION)
    except SystemExit:
        if {"-h", "--help"} & set(argv):
            print_keys("train")
        raise
    return dataclasses.replace(args, overrides=tuple(overrides))


def run(args: Args) -> None:
    """Check the configuration, then train.

    Raises
    ------
    PetsynthError
        If configuration, data or run folder cannot be used, or training fails.
    """
    if args.threads is not None and args.threads < 1:
        raise ArgumentError(f"--threads {args.threads}: must be 1 or more")
    config = load_with_overrides(args.config, list(args.overrides), args.seed)
    from petsynth.data.prepared import PreparedData
    from petsynth.training.trainer import train

    try:
        train(
            config,
            PreparedData(args.data),
            args.out,
            resume=args.resume,
            overwrite=args.overwrite,
            threads=args.threads,
            device=args.device,
            devices=args.devices,
            nodes=args.nodes,
        )
    except KeyboardInterrupt:
        logger.info(f"{args.out}: the same command with --resume goes on from the last checkpoint")
        raise
