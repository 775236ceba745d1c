"""``petsynth describe``: what a configuration means, before anything is trained."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from petsynth.cli.overrides import load_with_overrides, print_keys, split_overrides

DESCRIPTION = """Show a configuration's parameters, receptive field, shapes, memory for training
and steps per epoch."""


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth describe``."""

    config: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CONFIG")]
    """TOML file, or the name of a shipped one, such as small/pix2pix-axial.toml."""
    data: Path | None = None
    """Prepared data, for the number of steps; default: the paper's subjects (A: 12; B: 3,108 with
    FDG), those of the pretrained models (87)."""
    json: bool = False
    """Print JSON on stdout instead of a table."""
    overrides: tyro.conf.Suppress[tuple[str, ...]] = ()
    """Configuration keys given on the command line, as typed."""


def parse(argv: list[str]) -> Args:
    """Read the command line after ``petsynth describe``."""
    own = {field.name for field in dataclasses.fields(Args)}
    rest, overrides = split_overrides(argv, own)
    try:
        args = tyro.cli(Args, args=rest, prog="petsynth describe", description=DESCRIPTION)
    except SystemExit:
        if {"-h", "--help"} & set(argv):
            print_keys("describe")
        raise
    return dataclasses.replace(args, overrides=tuple(overrides))


def run(args: Args) -> None:
    """Print the description.

    Raises
    ------
    PetsynthError
        If configuration or data cannot be used.
    """
    from petsynth.config import config_hash
    from petsynth.data.prepared import PreparedData
    from petsynth.systems.registry import build_system

    config = load_with_overrides(args.config, list(args.overrides))
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
