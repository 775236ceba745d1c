"""Undo the scanner's blur in regional values: the geometric transfer matrix.

References
----------
Rousset, Ma and Evans, "Correction for partial volume effects in PET: principle and
validation", Journal of Nuclear Medicine 39, 1998.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from petsynth.simulation.anatomy import Anatomy
from petsynth.simulation.regions import REGIONS
from petsynth.simulation.scanner import blur
from petsynth.simulation.uptake import uptake_image


def transfer_matrix(anatomy: Anatomy, fwhm_mm: float) -> NDArray[np.float64]:
    """Return how much of each region's uptake is measured in each region after blur.

    Parameters
    ----------
    anatomy : Anatomy
        Where the regions are.
    fwhm_mm : float
        Full width at half maximum of the point spread function, in mm.

    Returns
    -------
    (R, R) float array
        Row: where it is measured (mean over voxels that mainly belong to the region);
        column: where it comes from, by region code. Rows of absent regions are zero.
    """
    count = len(REGIONS)
    measured_in = np.where(anatomy.own > 0.5, anatomy.regions, 0)
    sizes = np.bincount(measured_in.ravel(), minlength=count)
    matrix = np.zeros((count, count))
    for source in range(1, count):
        seen = blur(uptake_image(anatomy, np.eye(count)[source], 0.0), anatomy.grid, fwhm_mm)
        sums = np.bincount(measured_in.ravel(), seen.ravel(), minlength=count)
        matrix[:, source] = sums / np.maximum(sizes, 1)
    matrix[0] = 0
    return matrix
