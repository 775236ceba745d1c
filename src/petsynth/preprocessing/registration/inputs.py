"""What registration compares: locally normalised brains, and the masks that limit the comparison.

The images of two subjects or of two scanners differ in brightness, and each one's brightness drifts
across the head. A drift pulls the maximum of the mutual information up to a millimetre away, so
images are divided by their local mean before they are compared (docs/decisions/0020).
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import numpy as np
from nibabel.affines import apply_affine
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.io.nifti import read_volume
from petsynth.preprocessing.grids import model_grid
from petsynth.preprocessing.resampling import resample, resample_mask
from petsynth.volume import FloatArray, Volume

WORKING_MM = 2.0
"""Voxel of the copies that registration works on."""
MARGIN_MM = 8.0
"""Width of the rim around the brain that is compared as well; its outline helps."""
LOCAL_SIGMA_MM = 15.0
"""Standard deviation of the neighbourhood by whose mean `normalise_locally` divides."""


def normalise_locally(image: Volume, mask: Volume) -> Volume:
    """Return an image divided by its local mean inside a mask; 0 outside the mask.

    Parameters
    ----------
    image : Volume
        (X, Y, Z), any unit.
    mask : Volume
        (X, Y, Z), above 0 inside, on the image's grid.
    """
    inside = mask.data > 0
    if not inside.any():
        return image.with_data(np.zeros(image.data.shape, np.float32))
    sigmas = LOCAL_SIGMA_MM / np.array(image.grid.voxel_mm)
    [box] = ndimage.find_objects(inside.astype(np.uint8))
    brain, values = inside[box].astype(np.float32), image.data[box]
    weight = _smoothed(brain, box, inside.shape, sigmas)
    mean = _smoothed(values * brain, box, inside.shape, sigmas)
    floor = 1e-3 * float(np.abs(mean).max())
    result = np.zeros(image.data.shape, np.float32)
    result[box] = np.where(brain > 0, values * weight / np.maximum(mean, floor), 0)
    return image.with_data(result)


def _smoothed(
    values: NDArray[Any], box: tuple[slice, ...], shape: tuple[int, ...], sigmas: FloatArray
) -> NDArray[Any]:
    """Return what a Gaussian makes of an image that is 0 outside a box, inside the box.

    Only lines that cross the box are filtered, each in its whole length: at the edges of the image
    it is reflected.
    """
    for axis, sigma in enumerate(sigmas):
        long = [shape[k] if k == axis else side for k, side in enumerate(values.shape)]
        lines = np.zeros(long, values.dtype)
        part = tuple(box[axis] if k == axis else slice(None) for k in range(values.ndim))
        lines[part] = values
        values = ndimage.gaussian_filter1d(lines, sigma, axis, truncate=3)[part]
    return values


def dilate(mask: Volume, margin_mm: float = MARGIN_MM) -> Volume:
    """Return a mask widened by a margin in mm, (X, Y, Z) bool."""
    outside = ndimage.distance_transform_edt(np.logical_not(mask.data), mask.grid.voxel_mm)
    return mask.with_data(outside <= margin_mm)


def centre_of_mass(volume: Volume) -> FloatArray:
    """Return the world coordinates of an image's centre of mass in mm, shape (3,)."""
    return np.asarray(apply_affine(volume.affine, ndimage.center_of_mass(volume.data)))


def otsu_threshold(values: NDArray[Any], bins: int = 256) -> float:
    """Return the intensity that best splits an image into a dark and a bright class.

    The histogram ends at the 99.9th percentile, so that a few hot voxels do not widen its bins.
    Written out, since SimpleITK's filter stretches the bins a little (1 part in 25,600): its masks
    differ by single voxels, and so would every registration.

    Parameters
    ----------
    values : (...) float array
        Intensities.
    bins : int
        Bins of the histogram.

    References
    ----------
    Otsu, "A threshold selection method from gray-level histograms", IEEE TSMC 9(1), 1979.

    Examples
    --------
    >>> 1 < otsu_threshold(np.array([0.0, 1.0, 1.0, 9.0, 10.0])) < 9
    True
    """
    high = float(np.percentile(values, 99.9))
    counts, edges = np.histogram(np.clip(values, None, high), bins=bins)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    mass = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = mass / below - (mass[-1] - mass) / above
        between = np.nan_to_num(below * above * gap**2)
    return float(edges[int(np.argmax(between)) + 1])


@functools.cache
def template_brain() -> tuple[Volume, Volume]:
    """Return the template's locally normalised brain and the region to compare, at `WORKING_MM`.

    References
    ----------
    Fonov et al., NeuroImage 54, 2011: ICBM152 2009a, the copy that nilearn ships. The file is
    read directly, since importing nilearn's loader takes seconds in every process.
    """
    file = "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
    with resources.as_file(resources.files("nilearn") / "datasets" / "data" / file) as path:
        head = read_volume(path)
    grid = model_grid(WORKING_MM)
    mask = Volume(resample_mask(head.with_data(head.data > 0), grid), grid.affine)
    return normalise_locally(resample(head, grid), mask), dilate(mask)
