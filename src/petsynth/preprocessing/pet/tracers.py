"""Tracer profiles: reference region, plausible range, summary region. Figures: ``tracers.toml``."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources

import numpy as np

from petsynth.errors import InputError
from petsynth.volume import Volume


@dataclass(frozen=True)
class Target:
    """What a scan of a tracer is summarised by.

    Parameters
    ----------
    name : str
        In words.
    region : str
        Name of the region; empty where it needs an atlas that is not shipped.
    reference : str
        Reference region that threshold and equation hold for.
    positive_from : float, optional
        SUVR from which a scan counts as abnormal (up to which, if ``below_is_positive``).
    below_is_positive : bool
        Whether low values are abnormal.
    centiloid : (float, float), optional
        Slope and intercept from SUVR to Centiloids.
    source : str
        Where the figures are from.
    checked : bool
        Whether they were read in the source.
    """

    name: str
    region: str
    reference: str
    source: str
    checked: bool
    positive_from: float | None = None
    below_is_positive: bool = False
    centiloid: tuple[float, float] | None = None


@dataclass(frozen=True)
class Profile:
    """What is known of a tracer.

    Parameters
    ----------
    reference, reference_source : str
        Default reference region, and why.
    expected_suvr : (float, float)
        Plausible mean SUVR of the brain.
    window_min, window_source : (float, float), str
        Minutes after injection over which the SUVR is defined, and by whom.
    target : Target
        What its scans are summarised by.
    """

    reference: str
    reference_source: str
    expected_suvr: tuple[float, float]
    window_min: tuple[float, float]
    window_source: str
    target: Target


@functools.cache
def tracer_profiles() -> dict[str, Profile]:
    """Return the profiles by everyday name of the tracer.

    Examples
    --------
    >>> tracer_profiles()["AV45"].reference, tracer_profiles()["AV45"].window_min
    ('whole-cerebellum', (50.0, 70.0))
    """
    text = resources.files(__package__).joinpath("tracers.toml").read_text(encoding="utf-8")
    profiles = {}
    for tracer, table in tomllib.loads(text).items():
        target = dict(table.pop("target"))
        if "centiloid" in target:
            target["centiloid"] = tuple(target["centiloid"])
        (low, high), (start, end) = table.pop("expected_suvr"), table.pop("window_min")
        profiles[tracer] = Profile(
            **table,
            expected_suvr=(low, high),
            window_min=(start, end),
            target=Target(**target),
        )
    return profiles


@functools.cache
def region_names() -> tuple[str, ...]:
    """Return the names of the regions that are shipped."""
    with _regions() as content:
        return tuple(name for name in content if name not in ("shape", "affine"))


@functools.cache
def region(name: str) -> Volume:
    """Return a region in MNI152 space, (X, Y, Z) bool at 2 mm.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in region_names():
        raise InputError(f"region {name!r} is not known; there are {', '.join(region_names())}")
    with _regions() as content:
        shape = tuple(int(size) for size in content["shape"])
        voxels = np.unpackbits(content[name], count=int(np.prod(shape)))
        return Volume(voxels.reshape(shape).astype(bool), content["affine"])


def _regions() -> np.lib.npyio.NpzFile:
    path = resources.files(__package__).joinpath("regions", "mni152_2mm.npz")
    with resources.as_file(path) as file:
        content: np.lib.npyio.NpzFile = np.load(file, allow_pickle=False)
        return content
