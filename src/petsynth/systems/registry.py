"""Which systems there are: one line each.

Classes are named as ``module:name`` and imported when they are asked for, since networks need
torch, which takes seconds to import, and most commands need one system at most.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from petsynth.systems.fields import SystemConfig

if TYPE_CHECKING:
    from petsynth.systems.base import System


@dataclass(frozen=True)
class Entry:
    """A line of the registry.

    Parameters
    ----------
    names : tuple of str
        What ``system = "..."`` may say in a configuration.
    config : str or type
        The class of the configuration, or ``module:name`` of it.
    system : str or type
        The `petsynth.systems.base.System`, likewise.
    """

    names: tuple[str, ...]
    config: str | type[Any]
    system: str | type[Any]


def _package(folder: str, title: str, *names: str) -> Entry:
    place = f"petsynth.systems.{folder}"
    return Entry(names, f"{place}.config:{title}Config", f"{place}.system:{title}System")


_ENTRIES = [
    _package("pix2pix", "Pix2pix", "pix2pix-axial", "pix2pix-augmented"),
    _package("medgan", "Medgan", "medgan-axial", "medgan-augmented"),
    _package("unet25d", "Unet25d", "unet25d"),
    _package("pix2pix3d", "Pix2pix3d", "pix2pix3d-tanh", "pix2pix3d-tanhshrink"),
    _package("ganbert", "Ganbert", "ganbert", "ganbert-cnnd"),
    _package("bridge", "Bridge", "pet-bridge"),
]

RENAMED_SYSTEMS = {"stack-unet": "unet25d"}
"""Names of earlier versions -> what the systems are called now."""

RENAMED = {
    "data.canvas": "data.padded_size",
    "data.slices_per_head": "data.slabs_per_volume",
    "data.window": "data.shuffled_volumes",
    "loss.edges": "loss.gradient",
    "bert.slope_penalty": "bert.gradient_penalty",
    "oracle": "noise-free",
    **RENAMED_SYSTEMS,
}
"""Keys, options and values of earlier versions -> what they are called now."""

DEFAULT = "pix2pix-axial"
"""The system of a configuration that names none."""


def system_names() -> list[str]:
    """Return the names of all systems.

    Examples
    --------
    >>> system_names()[:3]
    ['pix2pix-axial', 'pix2pix-augmented', 'medgan-axial']
    """
    return [name for entry in _ENTRIES for name in entry.names]


def config_class(name: str) -> type[SystemConfig]:
    """Return the class of a system's configuration; torch is not imported for it.

    Raises
    ------
    KeyError
        If there is no such system.
    """
    found: type[SystemConfig] = _found(_entry(name).config)
    return found


def system_class(name: str) -> type[System[Any]]:
    """Return the class of a system.

    Raises
    ------
    KeyError
        If there is no such system.
    """
    found: type[System[Any]] = _found(_entry(name).system)
    return found


def build_system(config: SystemConfig) -> System[Any]:
    """Return the system of a configuration."""
    return system_class(config.system)(config)


@contextmanager
def registered(entry: Entry) -> Iterator[None]:
    """Add a system for a while, for instance one that a test defines.

    Raises
    ------
    ValueError
        If a system of that name is there already.
    """
    taken = set(entry.names) & set(system_names())
    if taken:
        raise ValueError(f"there is a system {min(taken)} already")
    _ENTRIES.append(entry)
    try:
        yield
    finally:
        _ENTRIES.remove(entry)


def _entry(name: str) -> Entry:
    for entry in _ENTRIES:
        if name in entry.names:
            return entry
    raise KeyError(name)


def _found(place: str | type[Any]) -> Any:
    if not isinstance(place, str):
        return place
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
