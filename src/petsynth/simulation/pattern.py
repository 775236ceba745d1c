"""How a tracer's uptake varies from place to place inside grey and inside white matter.

The fields stand beside this file (``pattern_TRACER.npz``): every 6 mm of MNI space one factor for
grey and one for white matter, by which the regions' mean uptake (`pattern_means.csv`) is
multiplied. They were fitted to real group maps, before the scanner's blur
(`tools/derive_uptake_fields.py`, which names sources and licences; decision record 77).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from scipy import ndimage

from petsynth.simulation.anatomy import Anatomy
from petsynth.simulation.fields import FloatField, apply_affine, refine
from petsynth.simulation.participants import Tracer
from petsynth.volume import FloatArray

ORIGIN_MM = (-90.0, -126.0, -72.0)
"""MNI coordinates of the fields' first value."""
STEP_MM = 6.0
"""Distance of the fields' values."""


@dataclass(frozen=True)
class Pattern:
    """Factors on a head's voxels, or on the lattice in MNI space.

    Parameters
    ----------
    grey, white : (X, Y, Z) float32 array
        Uptake relative to the region's mean; 1 changes nothing.
    """

    grey: FloatField
    white: FloatField


@cache
def read_pattern(tracer: Tracer) -> Pattern | None:
    """Read a tracer's fields in MNI space, (31, 37, 31) each; None if it has none."""
    file = resources.files("petsynth.simulation").joinpath(f"pattern_{tracer}.npz")
    if not file.is_file():
        return None
    with resources.as_file(file) as path, np.load(path) as saved:
        return Pattern(*(saved[name].astype(np.float32) / 100 for name in ("grey", "white")))


def pattern_of(anatomy: Anatomy, pattern: Pattern | None) -> Pattern | None:
    """Deform fields from MNI space to a head.

    Parameters
    ----------
    anatomy : Anatomy
        The head.
    pattern : Pattern or None
        Fields in MNI space.

    Returns
    -------
    Pattern or None
        (X, Y, Z) fields on the head's grid; None if there are no fields, or if the anatomy
        does not know its place in MNI space.
    """
    space = anatomy.standard_space
    if pattern is None or space is None:
        return None
    index = apply_affine(np.linalg.inv(lattice_affine()), space.points)
    grey, white = (
        refine(
            ndimage.map_coordinates(field, index, order=1, mode="nearest"),
            space.factor,
            anatomy.grid.shape,
        )
        for field in (pattern.grey, pattern.white)
    )
    return Pattern(grey, white)


def lattice_affine() -> FloatArray:
    """Return the affine from the fields' indices to MNI coordinates, (4, 4)."""
    affine = np.diag([STEP_MM, STEP_MM, STEP_MM, 1.0])
    affine[:3, 3] = ORIGIN_MM
    return affine
