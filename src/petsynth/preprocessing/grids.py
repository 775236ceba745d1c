"""Where the voxels of the models' images lie: paper A's grid, and paper B's two boxes.

Paper A's grid is the usual MNI bounding box at 1.5 mm, 121 x 145 x 121 voxels. A subject's own
brain lies on it, rotated to MNI axes but not stretched: it shares axes and origin with MNI space,
not anatomy.

Sources
-------
- Paper A, section 2.2: the shape of its volumes.
- Paper B (Shin et al., GANBERT), figure 1 and section 4.1: T1 of 256 x 256 x 256 voxels, PET of
  T x 93 x 76 x 76. Voxel sizes are not given: ours are 1 mm and 2 mm (docs/decisions/0053).
- docs/decisions/0053: the side of 93 runs from back to front, so paper B's order of axes is
  (T, Y, X, Z). Arrays are transposed into it and out of it here and nowhere else; what follows
  the order of axes elsewhere follows the affine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsynth.volume import Grid

BOX_MM = ((-90.0, 90.0), (-126.0, 90.0), (-72.0, 108.0))
"""World coordinates of the first and last voxel centres along x, y, z."""

CENTRE_MM = (0.0, -18.0, 18.0)
"""Middle of the MNI bounding box, in which both of paper B's boxes are centred; RAS+."""

MRI_SIDE = 256
"""Voxels along each side of the T1 (paper B, figure 1)."""

PET_SHAPE_YXZ = (93, 76, 76)
"""Voxels of one PET frame in the paper's order (paper B, figure 1)."""


def model_grid(voxel_mm: float = 1.5) -> Grid:
    """Return the models' grid: RAS+ axes, cubic voxels.

    Parameters
    ----------
    voxel_mm : float
        Edge of a voxel in millimetres; 1.5 is the paper's.

    Raises
    ------
    ValueError
        If the voxel is not positive, or larger than a tenth of the box.

    Examples
    --------
    >>> model_grid().shape, model_grid(3).shape, model_grid(4).shape
    ((121, 145, 121), (61, 73, 61), (46, 55, 46))
    """
    if not 0 < voxel_mm <= 18:
        raise ValueError(f"voxels of {voxel_mm} mm: the model's grid needs 0 < voxel_mm <= 18")
    x, y, z = (int(np.floor((high - low) / voxel_mm + 1e-6)) + 1 for low, high in BOX_MM)
    affine = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    affine[:3, 3] = [low for low, _ in BOX_MM]
    return Grid((x, y, z), affine)


def mri_grid(
    side: int = MRI_SIDE,
    voxel_mm: float = 1.0,
    centre_mm: tuple[float, float, float] = CENTRE_MM,
) -> Grid:
    """Return the cube of the T1, RAS+.

    Parameters
    ----------
    side : int
        Voxels along each axis; fewer of larger ``voxel_mm`` keep the box.
    voxel_mm : float
        Edge of a voxel in millimetres.
    centre_mm : tuple of 3 float
        World coordinates of the middle of the box.

    Examples
    --------
    >>> mri_grid().shape, mri_grid().affine[:3, 3].tolist()
    ((256, 256, 256), [-127.5, -145.5, -109.5])
    """
    return centred_grid((side, side, side), voxel_mm, centre_mm)


def pet_grid(
    voxel_mm: float = 2.0,
    centre_mm: tuple[float, float, float] = CENTRE_MM,
) -> Grid:
    """Return the box of the PET, RAS+, with axes X, Y, Z.

    Parameters
    ----------
    voxel_mm : float
        Edge of a voxel in millimetres; the box of 152 x 186 x 152 mm stays, to the nearest
        voxel.
    centre_mm : tuple of 3 float
        World coordinates of the middle of the box.

    Examples
    --------
    >>> pet_grid().shape, pet_grid(8.0).shape
    ((76, 93, 76), (19, 23, 19))
    """
    y, x, z = (max(1, round(2 * count / voxel_mm)) for count in PET_SHAPE_YXZ)
    return centred_grid((x, y, z), voxel_mm, centre_mm)


def conformed_grid(pet_voxel_mm: float = 2.0) -> Grid:
    """Return the cube of the T1 that goes with a PET: the same 256 mm, voxels half as wide.

    Examples
    --------
    >>> conformed_grid().shape, conformed_grid(8.0).shape
    ((256, 256, 256), (64, 64, 64))
    """
    return mri_grid(max(1, round(2 * MRI_SIDE / pet_voxel_mm)), pet_voxel_mm / 2)


def centred_grid(
    shape: tuple[int, int, int], voxel_mm: float, centre_mm: tuple[float, float, float]
) -> Grid:
    """Return an RAS+ grid of cubic voxels around a point.

    Raises
    ------
    ValueError
        If the voxel is not positive.

    Examples
    --------
    >>> centred_grid((2, 3, 4), 2.0, (0.0, 0.0, 10.0)).centre_mm.tolist()
    [0.0, 0.0, 10.0]
    """
    if voxel_mm <= 0:
        raise ValueError(f"voxels of {voxel_mm} mm: an edge must be positive")
    affine = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    affine[:3, 3] = np.asarray(centre_mm) - voxel_mm * (np.array(shape) - 1) / 2
    return Grid(shape, affine)


def to_paper_order(pet: NDArray[Any]) -> NDArray[Any]:
    """Transpose a PET as it is stored into paper B's order of axes.

    Parameters
    ----------
    pet : (X, Y, Z) or (X, Y, Z, T) array
        RAS+.

    Returns
    -------
    (T, Y, X, Z) array
        A view; T is 1 for a static PET.

    Raises
    ------
    ValueError
        If the array has neither three nor four axes.

    Examples
    --------
    >>> to_paper_order(np.zeros((76, 93, 76, 2))).shape
    (2, 93, 76, 76)
    """
    if pet.ndim not in (3, 4):
        raise ValueError(f"a PET has axes X, Y, Z and perhaps T; got shape {pet.shape}")
    pet_XYZT = pet if pet.ndim == 4 else pet[..., np.newaxis]
    return pet_XYZT.transpose(3, 1, 0, 2)


def from_paper_order(pet_TYXZ: NDArray[Any]) -> NDArray[Any]:
    """Transpose a PET in paper B's order into (X, Y, Z, T), or (X, Y, Z) if T is 1; a view.

    Examples
    --------
    >>> from_paper_order(np.zeros((2, 93, 76, 76))).shape
    (76, 93, 76, 2)
    """
    pet_XYZT = pet_TYXZ.transpose(2, 1, 3, 0)
    return pet_XYZT if pet_XYZT.shape[3] > 1 else pet_XYZT[..., 0]


def grid_in_paper_order(grid: Grid) -> Grid:
    """Return the grid of the array that `to_paper_order` makes of an array on ``grid``.

    Examples
    --------
    >>> grid_in_paper_order(pet_grid()).shape
    (93, 76, 76)
    """
    x, y, z = grid.shape
    return Grid((y, x, z), np.asarray(grid.affine)[:, [1, 0, 2, 3]])
