"""``petsynth describe``: what a configuration means, before anything is trained."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from petsynth.cli.help import Help
from petsynth.cli.options import parse_with_configuration

if TYPE_CHECKING:
    from petsynth.systems.fields import SystemConfig

HELP = Help(
    "describe",
    """Show a configuration's parameters, receptive field, shapes, memory for training and steps per
    epoch.""",
    {"options": ("data", "json")},
    (
        "petsynth describe petsynth-fdg.toml",
        "petsynth describe petsynth-fdg.toml --data prepared --training.batch-size 8",
    ),
)


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth describe``; those of the configuration come on top."""

    config: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CONFIG")]
    """TOML file, or the name of a shipped one; such as small/pix2pix-axial.toml."""
    data: Path | None = None
    """Prepared data, for the number of steps; default: as many subjects as the paper had."""
    json: bool = False
    """Print JSON on stdout instead of a table."""


def parse(argv: list[str]) -> tuple[Args, SystemConfig]:
    """Read the command line after ``petsynth describe``.

    Raises
    ------
    UsageError, InputError, ConfigError
        If options or configuration cannot be used.
    """
    return parse_with_configuration(Args, argv, HELP)


def run(parsed: tuple[Args, SystemConfig]) -> None:
    """Print the description.

    Raises
    ------
    PetsynthError
        If the data cannot be used, or the configuration does not fit them.
    """
    from petsynth.config import config_hash
    from petsynth.data.prepared import PreparedData
    from petsynth.systems.registry import build_system

    args, config = parsed
    data = None if args.data is None else PreparedData(args.data)
    resources = build_system(config).resources(
        grid_shape=None if data is None else data.grid.shape,
        subjects=None if data is None else len(data.participants("train")),
    )
    about = {"system": config.system, "config_hash": config_hash(config)}
    if args.json:
        print(json.dumps(about | resources.content, indent=2))
    else:
        rows = [("system", f"{config.system}, configuration {about['config_hash']}")]
        print("\n".join(f"{name:<22}{value}" for name, value in rows + resources.rows))
