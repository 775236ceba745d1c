"""Smooth random fields and deformations on a coarse lattice, and their refinement.

A deformation is cheap where it is smooth: it is made on a lattice of about 4 mm and
interpolated to the image's voxels axis by axis.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.volume import Grid

FloatField = NDArray[np.float32]


def coarse_lattice(grid: Grid, spacing_mm: float = 4.0) -> tuple[Grid, int]:
    """Return a lattice with every n-th voxel of ``grid``, covering it, and that n.

    Parameters
    ----------
    grid : Grid
        Isotropic to within a factor of two; n is chosen from the smallest voxel edge.
    spacing_mm : float
        Wanted distance of lattice points in mm; never less than a voxel.
    """
    factor = max(1, round(spacing_mm / min(grid.voxel_mm)))
    x, y, z = (math.ceil((length - 1) / factor) + 1 for length in grid.shape)
    affine = np.asarray(grid.affine, dtype=float).copy()
    affine[:3, :3] *= factor
    return Grid((x, y, z), affine), factor


def refine(coarse: FloatField, factor: int, shape: tuple[int, int, int]) -> FloatField:
    """Interpolate linearly from a coarse lattice to the voxels of its grid.

    Parameters
    ----------
    coarse : (..., x, y, z) float32 array
        Values on the lattice of `coarse_lattice`.
    factor : int
        Voxels per lattice step.
    shape : tuple of 3 int
        The grid's shape.

    Returns
    -------
    (..., X, Y, Z) float32 array
    """
    fine = coarse
    for axis, length in zip((-3, -2, -1), shape, strict=True):
        weights = _linear_weights(coarse.shape[axis], factor, length)
        fine = np.moveaxis(np.tensordot(fine, weights, axes=([axis], [1])), -1, axis)
    return np.ascontiguousarray(fine)


def _linear_weights(coarse: int, factor: int, fine: int) -> FloatField:
    position = np.arange(fine) / factor
    below = np.minimum(position.astype(int), max(coarse - 2, 0))
    fraction = position - below
    weights = np.zeros((fine, coarse), np.float32)
    weights[np.arange(fine), below] = 1 - fraction
    weights[np.arange(fine), np.minimum(below + 1, coarse - 1)] += fraction
    return weights


def random_field(
    generator: np.random.Generator,
    grid: Grid,
    smoothness_mm: float,
    components: int | None = None,
) -> FloatField:
    """Sample a stationary Gaussian random field of mean 0 and standard deviation 1.

    Parameters
    ----------
    generator : numpy Generator
        Source of randomness.
    grid : Grid
        Where to sample it.
    smoothness_mm : float
        Standard deviation of the Gaussian that white noise is smoothed with, in mm.
    components : int, optional
        Number of independent fields.

    Returns
    -------
    (X, Y, Z) or (components, X, Y, Z) float32 array
    """
    sigma = [smoothness_mm / edge for edge in grid.voxel_mm]
    fields = np.stack(
        [
            ndimage.gaussian_filter(
                generator.standard_normal(grid.shape, np.float32), sigma, mode="wrap", truncate=3
            )
            for _ in range(components or 1)
        ]
    )
    fields /= np.prod([_noise_gain(s, n) for s, n in zip(sigma, grid.shape, strict=True)])
    return fields if components else fields[0]


def _noise_gain(sigma: float, length: int) -> float:
    """Return the standard deviation left of white noise after smoothing along one axis."""
    impulse = np.zeros(length)
    impulse[0] = 1
    smoothed = ndimage.gaussian_filter1d(impulse, sigma, mode="wrap", truncate=3)
    return float(np.sqrt((smoothed**2).sum()))


def exponentiate(velocity: FloatField, grid: Grid, squarings: int = 3) -> FloatField:
    """Integrate a velocity field into a displacement that folds nothing.

    Parameters
    ----------
    velocity : (3, x, y, z) float32 array
        In mm, along world axes.
    grid : Grid
        Lattice of the field.
    squarings : int
        The field is divided by 2 to this power and composed with itself as often.

    Returns
    -------
    (3, x, y, z) float32 array
        Displacement in mm.

    References
    ----------
    Arsigny et al., "A log-Euclidean framework for statistics on diffeomorphisms",
    MICCAI 2006, section 3.3 (scaling and squaring).
    """
    displacement = velocity / 2**squarings
    index = np.indices(grid.shape, dtype=np.float32)
    to_index = np.linalg.inv(np.asarray(grid.affine)[:3, :3]).astype(np.float32)
    for _ in range(squarings):
        points = index + np.tensordot(to_index, displacement, axes=1)
        displacement = displacement + sample_components(displacement, points)
    return np.asarray(displacement)


def sample_components(field: FloatField, index_points: FloatField) -> FloatField:
    """Interpolate each component linearly at fractional voxel indices, the border continued."""
    return np.stack(
        [ndimage.map_coordinates(part, index_points, order=1, mode="nearest") for part in field]
    )


def world_points(grid: Grid) -> FloatField:
    """Return the world coordinates of every voxel, shape (3, X, Y, Z), in mm."""
    return apply_affine(np.asarray(grid.affine), np.indices(grid.shape, dtype=np.float32))


def apply_affine(matrix: NDArray[Any], points: FloatField) -> FloatField:
    """Apply a 4x4 matrix to points of shape (3, ...)."""
    matrix = np.asarray(matrix, dtype=np.float32)
    offset = matrix[:3, 3].reshape(3, *[1] * (points.ndim - 1))
    return np.asarray(np.tensordot(matrix[:3, :3], points, axes=1) + offset)
