"""What paper B looks at beside PSNR, SSIM and RMSE: intensities, and where in the brain it errs.

References
----------
Shin et al., GANBERT: tables 1 and 2; section 5.2 ("the image quality of the center of the brain
region is not as good"); section A.2 and figure 7 (range of the values, details around zero). The
paper shows pictures for these; the measures are ours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from petsynth.metrics.image import psnr, rmse, ssim
from petsynth.volume import BoolArray

NEAR_ZERO = 0.05
"""Real PET of at most this share of the data range counts as near zero."""

DEPTHS_MM = {"rim": (0.0, 10.0), "middle": (10.0, 25.0), "centre": (25.0, np.inf)}
"""Shells of the brain by distance from its surface, in mm."""

_QUANTILES = 2001


def measure_frames(pet: NDArray, synthetic_pet: NDArray, data_range: float) -> dict[str, float]:
    """Measure a pair of (X, Y, Z) or (X, Y, Z, T) volumes: paper B's tables 1 and 2.

    Errors run over all voxels of all frames; SSIM is the mean over the frames.
    """
    pairs = zip(_frames(pet), _frames(synthetic_pet), strict=True)
    return {
        "psnr": psnr(pet, synthetic_pet, data_range),
        "ssim": float(np.mean([ssim(*pair, data_range) for pair in pairs])),
        "rmse": rmse(pet, synthetic_pet),
    }


def measure_intensities(
    pet: NDArray, synthetic_pet: NDArray, data_range: float
) -> dict[str, float]:
    """Compare the values of a pair of images, of the same shape.

    Returns
    -------
    dict of float
        ``out_of_range``: share of the synthetic voxels below the lowest or above the highest
        real value; ``distance``: the 1-Wasserstein distance of the two distributions, in PET
        units, from 2,001 quantiles of each; ``near_zero``: mean absolute error where the real
        PET is near zero, NaN if it is nowhere.

    Examples
    --------
    >>> pet = np.array([0.0, 1.0, 2.0, 3.0])
    >>> measure_intensities(pet, pet + 2.0, data_range=4.0)["out_of_range"]
    0.5
    """
    real, generated = (np.asarray(image, dtype=float).ravel() for image in (pet, synthetic_pet))
    beyond = (generated < real.min()) | (generated > real.max())
    shares = np.linspace(0, 1, _QUANTILES)
    distributions = (np.quantile(values, shares) for values in (real, generated))
    is_near = np.abs(real) <= NEAR_ZERO * data_range
    error = np.abs(generated - real)[is_near]
    return {
        "out_of_range": float(beyond.mean()),
        "distance": float(stats.wasserstein_distance(*distributions)),
        "near_zero": float(error.mean()) if len(error) else float("nan"),
    }


def measure_depths(
    pet: NDArray, synthetic_pet: NDArray, mask: BoolArray, voxel_mm: tuple[float, float, float]
) -> dict[str, float]:
    """Return the mean absolute error in each shell of `DEPTHS_MM`; NaN where there is none.

    Parameters
    ----------
    pet, synthetic_pet : (X, Y, Z) array
        In PET units.
    mask : (X, Y, Z) bool array
        Brain.
    voxel_mm : tuple of 3 float
        Edges of a voxel.
    """
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), voxel_mm)[1:-1, 1:-1, 1:-1]
    error = np.abs(np.asarray(synthetic_pet, dtype=float) - pet)
    found = {}
    for name, (low, high) in DEPTHS_MM.items():
        shell = (depth > low) & (depth <= high)
        found[name] = float(error[shell].mean()) if shell.any() else float("nan")
    return found


def _frames(image: NDArray) -> NDArray:
    return image[np.newaxis] if image.ndim == 3 else np.moveaxis(image, 3, 0)
