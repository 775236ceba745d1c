"""From a TOML file to the validated configuration of the system that it names, and back.

The classes of the configurations stand with their systems, `petsynth.systems.NAME.config`. The
command line, training and inference read configurations here; systems get theirs.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import TypeAdapter, ValidationError

from petsynth.errors import ConfigError, InputError
from petsynth.io.text import exists
from petsynth.io.text import read_toml as read_toml_file
from petsynth.systems.fields import SystemConfig
from petsynth.systems.registry import DEFAULT, RENAMED, config_class, system_names


def load_config(path: str | Path) -> SystemConfig:
    """Read and validate a TOML file.

    Parameters
    ----------
    path : str or Path
        A file, or the name of a shipped configuration such as ``small/pix2pix-axial.toml``.

    Raises
    ------
    InputError
        If there is no such file.
    ConfigError
        If it is no TOML, or has unknown keys (the closest known one is named) or bad values;
        all mistakes are reported at once.
    """
    return parse_config(read_toml(path), source=str(path))


def read_toml(path: str | Path) -> dict[str, Any]:
    """Return the nested tables of a TOML file, or of the shipped configuration of that name.

    Raises
    ------
    InputError
        If there is no such file.
    ConfigError
        If it is no TOML.
    """
    shipped = shipped_configs()
    if not exists(path) and str(path) not in shipped:
        close = difflib.get_close_matches(str(path), shipped, n=1)
        hint = f"did you mean {close[0]}?" if close else f"shipped are {', '.join(shipped)}"
        raise InputError(f"{path}: no such configuration file; {hint}")
    return read_toml_file(path if exists(path) else shipped[str(path)])


def shipped_configs() -> dict[str, Path]:
    """Return the configurations that come with the package, by name.

    They stand in ``configs/`` at the root of the repository; an installed package carries a
    copy within itself.
    """
    package = Path(__file__).parent
    inside, repository = package / "configs", package.parents[1] / "configs"
    root = inside if inside.is_dir() else repository
    return {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*.toml"))}


def parse_config(content: dict[str, Any], source: str = "configuration") -> SystemConfig:
    """Validate nested tables into a configuration; ``source`` is named in messages.

    Examples
    --------
    >>> parse_config({"seed": 3}).seed
    3
    >>> parse_config({"sead": 3})
    Traceback (most recent call last):
    ...
    petsynth.errors.ConfigError: configuration: unknown key 'sead' (did you mean 'seed'?)
    """
    kind = kind_of(content, source)
    try:
        config = TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        mistakes = [_describe(item, kind) for item in error.errors()]
        raise ConfigError(f"{source}: " + "; ".join(mistakes)) from None
    if mistakes := config.mistakes():
        raise ConfigError(f"{source}: " + "; ".join(mistakes))
    return config


def kind_of(content: dict[str, Any], source: str = "configuration") -> type[SystemConfig]:
    """Return the class of the configuration of the system that nested tables name.

    Raises
    ------
    ConfigError
        If there is no such system.

    Examples
    --------
    >>> kind_of({"system": "ganbert"}).__name__, kind_of({}).__name__
    ('GanbertConfig', 'Pix2pixConfig')
    """
    system = content.get("system", DEFAULT)
    if isinstance(system, str) and system in system_names():
        return config_class(system)
    known = [f"'{name}'" for name in system_names()]
    raise ConfigError(
        f"{source}: system: input should be {', '.join(known[:-1])} or {known[-1]}, "
        f"got {_got(system)}"
    )


def config_to_toml(config: SystemConfig) -> str:
    """Return the fully resolved configuration as TOML."""
    return tomli_w.dumps(dataclasses.asdict(config))


def config_hash(config: SystemConfig) -> str:
    """Return 12 hexadecimal digits that differ whenever any value differs."""
    return toml_hash(dataclasses.asdict(config))


def toml_hash(content: dict[str, Any]) -> str:
    """Return the hash of the values that a TOML file itself holds.

    That of a run's ``config.toml``, which holds all values, is the run's `config_hash`, and stays
    so when a later version of petsynth has more keys.

    Examples
    --------
    >>> config = parse_config({})
    >>> toml_hash(dataclasses.asdict(config)) == config_hash(config)
    True
    """
    return hashlib.sha256(tomli_w.dumps(content).encode()).hexdigest()[:12]


def describe_unknown_key(key: str, kind: type[SystemConfig]) -> str:
    """Say that a system has no such key, and name the closest one.

    Examples
    --------
    >>> describe_unknown_key("training.epoch", kind_of({}))
    "unknown key 'training.epoch' (did you mean 'training.epochs'?)"
    >>> describe_unknown_key("data.canvas", kind_of({}))
    "unknown key 'data.canvas' (its name is 'data.padded_size' now)"
    """
    known = known_keys(kind)
    if RENAMED.get(key) in known:
        return f"unknown key '{key}' (its name is '{RENAMED[key]}' now)"
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f" (did you mean '{close[0]}'?)" if close else f"; known keys: {', '.join(known)}"
    return f"unknown key '{key}'{hint}"


def known_keys(kind: Any, prefix: str = "") -> list[str]:
    """Return every key as it is written on the command line, such as ``training.epochs``."""
    keys = []
    defaults = kind()
    for field in dataclasses.fields(kind):
        keys.append(prefix + field.name)
        value = getattr(defaults, field.name)
        if dataclasses.is_dataclass(value):
            keys.extend(known_keys(type(value), f"{prefix}{field.name}."))
    return keys


def _describe(item: Any, kind: type[SystemConfig]) -> str:
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] != "unexpected_keyword_argument":
        return f"{where}: {item['msg'].lower()}, got {_got(item['input'])}"
    return describe_unknown_key(where, kind)


def _got(value: Any) -> str:
    new = RENAMED.get(value) if isinstance(value, str) else None
    return f"{value!r}" if new is None else f"{value!r} (its name is {new!r} now)"
