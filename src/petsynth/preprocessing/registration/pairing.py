"""Do a T1 and a PET show the same brain? Signs that they do not, after registration.

Any two brains share their coarse pattern, so the mutual information of two people's scans is
not much lower than that of one person's. What differs between people are the gyri. So only
detail is compared (what is left after subtracting the local mean), and the result is held
against the same PET mirrored left to right: as close to a stranger's brain as can be had
without strangers, with the same tracer, noise and scanner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.preprocessing.registration.similarity import correlation_ratio
from petsynth.volume import FWHM_PER_SIGMA

LOCAL_MM = 25.0
"""Full width at half maximum of the neighbourhood whose mean is subtracted."""


@dataclass(frozen=True)
class Pairing:
    """How well the details of a T1 and a PET agree.

    Parameters
    ----------
    agreement : float
        Share of the PET detail's variance that the T1 detail explains, 0 to 1.
    mirrored : float
        The same after mirroring the PET.
    """

    agreement: float
    mirrored: float


def compare_detail(mri: NDArray, pet: NDArray, mask: NDArray, voxel_mm: float) -> Pairing:
    """Compare a T1 and a PET on the models' grid, whose first axis is symmetric about x = 0.

    Parameters
    ----------
    mri, pet : (X, Y, Z) float arrays
        Aligned to each other and to MNI axes.
    mask : (X, Y, Z) bool array
        Brain.
    voxel_mm : float
        Edge of a voxel in millimetres.
    """
    sigma = LOCAL_MM / FWHM_PER_SIGMA / voxel_mm
    mri_detail, pet_detail = _detail(mri, mask, sigma), _detail(pet, mask, sigma)
    both = mask & mask[::-1]
    return Pairing(
        correlation_ratio(mri_detail[both], pet_detail[both]),
        correlation_ratio(mri_detail[both], pet_detail[::-1][both]),
    )


def _detail(image: NDArray, mask: NDArray, sigma: float) -> NDArray:
    inside = mask.astype(np.float32)
    weight = ndimage.gaussian_filter(inside, sigma, truncate=3)
    mean = ndimage.gaussian_filter(image * inside, sigma, truncate=3)
    return image - mean / np.maximum(weight, 1e-3)
