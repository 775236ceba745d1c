"""Read a T1 as scanners and converters leave it: air below 0, NaN, or far too much air."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from nibabel.affines import from_matvec

from petsynth.errors import PetsynthWarning
from petsynth.io.nifti import read_volume
from petsynth.preprocessing.resampling import bin_voxels
from petsynth.volume import Volume

WIDEST_MM = 350.0
"""Field of view along one axis above which planes of zeros at its edges are cut off: the brain is
looked for in an image that is mostly head. Usual ones are 256 mm, the widest about 300."""
_MARGIN_MM = 10.0
_AIR_TOLERANCE = 0.05


def read_t1(path: str | Path, coarsest_mm: float | None = None) -> Volume:
    """Read a T1 in which air is 0 and the head fills the field of view.

    NaN count as 0. Where air is below 0, as with an intercept of -1024, all values are raised so
    that the lowest is 0. What is done is told in a warning. Planes of zeros around the head are
    cut off where the field of view is wider than `WIDEST_MM`.

    Parameters
    ----------
    path : str or Path
        ``.nii`` or ``.nii.gz``.
    coarsest_mm : float, optional
        Voxels are averaged in blocks of at most this edge, where the T1 is finer than what follows
        needs; see `petsynth.preprocessing.resampling.bin_voxels`.

    Returns
    -------
    Volume
        (X, Y, Z) float32 in RAS+.

    Raises
    ------
    InputError
        As `petsynth.io.nifti.read_volume`.
    """
    t1 = read_volume(path, gaps="zero")
    lowest = _air_below_zero(t1)
    if lowest is not None:
        warnings.warn(
            f"{path}: air is {lowest:g}, not 0; all values were raised by {-lowest:g}",
            PetsynthWarning,
            stacklevel=2,
        )
        t1 = t1.with_data(t1.data - np.float32(lowest))
    return without_margins(t1 if coarsest_mm is None else bin_voxels(t1, coarsest_mm))


def without_margins(t1: Volume) -> Volume:
    """Return a T1 without planes of zeros at its edges, where the field of view is too wide.

    Parameters
    ----------
    t1 : Volume
        (X, Y, Z); not 0 everywhere.

    Examples
    --------
    >>> data = np.zeros((400, 6, 6), np.float32)
    >>> data[120, 2:4, 2:4] = 1
    >>> cut = without_margins(Volume(data, np.eye(4)))
    >>> cut.data.shape, cut.affine[:3, 3].tolist()
    ((21, 6, 6), [110.0, 0.0, 0.0])
    """
    edges = np.array(t1.grid.voxel_mm)
    if (edges * t1.data.shape <= WIDEST_MM).all():
        return t1
    box = []
    for axis, edge in enumerate(edges):
        planes = np.flatnonzero(np.any(t1.data != 0, axis=tuple({0, 1, 2} - {axis})))
        margin = round(_MARGIN_MM / edge)
        box.append(slice(max(planes[0] - margin, 0), planes[-1] + margin + 1))
    corner = from_matvec(np.eye(3), [each.start for each in box])
    return Volume(np.ascontiguousarray(t1.data[tuple(box)]), t1.affine @ corner, t1.unit)


def _air_below_zero(t1: Volume) -> float | None:
    """Return the lowest value if the faces of the image are air of about that value, below 0."""
    lowest, highest = float(t1.data.min()), float(t1.data.max())
    if lowest >= 0:
        return None
    # Not np.take, which first copies the whole image where its first axis is the innermost.
    faces = [
        t1.data[(slice(None),) * axis + (end,)].ravel() for axis in range(3) for end in (0, -1)
    ]
    air = float(np.median(np.concatenate(faces)))
    is_air = air < 0 and air - lowest < _AIR_TOLERANCE * (highest - lowest)
    return lowest if is_air else None
