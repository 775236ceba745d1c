"""Real group maps of PET, brought to MNI space by registering them to a simulated mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK
from numpy.typing import NDArray
from uptake_fields.group import GRID

from petsynth.io.nifti import read_volume

SPLINE_MM = 45.0
"""Distance of the control points of the deformation after the affine transform."""


@dataclass(frozen=True)
class GroupMap:
    """A file, and how far its origin must be moved (mm) before registration starts."""

    path: Path
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)


def known_maps(data: Path) -> dict[str, GroupMap]:
    """Return the group maps of the development data."""
    return {
        "della-rosa": GroupMap(
            data / "fdg-template/tpl-DellaRosa_trc-FDG_pet.nii.gz", (-2.0, 2.0, 0.0)
        ),
        "chinese": GroupMap(data / "fdg-healthy-template/tpl-Chinese116_trc-FDG_pet.nii.gz"),
        "miba": GroupMap(
            data / "av45-template/tpl-adniflorbetapir_space-MNI305_res-2_desc-meanSUVR_pet.nii.gz"
        ),
    }


def register_map(
    group_map: GroupMap, reference: NDArray[np.float32], *, spline: bool = True
) -> NDArray[np.float32]:
    """Return a group map on `GRID`, registered to a simulated mean of similar contrast.

    Parameters
    ----------
    group_map : GroupMap
        The real map.
    reference : (X, Y, Z) float32 array
        Simulated mean on `GRID`.
    spline : bool
        Whether a smooth deformation (`SPLINE_MM`) follows the affine transform.

    Returns
    -------
    (X, Y, Z) float32 array
        0 where the map has no data.
    """
    volume = read_volume(group_map.path)
    affine = np.array(volume.affine, float)
    affine[:3, 3] += group_map.shift_mm
    moving = _image(np.maximum(volume.data, 0), affine)
    fixed = _image(reference, GRID.affine)
    weight = SimpleITK.Cast(fixed > 0.3 * float(reference.max()), SimpleITK.sitkUInt8)
    weight = SimpleITK.BinaryDilate(weight, [4] * 3)
    start = SimpleITK.CenteredTransformInitializer(
        fixed,
        moving,
        SimpleITK.AffineTransform(3),
        SimpleITK.CenteredTransformInitializerFilter.MOMENTS,
    )
    transform = _optimise(fixed, moving, weight, start, ([4, 2], [6.0, 3.0]))
    if spline:
        size = [max(2, round(n * 2 / SPLINE_MM)) for n in GRID.shape]
        first = SimpleITK.BSplineTransformInitializer(fixed, size)
        method = _method(weight, ([2], [3.0]))
        method.SetOptimizerAsLBFGSB(numberOfIterations=40)
        method.SetMovingInitialTransform(transform)
        method.SetInitialTransform(first, inPlace=True)
        method.Execute(fixed, moving)
        transform = SimpleITK.CompositeTransform([transform, first])
    warped = SimpleITK.Resample(moving, fixed, transform, SimpleITK.sitkLinear, 0.0)
    return np.ascontiguousarray(SimpleITK.GetArrayFromImage(warped).T)


def _optimise(fixed, moving, weight, start, levels):
    method = _method(weight, levels)
    method.SetOptimizerAsRegularStepGradientDescent(2.0, 0.005, 200, 0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(start, inPlace=False)
    return method.Execute(fixed, moving)


def _method(weight, levels):
    shrink, sigma = levels
    method = SimpleITK.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsCorrelation()
    method.SetMetricFixedMask(weight)
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(SimpleITK.sitkLinear)
    method.SetShrinkFactorsPerLevel(shrink)
    method.SetSmoothingSigmasPerLevel(sigma)
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(True)
    return method


def _image(values: NDArray, affine: NDArray) -> SimpleITK.Image:
    """Return an image whose world is RAS+, as this tool's transforms use it throughout."""
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(values.T.astype(np.float32)))
    edges = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(edges.tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    image.SetDirection((affine[:3, :3] / edges).ravel().tolist())
    return image
