"""Volumes to slices and back, and slices padded to the network's square.

A slice is laid out as a reader expects it: axial and coronal slices have the subject's left on
the left of the image (neurological convention) and front or top at the top; sagittal slices
have the front on the right and the top at the top.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Plane = Literal["sagittal", "coronal", "axial"]

ALL_PLANES: tuple[Plane, ...] = ("axial", "coronal", "sagittal")

AXIS: dict[str, int] = {"sagittal": 0, "coronal": 1, "axial": 2}
"""The RAS+ axis that each plane cuts across."""

AIR = -1.0
"""What networks see where there is nothing: the lower end of [-1, 1], in T1 and PET."""


def take_slices(volume_XYZ: NDArray[Any], plane: Plane) -> NDArray[Any]:
    """Cut a volume into all its slices of one plane.

    Parameters
    ----------
    volume_XYZ : (X, Y, Z) array
        In RAS+ order.
    plane : {"sagittal", "coronal", "axial"}
        Where to cut.

    Returns
    -------
    (N, H, W) array
        A view, not a copy: N = X, Y or Z slices; columns run along X (axial, coronal) or Y
        (sagittal), rows against Y (axial) or Z (others).

    Examples
    --------
    >>> take_slices(np.zeros((121, 145, 121)), "axial").shape
    (121, 145, 121)
    >>> take_slices(np.zeros((121, 145, 121)), "sagittal").shape
    (121, 121, 145)
    """
    slices_first = np.moveaxis(volume_XYZ, AXIS[plane], 0)
    return np.swapaxes(slices_first, 1, 2)[:, ::-1, :]


def stack_slices(slices_NHW: NDArray[Any], plane: Plane) -> NDArray[Any]:
    """Rebuild the (X, Y, Z) volume from all slices of one plane; undoes `take_slices`."""
    slices_first = np.swapaxes(slices_NHW[:, ::-1, :], 1, 2)
    return np.moveaxis(slices_first, 0, AXIS[plane])


def middle_slice(volume_XYZ: NDArray[Any], plane: Plane = "axial") -> NDArray[Any]:
    """Return the slice with index N // 2, the one that paper A measures (section 2.5)."""
    slices = take_slices(volume_XYZ, plane)
    return np.asarray(slices[len(slices) // 2])


def pad_slices(slices_NHW: NDArray[Any], side: int, fill: float) -> NDArray[Any]:
    """Put slices in the middle of square images without changing their scale.

    Parameters
    ----------
    slices_NHW : (N, H, W) array
        Slices no larger than the padded size.
    side : int
        Padded size: side of the square in pixels.
    fill : float
        Value around the slice; air, which is -1 in the network's units.

    Returns
    -------
    (N, side, side) array

    Raises
    ------
    ValueError
        If a slice is larger than the padded size.
    """
    top, left = padding_offset(slices_NHW.shape[1:], side)
    height, width = slices_NHW.shape[1:]
    padded = np.full((len(slices_NHW), side, side), fill, dtype=slices_NHW.dtype)
    padded[:, top : top + height, left : left + width] = slices_NHW
    return padded


def crop_padding(padded_NSS: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Take slices of ``shape`` (H, W) out of the middle again; undoes `pad_slices`."""
    top, left = padding_offset(shape, padded_NSS.shape[-1])
    return padded_NSS[..., top : top + shape[0], left : left + shape[1]]


def padding_offset(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """Return the row and column at which a slice of ``shape`` starts in the square."""
    height, width = shape
    if height > side or width > side:
        raise ValueError(
            f"a slice of {height} x {width} pixels does not fit a padded size of {side}"
        )
    return (side - height) // 2, (side - width) // 2
