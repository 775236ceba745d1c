"""Options of a command, read by tyro: its own, and those of a configuration.

Every value of a configuration is an option of ``petsynth train`` and ``petsynth describe``, too:
``--training.epochs 3`` stands over the TOML file's. tyro takes the words apart; what the values
must be is known to `petsynth.config`, which names all mistakes at once.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import tyro

from petsynth.cli.fields import Declared, declared, declared_in_configuration, option_of
from petsynth.cli.help import FULL, SHORT, Help, sections
from petsynth.cli.words import Words
from petsynth.errors import ConfigError, TypedConfigError, UsageError

if TYPE_CHECKING:
    from petsynth.systems.fields import SystemConfig

Options = TypeVar("Options")

_HELP = SHORT
COMMAND_LINE = "command line"
"""Where a mistake stands that was typed."""
_Top = tyro.conf.arg(name="")
"""Its options have no prefix."""


def parse_options(
    options: type[Options],
    argv: Sequence[str],
    about: Help,
    *,
    default: Options | None = None,
) -> Options:
    """Read a command's own options.

    Parameters
    ----------
    options : dataclass
        Its fields are the options.
    argv : sequence of str
        As typed after the command.
    about : Help
        The command's name, and what its help says.
    default : instance of ``options``, optional
        In place of the defaults of the fields.

    Raises
    ------
    UsageError
        If there is no such option (the closest one is named), a required one is missing, or a
        value cannot be understood.
    SystemExit
        When the help has been printed.
    """
    if wanted := {*_HELP, FULL} & set(argv):
        _show(about.show(options, full=FULL in wanted))
    known = declared(options)
    _check_known(argv, known, f"petsynth {about.command} --help")
    words = Words(argv, known)
    words.check(known, next(iter(about.examples), ""))
    return tyro.cli(
        options,
        args=words.sorted(),
        prog=f"petsynth {about.command}",
        description=about.about,
        default=tyro.MISSING_NONPROP if default is None else default,
    )


def parser(options: type[Options], about: Help) -> Callable[[list[str]], Options]:
    """Return the function that reads what was typed after a command; see `parse_options`."""
    return functools.partial(parse_options, options, about=about)


def parse_with_configuration(
    options: type[Options],
    argv: Sequence[str],
    about: Help,
    *,
    change: Callable[[SystemConfig], SystemConfig] | None = None,
) -> tuple[Options, SystemConfig]:
    """Read a command's own options and those of the configuration that it names.

    Parameters
    ----------
    options : dataclass
        The command's own; one of them is the positional ``config``.
    argv, about
        As for `parse_options`.
    change : function from configuration to configuration, optional
        Applied to the file's values, before what was typed stands over them.

    Returns
    -------
    options, config
        The command's own options, and the file's configuration with what was typed over it.

    Raises
    ------
    UsageError
        As in `parse_options`, and if no configuration is named.
    InputError
        If there is no such configuration.
    ConfigError
        If the file has unknown keys or bad values; all are named at once.
    TypedConfigError
        If what was typed has.
    SystemExit
        As in `parse_options`.
    """
    prog = f"petsynth {about.command}"
    name = _named_configuration(argv)
    if name is None:
        return _without_configuration(options, argv, about)
    from petsynth.config import kind_of, load_config

    config = load_config(name) if change is None else change(load_config(name))
    tables = declared_in_configuration(config)
    if wanted := {*_HELP, FULL} & set(argv):
        _show(_configuration_help(about, name, tables, full=FULL in wanted))
    of_configuration = [each for table in tables.values() for each in table]
    known = [*declared(options), *of_configuration]
    _check_known(argv, known, f"{prog} {name} --help")
    words = Words(argv, known)
    words.check(declared(options), next(iter(about.examples), ""))
    values: dict[str, Any]
    own, values = _parse(
        options, _as_typed(dataclasses.asdict(config)), words.sorted(), prog, about.about
    )
    if getattr(own, "config", name) != name:
        raise UsageError(f"{name} is not where CONFIG is expected; name the configuration first")
    if kind_of(values, COMMAND_LINE) is not type(config):
        raise TypedConfigError(
            f"--system {values['system']}: has other options than {config.system}; name a "
            f"configuration of it in place of {name}"
        )
    return own, _read(values, [each.name for each in of_configuration])


def _show(text: str) -> None:
    print(text)
    raise SystemExit(0)


def _configuration_help(
    about: Help, name: str, tables: Mapping[str, Sequence[Declared]], *, full: bool
) -> str:
    """Return the options of a configuration, with its values."""
    prog = f"petsynth {about.command}"
    parts = [
        f"usage: {prog} {name} [OPTIONS]\nWhat {name} sets; {prog} --help shows the rest.",
        *sections(tables, full=full, tight=not full),
    ]
    if not full:
        parts.append(f"{prog} {name} {FULL} says more of each option.")
    return "\n\n".join(parts)


def _without_configuration(
    options: type[Options], argv: Sequence[str], about: Help
) -> tuple[Options, SystemConfig]:
    """Print the command's own options if they are asked for; otherwise CONFIG is missing."""
    if wanted := {*_HELP, FULL} & set(argv):
        more = f"petsynth {about.command} CONFIG --help shows that configuration's options."
        _show(about.show(options, full=FULL in wanted, more=more))
    from petsynth.config import shipped_configs

    missing = ["CONFIG"]
    missing += [
        each.shown
        for each in declared(options)
        if each.options and each.required and not set(each.options) & _typed(argv)
    ]
    raise UsageError(
        f"missing: {', '.join(missing)}; name a configuration first: a file, or one of "
        f"{', '.join(shipped_configs())}"
    )


def _typed(argv: Sequence[str]) -> set[str]:
    return {option_of(word.partition("=")[0][2:]) for word in argv if word.startswith("--")}


def _parse(
    options: type[Options],
    default: Any,
    argv: Sequence[str],
    prog: str,
    description: str,
) -> tuple[Options, Any]:
    kind: Any = dict[str, Any]
    both: Any = tuple[Annotated[options, _Top], Annotated[kind, _Top]]  # type: ignore[valid-type]
    defaults = (tyro.MISSING_NONPROP, default)
    parsed: tuple[Options, Any] = tyro.cli(
        both, args=argv, prog=prog, description=description, default=defaults
    )
    return parsed


def _named_configuration(argv: Sequence[str]) -> str | None:
    """Return the first word that ends in ``.toml``, or else the first if it is no option.

    Examples
    --------
    >>> _named_configuration(["--training.epochs", "3", "small/ganbert.toml", "--out", "run"])
    'small/ganbert.toml'
    """
    files = [word for word in argv if word.endswith(".toml") and not word.startswith("-")]
    first = [word for word in argv[:1] if not word.startswith("-")]
    return next(iter(files + first), None)


def _as_typed(value: Any) -> Any:
    """Return the values of nested tables as somebody would type them."""
    if isinstance(value, dict):
        return {key: _as_typed(each) for key, each in value.items()}
    return [str(each) for each in value] if isinstance(value, list | tuple) else str(value)


def _words_of(options: Iterable[Declared]) -> list[str]:
    """Return every long option as it may be typed."""
    words = [word for each in options for word in each.options if word.startswith("--")]
    return words + [f"--no-{each.options[0][2:]}" for each in options if each.is_switch]


def _read(values: dict[str, Any], keys: Iterable[str]) -> SystemConfig:
    """Return the configuration; mistakes name the options as they are typed."""
    from petsynth.config import parse_config

    try:
        return parse_config(values, source=COMMAND_LINE)
    except ConfigError as error:
        text = str(error)
        for key in keys:
            end = r"(?![\w.])" if "." in key else "(?=:)"
            text = re.sub(rf"(?<![\w.-]){re.escape(key)}{end}", option_of(key), text)
        raise TypedConfigError(text) from None


def _check_known(argv: Sequence[str], options: Sequence[Declared], full_help: str) -> None:
    """Raise one line on all options that there are not, with the closest that there are.

    Raises
    ------
    TypedConfigError
        If all of them are keys of a configuration, such as ``--training.epoch``.
    UsageError
        Otherwise.
    """
    known = ["--help", FULL, *_words_of(options)]
    typed = [option_of(word.partition("=")[0][2:]) for word in argv if word.startswith("--")]
    unknown = [option for option in dict.fromkeys(typed) if option not in known]
    if not unknown:
        return
    hints = [_hint(option, known) for option in unknown]
    told = "; ".join(f"{option}{hint}" for option, hint in zip(unknown, hints, strict=True))
    more = "" if all(hints) else f"; {full_help} shows what there is"
    kind = TypedConfigError if all("." in option for option in unknown) else UsageError
    raise kind(f"unknown option{'s' if len(unknown) > 1 else ''} {told}{more}")


def _hint(option: str, known: Sequence[str]) -> str:
    from petsynth.systems.registry import RENAMED

    new = option_of(RENAMED.get(option[2:].replace("-", "_"), ""))
    if new in known:
        return f" (its name is {new} now)"
    close = difflib.get_close_matches(option, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
