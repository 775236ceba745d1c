"""``petsynth prepare``: options, checks of what was asked for, and the run itself."""

from petsynth.cli.prepare.command import Args, parse, run

__all__ = ["Args", "parse", "run"]
