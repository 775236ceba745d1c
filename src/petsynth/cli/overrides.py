"""Configuration keys on the command line: ``--training.epochs 3`` over a TOML file."""

from __future__ import annotations

from typing import Any

import tyro

from petsynth.config import (
    describe_unknown_key,
    kind_of,
    known_keys,
    parse_config,
    read_toml,
)
from petsynth.errors import ConfigError
from petsynth.systems.fields import SystemConfig
from petsynth.systems.registry import config_class, system_names


def split_overrides(argv: list[str], own: set[str]) -> tuple[list[str], list[str]]:
    """Separate a verb's own options from configuration keys.

    Parameters
    ----------
    argv : list of str
        As typed after the verb.
    own : set of str
        The verb's own option names, which win over configuration keys of the same name.

    Returns
    -------
    rest, overrides : lists of str
        An option with a dot in its name, or with that of a key, is an override; so are the
        values after it: one, or as many as are no options for a key that takes several.

    Examples
    --------
    >>> split_overrides(["c.toml", "--training.epochs", "3", "--out", "run"], {"out"})
    (['c.toml', '--out', 'run'], ['--training.epochs', '3'])
    """
    rest: list[str] = []
    overrides: list[str] = []
    tokens = list(argv)
    while tokens:
        token = tokens.pop(0)
        key = _key(token)
        if not token.startswith("--") or not _is_override(key, own):
            rest.append(token)
            continue
        overrides.append(token)
        several = key in _SEVERAL
        if "=" in token:
            continue
        while tokens and not tokens[0].startswith("--"):
            overrides.append(tokens.pop(0))
            if not several:
                break
    return rest, overrides


def load_with_overrides(path: str, overrides: list[str], seed: int | None = None) -> SystemConfig:
    """Read a configuration and put the command line's values over it.

    Parameters
    ----------
    path : str
        TOML file, or the name of a shipped one.
    overrides : list of str
        As `split_overrides` returned them.
    seed : int, optional
        In place of the file's.

    Raises
    ------
    InputError, ConfigError
        As `petsynth.config.load_config`; an unknown key's message names the closest known one.
    """
    content = read_toml(path)
    parse_config(content, source=path)
    pairs = _pairs(overrides)
    kind = kind_of(content | {key: value for key, value in pairs if key == "system"})
    known = known_keys(kind)
    unknown = [describe_unknown_key(key, kind) for key, _ in pairs if key not in known]
    if unknown:
        raise ConfigError("command line: " + "; ".join(unknown))
    for key, value in pairs:
        table, _, name = key.rpartition(".")
        target = content.setdefault(table, {}) if table else content
        if not isinstance(target, dict):
            raise ConfigError(f"command line: --{table} is a table; give --{key} alone")
        target[name] = value
    if seed is not None:
        content["seed"] = seed
    return parse_config(content, source="command line")


def print_keys(verb: str) -> None:
    """Print every configuration key with its type, default and meaning."""
    for kind in dict.fromkeys(map(config_class, system_names())):
        systems = ", ".join(name for name in system_names() if config_class(name) is kind)
        print(f"\nEvery key of a configuration can be given as an option, too; {systems}:\n")
        parser = tyro.extras.get_parser(kind, prog=f"petsynth {verb}", config=_PLAIN)
        print(parser.format_help())


_SEVERAL = ("data.planes",)
_KEYS = frozenset(key for name in system_names() for key in known_keys(config_class(name)))
_PLAIN = (tyro.conf.FlagConversionOff,)


def _key(token: str) -> str:
    return token.removeprefix("--").partition("=")[0].replace("-", "_")


def _is_override(key: str, own: set[str]) -> bool:
    return key not in own and ("." in key or key in _KEYS)


def _pairs(overrides: list[str]) -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    tokens = list(overrides)
    while tokens:
        token = tokens.pop(0)
        key, equals, value = _key(token), *token.partition("=")[1:]
        values = [value] if equals else []
        while tokens and not tokens[0].startswith("--"):
            values.append(tokens.pop(0))
        pairs.append((key, values if key in _SEVERAL else " ".join(values)))
    return pairs
