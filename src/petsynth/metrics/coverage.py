"""Which voxels a PET did not measure: metrics leave them out.

Prepared PETs are 0 where the scanner's field of view does not reach, for example in the cerebellum
of a scan that was positioned too high. No tissue has exactly 0 there, in any frame; outside the
brain mask it may.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsynth.metrics.similarity import WINDOW_RADIUS
from petsynth.volume import BoolArray


def unmeasured_voxels(pet: NDArray[Any], mask: BoolArray) -> BoolArray:
    """Return which voxels say nothing about the tracer.

    Parameters
    ----------
    pet : (X, Y, Z) or (X, Y, Z, T) array
        A measured PET, in any unit.
    mask : (X, Y, Z) bool array
        Brain.

    Returns
    -------
    (X, Y, Z) bool array
        True in the brain where the PET is 0 in every frame, and everywhere where it is NaN or
        infinite in any.

    Examples
    --------
    >>> pet = np.array([[[0.0, 1.0, 0.0, np.nan]]])
    >>> unmeasured_voxels(pet, np.array([[[True, True, False, False]]])).tolist()
    [[[True, False, False, True]]]
    """
    frames = pet if pet.ndim == 4 else pet[..., np.newaxis]
    result: BoolArray = ~np.isfinite(frames).all(axis=3)
    result |= np.asarray(mask) & ~frames.any(axis=3)
    return result


def blank(image: NDArray[Any], where: BoolArray) -> NDArray[Any]:
    """Return an image, static or with frames, that is 0 at some voxels; itself if there are none.

    Where both images of a pair are 0, windows of similarity indices see no difference.
    """
    if not where.any():
        return image
    return np.where(where if image.ndim == where.ndim else where[..., np.newaxis], 0, image)


def windows_inside(where: BoolArray) -> BoolArray:
    """Return ``where`` without voxels whose window of similarity indices leaves the image."""
    result = np.zeros_like(where)
    inside = (slice(WINDOW_RADIUS, -WINDOW_RADIUS),) * where.ndim
    result[inside] = where[inside]
    return result
