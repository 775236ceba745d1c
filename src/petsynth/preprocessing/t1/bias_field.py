"""The slow change of brightness across a T1 that its coils leave.

`correct_bias_field` removes it from the image (an option of ``prepare``; not part of paper A).
`flatten` removes it and much else, for registration only: a brightness that drifts pulls the
maximum of the mutual information up to a millimetre away (docs/decisions/0020).
"""

from __future__ import annotations

import numpy as np
import SimpleITK
from scipy import ndimage

from petsynth.errors import InputError
from petsynth.preprocessing.grid import bounding_grid, resample, resample_mask
from petsynth.preprocessing.registration.transforms import one_itk_thread, to_itk
from petsynth.volume import Volume

FIT_MM = 4.0
"""Voxel at which the field is fitted; it changes over centimetres."""
FLATTEN_SIGMA_MM = 15.0
"""Standard deviation of the neighbourhood that `flatten` divides by."""


def correct_bias_field(t1: Volume, mask: Volume) -> Volume:
    """Return a T1 divided by its bias field.

    The field is fitted inside the brain on a coarse copy and evaluated at the T1's own voxels;
    outside the brain it is what the fit extrapolates.

    Parameters
    ----------
    t1 : Volume
        (X, Y, Z), not negative in the brain.
    mask : Volume
        Brain, on the T1's grid.

    Raises
    ------
    InputError
        If the fit fails.

    References
    ----------
    Tustison et al., "N4ITK: improved N3 bias correction", IEEE TMI 29(6), 2010.
    """
    grid = bounding_grid(t1, FIT_MM)
    coarse = resample(t1, grid)
    inside = coarse.with_data(resample_mask(mask, grid).astype(np.uint8))
    try:
        with one_itk_thread():
            n4 = SimpleITK.N4BiasFieldCorrectionImageFilter()
            n4.SetMaximumNumberOfIterations([50, 50, 30])
            n4.Execute(to_itk(coarse.with_data(np.maximum(coarse.data, 1e-3))), to_itk(inside))
            log_field = SimpleITK.GetArrayFromImage(n4.GetLogBiasFieldAsImage(to_itk(coarse))).T
    except RuntimeError as error:
        raise InputError(f"bias field: {str(error).strip().splitlines()[-1]}") from None
    field = resample(coarse.with_data(np.exp(log_field)), t1.grid, fill=1.0)
    return t1.with_data((t1.data / field.data).astype(np.float32))


def flatten(t1: Volume, mask: Volume) -> Volume:
    """Return the brain of a T1 divided by its local mean; 0 outside the mask."""
    sigmas = FLATTEN_SIGMA_MM / np.array(t1.grid.voxel_mm)
    inside = np.asarray(mask.data > 0, dtype=np.float32)
    weight = ndimage.gaussian_filter(inside, sigmas, truncate=3)
    mean = ndimage.gaussian_filter(t1.data * inside, sigmas, truncate=3)
    floor = 1e-3 * float(np.abs(mean).max())
    brain = t1.data * weight / np.maximum(mean, floor)
    return t1.with_data(np.where(inside > 0, brain, 0).astype(np.float32))
