"""``petsynth prepare --config-file FILE``: options in a TOML file."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from petsynth.errors import ConfigError, InputError


def filed_options(argv: Sequence[str], args: type) -> dict[str, Any]:
    """Return the options in the file that a command line names; none where it names none.

    Parameters
    ----------
    argv : sequence of str
        As typed after ``petsynth prepare``.
    args : dataclass
        The options; those without a default are typed, not filed.

    Raises
    ------
    InputError
        If there is no such file.
    ConfigError
        If it is not valid TOML, or names an unknown option or a wrong value.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config-file", type=Path)
    try:
        path = parser.parse_known_args(argv)[0].config_file
    except argparse.ArgumentError:  # the option without a value: tyro will say so
        return {}
    return {} if path is None else _read(path, args)


def _read(path: Path, args: type) -> dict[str, Any]:
    known = {
        field.name for field in dataclasses.fields(args) if field.default is not dataclasses.MISSING
    } - {"config_file"}
    types = get_type_hints(args)
    values = {}
    for key, value in _content(path).items():
        name = key.replace("-", "_")
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else "see petsynth prepare --help"
            raise ConfigError(f"{path}: unknown option {key}; {hint}")
        try:
            values[name] = TypeAdapter(types[name]).validate_python(value)
        except ValidationError as error:
            raise ConfigError(f"{path}: {key} = {value!r}: {error.errors()[0]['msg']}") from None
    return values


def _content(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"--config-file {path}: cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"--config-file {path}: not valid TOML: {error}") from None
