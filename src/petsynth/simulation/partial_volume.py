"""How much of a voxel labelled as cortex is fluid, from the T1's own intensity.

A segmentation gives each voxel one label, and at 2 mm many cortical voxels are half sulcus. Were
they painted as pure cortex, sulci would vanish and the midline would shine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.simulation.fields import FloatField
from petsynth.simulation.regions import codes_of, codes_of_tissue
from petsynth.volume import Volume

FULL, EMPTY = 0.8, 0.1
"""Intensity, from fluid (0) to cortex (1), at and above which a voxel is all cortex, or none."""
NEIGHBOURHOOD_MM = 15.0
"""Standard deviation of the window in which cortex has one intensity (the coil shades it)."""
_FEWEST_VOXELS = 30


def cortex_share(mri: Volume, regions: NDArray[np.uint8]) -> FloatField:
    """Return the share of tissue in each voxel that is labelled as cortex.

    Parameters
    ----------
    mri : Volume
        (X, Y, Z) T1.
    regions : (X, Y, Z) uint8 array
        Region codes on its grid.

    Returns
    -------
    (X, Y, Z) float32 array
        1 outside the cortex, and everywhere if the T1 does not set fluid off from cortex.
    """
    share = np.ones(regions.shape, np.float32)
    cortex = np.isin(regions, codes_of_tissue("cortex", "cerebellum"))
    fluid = ndimage.binary_erosion(np.isin(regions, codes_of("ventricle", "choroid_plexus")))
    if min(fluid.sum(), cortex.sum()) < _FEWEST_VOXELS:
        return share
    dark = float(np.median(mri.data[fluid]))
    local = _local_mean(np.asarray(mri.data, np.float32), cortex, mri.grid.voxel_mm)
    contrast = local[cortex] - dark
    if np.median(contrast) <= 0.1 * dark:
        return share
    relative = (mri.data[cortex] - dark) / np.maximum(contrast, 1e-6)
    share[cortex] = np.clip((relative - EMPTY) / (FULL - EMPTY), 0, 1)
    return share


def _local_mean(image: FloatField, mask: NDArray, voxel_mm: tuple[float, ...]) -> FloatField:
    """Return the mean over the mask in a Gaussian window around each voxel."""
    sigma = [NEIGHBOURHOOD_MM / edge for edge in voxel_mm]
    total, weight = (
        ndimage.gaussian_filter(np.where(mask, values, np.float32(0)), sigma, truncate=2)
        for values in (image, np.float32(1))
    )
    return total / np.maximum(weight, 1e-6)
