"""How much of a voxel is grey matter, white matter and fluid, from the T1's own intensity.

A segmentation gives each voxel one label, but at 2 mm many cortical voxels are partly sulcus or
white matter, and voxels labelled white next to them hold cortex. If uptake followed the labels
alone, sulci would vanish, the midline would shine, and thin gyri would be mostly white.

The intensity of a T1 rises from fluid over cortex to white matter, so it tells the fractions of two
neighbours: below cortex's a voxel is cortex and fluid, above it cortex and white matter. The
coil's shading is divided out first: it is the quadratic field that fits white matter away from its
borders. (Means in a window do not do: near the vertex there is little white matter, and a window
takes its intensity from brighter white matter below.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.simulation.fields import FloatField
from petsynth.simulation.regions import CODES, codes_of, codes_of_tissue
from petsynth.volume import BoolArray, FloatArray, Volume

MARGIN = 0.1
"""A fraction below this, or above one minus this, is taken for noise: the voxel is one tissue."""
BORDER_MM = 3.0
"""White matter this near to cortex may hold some of it; further in, dark voxels are lesions."""
CORE_MM = 4.0
"""White matter this far from all else is free of it."""
NEIGHBOURHOOD_MM = 15.0
"""Standard deviation of the window in which cortex has one intensity (myelin differs by area)."""
_FEWEST_VOXELS = 30
_LEAST_CONTRAST = 0.05
"""Of fluid to cortex and of cortex to white matter, relative to white matter."""


@dataclass(frozen=True)
class TissueFractions:
    """What each voxel is made of.

    Parameters
    ----------
    regions : (X, Y, Z) uint8 array
        Region codes; a voxel labelled white that holds cortex has that of the nearest cortex.
    grey, white : (X, Y, Z) float32 arrays
        Fractions of grey and of white matter, 0 to 1; the rest is fluid or background.
    """

    regions: NDArray[np.uint8]
    grey: FloatField
    white: FloatField


def tissue_fractions(mri: Volume, regions: NDArray[np.uint8]) -> TissueFractions:
    """Divide voxels at the borders of cortex between it, fluid and white matter.

    Parameters
    ----------
    mri : Volume
        (X, Y, Z) T1.
    regions : (X, Y, Z) uint8 array
        Region codes on its grid.

    Returns
    -------
    TissueFractions
        As the labels say wherever there is no cortex within `BORDER_MM`, and everywhere if the T1
        does not set the three tissues off from each other. Cerebellar cortex is divided with
        fluid only: its white matter is too fine to be told from it.
    """
    grey = np.isin(regions, codes_of_tissue("cortex", "cerebellum", "deep")).astype(np.float32)
    white = np.isin(regions, codes_of_tissue("white")).astype(np.float32)
    as_labelled = TissueFractions(regions, grey, white)
    core = _core(regions == CODES["white_matter"], mri.grid.voxel_mm) & (mri.data > 0)
    cavity = ndimage.binary_erosion(np.isin(regions, codes_of("ventricle", "choroid_plexus")))
    cortical = np.isin(regions, codes_of_tissue("cortex", "cerebellum"))
    if min(core.sum(), cavity.sum(), cortical.sum()) < _FEWEST_VOXELS:
        return as_labelled
    relative = _relative_intensity(np.asarray(mri.data, np.float32), core, regions > 0)
    dark = float(np.median(relative[cavity]))
    mainly_cortex = cortical & (relative > (1 + dark) / 2)
    local = _local_mean(relative, mainly_cortex, mri.grid.voxel_mm)
    middle = float(np.median(local[cortical]))
    if min(middle - dark, 1 - middle) < _LEAST_CONTRAST:
        return as_labelled
    cerebral = np.isin(regions, codes_of_tissue("cortex"))
    codes, holds_cortex = _with_border(regions, cerebral, mri.grid.voxel_mm)
    tissue_fraction = _between(relative, dark, local)
    white_fraction = _between(relative, local, 1.0)
    divided = cerebral | holds_cortex
    white = np.where(divided, white_fraction, white)
    grey = np.where(divided, tissue_fraction * (1 - white_fraction), grey)
    grey = np.where(cortical & ~cerebral, tissue_fraction, grey)
    codes = np.where(holds_cortex & (white == 1), regions, codes)
    return TissueFractions(codes, grey, white)


def _core(mask: BoolArray, voxel_mm: tuple[float, ...]) -> BoolArray:
    return np.asarray(ndimage.distance_transform_edt(mask, voxel_mm) > CORE_MM)


def _relative_intensity(image: FloatField, core: BoolArray, where: BoolArray) -> FloatField:
    """Return the intensity relative to white matter's at that place; 0 outside ``where``."""
    points = np.argwhere(core).astype(np.float32)
    middle, spread = points.mean(axis=0), np.maximum(points.std(axis=0), 1)
    terms = _quadratic_terms((points - middle) / spread)
    weights, *_ = np.linalg.lstsq(terms, np.log(image[core]), rcond=None)
    shading = _quadratic_terms((np.argwhere(where) - middle) / spread) @ weights
    relative = np.zeros(image.shape, np.float32)
    relative[where] = image[where] * np.exp(-shading)
    return relative


def _quadratic_terms(points: FloatArray) -> FloatArray:
    """Return the ten terms of a quadratic in three variables, (N, 3) to (N, 10)."""
    x, y, z = points.T
    return np.stack([np.ones(len(points)), x, y, z, x**2, y**2, z**2, x * y, x * z, y * z], axis=1)


def _local_mean(image: FloatField, mask: BoolArray, voxel_mm: tuple[float, ...]) -> FloatField:
    """Return the mean over the mask in a Gaussian window around each voxel."""
    sigma = [NEIGHBOURHOOD_MM / edge for edge in voxel_mm]
    total, weight = (
        ndimage.gaussian_filter(np.where(mask, values, np.float32(0)), sigma, truncate=2)
        for values in (image, np.float32(1))
    )
    return np.asarray(total / np.maximum(weight, 1e-6))


def _with_border(
    regions: NDArray[np.uint8], cerebral: BoolArray, voxel_mm: tuple[float, ...]
) -> tuple[NDArray[np.uint8], BoolArray]:
    """Continue cortical codes into white matter; return the codes and where that is."""
    distance, nearest = ndimage.distance_transform_edt(~cerebral, voxel_mm, return_indices=True)
    border = (regions == CODES["white_matter"]) & (distance <= BORDER_MM)
    return np.where(border, regions[tuple(nearest)], regions), border


def _between(values: FloatField, low: FloatField | float, high: FloatField | float) -> FloatField:
    """Return how far values lie from ``low`` (0) to ``high`` (1), without the margins."""
    fraction = (values - low) / np.maximum(np.float32(high) - low, 1e-3)
    return np.clip((fraction - MARGIN) / (1 - 2 * MARGIN), 0, 1).astype(np.float32)
