"""What the dataclass of a command, or a configuration, says of its options.

A field's annotation tells the values, the string below it what it means: its first sentence is
what ``--help`` shows, all of it what ``--help-all`` shows.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import tyro

_WORDS = {int: "INT", float: "NUMBER", str: "TEXT", Path: "PATH"}
_LONGEST_CHOICES = 36
"""In characters; more of them are told in the text."""
MANY = -1
"""Number of words of an option that takes one or more of them."""


@dataclass(frozen=True)
class Declared:
    """An option or a positional argument, as its field declares it.

    Parameters
    ----------
    name : str
        Of the field, with those of the tables it stands in: ``training.batch_size``.
    options : tuple of str
        How it is typed, such as ``("--tracer-label", "--tracer")``; empty for positionals.
    words : int
        How many words follow it: 0 for switches, `MANY` for one or more.
    metavar : str
        What stands for a value in the help.
    choices : tuple of str
        The only values, if there are few.
    required : bool
        Whether it has no default.
    default : object
        Value where it is not typed; None where it is required.
    text : str
        What it means.
    kind : type or None
        Of a single value: int, float, str or Path; None if there are several.
    optional : bool
        Whether ``None`` is a value, too.
    """

    name: str
    options: tuple[str, ...]
    words: int
    metavar: str
    choices: tuple[str, ...]
    required: bool
    default: Any
    text: str
    kind: type | None
    optional: bool = False

    @property
    def short(self) -> str:
        """What it means up to the first full stop or semicolon."""
        return re.split(r"[.;](?:\s|$)", self.text, maxsplit=1)[0]

    @property
    def full_text(self) -> str:
        """All that it means, with the choices where they do not stand beside its name."""
        listed = self.choices and self.choices[0] not in self.metavar
        return f"{self.text} One or more of {', '.join(self.choices)}." if listed else self.text

    @property
    def is_switch(self) -> bool:
        """Whether no word follows it."""
        return bool(self.options) and self.words == 0

    @property
    def shown(self) -> str:
        """How it stands in the help: name and value."""
        if not self.options:
            return self.metavar
        if self.is_switch:
            return f"--[no-]{self.options[0][2:]}" if self.default is True else self.options[0]
        return f"{self.options[0]} {self.metavar}"

    @property
    def shown_with_all_names(self) -> str:
        """The same, with the other names that it has."""
        return ", ".join([self.shown, *self.options[1:]])


def declared(kind: type[Any]) -> list[Declared]:
    """Return the options of a command's dataclass, in its order."""
    hints = get_type_hints(kind, include_extras=True)
    texts = field_texts(kind)
    return [
        _declared(field, hints[field.name], texts.get(field.name, ""))
        for field in dataclasses.fields(kind)
    ]


def declared_in_configuration(config: Any, prefix: str = "") -> dict[str, list[Declared]]:
    """Return the options of a configuration by table, with its values as defaults.

    Parameters
    ----------
    config : dataclass
        Tables are dataclasses in it.
    prefix : str
        Of the names, such as ``training.``.

    Returns
    -------
    dict of str to list of Declared
        By what the table is for; a configuration's own keys come first.
    """
    hints, texts = get_type_hints(type(config), include_extras=True), field_texts(type(config))
    own: list[Declared] = []
    found: dict[str, list[Declared]] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            found |= declared_in_configuration(value, f"{prefix}{field.name}.")
            continue
        each = _declared(field, hints[field.name], texts.get(field.name, ""))
        name, words = f"{prefix}{field.name}", each.words or 1
        choices = ("true", "false") if each.words == 0 else each.choices
        metavar = f"{{{','.join(choices)}}}" if each.words == 0 else each.metavar
        own.append(
            dataclasses.replace(
                each,
                name=name,
                options=(option_of(name),),
                words=words,
                metavar=metavar,
                choices=choices,
                default=value,
                required=False,
            )
        )
    about = (inspect.getdoc(type(config)) or "").split("\n\n")[0]
    title = f"{prefix[:-1]}: {about}" if prefix else "configuration:"
    return {" ".join(title.split()): own} | found


def option_of(name: str) -> str:
    """Return how a field's name is typed.

    Examples
    --------
    >>> option_of("training.batch_size")
    '--training.batch-size'
    """
    return f"--{name.replace('_', '-')}"


def field_texts(kind: type[Any]) -> dict[str, str]:
    """Return the strings that stand below the fields of a dataclass and its bases, in one line."""
    texts: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if not dataclasses.is_dataclass(base):
            continue
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(tree, ast.ClassDef)
        for field, below in zip(tree.body, tree.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
            ):
                texts[field.target.id] = " ".join(str(below.value.value).split())
    return texts


def _declared(field: dataclasses.Field[Any], hint: Any, text: str) -> Declared:
    marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    plain = _without_none(get_args(hint)[0] if marks else hint)
    named = [mark for mark in marks if getattr(mark, "metavar", None) or hasattr(mark, "aliases")]
    is_positional = tyro.conf.Positional in marks
    counts = any(isinstance(mark, type(tyro.conf.UseCounterAction)) for mark in marks)
    has_default = (
        field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
    )
    names = [option_of(next((m.name for m in named if m.name), None) or field.name)]
    names += [alias for mark in named for alias in mark.aliases or ()]
    words, metavar, choices, kind = _values(plain)
    if counts or plain is bool:
        words, metavar, choices = 0, "", ()
    metavar = next((m.metavar for m in named if m.metavar), metavar)
    default = field.default if field.default is not dataclasses.MISSING else None
    return Declared(
        name=field.name,
        options=() if is_positional else tuple(names),
        words=words,
        metavar=metavar,
        choices=choices,
        required=not has_default and not metavar.startswith("["),
        default=default,
        text=text,
        kind=kind,
        optional=plain is not (get_args(hint)[0] if marks else hint),
    )


def _values(hint: Any) -> tuple[int, str, tuple[str, ...], type | None]:
    """Return how many words a type takes, what stands for them, choices and the plain type."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _values(parts[0])
    if origin is Literal:
        choices = tuple(str(each) for each in parts)
        shown = f"{{{','.join(choices)}}}"
        return 1, shown if len(shown) <= _LONGEST_CHOICES else "NAME", choices, None
    if origin is tuple:
        _, metavar, choices, kind = _values(parts[0])
        if len(parts) == 2 and parts[1] is Ellipsis:
            return MANY, f"{metavar} ...", choices, kind
        return len(parts), " ".join([metavar] * len(parts)), choices, kind
    if origin in (Union, types.UnionType):
        of_parts = [_values(_without_none(part)) for part in parts if part is not type(None)]
        shown = "|".join(metavar.strip("{}").replace(",", "|") for _, metavar, _, _ in of_parts)
        return 1, shown, (), None
    return 1, _WORDS.get(hint, "VALUE"), (), hint if hint in _WORDS else None


def _without_none(hint: Any) -> Any:
    parts = get_args(hint)
    if get_origin(hint) in (Union, types.UnionType) and type(None) in parts:
        others = [part for part in parts if part is not type(None)]
        return others[0] if len(others) == 1 else Union[tuple(others)]  # noqa: UP007
    return hint
