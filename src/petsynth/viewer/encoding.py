"""An image as the page reads it: NIfTI-1, 16-bit, uncompressed, whatever file it came from."""

from __future__ import annotations

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from petsynth.viewer.layers import Role
from petsynth.volume import FloatArray, Volume

HIGHEST = 32_000
"""What the largest value becomes on disk; a value is exact to the 64,000th part of the largest."""
OFFSET = 352
"""Bytes before the voxels."""
_SAMPLED = 3
"""Every so many voxels along each axis count for the window."""


def encode(volume: Volume, role: Role | None = None) -> bytes:
    """Return the bytes of an image.

    Parameters
    ----------
    volume : Volume
        (X, Y, Z) in RAS+; NaN counts as 0.
    role : optional
        What it is, which decides the window in the header; None: a label image, kept exactly.

    Examples
    --------
    >>> image = Volume(np.full((2, 2, 2), 1.5, np.float32), np.eye(4))
    >>> len(encode(image, "reference")) - OFFSET
    16
    """
    values = np.nan_to_num(np.asarray(volume.data, dtype=np.float32))
    slope = 1.0
    if role is not None:
        slope = float(np.abs(values).max(initial=0)) / HIGHEST or 1.0
    stored = np.rint(values / np.float32(slope)).astype(np.int16)
    low, high = (0.0, 0.0) if role is None else window(values, role)
    return assemble(stored, volume.affine, slope, (low, high))


def window(values: NDArray[np.float32], role: Role) -> tuple[float, float]:
    """Return from where to where grey levels or colours reach.

    Examples
    --------
    >>> window(np.linspace(0, 2, 64_000, dtype=np.float32).reshape(40, 40, 40), "reference")
    (0.0, 2.0)
    """
    some = values[::_SAMPLED, ::_SAMPLED, ::_SAMPLED]
    inside = some[some != 0]
    if not inside.size:
        return 0.0, 1.0
    if role == "difference":
        limit = _rounded(float(np.percentile(np.abs(inside), 99)))
        return -limit, limit
    low = float(np.percentile(inside, 1)) if role == "t1" else 0.0
    high = float(np.percentile(inside, 99.5))
    return (low, high) if role == "t1" and high > low else (0.0, _rounded(high))


def _rounded(value: float) -> float:
    """Return a limit with two digits, and at least something."""
    return max(float(f"{value:.2g}"), 1e-6)


def assemble(
    stored: NDArray[np.int16], affine: FloatArray, slope: float, limits: tuple[float, float]
) -> bytes:
    """Return a NIfTI-1 file of 16-bit voxels; equal grids and limits have equal headers.

    Parameters
    ----------
    stored : (X, Y, Z) int16 array
        The voxels.
    affine : (4, 4) float array
        From voxels to world.
    slope : float
        What a stored value is multiplied by.
    limits : tuple of 2 float
        The window.
    """
    header = nib.Nifti1Header(endianness="<")
    header.set_data_shape(stored.shape)
    header.set_data_dtype(np.int16)
    header.set_zooms(np.sqrt((np.asarray(affine)[:3, :3] ** 2).sum(axis=0)))
    header.set_sform(affine, code=1)
    header.set_qform(affine, code=1, strip_shears=True)
    header.set_xyzt_units("mm", "sec")
    header["scl_slope"], header["scl_inter"] = slope, 0
    header["cal_min"], header["cal_max"] = limits
    header["vox_offset"] = OFFSET
    header["magic"] = b"n+1"
    block: bytes = header.binaryblock
    return block + bytes(OFFSET - len(block)) + stored.tobytes(order="F")
