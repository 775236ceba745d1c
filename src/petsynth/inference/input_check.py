"""Input check: is this a T1 of a brain at all? A similarity, and a warning below a threshold.

A network answers whatever it is shown. After preparation a T1's brain lies where the template's
lies and is bright where the template is bright: white matter above grey matter above fluid. The
similarity is the correlation of the two over the brain, each locally normalised and smoothed; a
T2, another part of the body, an upside-down head, noise or a test object have none of it.

Ours; the threshold and what it separates are in `docs/results/pretrained-fdg.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.preprocessing.registration.inputs import WORKING_MM, normalise_locally, template_brain
from petsynth.preprocessing.resampling import resample
from petsynth.preprocessing.t1.alignment import PreparedT1
from petsynth.volume import FloatArray, Grid, Volume

SMOOTHING_MM = 2.5
"""Standard deviation of the Gaussian that both are smoothed with: noise and slices matter less."""
OUT_OF_DISTRIBUTION_BELOW = 0.45
"""Similarity below which a T1 is called unlike the training data."""
_LEAST_ML = 100.0
"""Brain that must be there to be compared."""


@dataclass(frozen=True)
class InputCheck:
    """How similar a prepared T1 is to the T1s that models are trained on.

    Parameters
    ----------
    similarity : float
        Correlation with the template's brain, -1 to 1; 0 if there is nothing to compare.
    """

    similarity: float

    @property
    def is_out_of_distribution(self) -> bool:
        """Whether somebody should look before the synthetic PET is used."""
        return self.similarity < OUT_OF_DISTRIBUTION_BELOW

    def describe(self) -> str:
        """Return the warning."""
        return (
            f"is unlike the T1s that the models are trained on (similarity {self.similarity:.2f}, "
            "usual is 0.6 or more): is it T1-weighted, of a brain, the right way up? Look at the "
            "panel before using the synthetic PET"
        )


def check_input(prepared: PreparedT1, grid: Grid) -> InputCheck:
    """Compare a prepared T1 with the template.

    Parameters
    ----------
    prepared : PreparedT1
        As the model sees it.
    grid : Grid
        On which it lies.
    """
    template, _ = template_brain()
    common = template.grid
    mri = Volume(prepared.mri - prepared.mri.min(), grid.affine)
    mask = Volume(prepared.mask.astype(np.float32), grid.affine)
    if prepared.mask.sum() * np.prod(grid.voxel_mm) < _LEAST_ML * 1000:
        return InputCheck(0.0)
    fit = _same_extent(template.with_data(template.data > 0), mask)
    inside = resample(mask, common, fit).data > 0.5
    brain = normalise_locally(resample(mri, common, fit), Volume(inside, common.affine))
    shared = inside & (template.data > 0)
    first, second = (_smooth_inside(image, shared) for image in (brain.data, template.data))
    if min(first.std(), second.std()) < 1e-6:
        return InputCheck(0.0)
    return InputCheck(round(float(np.corrcoef(first, second)[0, 1]), 3))


def _same_extent(template: Volume, mask: Volume) -> FloatArray:
    """Return the shift and the size along each axis that bring a brain's extent to another's.

    Preparation rotates a brain to MNI axes and leaves its size; here only similarity counts.
    """
    (here, width), (there, size) = (_extent(volume) for volume in (template, mask))
    matrix = np.diag([*(size / width), 1.0])
    matrix[:3, 3] = there - matrix[:3, :3] @ here
    return matrix


def _extent(mask: Volume) -> tuple[FloatArray, FloatArray]:
    """Return centre and standard deviation of a mask's voxels along world axes, in mm."""
    places = np.argwhere(mask.data > 0.5) @ mask.affine[:3, :3].T + mask.affine[:3, 3]
    return places.mean(axis=0), places.std(axis=0)


def _smooth_inside(image: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the values inside a mask, smoothed over the mask only."""
    sigma = SMOOTHING_MM / WORKING_MM
    total, weight = (
        ndimage.gaussian_filter(np.where(mask, values, 0).astype(np.float32), sigma)
        for values in (image, 1.0)
    )
    smooth: NDArray[np.float32] = total[mask] / np.maximum(weight[mask], 1e-3)
    return smooth
