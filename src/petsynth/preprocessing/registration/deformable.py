"""A subject's brain to MNI space: affine, then deformable.

A rigidly aligned brain is not in MNI space, so regions that are drawn there reach the subject
through this. Works on the flattened T1s of `petsynth.preprocessing.t1.bias_field.flatten`, whose
brightness is comparable between people.

References
----------
Vercauteren et al., "Diffeomorphic demons: efficient non-parametric image registration",
NeuroImage 45, 2009; SimpleITK's implementation. Decision record 0064.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK

from petsynth.errors import RegistrationError
from petsynth.preprocessing.grid import resample
from petsynth.preprocessing.registration.transforms import from_itk, one_itk_thread, to_itk
from petsynth.preprocessing.t1.alignment import template_brain
from petsynth.volume import FloatArray, Grid, Volume

WARP_MM = 3.0
"""Voxel at which the deformation is found."""
ITERATIONS = ((6.0, 30), (WARP_MM, 20))
"""Voxel in mm and number of demons iterations, from coarse to fine."""
SMOOTH_VOXELS = 1.5
"""Standard deviation by which the deformation is smoothed after each iteration."""


@dataclass(frozen=True)
class Warp:
    """The way from a subject's aligned space to MNI space.

    Parameters
    ----------
    transform : SimpleITK.Transform
        From aligned world to MNI world (ITK's LPS, mm).
    agreement : float
        Correlation of the subject's flattened brain and the template's after it, -1 to 1.
    affine_agreement : float
        The same after the affine part.
    """

    transform: SimpleITK.Transform
    agreement: float
    affine_agreement: float

    def bring(self, region: Volume, grid: Grid) -> Volume:
        """Return a region of MNI space on a grid of the subject's aligned space.

        Parameters
        ----------
        region : Volume
            (X, Y, Z) bool, in MNI space.
        grid : Grid
            In the aligned space.

        Returns
        -------
        Volume
            (X, Y, Z) bool: where at least half of a voxel lies in the region.
        """
        share = region.with_data(region.data.astype(np.float32))
        reference = to_itk(Volume(np.zeros(grid.shape, dtype=np.uint8), grid.affine))
        there = SimpleITK.Resample(
            to_itk(share), reference, self.transform, SimpleITK.sitkLinear, 0.0
        )
        return Volume(from_itk(there) >= 0.5, np.asarray(grid.affine, dtype=float))


def warp_to_mni(flat: Volume, grid_to_t1: FloatArray) -> Warp:
    """Find the deformation from a subject's aligned space to MNI space.

    Parameters
    ----------
    flat : Volume
        (X, Y, Z) brain of the T1, evenly bright and 0 outside, on any grid of the T1's world.
    grid_to_t1 : (4, 4) float array
        From the aligned world to the T1's world (mm); rigid.

    Raises
    ------
    RegistrationError
        If the images cannot be compared.
    """
    template, _ = template_brain()
    subject = resample(flat, template.grid, grid_to_t1)
    if not subject.data.any():
        raise RegistrationError("deformable registration: the brain is empty on MNI axes")
    try:
        with one_itk_thread():
            affine = _affine(subject, template)
            moved = _through(template, affine, subject)
            field = _demons(subject, moved)
            both = SimpleITK.CompositeTransform([affine, field])
            return Warp(both, _agreement(subject, _through(template, both, subject)),
                        _agreement(subject, moved))  # fmt: skip
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise RegistrationError(f"deformable registration failed: {reason}") from None


def _affine(subject: Volume, template: Volume) -> SimpleITK.Transform:
    method = SimpleITK.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(SimpleITK.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0, minStep=0.01, numberOfIterations=60, relaxationFactor=0.6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2])
    method.SetSmoothingSigmasPerLevel([4.0, 2.0])
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(True)
    fixed, moving = (to_itk(_as_float(each)) for each in (subject, template))
    start = SimpleITK.AffineTransform(3)
    middle = np.argwhere(subject.data > 0).mean(axis=0)
    start.SetCenter(fixed.TransformContinuousIndexToPhysicalPoint(middle.tolist()))
    method.SetInitialTransform(start, inPlace=False)
    return method.Execute(fixed, moving)


def _demons(subject: Volume, moved: Volume) -> SimpleITK.Transform:
    """Return the deformation that brings the affinely moved template onto the subject."""
    field = None
    for voxel_mm, iterations in ITERATIONS:
        factor = voxel_mm / subject.grid.voxel_mm[0]
        fixed, moving = (_shrunk(each, factor) for each in (subject, moved))
        demons = SimpleITK.DiffeomorphicDemonsRegistrationFilter()
        demons.SetNumberOfIterations(iterations)
        demons.SetSmoothDisplacementField(True)
        demons.SetStandardDeviations(SMOOTH_VOXELS)
        if field is None:
            field = demons.Execute(fixed, moving)
        else:
            field = demons.Execute(fixed, moving, SimpleITK.Resample(field, fixed))
    return SimpleITK.DisplacementFieldTransform(SimpleITK.Cast(field, SimpleITK.sitkVectorFloat64))


def _shrunk(volume: Volume, factor: float) -> SimpleITK.Image:
    """Return an image of the same box with voxels ``factor`` times as wide."""
    x, y, z = (int((size - 1) / factor) + 1 for size in volume.data.shape)
    affine = volume.affine @ np.diag([factor, factor, factor, 1.0])
    return to_itk(_as_float(resample(volume, Grid((x, y, z), affine))))


def _through(template: Volume, transform: SimpleITK.Transform, subject: Volume) -> Volume:
    moved = SimpleITK.Resample(
        to_itk(_as_float(template)),
        to_itk(_as_float(subject)),
        transform,
        SimpleITK.sitkLinear,
        0.0,
    )
    return subject.with_data(from_itk(moved))


def _agreement(first: Volume, second: Volume) -> float:
    either = (first.data > 0) | (second.data > 0)
    return float(np.corrcoef(first.data[either], second.data[either])[0, 1])


def _as_float(volume: Volume) -> Volume:
    return volume.with_data(volume.data.astype(np.float32))
