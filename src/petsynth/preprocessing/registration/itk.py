"""Images and rigid transforms as SimpleITK wants them.

Ours are (4, 4) matrices in RAS millimetres. ITK's world is LPS: its first two axes point the other
way.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import SimpleITK
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from petsynth.volume import FloatArray, Volume

_FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])
"""RAS to LPS and back."""


@contextlib.contextmanager
def one_itk_thread() -> Iterator[None]:
    """Let ITK use one thread: sums of several threads come in any order and differ by rounding.

    The limit is ITK's global one, since the registration's metric does not heed its own. Several of
    our threads may hold it at once; it ends with the last of them.
    """
    with _LIMIT.lock:
        if not _LIMIT.holders:
            _LIMIT.before = SimpleITK.ProcessObject.GetGlobalDefaultNumberOfThreads()
            SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
        _LIMIT.holders += 1
    try:
        yield
    finally:
        with _LIMIT.lock:
            _LIMIT.holders -= 1
            if not _LIMIT.holders:
                SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(_LIMIT.before)


class _Limit:
    """Who holds ITK to one thread, and how many it had before."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.holders = 0
        self.before = 0


_LIMIT = _Limit()


def to_itk(volume: Volume) -> SimpleITK.Image:
    """Return an image whose axes are perpendicular to each other as SimpleITK sees it."""
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(volume.data.T))
    affine = _FLIP @ volume.affine
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    return image


def from_itk(image: SimpleITK.Image) -> NDArray[Any]:
    """Return the voxels of an ITK image, (X, Y, Z)."""
    return np.ascontiguousarray(SimpleITK.GetArrayFromImage(image).T)


def to_itk_transform(matrix: FloatArray, centre_mm: FloatArray) -> SimpleITK.Euler3DTransform:
    """Return a rigid matrix as an ITK transform that rotates about ``centre_mm``."""
    lps = _FLIP @ matrix @ _FLIP
    centre = _FLIP[:3, :3] @ centre_mm
    left, _, right = np.linalg.svd(lps[:3, :3])  # ITK refuses rotations with rounding errors
    transform = SimpleITK.Euler3DTransform()
    transform.SetCenter(centre.tolist())
    transform.SetMatrix((left @ right).ravel().tolist())
    transform.SetTranslation((apply_affine(lps, centre) - centre).tolist())
    return transform


def from_itk_transform(transform: Any) -> FloatArray:
    """Return a (4, 4) matrix; undoes `to_itk_transform`.

    Parameters
    ----------
    transform : SimpleITK.Euler3DTransform or SimpleITK.AffineTransform
        In ITK's LPS millimetres.
    """
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(transform.GetMatrix(), (3, 3))
    centre = np.array(transform.GetCenter())
    matrix[:3, 3] = centre + transform.GetTranslation() - matrix[:3, :3] @ centre
    return np.asarray(_FLIP @ matrix @ _FLIP)
