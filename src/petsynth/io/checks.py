"""Checks of what a file says of itself, before it is used or becomes part of a file name."""

from __future__ import annotations

import math

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
