"""``petsynth prepare``: `options` and their `checks`, and what the command does.

`command` decides which levels are run; `levels` runs them by means of `petsynth.prepare`, with
the `settings` that all subjects of a folder have in common. Options and checks import nothing
heavy, so that help and mistakes are shown at once.
"""

from petsynth.cli.prepare.command import run
from petsynth.cli.prepare.options import HELP, Args, parse

__all__ = ["HELP", "Args", "parse", "run"]
