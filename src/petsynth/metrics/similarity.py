"""Maps of structural similarity: the part that SSIM and MS-SSIM share.

A caller that needs several indices of one pair (whole volume, brain, several scales) computes
the maps once and takes their means with `petsynth.metrics.image`; one that needs a mean alone takes
`mean_index`.

The window is separable: along each axis it is the product with a band matrix, whose first and last
rows reflect the image at its edges. Blocks of its rows are multiplied with the few columns that
they need, in slabs of the image that fit into the processor's cache: about five times as fast as
scikit-image on one core, with the same float32 images (``benchmarks/metrics.py``).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsynth.volume import FloatArray

WINDOW_SIGMA = 1.5
"""Standard deviation of the Gaussian window, in pixels."""
WINDOW_RADIUS = 5
"""The window is cut off at 3.5 standard deviations: 11 pixels."""
_K1, _K2 = 0.01, 0.03
_SLAB_VALUES = 72_000
"""Pixels of each image in a slab, at most, if one layer has no more."""
_BOX_LAYERS = 24
"""Layers of a box in which a mean index looks for a difference."""
_MOST_COMPUTED = 0.9
"""Fraction of the pixels from which on boxes save less than their overlap costs."""
_BLOCK_ROWS, _BLOCK_ROWS_LAST = 12, 16
"""Rows of the window's matrix that are multiplied at once; along the last axis more of them."""
_FLOAT32_RANGES = 2.0
"""Up to so many data ranges from 0, float32 keeps the mean index to about 1e-6."""


def similarity_maps(
    pet: NDArray[Any],
    synthetic_pet: NDArray[Any],
    data_range: float,
    axes: tuple[int, ...] | None = None,
    *,
    valid: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """Compute the similarity index around each pixel.

    Parameters
    ----------
    pet, synthetic_pet : array
        Of one shape, finite.
    data_range : float
        In the images' unit.
    axes : tuple of int, optional
        The axes that the window spans; all of them by default. ``(1, 2)`` treats an (N, H, W)
        array as N images.
    valid : bool
        Only pixels whose whole window lies inside the image: 10 fewer along each of ``axes``.

    Returns
    -------
    similarity, contrast_structure : array of the images' shape
        The index, and the index without its luminance term. Images are reflected at their
        edges. float32; float64 where values are so far beyond the data range that float32
        would lose digits.

    Raises
    ------
    ValueError
        If the window is longer than an axis.
    """
    axes = tuple(range(pet.ndim)) if axes is None else axes
    shape = [n - 2 * WINDOW_RADIUS * (valid and axis in axes) for axis, n in enumerate(pet.shape)]
    maps: FloatArray | None = None
    for rows, slab in _slabs_of_maps(pet, synthetic_pet, data_range, axes, valid=valid):
        if maps is None:
            maps = np.empty((2, *shape), slab.dtype)
        maps[:, rows] = slab
    assert maps is not None
    return maps[0], maps[1]


def mean_index(
    pet: NDArray[Any], synthetic_pet: NDArray[Any], data_range: float, *, luminance: bool = True
) -> float:
    """Compute the mean index over all pixels whose whole window lies inside the image.

    The mean of a map of `similarity_maps`, without keeping the map. Where two images are equal
    in a whole window, as in a background of exact zeros, the index is 1 and is not computed.

    Parameters
    ----------
    pet, synthetic_pet : array
        Of one shape, finite.
    data_range : float
        In the images' unit.
    luminance : bool
        Whether the index has its luminance term.

    Raises
    ------
    ValueError
        If the window is longer than an axis.
    """
    axes = tuple(range(pet.ndim))
    sides = [n - 2 * WINDOW_RADIUS for n in pet.shape]
    count = math.prod(max(0, n) for n in sides)
    boxes = _boxes_of_difference(pet, synthetic_pet)
    if min(sides) <= 0 or sum(_inside(box) for box in boxes) > _MOST_COMPUTED * count:
        boxes = [tuple(slice(0, n) for n in pet.shape)]
    total, computed = 0.0, 0
    limits = _limits(pet, synthetic_pet)
    for box in boxes:
        slabs = _slabs_of_maps(
            pet[box], synthetic_pet[box], data_range, axes, valid=True, luminance=luminance,
            limits=limits,
        )  # fmt: skip
        for _, (index, *_) in slabs:
            total += float(index.sum())
            computed += index.size
    return float((total + count - computed) / count)


def _boxes_of_difference(pet: NDArray[Any], synthetic_pet: NDArray[Any]) -> list[tuple[slice, ...]]:
    """Return boxes, a few layers each, whose inner pixels are all that windows can tell apart.

    Empty if the images are equal. The inner pixels of a box are those whose window it holds whole.
    """
    reach = 2 * WINDOW_RADIUS
    differs = pet != synthetic_pet
    boxes = []
    for start in range(WINDOW_RADIUS, len(pet) - WINDOW_RADIUS, _BOX_LAYERS):
        stop = min(start + _BOX_LAYERS, len(pet) - WINDOW_RADIUS)
        layers = slice(start - WINDOW_RADIUS, stop + WINDOW_RADIUS)
        found = differs[layers].any(axis=0)
        box = [layers]
        for axis in range(pet.ndim - 1):
            places = np.flatnonzero(found.any(axis=tuple({*range(pet.ndim - 1)} - {axis})))
            if not places.size:
                break
            low, high = int(places[0]) - reach, int(places[-1]) + 1 + reach
            box.append(slice(max(0, low), min(found.shape[axis], high)))
        if len(box) == pet.ndim and _inside(tuple(box)):
            boxes.append(tuple(box))
    return boxes


def _inside(box: tuple[slice, ...]) -> int:
    """Return the number of pixels of a box whose window it holds whole."""
    return math.prod(max(0, each.stop - each.start - 2 * WINDOW_RADIUS) for each in box)


def _limits(*images: NDArray[Any]) -> list[tuple[float, float]]:
    return [(float(image.min()), float(image.max())) for image in images]


def similarity_pyramid(
    pet: NDArray[Any],
    synthetic_pet: NDArray[Any],
    data_range: float,
    scales: int,
    *,
    valid: bool = False,
) -> list[tuple[FloatArray, FloatArray]]:
    """Compute `similarity_maps` at ``scales`` scales, the finest first, halving in between."""
    pyramid = [similarity_maps(pet, synthetic_pet, data_range, valid=valid)]
    for _ in range(scales - 1):
        pet, synthetic_pet = halve(pet), halve(synthetic_pet)
        pyramid.append(similarity_maps(pet, synthetic_pet, data_range, valid=valid))
    return pyramid


def halve(image: NDArray[Any]) -> FloatArray:
    """Average blocks of two pixels along each axis; an odd last pixel is repeated.

    float32 stays float32; everything else becomes float64.

    Examples
    --------
    >>> halve(np.array([[0.0, 2.0, 5.0], [2.0, 4.0, 7.0]])).tolist()
    [[2.0, 6.0]]
    """
    dtype = np.float32 if image.dtype == np.float32 else np.float64
    half: FloatArray = np.asarray(image, dtype=dtype)
    for axis in range(half.ndim):
        whole = np.moveaxis(half, axis, 0)
        pairs = len(whole) // 2
        shape = list(half.shape)
        shape[axis] = len(whole) - pairs
        half = np.empty(shape, dtype)
        averages = np.moveaxis(half, axis, 0)
        np.add(whole[: 2 * pairs : 2], whole[1 : 2 * pairs : 2], out=averages[:pairs])
        averages[:pairs] *= 0.5
        averages[pairs:] = whole[2 * pairs :]
    return half


def _window_matrix(length: int, valid: bool, dtype: str) -> FloatArray:
    """Return the matrix that a line of pixels is multiplied with, (length, length) or fewer rows.

    Row n holds the window around pixel n; what lies beyond an end is reflected, as in
    ``d c b a | a b c d``.
    """
    offsets = np.arange(-WINDOW_RADIUS, WINDOW_RADIUS + 1)
    exact = np.exp(-0.5 * (offsets / WINDOW_SIGMA) ** 2)
    weights = (exact / exact.sum()).astype(dtype)
    # Rounded weights must sum to 1 all the same, or constants would get a variance: what is
    # missing goes to small ones, which can take it up.
    weights[[1, -2]] += (1 - weights.sum(dtype=np.float64)) / 2
    columns = np.arange(length)[:, np.newaxis] + offsets
    columns = np.where(columns < 0, -1 - columns, columns)
    columns = np.where(columns >= length, 2 * length - 1 - columns, columns)
    matrix = np.zeros((length, length), dtype)
    np.add.at(matrix, (np.arange(length)[:, np.newaxis], columns), weights)
    inside = slice(WINDOW_RADIUS, -WINDOW_RADIUS) if valid else slice(None)
    return matrix[inside]


@functools.lru_cache(maxsize=64)
def _blocks(
    length: int, valid: bool, dtype: str, size: int
) -> tuple[tuple[slice, slice, FloatArray], ...]:
    """Cut `_window_matrix` into blocks of ``size`` rows: rows, the columns they need, the block."""
    matrix = _window_matrix(length, valid, dtype)
    blocks = []
    for start in range(0, len(matrix), size):
        rows = slice(start, min(start + size, len(matrix)))
        needed = np.flatnonzero(matrix[rows].any(axis=0))
        columns = slice(int(needed[0]), int(needed[-1]) + 1)
        blocks.append((rows, columns, np.ascontiguousarray(matrix[rows, columns])))
    return tuple(blocks)


def _slabs_of_maps(
    pet: NDArray[Any],
    synthetic_pet: NDArray[Any],
    data_range: float,
    axes: tuple[int, ...],
    *,
    valid: bool,
    luminance: bool = True,
    limits: Sequence[tuple[float, float]] | None = None,
) -> Iterator[tuple[slice, FloatArray]]:
    """Yield slabs of the maps: their rows, and (2, L, ...) the index with and without luminance.

    Without ``luminance`` only the latter, (1, L, ...). The next slab is written over the last one.
    """
    if min(pet.shape[axis] for axis in axes) < 2 * WINDOW_RADIUS + 1:
        raise ValueError(
            f"image of shape {pet.shape} is smaller than the similarity window of "
            f"{2 * WINDOW_RADIUS + 1} pixels"
        )
    limits = limits or _limits(pet, synthetic_pet)
    highest = max(abs(limit) for pair in limits for limit in pair)
    dtype = "float32" if highest <= _FLOAT32_RANGES * data_range else "float64"
    a, b = (np.asarray(image, dtype=dtype) for image in (pet, synthetic_pet))
    middles = [(low + high) / 2 for low, high in limits]
    for rows, moments in _slabs_of_moments(a, b, middles, windowed=0 in axes, valid=valid):
        for axis in axes:
            if axis > 0:
                moments = _multiply(moments, axis + 1, valid)
        yield rows, _compare(moments, middles, data_range, luminance)


def _slabs_of_moments(
    a: FloatArray, b: FloatArray, middles: Sequence[float], *, windowed: bool, valid: bool
) -> Iterator[tuple[slice, FloatArray]]:
    """Yield slabs of the moments, (4, L, ...), and their rows of the result.

    If the first axis is ``windowed``, the layers that one slab needs are in a ring: a new layer
    takes the place of the oldest one.
    """
    length, layers = len(a), max(1, _SLAB_VALUES // max(1, a[0].size))
    if not windowed:
        for start in range(0, length, layers):
            rows = slice(start, min(start + layers, length))
            moments = np.empty((4, rows.stop - start, *a.shape[1:]), a.dtype)
            _fill_moments(a[rows], b[rows], middles, moments)
            yield rows, moments
        return
    size, filled = min(length, layers + 2 * WINDOW_RADIUS), 0
    ring = np.zeros((4, size, *a.shape[1:]), a.dtype)
    for rows, columns, block in _blocks(length, valid, a.dtype.name, layers):
        for layer in range(filled, columns.stop):
            _fill_moments(a[layer], b[layer], middles, ring[:, layer % size])
        filled = columns.stop
        matrix = np.zeros((len(block), size), a.dtype)
        matrix[:, np.arange(columns.start, columns.stop) % size] = block
        moments = np.matmul(matrix, ring.reshape(4, size, -1))
        yield rows, moments.reshape(4, len(block), *a.shape[1:])


def _fill_moments(
    a: FloatArray, b: FloatArray, middles: Sequence[float], moments: FloatArray
) -> None:
    """Write both images, the square of their difference, and the sum of squares, (4, ...).

    In float32 a variance is the more exact the smaller the values and the difference are: that is
    why the middle of each image's values is subtracted, and why no covariance is computed.
    """
    np.subtract(a, middles[0], out=moments[0])
    np.subtract(b, middles[1], out=moments[1])
    np.subtract(moments[0], moments[1], out=moments[2])
    moments[2] *= moments[2]
    np.multiply(moments[0], moments[0], out=moments[3])
    moments[3] += moments[1] * moments[1]


def _multiply(images: FloatArray, axis: int, valid: bool) -> FloatArray:
    """Apply the window along an axis, in blocks."""
    before, length, after = images.shape[:axis], images.shape[axis], images.shape[axis + 1 :]
    is_last = not after
    size = _BLOCK_ROWS_LAST if is_last else _BLOCK_ROWS
    blocks = _blocks(length, valid, images.dtype.name, size)
    count = blocks[-1][0].stop
    result = np.empty((*before, count, *after), images.dtype)
    if is_last:
        lines, out = images.reshape(-1, length), result.reshape(-1, count)
        for rows, columns, block in blocks:
            np.matmul(lines[:, columns], block.T, out=out[:, rows])
    else:
        lines, out = images.reshape(*before, length, -1), result.reshape(*before, count, -1)
        for rows, columns, block in blocks:
            np.matmul(block, lines[..., columns, :], out=out[..., rows, :])
    return result


def _compare(
    moments: FloatArray, middles: Sequence[float], data_range: float, luminance: bool
) -> FloatArray:
    """Turn windowed moments into maps in their place (Wang 2004, equation 13).

    With the variance of the difference V, 2 cov + c2 is var_a + var_b + c2 - V; likewise for means.
    """
    c1, c2 = (_K1 * data_range) ** 2, (_K2 * data_range) ** 2
    mean_a, mean_b, of_difference, variances = moments
    difference = mean_a - mean_b
    of_difference -= difference * difference
    variances -= mean_a * mean_a
    variances -= mean_b * mean_b
    variances += c2
    of_difference /= variances
    contrast_structure = np.subtract(1, of_difference, out=of_difference)
    if not luminance:
        return moments[2:3]
    mean_a += middles[0]
    mean_b += middles[1]
    np.subtract(mean_a, mean_b, out=difference)
    difference *= difference
    mean_a *= mean_a
    mean_b *= mean_b
    mean_a += mean_b
    mean_a += c1
    difference /= mean_a
    np.subtract(1, difference, out=mean_b)
    mean_b *= contrast_structure
    return moments[1:3]
