"""Registration between people: affine, and a subject's brain to MNI space by a deformation.

A rigidly aligned brain is not in MNI space, so regions that are drawn there reach the subject
through this. It compares locally normalised T1s, whose brightness is comparable between people.

References
----------
Vercauteren et al., "Diffeomorphic demons: efficient non-parametric image registration",
NeuroImage 45, 2009; SimpleITK's implementation. Decision record 0064.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK
from nibabel.spaces import vox2out_vox
from numpy.typing import NDArray

from petsynth.errors import RegistrationError
from petsynth.preprocessing.registration.inputs import WORKING_MM, template_brain
from petsynth.preprocessing.registration.itk import (
    from_itk,
    from_itk_transform,
    one_itk_thread,
    to_itk,
)
from petsynth.preprocessing.resampling import resample
from petsynth.volume import FloatArray, Grid, Volume

WARP_MM = 3.0
"""Voxel at which the deformation is found."""
ITERATIONS = ((6.0, 30), (WARP_MM, 20))
"""Voxel in mm and number of demons iterations, from coarse to fine."""
AFFINE_MM = (8.0, 4.0)
"""Voxel in mm of the two levels of the affine registration."""
INVERSION_ITERATIONS = 20
SMOOTH_VOXELS = 1.5
"""Standard deviation by which the deformation is smoothed after each iteration."""


@dataclass(frozen=True)
class Warp:
    """The deformation from a subject's aligned space to MNI space.

    Parameters
    ----------
    transform : SimpleITK.Transform
        From aligned world to MNI world (ITK's LPS, mm).
    correlation : float
        Of the subject's locally normalised brain and the template's after it, -1 to 1.
    affine_correlation : float
        The same after the affine part alone.
    """

    transform: SimpleITK.Transform
    correlation: float
    affine_correlation: float

    def apply(self, region: Volume, grid: Grid) -> Volume:
        """Warp a region of MNI space to a grid of the subject's aligned space.

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
        inside = self.pull(region.with_data(region.data.astype(np.float32)), grid)
        return inside.with_data(inside.data >= 0.5)

    def pull(self, image: Volume, grid: Grid) -> Volume:
        """Interpolate an image of MNI space linearly at a grid of the subject's aligned space.

        Parameters
        ----------
        image : Volume
            (X, Y, Z) or (X, Y, Z, T), in MNI space; 0 is taken outside of it.
        grid : Grid
            In the aligned space.

        Returns
        -------
        Volume
            On ``grid``, with the image's unit.
        """
        frames = image.data if image.data.ndim == 4 else image.data[..., np.newaxis]
        pulled = [
            self._resampled(Volume(frames[..., frame], image.affine), grid, SimpleITK.sitkLinear)
            for frame in range(frames.shape[3])
        ]
        data = np.stack(pulled, axis=3).reshape(*grid.shape, *image.data.shape[3:])
        return Volume(data, np.asarray(grid.affine, dtype=float), image.unit)

    def pull_labels(self, labels: Volume, grid: Grid) -> Volume:
        """Take labels of MNI space to a grid of the subject's aligned space, by nearest neighbour.

        Parameters
        ----------
        labels : Volume
            (X, Y, Z) integers, in MNI space; 0 is taken outside of it.
        grid : Grid
            In the aligned space.

        Returns
        -------
        Volume
            (X, Y, Z) on ``grid``, of the labels' type.
        """
        data = self._resampled(labels, grid, SimpleITK.sitkNearestNeighbor)
        return Volume(data, np.asarray(grid.affine, dtype=float))

    def _resampled(self, image: Volume, grid: Grid, interpolator: int) -> NDArray[Any]:
        reference = to_itk(Volume(np.zeros(grid.shape, dtype=np.uint8), grid.affine))
        return from_itk(
            SimpleITK.Resample(to_itk(image), reference, self.transform, interpolator, 0.0)
        )

    def inverse(self, grid: Grid) -> Warp:
        """Return the deformation from MNI space to the subject's aligned space.

        Parameters
        ----------
        grid : Grid
            In MNI space, on which the inverse is found.
        """
        with _errors(), one_itk_thread():
            field = SimpleITK.TransformToDisplacementField(
                self.transform,
                SimpleITK.sitkVectorFloat64,
                list(grid.shape),
                *_placement(grid),
            )
            inverted = SimpleITK.InvertDisplacementField(
                field,
                maximumNumberOfIterations=INVERSION_ITERATIONS,
                meanErrorToleranceThreshold=0.01,
                maxErrorToleranceThreshold=0.1,
                enforceBoundaryCondition=False,
            )
        back = SimpleITK.DisplacementFieldTransform(inverted)
        return Warp(back, self.correlation, self.affine_correlation)


def register_affine(fixed: Volume, moving: Volume) -> FloatArray:
    """Find the affine transform from one image's world to another's, by their correlation.

    Parameters
    ----------
    fixed, moving : Volume
        (X, Y, Z) images of like contrast, 0 outside the brain, which lie within centimetres of
        each other.

    Returns
    -------
    (4, 4) float array
        From the fixed to the moving world (mm); twelve parameters.

    Raises
    ------
    RegistrationError
        If an image is empty, or the images cannot be compared.
    """
    for name, image in (("fixed", fixed), ("moving", moving)):
        if not image.data.any():
            raise RegistrationError(f"affine registration: the {name} image is empty")
    with _errors(), one_itk_thread():
        return from_itk_transform(_affine(fixed, moving))


def warp_to_mni(brain: Volume, grid_to_t1: FloatArray, *, voxel_mm: float = WORKING_MM) -> Warp:
    """Find the deformation from a subject's aligned space to MNI space.

    Parameters
    ----------
    brain : Volume
        (X, Y, Z) brain of the T1, locally normalised and 0 outside, on any grid of the T1's world.
    grid_to_t1 : (4, 4) float array
        From the aligned world to the T1's world (mm); rigid.
    voxel_mm : float
        Voxel of the images that are compared; coarser ones are quicker and less exact.

    Raises
    ------
    RegistrationError
        If the images cannot be compared.
    """
    template, _ = template_brain()
    if voxel_mm > WORKING_MM:
        template = resample(template, Grid(*vox2out_vox(template.grid, [voxel_mm] * 3)))
    subject = resample(brain, template.grid, grid_to_t1)
    if not subject.data.any():
        raise RegistrationError("deformable registration: the brain is empty on MNI axes")
    return register_deformable(subject, template)


def register_deformable(
    fixed: Volume, moving: Volume, iterations: Sequence[tuple[float, int]] = ITERATIONS
) -> Warp:
    """Find the affine transform and the deformation from one image's world to another's.

    Parameters
    ----------
    fixed, moving : Volume
        (X, Y, Z) brains, locally normalised and 0 outside, within centimetres of each other.
    iterations : sequence of (float, int)
        Voxel in mm and number of demons iterations, from coarse to fine.

    Returns
    -------
    Warp
        From the fixed to the moving world.

    Raises
    ------
    RegistrationError
        If the images cannot be compared.
    """
    with _errors(), one_itk_thread():
        affine = _affine(fixed, moving)
        after_affine = _warped(moving, affine, fixed)
        field = _demons(fixed, after_affine, iterations)
        both = SimpleITK.CompositeTransform([affine, field])
        return Warp(
            both,
            _correlation(fixed, _warped(moving, both, fixed)),
            _correlation(fixed, after_affine),
        )


def _affine(fixed: Volume, moving: Volume) -> SimpleITK.AffineTransform:
    method = SimpleITK.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(SimpleITK.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0, minStep=0.01, numberOfIterations=60, relaxationFactor=0.6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    edge = min(fixed.grid.voxel_mm)
    method.SetShrinkFactorsPerLevel([max(round(mm / edge), 1) for mm in AFFINE_MM])
    method.SetSmoothingSigmasPerLevel([4.0, 2.0])
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(True)
    fixed_image, moving_image = (to_itk(_as_float(each)) for each in (fixed, moving))
    transform = SimpleITK.AffineTransform(3)
    centre = np.argwhere(fixed.data > 0).mean(axis=0)
    transform.SetCenter(fixed_image.TransformContinuousIndexToPhysicalPoint(centre.tolist()))
    method.SetInitialTransform(transform, inPlace=True)
    method.Execute(fixed_image, moving_image)
    return transform


def _demons(
    subject: Volume, template: Volume, levels: Sequence[tuple[float, int]]
) -> SimpleITK.Transform:
    """Return the deformation that warps the affinely registered template to the subject."""
    field = None
    for voxel_mm, iterations in levels:
        factor = max(voxel_mm / subject.grid.voxel_mm[0], 1.0)
        fixed, moving = (_shrunk(each, factor) for each in (subject, template))
        demons = SimpleITK.DiffeomorphicDemonsRegistrationFilter()
        demons.SetNumberOfIterations(iterations)
        demons.SetSmoothDisplacementField(True)
        demons.SetStandardDeviations(SMOOTH_VOXELS)
        if field is None:
            field = demons.Execute(fixed, moving)
        else:
            field = demons.Execute(fixed, moving, SimpleITK.Resample(field, fixed))
    return SimpleITK.DisplacementFieldTransform(SimpleITK.Cast(field, SimpleITK.sitkVectorFloat64))


def _placement(grid: Grid) -> tuple[list[float], list[float], list[float]]:
    """Return origin, spacing and direction of a grid as ITK has them."""
    image = to_itk(Volume(np.zeros(grid.shape, dtype=np.uint8), grid.affine))
    return list(image.GetOrigin()), list(image.GetSpacing()), list(image.GetDirection())


def _shrunk(volume: Volume, factor: float) -> SimpleITK.Image:
    """Return an image of the same box with voxels ``factor`` times as wide."""
    x, y, z = (int((size - 1) / factor) + 1 for size in volume.data.shape)
    affine = volume.affine @ np.diag([factor, factor, factor, 1.0])
    return to_itk(_as_float(resample(volume, Grid((x, y, z), affine))))


def _warped(template: Volume, transform: SimpleITK.Transform, subject: Volume) -> Volume:
    warped = SimpleITK.Resample(
        to_itk(_as_float(template)),
        to_itk(_as_float(subject)),
        transform,
        SimpleITK.sitkLinear,
        0.0,
    )
    return subject.with_data(from_itk(warped))


def _correlation(first: Volume, second: Volume) -> float:
    either = (first.data > 0) | (second.data > 0)
    return float(np.corrcoef(first.data[either], second.data[either])[0, 1])


def _as_float(volume: Volume) -> Volume:
    return volume.with_data(volume.data.astype(np.float32))


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """Say in one line what ITK says in many."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise RegistrationError(f"registration failed: {reason}") from None
