"""Options of a command, read by tyro: its own, and those of a configuration.

Every value of a configuration is an option of ``petsynth train`` and ``petsynth describe``, too:
``--training.epochs 3`` stands over the TOML file's. tyro takes the words apart; what the values
must be is known to `petsynth.config`, which names all mistakes at once.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_type_hints

import tyro

from petsynth.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from petsynth.systems.fields import SystemConfig

Options = TypeVar("Options")

_HELP = {"-h", "--help"}
_Top = tyro.conf.arg(name="")
"""Its options have no prefix."""


def parse_options(
    options: type[Options],
    argv: Sequence[str],
    *,
    command: str,
    description: str | None,
    default: Options | None = None,
) -> Options:
    """Read a command's own options.

    Parameters
    ----------
    options : dataclass
        Its fields are the options.
    argv : sequence of str
        As typed after the command.
    command, description : str
        The command's name and what its help says first.
    default : instance of ``options``, optional
        In place of the defaults of the fields.

    Raises
    ------
    UsageError
        If there is no such option; the closest one is named.
    SystemExit
        Of tyro, when it has printed the help or why a value cannot be understood.
    """
    if not _HELP & set(argv):
        _check_known(argv, _own_options(options), f"petsynth {command} --help")
    return tyro.cli(
        options,
        args=argv,
        prog=f"petsynth {command}",
        description=description,
        default=tyro.MISSING_NONPROP if default is None else default,
    )


def parse_with_configuration(
    options: type[Options],
    argv: Sequence[str],
    *,
    command: str,
    description: str,
    change: Callable[[SystemConfig], SystemConfig] | None = None,
) -> tuple[Options, SystemConfig]:
    """Read a command's own options and those of the configuration that it names.

    Parameters
    ----------
    options : dataclass
        The command's own; one of them is the positional ``config``.
    argv, command, description
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
        If no configuration is named, or there is no such option.
    InputError
        If there is no such configuration.
    ConfigError
        If the file or what was typed has unknown keys or bad values; all are named at once.
    SystemExit
        As in `parse_options`.
    """
    prog = f"petsynth {command}"
    name = _named_configuration(argv)
    if name is None:
        return _without_configuration(options, argv, prog, description)
    from petsynth.config import kind_of, load_config, parse_config

    config = load_config(name) if change is None else change(load_config(name))
    if _HELP & set(argv):
        more = f"The defaults are those of {name}."
        kind: Any = tyro.conf.FlagConversionOff[type(config)]  # type: ignore[misc]
        _parse(options, kind, config, ["--help"], prog, f"{description}\n\n{more}")
    known = _own_options(options) + _configuration_options(config)
    _check_known(argv, known, f"{prog} {name} --help")
    values: dict[str, Any]
    own, values = _parse(
        options, dict[str, Any], _as_typed(dataclasses.asdict(config)), argv, prog, description
    )
    if getattr(own, "config", name) != name:
        raise UsageError(f"{name} is not where CONFIG is expected; name the configuration first")
    if kind_of(values, "command line") is not type(config):
        raise ConfigError(
            f"--system {values['system']}: has other options than {config.system}; name a "
            f"configuration of it in place of {name}"
        )
    return own, parse_config(values, source="command line")


def _without_configuration(
    options: type[Options], argv: Sequence[str], prog: str, description: str
) -> tuple[Options, SystemConfig]:
    """Print the command's own options if they are asked for; otherwise CONFIG is missing."""
    if _HELP & set(argv):
        more = f"{prog} CONFIG --help shows that configuration's options."
        tyro.cli(options, args=["--help"], prog=prog, description=f"{description}\n\n{more}")
    from petsynth.config import shipped_configs

    raise UsageError(
        f"name a configuration first: a file, or one of {', '.join(shipped_configs())}"
    )


def _parse(
    options: type[Options],
    kind: Any,
    default: Any,
    argv: Sequence[str],
    prog: str,
    description: str,
) -> tuple[Options, Any]:
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


def _own_options(options: type[Any]) -> list[str]:
    """Return the long options of a command, with their other names."""
    names = ["--help"]
    for name, hint in get_type_hints(options, include_extras=True).items():
        marks = get_args(hint)[1:] if hasattr(hint, "__metadata__") else ()
        if tyro.conf.Positional in marks:
            continue
        names += [_option(getattr(mark, "name", None) or name) for mark in marks or (None,)]
        names += [alias for mark in marks for alias in getattr(mark, "aliases", None) or ()]
        if hint is bool:
            names.append(_option(f"no_{name}"))
    return names


def _configuration_options(config: SystemConfig) -> list[str]:
    from petsynth.config import known_keys

    keys = known_keys(type(config))
    tables = {key.rpartition(".")[0] for key in keys}
    return [_option(key) for key in keys if key not in tables]


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _check_known(argv: Sequence[str], known: Sequence[str], full_help: str) -> None:
    """Raise one line on all options that there are not, with the closest that there are.

    Raises
    ------
    ConfigError
        If all of them are keys of a configuration, such as ``--training.epoch``.
    UsageError
        Otherwise.
    """
    typed = [_option(word.partition("=")[0][2:]) for word in argv if word.startswith("--")]
    unknown = [option for option in dict.fromkeys(typed) if option not in known]
    if not unknown:
        return
    hints = [_hint(option, known) for option in unknown]
    told = "; ".join(f"{option}{hint}" for option, hint in zip(unknown, hints, strict=True))
    more = "" if all(hints) else f"; {full_help} shows what there is"
    kind = ConfigError if all("." in option for option in unknown) else UsageError
    raise kind(f"unknown option{'s' if len(unknown) > 1 else ''} {told}{more}")


def _hint(option: str, known: Sequence[str]) -> str:
    from petsynth.config import RENAMED

    new = _option(RENAMED.get(option[2:].replace("-", "_"), ""))
    if new in known:
        return f" (its name is {new} now)"
    close = difflib.get_close_matches(option, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
