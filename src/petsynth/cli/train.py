"""``petsynth train``: fit a system's networks to prepared data."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from petsynth.cli.help import Help
from petsynth.cli.options import parse_with_configuration
from petsynth.errors import ArgumentError

if TYPE_CHECKING:
    from petsynth.systems.fields import SystemConfig

logger = logging.getLogger(__name__)

HELP = Help(
    "train",
    """Train a model on what petsynth prepare wrote.

    The run folder receives the resolved configuration, weights, a model card, logs, checkpoints
    and sample pictures. A training that was stopped goes on with --resume and ends as if it had
    not been stopped.""",
    {
        "earlier runs": ("resume", "overwrite", "start", "freeze"),
        "computing": ("threads", "device", "devices", "nodes"),
    },
    (
        "petsynth train petsynth-fdg.toml --data prepared --out runs/fdg --training.epochs 5",
        "petsynth train petsynth-fdg.toml --data prepared --out runs/fdg --resume",
    ),
)


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth train``; those of the configuration, such as the seed, come on top."""

    config: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CONFIG")]
    """TOML file, or the name of a shipped one; such as small/pix2pix-axial.toml."""
    data: Path
    """Prepared data: the folder that petsynth prepare wrote."""
    out: Path
    """Run folder to write."""
    resume: bool = False
    """Go on from the run folder's last checkpoint."""
    overwrite: bool = False
    """Remove an earlier run in the folder first."""
    threads: int | None = None
    """Processor threads; all cores if left out, and never more."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; auto takes a GPU if there is one."""
    devices: int = 1
    """Devices on each machine; on a CPU: processes. Each takes a batch of its own."""
    nodes: int = 1
    """Machines; start the same command on each with torchrun or Slurm."""
    start: Annotated[str | None, tyro.conf.arg(name="from", metavar="MODEL")] = None
    """Start from a pretrained model, run or weights file; petsynth models lists the pretrained
    ones. Learning rate and epochs are then smaller by default."""
    freeze: int = 0
    """With --from: levels of the encoder that stay as they are; the outermost come first."""


def parse(argv: list[str]) -> tuple[Args, SystemConfig]:
    """Read the command line after ``petsynth train``.

    Raises
    ------
    UsageError, InputError, ConfigError
        If options or configuration cannot be used.
    """
    return parse_with_configuration(
        Args,
        argv,
        HELP,
        change=_adaptation(argv),
    )


def _adaptation(argv: list[str]) -> Callable[[SystemConfig], SystemConfig] | None:
    """Return what ``--from`` changes in a configuration's defaults; None without it."""
    model = None
    for word, following in zip(argv, [*argv[1:], ""], strict=False):
        name, equals, value = word.partition("=")
        if name == "--from":
            model = value if equals else following
    if model is None:
        return None

    def adapt(config: SystemConfig) -> SystemConfig:
        from petsynth.inference.pretrained import find_weights
        from petsynth.training.initial_weights import adapt_config

        return adapt_config(config, find_weights(model))

    return adapt


def run(parsed: tuple[Args, SystemConfig]) -> None:
    """Train.

    Raises
    ------
    PetsynthError
        If data or run folder cannot be used, or training fails.
    """
    args, config = parsed
    if args.threads is not None and args.threads < 1:
        raise ArgumentError(f"--threads {args.threads}: must be 1 or more")
    if args.freeze and args.start is None:
        raise ArgumentError(f"--freeze {args.freeze}: needs --from, the weights that are kept")
    from petsynth.data.prepared import PreparedData
    from petsynth.inference.pretrained import find_weights
    from petsynth.training.initial_weights import Start
    from petsynth.training.trainer import train

    start = None if args.start is None else Start(find_weights(args.start), args.freeze)

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
            start=start,
        )
    except KeyboardInterrupt:
        logger.info(f"{args.out}: the same command with --resume goes on from the last checkpoint")
        raise
