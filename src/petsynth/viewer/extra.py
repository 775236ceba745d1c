"""Libraries that only some commands need."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from petsynth.errors import InputError


def check_installed(command: str, extra: str, modules: Sequence[str]) -> None:
    """Refuse to go on without what an extra installs.

    Raises
    ------
    InputError
        If a module is missing; the message says how to install it.

    Examples
    --------
    >>> check_installed("petsynth view", "view", ("json",))
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"{command} needs {', '.join(missing)}: install with pip install 'petsynth[{extra}]'"
        )
