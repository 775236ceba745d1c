"""Read text files that others wrote: JSON, TOML and tab-separated tables, within limits.

Whatever is wrong with such a file ends in one line that names it: it may be a named pipe, a folder
or a link to itself, too large, nested too deeply, in another encoding, or hold numbers that no
computer number can. No other module opens such a file.
"""

from __future__ import annotations

import csv
import errno
import json
import math
import os
import re
import stat
import tomllib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from petsynth.errors import ConfigError, InputError, PetsynthWarning

if TYPE_CHECKING:
    import pandas as pd


MOST_BYTES = 64 << 20
"""Largest JSON file or table that is read."""
MOST_TOML_BYTES = 1 << 20
"""Largest TOML file that is read."""
DEEPEST = 64
"""Levels of lists and objects within each other that a JSON file may have."""
_KINDS = (
    (stat.S_ISDIR, "is a folder"),
    (stat.S_ISFIFO, "is a named pipe"),
    (stat.S_ISSOCK, "is a socket"),
    (stat.S_ISCHR, "is a device"),
    (stat.S_ISBLK, "is a device"),
)
_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
_LINK_TO_NOTHING = (
    "is a link to a file that does not exist; get it first (datalad get, where DataLad keeps it)"
)
_LONGEST_INTEGER = 19
"""Digits up to which a whole number stays one; a time in nanoseconds has 19."""
_PIECE = 1 << 16
_LONG_KEY = re.compile(r"(?<![\w\"'-])(?:[\w\"'-]++[ \t]*+\.[ \t]*+){32}")
"""A key of more parts than any configuration has; tomllib takes quadratic time for it."""


def check_file(path: str | Path) -> Path:
    """Refuse what is no regular file, without opening it: opening a named pipe waits for ever.

    Raises
    ------
    InputError
        If it is missing, a folder, a named pipe, a socket, a device, or a link that leads nowhere,
        or if its name is no text, which tables and JSON files could not hold.
    """
    if not is_text(Path(path).name):
        raise InputError(f"{shown(path)}: its name is not UTF-8; rename it")
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {unreachable(Path(path), error)}") from None
    for is_kind, what in _KINDS:
        if is_kind(mode):
            raise InputError(f"{path}: {what}; name a file")
    return Path(path)


def is_text(name: str) -> bool:
    r"""Whether a name is text in UTF-8, as names from old file systems may not be.

    Examples
    --------
    >>> is_text("sub-01_T1w.nii"), is_text(os.fsdecode(b"sub-\xff_T1w.nii"))
    (True, False)
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(path: str | Path) -> str:
    r"""Return a path as it can be written anywhere; bytes that are no text become ``\xff``."""
    return os.fsencode(path).decode(errors="backslashreplace")


def real_path(path: str | Path) -> Path:
    """Return the absolute path without links; one that leads back to itself stays as it is."""
    return Path(os.path.realpath(path))


def exists(path: str | Path) -> bool:
    """Whether a name is taken, be it by a link that leads nowhere."""
    try:
        return os.path.lexists(path)
    except ValueError:  # a name with a null character
        return False


def read_text(path: str | Path, most_bytes: int = MOST_BYTES) -> str:
    """Read a text file in UTF-8, with or without a byte-order mark, in UTF-16 or in Latin-1.

    Raises
    ------
    InputError
        If it is no regular file, larger than ``most_bytes``, cannot be read, or is no text.
    """
    path = check_file(path)
    try:
        with open(path, "rb") as file:
            content = bytearray()
            while len(content) <= most_bytes and (piece := file.read(_PIECE)):
                content += piece
    except OSError as error:
        raise InputError(f"{path}: {unreachable(path, error)}") from None
    if len(content) > most_bytes:
        raise InputError(f"{path}: is larger than {most_bytes >> 20} MB, which no such file is")
    try:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            text = content.decode("utf-16")
        else:
            text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    if "\0" in text:
        raise InputError(f"{path}: is no text file")
    return text


def read_json(path: str | Path) -> dict[str, Any]:
    """Read a JSON object; numbers that are NaN, infinite or too large become null, with a warning.

    Raises
    ------
    InputError
        If the file cannot be read, is no JSON object, or is nested more than `DEEPEST` levels.
    """
    lost = []

    def real(word: str) -> float | None:
        value = float(word)
        if math.isfinite(value):
            return value
        lost.append(word)
        return None

    def whole(word: str) -> int | float | None:
        return int(word) if len(word.lstrip("-")) <= _LONGEST_INTEGER else real(word)

    text = read_text(path)
    try:
        content = json.loads(text, parse_float=real, parse_int=whole, parse_constant=real)
    except RecursionError:
        raise _too_deep(path) from None
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: must be a JSON object, {{...}}")
    _check_values(path, content)
    if lost:
        warnings.warn(
            f"{path}: holds {_shortened(lost[0])}, which is no finite number; such values count as "
            "missing",
            PetsynthWarning,
            stacklevel=2,
        )
    return content


def _shortened(word: str) -> str:
    return word if len(word) <= 12 else f"{word[:9]}... ({len(word)} characters)"


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read the nested tables of a TOML file.

    Raises
    ------
    InputError
        If the file cannot be read.
    ConfigError
        If it is no TOML.
    """
    text = read_text(path, MOST_TOML_BYTES)
    if _LONG_KEY.search(text):
        raise ConfigError(f"{path}: not valid TOML: holds a key of more than 32 parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{path}: not valid TOML: is nested too deeply") from None
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None


def read_rows(path: str | Path) -> list[dict[str, str]]:
    """Read a tab-separated table as one dictionary per row; cells that are missing are ``n/a``.

    Quotes around cells and blanks at their ends are no part of them. Empty cells behind the last
    column, as spreadsheets leave them, are none. Blank lines are skipped.

    Raises
    ------
    InputError
        If the file cannot be read, has two columns of one name, or a row with too many cells.
    """
    return _table(path)[1]


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a tab-separated table with every value as text, ``n/a`` included; see `read_rows`.

    Raises
    ------
    InputError
        As `read_rows`.
    """
    import pandas as pd  # takes half a second, which most commands need not wait for

    columns, rows = _table(path)
    return pd.DataFrame(rows, columns=columns, dtype=str)


def _table(path: str | Path) -> tuple[list[str], list[dict[str, str]]]:
    # Without pandas, which takes a millisecond per table: large datasets have thousands.
    lines = [line for line in re.split(r"\r\n|\n|\r", read_text(path)) if line.strip()]
    try:
        cells = [_cells(line) for line in lines]
    except csv.Error as error:
        raise InputError(f"{path}: not a tab-separated table ({error})") from None
    if not cells:
        raise InputError(f"{path}: not a tab-separated table (is empty)")
    columns = _without_empty_end(cells[0])
    twice = {name for name in columns if columns.count(name) > 1}
    if twice:
        raise InputError(f"{path}: has the column {sorted(twice)[0]!r} twice")
    for number, row in enumerate(cells[1:], start=2):
        found = len(_without_empty_end(row))
        if found > len(columns):
            raise InputError(
                f"{path}: row {number} has {found} cells for {len(columns)} columns; name the "
                "missing column in the first line, or remove the tab that is too many"
            )
    missing = ["n/a"] * len(columns)
    rows = [dict(zip(columns, [*row, *missing[len(row) :]], strict=False)) for row in cells[1:]]
    return columns, rows


def _cells(line: str) -> list[str]:
    quoted = '"' in line and line.count('"') % 2 == 0
    cells = next(csv.reader([line], delimiter="\t")) if quoted else line.split("\t")
    return [cell.strip() for cell in cells]


def _without_empty_end(row: list[str]) -> list[str]:
    end = len(row)
    while end and not row[end - 1]:
        end -= 1
    return row[:end]


def _check_values(path: str | Path, content: dict[str, Any]) -> None:
    """Refuse what could not be written again: too deep, or text with halves of characters."""
    level: list[Any] = [content]
    for _ in range(DEEPEST):
        texts = [value for value in level if isinstance(value, str)]
        texts += [key for value in level if isinstance(value, dict) for key in value]
        if not all(map(_is_whole, texts)):
            raise InputError(f"{path}: not valid JSON (holds half of a surrogate pair)")
        level = [
            each
            for value in level
            if isinstance(value, dict | list)
            for each in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return
    raise _too_deep(path)


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_deep(path: str | Path) -> InputError:
    return InputError(f"{path}: is nested more than {DEEPEST} levels deep, which no such file is")


def unreachable(path: Path, error: OSError | ValueError) -> str:
    """Return why a file or folder cannot be reached, and what to do, without its name."""
    number = error.errno if isinstance(error, OSError) else errno.ENOENT
    if number == errno.ELOOP:
        return "is a link that leads back to itself; put the file itself there"
    if number in _MISSING:
        return _LINK_TO_NOTHING if _is_link(path) else "no such file"
    if number in (errno.EACCES, errno.EPERM):
        return "no permission to read it"
    return f"cannot be read ({error})"


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except (OSError, ValueError):
        return False


# Checks of what a file says of itself, before it is used or becomes part of a file name.

_LONGEST_TEXT = 100


def check_text(key: str, value: object) -> None:
    """Refuse anything but one short line of text.

    Raises
    ------
    ValueError
        With the name of the entry.
    """
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TEXT or not value.isprintable():
        raise ValueError(f"{key} is {str(value)[:20]!r}, not one line of text")


def check_positive(key: str, value: object) -> None:
    """Refuse anything but a positive finite number.

    Raises
    ------
    ValueError
        With the name of the entry.

    Examples
    --------
    >>> check_positive("pet_scale", float("nan"))
    Traceback (most recent call last):
    ...
    ValueError: pet_scale is nan, not a positive number
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or value <= 0
    ):
        raise ValueError(f"{key} is {str(value)[:20]}, not a positive number")
