"""Slices as 8-bit JPEG and back: what paper A's networks saw.

References
----------
Jung et al., "Inferring PET from MRI with pix2pix", section 2.2 (image format conversion). The
paper does not state quality or subsampling; ours: quality 100, no chroma subsampling (a grey
image has no chroma in any case).
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

QUALITY = 100
"""JPEG quality of every slice."""


def to_uint8(image: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Map [low, high] linearly to 0-255, rounded; values beyond are clipped.

    Parameters
    ----------
    image : array of any shape
        Intensities in any unit.
    low, high : float
        Intensities that become 0 and 255.

    Raises
    ------
    ValueError
        If ``high`` is not above ``low``.

    Examples
    --------
    >>> to_uint8(np.array([-2.0, -1.0, 0.0, 1.0]), -1, 1)
    array([  0,   0, 128, 255], dtype=uint8)
    """
    if not high > low:
        raise ValueError(f"the upper limit {high} must be above the lower limit {low}")
    fraction = np.clip((np.asarray(image, dtype=np.float64) - low) / (high - low), 0, 1)
    return np.rint(fraction * 255).astype(np.uint8)


def from_uint8(image: NDArray[np.uint8], low: float, high: float) -> NDArray[np.float32]:
    """Map 0-255 back to [low, high]; undoes `to_uint8` to half a grey level."""
    return (image.astype(np.float32) / 255 * (high - low) + low).astype(np.float32)


def encode(image_HW: NDArray[np.uint8]) -> bytes:
    """Return a grey (H, W) image as the bytes of a JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(image_HW).save(buffer, format="JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()


def decode(content: bytes) -> NDArray[np.uint8]:
    """Return the (H, W) image that the bytes of a JPEG file hold."""
    with Image.open(io.BytesIO(content)) as image:
        return np.array(image.convert("L"))


def round_trip(image_HW: NDArray[Any], low: float = -1.0, high: float = 1.0) -> NDArray[np.float32]:
    """Return what is left of an image after 8-bit JPEG.

    Parameters
    ----------
    image_HW : (H, W) float array
        Intensities, by default in the network's units of [-1, 1].
    low, high : float
        Intensities that become grey levels 0 and 255.

    Returns
    -------
    (H, W) float32 array
        In the same unit.
    """
    return from_uint8(decode(encode(to_uint8(image_HW, low, high))), low, high)
