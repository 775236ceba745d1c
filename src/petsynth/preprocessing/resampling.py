"""Resampling: an image at the voxels of another grid, interpolated once, without aliasing.

NaN marks what an image does not cover. Means over a region are taken over what is covered:
`resample` with ``fill=np.nan``, then `covered_mean`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np
from nibabel.affines import from_matvec
from scipy import ndimage

from petsynth.execution import run_in_threads
from petsynth.volume import FWHM_PER_SIGMA, BoolArray, FloatArray, Grid, Volume

_TRUNCATE = 3.0
"""Standard deviations after which the Gaussian that smooths is cut."""
_SLAB = 16
"""Slices of a slab. The slabs, and so the result, are the same for any number of threads."""


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
    inside = mask.with_data(mask.data > 0)
    between = np.eye(4) if grid_to_volume is None else grid_to_volume
    sigmas = antialias_sigmas(np.linalg.inv(mask.affine) @ between @ grid.affine)
    near = _around(inside, np.ceil(_TRUNCATE * sigmas).astype(int) + 2)
    return np.asarray(resample(near, grid, grid_to_volume).data >= 0.5)


def bin_voxels(volume: Volume, coarsest_mm: float) -> Volume:
    """Average blocks of whole voxels whose edges are at most ``coarsest_mm`` long.

    Planes at the far end that fill no block are left out.

    Parameters
    ----------
    volume : Volume
        (X, Y, Z); given back as it is where no two voxels fit into a block.
    coarsest_mm : float
        Longest edge of a block.

    Examples
    --------
    >>> fine = Volume(np.arange(8, dtype=np.float32).reshape(4, 2, 1), np.diag([0.5, 0.5, 3, 1]))
    >>> coarse = bin_voxels(fine, 1.0)
    >>> coarse.data.ravel().tolist(), coarse.affine[:3, 3].tolist()
    ([1.5, 5.5], [0.25, 0.25, 0.0])
    """
    edges, shape = volume.grid.voxel_mm, volume.data.shape
    factors = [
        min(max(int(coarsest_mm / edge + 1e-3), 1), side)
        for edge, side in zip(edges, shape, strict=True)
    ]
    if max(factors) == 1:
        return volume
    counts = [side // factor for side, factor in zip(shape, factors, strict=True)]
    (x, y, z), (i, j, k) = counts, factors
    blocks = volume.data[: x * i, : y * j, : z * k].reshape(x, i, y, j, z, k)
    corner = from_matvec(np.diag(np.array(factors, dtype=float)), (np.array(factors) - 1) / 2)
    mean = blocks.mean(axis=(1, 3, 5), dtype=np.float32)
    return Volume(mean, volume.affine @ corner, volume.unit)


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
        data = _smooth(data, sigmas)
    if order > 1:
        data = ndimage.spline_filter(data, order, np.float64, mode="mirror")
    result = np.empty(grid.shape, dtype=np.float32)

    def interpolate(part: slice) -> None:
        ndimage.affine_transform(
            data,
            to_voxels[:3, :3],
            to_voxels[:3, 3] + to_voxels[:3, 0] * part.start,
            output_shape=result[part].shape,
            output=result[part],
            order=order,
            mode="constant",
            cval=fill,
            prefilter=False,
        )

    _in_slabs(interpolate, grid.shape[0])
    return result


def _smooth(data: FloatArray, sigmas: FloatArray) -> FloatArray:
    """Smooth an image by a Gaussian, slabs side by side; `scipy.ndimage` gives the same values.

    Parameters
    ----------
    data : (X, Y, Z) float32 array
        At its edges the nearest voxel goes on.
    sigmas : (3,) float array
        Standard deviation along each axis, in voxels.
    """
    for axis, sigma in enumerate(sigmas):
        if sigma > 0:
            along = 0 if axis else 1  # the axis that is cut into slabs
            result = np.empty_like(data)
            _in_slabs(partial(_smooth_slab, data, result, axis, sigma, along), data.shape[along])
            data = result
    return data


def _smooth_slab(
    data: FloatArray, result: FloatArray, axis: int, sigma: float, along: int, part: slice
) -> None:
    at = (slice(None),) * along + (part,)
    ndimage.gaussian_filter1d(
        data[at], sigma, axis, output=result[at], mode="nearest", truncate=_TRUNCATE
    )


def _in_slabs(work: Callable[[slice], None], length: int) -> None:
    """Call a function for each slab of an axis, as many side by side as there may be threads."""
    ends = [*range(0, length, _SLAB), length]
    run_in_threads([partial(work, slice(*each)) for each in pairwise(ends)])


def _around(inside: Volume, margin: np.ndarray) -> Volume:
    """Return the part of a mask that holds all that is inside, and a margin of voxels."""
    found = ndimage.find_objects(inside.data.astype(np.uint8))
    if not found:
        return inside
    first = [max(part.start - more, 0) for part, more in zip(found[0], margin, strict=True)]
    last = [part.stop + more for part, more in zip(found[0], margin, strict=True)]
    kept = tuple(slice(*ends) for ends in zip(first, last, strict=True))
    return Volume(inside.data[kept], inside.affine @ from_matvec(np.eye(3), first), inside.unit)
