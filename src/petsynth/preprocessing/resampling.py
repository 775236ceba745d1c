"""Resampling: an image at the voxels of another grid, interpolated once, without aliasing.

NaN marks what an image does not cover. Means over a region are taken over what is covered:
`resample` with ``fill=np.nan``, then `covered_mean`.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from petsynth.volume import FWHM_PER_SIGMA, BoolArray, FloatArray, Grid, Volume


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
    resolution, so that detail between the grid's voxels is averaged and not skipped. Voxels of the
    image that are NaN count nothing: the others' weights are divided by their sum.

    Parameters
    ----------
    volume : Volume
        (X, Y, Z) or (X, Y, Z, T) image; NaN where nothing was measured.
    grid : Grid
        Where values are wanted.
    grid_to_volume : (4, 4) float array, optional
        From the grid's world (mm) to the volume's world (mm); the identity if left out.
    order : int
        0: nearest neighbour (labels; never smoothed), 1: linear, 3: cubic spline.
    fill : float
        Value outside the image, and where more than half of the weight lies on NaN.

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
        gaps = np.isnan(data)
        if gaps.any():
            values = _interpolated(np.where(gaps, 0, data), to_voxels, sigmas, grid, order, 0.0)
            weight = _interpolated(1 - gaps, to_voxels, sigmas, grid, order, 0.0)
            measured = weight >= 0.5
            values[measured] /= weight[measured]
            values[~measured] = fill
            result[..., frame] = values
        else:
            result[..., frame] = _interpolated(data, to_voxels, sigmas, grid, order, fill)
    return Volume(
        result.reshape(*grid.shape, *volume.data.shape[3:]),
        np.asarray(grid.affine, dtype=float),
        volume.unit,
    )


def covered_mean(values: FloatArray) -> tuple[float, float]:
    """Return the mean of what is not NaN, and which fraction that is.

    Parameters
    ----------
    values : (...) float array
        Of the voxels of a region; NaN where the image does not cover it.

    Returns
    -------
    (float, float)
        The mean (NaN if nothing is covered) and the covered fraction, 0 to 1.

    Examples
    --------
    >>> covered_mean(np.array([2.0, 2.0, 2.0, np.nan]))
    (2.0, 0.75)
    """
    covered = values[np.isfinite(values)]
    if not covered.size:
        return float("nan"), 0.0
    return float(covered.mean(dtype=np.float64)), covered.size / values.size


def resample_mask(mask: Volume, grid: Grid, grid_to_volume: FloatArray | None = None) -> BoolArray:
    """Return where at least half of a grid's voxel lies inside a mask, (X, Y, Z) bool."""
    covered = resample(mask.with_data(mask.data > 0), grid, grid_to_volume)
    return np.asarray(covered.data >= 0.5)


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
    return np.asarray(np.sqrt(step**2 - 1) / FWHM_PER_SIGMA)


def _interpolated(
    data: FloatArray,
    to_voxels: FloatArray,
    sigmas: FloatArray,
    grid: Grid,
    order: int,
    fill: float,
) -> FloatArray:
    data = np.asarray(data, dtype=np.float32)
    if sigmas.any():
        data = ndimage.gaussian_filter(data, sigmas, mode="nearest", truncate=3)
    return np.asarray(
        ndimage.affine_transform(
            data,
            to_voxels[:3, :3],
            to_voxels[:3, 3],
            output_shape=grid.shape,
            order=order,
            mode="constant",
            cval=fill,
        )
    )
