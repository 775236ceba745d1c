"""Rigid transforms as (4, 4) matrices in RAS millimetres, and images, as SimpleITK wants them.

ITK's world is LPS: its first two axes point the other way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import SimpleITK
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.volume import FloatArray, Volume

_FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])
"""RAS to LPS and back."""


def rigid_matrix(
    angles_degrees: tuple[float, float, float], centre_mm: FloatArray, shift_mm: FloatArray
) -> FloatArray:
    """Return a rotation about a point, first about x, then y, then z, and a shift after it.

    Parameters
    ----------
    angles_degrees : tuple of 3 float
        Right-handed angles about x, y and z.
    centre_mm, shift_mm : (3,) float arrays
        The point that the rotation leaves in place, and the shift.

    Returns
    -------
    (4, 4) float array

    Examples
    --------
    >>> quarter = rigid_matrix((0, 0, 90), np.zeros(3), np.array([0, 0, 5]))
    >>> (quarter @ [1, 0, 0, 1]).round().tolist()
    [0.0, 1.0, 5.0, 1.0]
    """
    rotation = np.eye(3)
    for axis, angle in enumerate(np.radians(angles_degrees)):
        one, two = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[one, one] = turn[two, two] = np.cos(angle)
        turn[two, one] = np.sin(angle)
        turn[one, two] = -np.sin(angle)
        rotation = turn @ rotation
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = centre_mm - rotation @ centre_mm + shift_mm
    return matrix


def move(matrix: FloatArray, points: NDArray) -> FloatArray:
    """Apply a (4, 4) matrix to points of shape (3,) or (3, N).

    Examples
    --------
    >>> move(np.diag([2.0, 1.0, 1.0, 1.0]), np.array([1.0, 2.0, 3.0])).tolist()
    [2.0, 2.0, 3.0]
    """
    offset = matrix[:3, 3] if points.ndim == 1 else matrix[:3, 3:]
    return matrix[:3, :3] @ points + offset


def centre_of_mass(volume: Volume) -> FloatArray:
    """Return the world coordinates of an image's centre of mass, shape (3,)."""
    return move(volume.affine, np.array(ndimage.center_of_mass(volume.data)))


@contextlib.contextmanager
def one_itk_thread() -> Iterator[None]:
    """Let ITK use one thread: sums of several threads come in any order and differ by rounding.

    The limit is ITK's global one, since the registration's metric does not heed its own.
    """
    before = SimpleITK.ProcessObject.GetGlobalDefaultNumberOfThreads()
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def to_itk(volume: Volume) -> SimpleITK.Image:
    """Return an image whose axes are perpendicular to each other as SimpleITK sees it."""
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(volume.data.T))
    affine = _FLIP @ volume.affine
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    return image


def from_itk(image: SimpleITK.Image) -> NDArray:
    """Return the voxels of an ITK image, (X, Y, Z)."""
    return np.ascontiguousarray(SimpleITK.GetArrayFromImage(image).T)


def to_itk_transform(matrix: FloatArray, centre_mm: FloatArray) -> SimpleITK.Euler3DTransform:
    """Return a rigid matrix as an ITK transform that turns about ``centre_mm``."""
    lps = _FLIP @ matrix @ _FLIP
    centre = _FLIP[:3, :3] @ centre_mm
    left, _, right = np.linalg.svd(lps[:3, :3])  # ITK refuses rotations with rounding errors
    transform = SimpleITK.Euler3DTransform()
    transform.SetCenter(centre.tolist())
    transform.SetMatrix((left @ right).ravel().tolist())
    transform.SetTranslation((move(lps, centre) - centre).tolist())
    return transform


def from_itk_transform(transform: SimpleITK.Euler3DTransform) -> FloatArray:
    """Return an ITK rigid transform as a (4, 4) matrix; undoes `to_itk_transform`."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(transform.GetMatrix(), (3, 3))
    centre = np.array(transform.GetCenter())
    matrix[:3, 3] = centre + transform.GetTranslation() - matrix[:3, :3] @ centre
    return _FLIP @ matrix @ _FLIP
