"""Intensities of a T1: its bias field, and its scale on [-1, 1] for the networks.

A T1 has no unit, and its coils leave a brightness that changes slowly across the head. Correcting
that is an option of ``prepare``, not part of paper A. Paper B's scale is in
`petsynth.preprocessing.t1.alignment`.
"""

from __future__ import annotations

import numpy as np
import SimpleITK
from nibabel.spaces import vox2out_vox
from numpy.typing import NDArray

from petsynth.errors import InputError
from petsynth.preprocessing.registration.itk import one_itk_thread, to_itk
from petsynth.preprocessing.resampling import resample, resample_mask
from petsynth.volume import BoolArray, FloatArray, Grid, Volume

FIT_MM = 4.0
"""Voxel at which the bias field is fitted; it changes over centimetres."""
LOW_PERCENTILE = 0.5
"""Percentile of the whole aligned volume that becomes -1: air."""
HIGH_PERCENTILE = 99.9
"""Percentile inside the brain mask that becomes 1: the brightest white matter and vessels."""


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
    grid = Grid(*vox2out_vox(t1.grid, [FIT_MM] * 3))
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


def scale_mri(mri: FloatArray, mask: BoolArray) -> NDArray[np.float32]:
    """Map a T1 linearly to [-1, 1] by its own robust percentiles.

    The upper limit is taken inside the brain, since fat and vessels outside it differ between
    scanners and sequences more than the brain does.

    Parameters
    ----------
    mri : (X, Y, Z) float array
        T1 on the model's grid, any unit.
    mask : (X, Y, Z) bool array
        Brain.

    Returns
    -------
    (X, Y, Z) float32 array
        In [-1, 1], clipped.

    Raises
    ------
    InputError
        If the mask is empty or the T1 has no contrast inside it.

    References
    ----------
    Ours; paper A does not state how its MRI slices were scaled (section 2.2).
    """
    if not mask.any():
        raise InputError("brain mask is empty on the model's grid: check the mask's affine")
    low = float(np.percentile(mri, LOW_PERCENTILE))
    high = float(np.percentile(mri[mask], HIGH_PERCENTILE))
    if not high > low:
        raise InputError(f"T1 has no contrast inside the brain mask (from {low:g} to {high:g})")
    scaled = 2 * (np.asarray(mri, dtype=np.float32) - low) / (high - low) - 1
    return np.asarray(np.clip(scaled, -1, 1), dtype=np.float32)
