"""The help of a command: what is required, then its options by group, then two examples.

``--help`` shows a line for each option, ``--help-all`` everything that is to be said of it.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from petsynth.cli.fields import Declared, declared

SHORT, FULL = frozenset({"-h", "--help"}), "--help-all"
"""What asks for the help."""
_NARROWEST, _WIDEST = 80, 110
_NAMES_WIDTH = 30
"""Columns for names and values at most; a longer one has a line of its own."""
_MANY_OPTIONS = 25
"""From so many on, ``--help`` is a line per option and no empty line between the groups."""


@dataclass(frozen=True)
class Help:
    """What a command says of itself, beside its options.

    Parameters
    ----------
    command : str
        Its name.
    about : str
        What it does; a paragraph, or several of which ``--help`` shows the first.
    groups : mapping from title to names of fields
        In which order and under which titles the options are shown; required ones come before.
    examples : sequence of str
        Commands as they are typed.
    """

    command: str
    about: str
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    examples: Sequence[str] = ()

    def show(self, options: type[Any], *, full: bool = False, more: str = "") -> str:
        """Return the help.

        Parameters
        ----------
        options : dataclass
            The command's own options.
        full : bool
            Whether to tell everything.
        more : str
            Said at the end.
        """
        known = {each.name: each for each in declared(options)}
        arguments = [each for each in known.values() if not each.options]
        needed = [each for each in known.values() if each.options and each.required]
        required = [each for each in arguments + needed if each.required]
        optional = [each for each in arguments if not each.required]
        tight = not full and len(known) > _MANY_OPTIONS
        usage = self.usage(list(known.values()))
        about = wrapped(self.about if full else self.about.split("\n\n")[0])
        parts = [f"{usage}\n{about}"] if tight else [usage, about]
        if tight and required:  # no line to spare for a title; brackets say what may be left out
            required, optional = arguments + needed, []
        groups = {"required:": required, "arguments:": optional}
        groups = {title: listed for title, listed in groups.items() if listed}
        for group, names in self.groups.items():
            groups[f"{group}:"] = [known[name] for name in names]
        parts += sections(groups, full=full, tight=tight)
        if self.examples:
            parts.append("\n".join(["examples:", *(f"  {line}" for line in self.examples)]))
        if not full:
            more = f"{more}\n" if more else ""
            more += f"petsynth {self.command} {FULL} says more of each option."
        if more:
            parts[-1] += f"\n{more}" if tight else f"\n\n{more}"
        return "\n\n".join(parts)

    def usage(self, known: Iterable[Declared]) -> str:
        """Return how the command is typed, with all that is required."""
        words = [f"usage: petsynth {self.command}"]
        for each in known:
            if not each.options:
                words.append(each.metavar if each.required else f"[{each.metavar.strip('[]')}]")
            elif each.required:
                words.append(each.shown)
        return " ".join([*words, "[OPTIONS]"])


def sections(
    groups: Mapping[str, Sequence[Declared]], *, full: bool, tight: bool = False
) -> list[str]:
    """Return what is shown of several groups; in one piece if there is little room."""
    shown = [section(title, each, full=full, tight=tight) for title, each in groups.items()]
    return ["\n".join(shown)] if tight else shown


def section(
    title: str, options: Sequence[Declared], *, full: bool = False, tight: bool = False
) -> str:
    """Return a title and the options below it.

    Parameters
    ----------
    title : str
        Its line.
    options : sequence of Declared
        What stands below.
    full : bool
        Whether everything is told of each.
    tight : bool
        Whether each must fit one line.
    """
    names = [each.shown_with_all_names if full else each.shown for each in options]
    most = _columns() // 2 if tight else _NAMES_WIDTH
    if tight:
        names = [re.sub(r"\{.*\}", "WORD", name) if len(name) > most else name for name in names]
    fitting = [len(name) for name in names if len(name) <= most]
    width = max(fitting, default=_NAMES_WIDTH) + 4
    columns = _columns() - width
    lines = [title]
    for name, each in zip(names, options, strict=True):
        text = textwrap.wrap((each.full_text if full else each.short) + _default(each), columns)
        if tight and len(text) > 1:
            room = columns - len(_default(each))
            short = textwrap.shorten(each.short, room, placeholder=" ...", break_on_hyphens=False)
            text = [short + _default(each)]
        if len(name) > width - 4:
            lines.append(f"  {name}")
            name = ""
        lines.append(f"  {name:<{width - 2}}{''.join(text[:1])}".rstrip())
        lines += [" " * width + line for line in text[1:]]
    return "\n".join(lines)


def wrapped(text: str) -> str:
    """Return paragraphs in lines that fit the terminal."""
    paragraphs = [" ".join(each.split()) for each in text.strip().split("\n\n")]
    return "\n\n".join(textwrap.fill(each, _columns()) for each in paragraphs)


def _default(each: Declared) -> str:
    """Return the default where it says something."""
    value = each.default
    if each.required or value in (None, (), "") or (each.is_switch and value is not True):
        return ""
    if isinstance(value, bool):
        value = ("on" if each.is_switch else "true") if value else "false"
    if isinstance(value, tuple):
        value = " ".join(map(str, value))
    return f" [{value:g}]" if isinstance(value, float) else f" [{value}]"


def _columns() -> int:
    return min(max(shutil.get_terminal_size().columns, _NARROWEST), _WIDEST) - 1
