"""Paper B's normalisation: the T1's own mean and standard deviation serve the PET, too.

A prediction is brought back to PET units by the statistics of the T1 that it was made from;
nothing about the PET need be known.

Sources
-------
- Paper B (Shin et al., GANBERT), section 3.1, "Restoring original PET values with MRI
  statistics".
- Decision record 0053: mean and standard deviation run over all voxels of the conformed T1,
  air included, whose intensities lie on 0 to 255.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsynth.errors import InputError

PET_FRACTION = 1 / 10
"""The PET is normalised by this fraction of the T1's mean and standard deviation (section 3.1)."""


@dataclass(frozen=True)
class MriStatistics:
    """Mean and standard deviation of one subject's T1.

    Parameters
    ----------
    mean, std : float
        In the T1's units, 0 to 255.
    """

    mean: float
    std: float


def mri_statistics(mri: NDArray[Any]) -> MriStatistics:
    """Return the statistics of a T1 over all its voxels.

    Parameters
    ----------
    mri : (X, Y, Z) array
        The conformed T1 on 0 to 255.

    Raises
    ------
    InputError
        If the image is constant, or has values that are not finite.

    Examples
    --------
    >>> mri_statistics(np.array([[[0.0, 0.0, 20.0, 20.0]]]))
    MriStatistics(mean=10.0, std=10.0)
    """
    mean, std = float(np.mean(mri, dtype=np.float64)), float(np.std(mri, dtype=np.float64))
    if not std > 0 or not np.isfinite(std):
        raise InputError(
            f"T1 with mean {mean:g} and standard deviation {std:g}: cannot be normalised; "
            "look for an empty image or voxels that are not finite"
        )
    return MriStatistics(mean, std)


def normalise_mri(mri: NDArray[Any], statistics: MriStatistics) -> NDArray[np.float32]:
    """Return ``(mri - mean) / std``."""
    centred = np.asarray(mri, dtype=np.float64) - statistics.mean
    return (centred / statistics.std).astype(np.float32)


def normalise_pet(pet: NDArray[Any], statistics: MriStatistics) -> NDArray[np.float32]:
    """Return ``(pet - mean / 10) / (std / 10)``.

    Parameters
    ----------
    pet : array of any shape
        In PET units.
    statistics : MriStatistics
        Of the same subject's T1.

    Examples
    --------
    >>> normalise_pet(np.array([0.0, 1.0, 1000.0]), MriStatistics(10.0, 10.0)).tolist()
    [-1.0, 0.0, 999.0]
    """
    centred = np.asarray(pet, dtype=np.float64) - PET_FRACTION * statistics.mean
    return (centred / (PET_FRACTION * statistics.std)).astype(np.float32)


def restore_pet(pet: NDArray[Any], statistics: MriStatistics) -> NDArray[np.float32]:
    """Bring a normalised PET, real or synthetic, back to PET units; undoes `normalise_pet`.

    Examples
    --------
    >>> restore_pet(np.array([-1.0, 0.0, 999.0]), MriStatistics(10.0, 10.0)).tolist()
    [0.0, 1.0, 1000.0]
    """
    scaled = np.asarray(pet, dtype=np.float64) * (PET_FRACTION * statistics.std)
    return (scaled + PET_FRACTION * statistics.mean).astype(np.float32)
