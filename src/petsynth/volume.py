"""The one image type that travels through the package.

Vocabulary
----------
voxel indices
    (i, j, k), integers, of an array of shape (X, Y, Z).
world
    millimetres in RAS+: the first coordinate increases to the subject's right, the second
    to the front (anterior), the third upwards (superior).
affine
    (4, 4) matrix from voxel indices to world.
grid
    a shape and an affine: where the voxels lie, without their values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]
BoolArray = NDArray[np.bool_]

MOST_VOXELS = 512**3
"""Voxels of the largest grid that a model or prepared data may have."""

FWHM_PER_SIGMA = 2 * np.sqrt(2 * np.log(2))
"""Full width at half maximum of a Gaussian whose standard deviation is 1: 2.3548."""


@dataclass(frozen=True)
class Grid:
    """A lattice of voxels in world space.

    Parameters
    ----------
    shape : tuple of 3 int
        Number of voxels along each axis.
    affine : (4, 4) float array
        From voxel indices to world millimetres (RAS+).

    Examples
    --------
    >>> grid = Grid((2, 3, 4), np.diag([2.0, 2.0, 2.0, 1.0]))
    >>> grid.voxel_mm
    (2.0, 2.0, 2.0)
    >>> grid.centre_mm.tolist()
    [1.0, 2.0, 3.0]
    >>> print(grid)
    2 x 3 x 4 voxels of 2 mm
    """

    shape: tuple[int, int, int]
    affine: FloatArray

    @property
    def voxel_mm(self) -> tuple[float, float, float]:
        """Edge lengths of a voxel in millimetres."""
        x, y, z = np.sqrt((np.asarray(self.affine)[:3, :3] ** 2).sum(axis=0)).round(6).tolist()
        return (x, y, z)

    @property
    def centre_mm(self) -> FloatArray:
        """World coordinates of the middle of the lattice, shape (3,)."""
        middle = (np.array(self.shape) - 1) / 2
        return np.asarray(self.affine)[:3, :3] @ middle + np.asarray(self.affine)[:3, 3]

    def __str__(self) -> str:
        edges = [f"{edge:.4g}" for edge in self.voxel_mm]
        shown = edges[0] if len(set(edges)) == 1 else " x ".join(edges)
        return f"{' x '.join(map(str, self.shape))} voxels of {shown} mm"

    def to_dict(self) -> dict[str, Any]:
        """Return shape and affine as plain values, ready for JSON; undone by `from_dict`.

        Examples
        --------
        >>> Grid((2, 3, 4), np.eye(4)).to_dict()["shape"]
        [2, 3, 4]
        """
        return {"shape": list(self.shape), "affine": np.asarray(self.affine, dtype=float).tolist()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Grid:
        """Return the lattice that `to_dict` described.

        Parameters
        ----------
        content : mapping
            ``"shape"``, 3 integers, and ``"affine"``, 4 rows of 4 numbers.

        Raises
        ------
        KeyError
            If either is missing.
        ValueError
            If the shape has other than three sizes.
        """
        x, y, z = (int(size) for size in content["shape"])
        return cls((x, y, z), np.array(content["affine"], dtype=float))

    def matches(self, other: Grid, tolerance_mm: float = 1e-3) -> bool:
        """Whether both lattices have the same shape and place voxels at the same points."""
        return self.shape == other.shape and bool(
            np.allclose(self.affine, other.affine, atol=tolerance_mm)
        )


@dataclass(frozen=True)
class Volume:
    """A three-dimensional image, or several frames of one, with its place in the world.

    Parameters
    ----------
    data : (X, Y, Z) or (X, Y, Z, T) array
        Intensities; T frames where the image is dynamic.
    affine : (4, 4) float array
        From voxel indices to world millimetres (RAS+).
    unit : str
        Unit of the intensities: ``"SUVR"``, ``"Bq/mL"``, ``"arbitrary"``, ...
    """

    data: NDArray[Any]
    affine: FloatArray
    unit: str = "arbitrary"

    @property
    def grid(self) -> Grid:
        """The lattice of one frame."""
        x, y, z = self.data.shape[:3]
        return Grid((x, y, z), np.asarray(self.affine, dtype=float))

    @property
    def frames(self) -> int:
        """Number of frames; 1 for a static image."""
        return 1 if self.data.ndim == 3 else int(self.data.shape[3])

    def with_data(self, data: NDArray[Any], unit: str | None = None) -> Volume:
        """Return the same place in the world with other intensities."""
        return replace(self, data=data, unit=self.unit if unit is None else unit)


def check_grid(grid: Grid) -> None:
    """Refuse a grid that no scan has; for what a file says of itself.

    Raises
    ------
    ValueError
        If it has no voxels or more than `MOST_VOXELS`, or its affine is not an invertible map.

    Examples
    --------
    >>> check_grid(Grid((600, 600, 600), np.eye(4)))
    Traceback (most recent call last):
    ...
    ValueError: grid of 600 x 600 x 600 voxels, at most 512 x 512 x 512 are possible
    """
    shape = " x ".join(map(str, grid.shape))
    if min(grid.shape) < 1:
        raise ValueError(f"grid of {shape} voxels")
    if np.prod([float(size) for size in grid.shape]) > MOST_VOXELS:
        raise ValueError(f"grid of {shape} voxels, at most 512 x 512 x 512 are possible")
    affine = np.asarray(grid.affine)
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise ValueError("affine of the grid is no 4 x 4 matrix of numbers")
    if abs(np.linalg.det(affine[:3, :3])) < 1e-6 or not np.allclose(affine[3], (0, 0, 0, 1)):
        raise ValueError("affine of the grid is singular")


def check_tracer(name: object) -> None:
    """Refuse a tracer's name that could not stand in a BIDS file name.

    Raises
    ------
    ValueError
        If it is anything but letters and digits.

    Examples
    --------
    >>> check_tracer("18FFDG")
    >>> check_tracer("../../x")
    Traceback (most recent call last):
    ...
    ValueError: tracer is '../../x', not letters and digits
    """
    if not isinstance(name, str) or not (name.isascii() and name.isalnum()) or len(name) > 40:
        raise ValueError(f"tracer is {str(name)[:40]!r}, not letters and digits")
