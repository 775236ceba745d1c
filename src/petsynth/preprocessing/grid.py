"""The models' grid, and resampling onto it.

The grid is the usual MNI bounding box at 1.5 mm, 121 x 145 x 121 voxels, the shape of paper A's
volumes (section 2.2). A subject's own brain lies on it, turned to MNI axes but not stretched:
it shares axes and origin with MNI space, not anatomy.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.volume import FWHM_PER_SIGMA, FloatArray, Grid, Volume

BOX_MM = ((-90.0, 90.0), (-126.0, 90.0), (-72.0, 108.0))
"""World coordinates of the first and last voxel centres along x, y, z."""


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


def resample(
    volume: Volume,
    grid: Grid,
    grid_to_volume: FloatArray | None = None,
    *,
    order: int = 1,
    fill: float = 0.0,
) -> Volume:
    """Interpolate an image at the voxels of a grid, once.

    Where the grid is coarser than the image, the image is first smoothed to the grid's
    resolution, so that detail between the grid's voxels is averaged and not skipped.

    Parameters
    ----------
    volume : Volume
        (X, Y, Z) or (X, Y, Z, T) image.
    grid : Grid
        Where values are wanted.
    grid_to_volume : (4, 4) float array, optional
        From the grid's world (mm) to the volume's world (mm); the identity if left out.
    order : int
        0: nearest neighbour (labels; never smoothed), 1: linear, 3: cubic spline.
    fill : float
        Value outside the image.

    Returns
    -------
    Volume
        float32 on ``grid``, with the volume's unit.
    """
    between = np.eye(4) if grid_to_volume is None else np.asarray(grid_to_volume, dtype=float)
    to_voxels = np.linalg.inv(volume.affine) @ between @ grid.affine
    sigmas = antialias_sigmas(to_voxels) if order > 0 else np.zeros(3)
    frames = volume.data if volume.data.ndim == 4 else volume.data[..., np.newaxis]
    result = np.empty((*grid.shape, frames.shape[3]), dtype=np.float32)
    for frame in range(frames.shape[3]):
        data = np.asarray(frames[..., frame], dtype=np.float32)
        if sigmas.any():
            data = ndimage.gaussian_filter(data, sigmas, mode="nearest", truncate=3)
        ndimage.affine_transform(
            data,
            to_voxels[:3, :3],
            to_voxels[:3, 3],
            output_shape=grid.shape,
            output=result[..., frame],
            order=order,
            mode="constant",
            cval=fill,
        )
    return Volume(
        result.reshape(*grid.shape, *volume.data.shape[3:]),
        np.asarray(grid.affine, dtype=float),
        volume.unit,
    )


def resample_mask(mask: Volume, grid: Grid, grid_to_volume: FloatArray | None = None) -> NDArray:
    """Return where at least half of a grid's voxel lies inside a mask, (X, Y, Z) bool."""
    share = resample(mask.with_data(mask.data > 0), grid, grid_to_volume)
    return share.data >= 0.5


def antialias_sigmas(to_voxels: FloatArray) -> FloatArray:
    """Return the Gaussian, in source voxels per source axis, that fits a coarser grid.

    A source of voxels v seen through a grid of voxels V is smoothed by a full width at half
    maximum of sqrt(V**2 - v**2), so that the result resolves what the grid can hold.

    Parameters
    ----------
    to_voxels : (4, 4) float array
        From the grid's voxel indices to the source's voxel indices.

    Examples
    --------
    >>> antialias_sigmas(np.diag([2.0, 1.0, 0.5, 1.0])).round(3).tolist()
    [0.736, 0.0, 0.0]
    """
    step = np.sqrt((np.asarray(to_voxels)[:3, :3] ** 2).sum(axis=1))
    step[step < 1.02] = 1.0
    return np.sqrt(step**2 - 1) / FWHM_PER_SIGMA


def bounding_grid(volume: Volume, voxel_mm: float) -> Grid:
    """Return a grid of cubic voxels along the world's axes that covers an image.

    Parameters
    ----------
    volume : Volume
        The image, in any orientation.
    voxel_mm : float
        Edge of the grid's voxels in millimetres.
    """
    ends = [(0, size - 1) for size in volume.data.shape[:3]]
    corners = np.array([volume.affine[:3, :3] @ corner for corner in itertools.product(*ends)])
    corners = corners + volume.affine[:3, 3]
    low, high = corners.min(axis=0), corners.max(axis=0)
    x, y, z = (np.ceil((high - low) / voxel_mm).astype(int) + 1).tolist()
    affine = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    affine[:3, 3] = low
    return Grid((x, y, z), affine)
