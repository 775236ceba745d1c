"""Where each voxel of a head lies in MNI space.

A labelled T1 is registered to the ICBM152 template by its tissue: an affine transform through the
centres of regions, refined on the images, then a diffeomorphic deformation. Tissue fractions are
used instead of the T1, so that coil shading and intensity scale do not matter.

References
----------
Vercauteren et al., "Diffeomorphic demons: efficient non-parametric image registration",
NeuroImage 45, 2009; SimpleITK's implementation.
"""

from __future__ import annotations

import numpy as np
import SimpleITK
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.simulation.anatomy import StandardSpace
from petsynth.simulation.fields import (
    FloatField,
    apply_affine,
    coarse_lattice,
    sample_components,
    world_points,
)
from petsynth.simulation.labels import landmark_affine
from petsynth.simulation.template import load_template
from petsynth.volume import FloatArray, Grid

GREY_CONTRAST = 0.6
"""Intensity of grey matter in the images that are registered; white matter 1, fluid 0."""
WARP_MM = 3.0
"""Voxel at which the deformation is found, in mm."""
ITERATIONS = ((3, 40), (2, 30), (1, 25))
"""Shrink factor and number of demons iterations, from coarse to fine."""
SMOOTH_VOXELS = 1.0
"""Standard deviation by which the deformation is smoothed after each iteration, in voxels."""
SUBJECT_SIGMA_MM = 1.5
"""Smoothing of the subject's tissue, about the template's own sharpness."""
POINTS_MM = 4.0
"""Spacing of the lattice that MNI coordinates are kept on."""


def register_to_mni(
    regions: NDArray[np.uint8], grey: FloatField, white: FloatField, grid: Grid
) -> StandardSpace:
    """Find the MNI coordinates of a labelled head.

    Parameters
    ----------
    regions : (X, Y, Z) uint8 array
        Region codes.
    grey, white : (X, Y, Z) float32 array
        Tissue fractions, 0 to 1.
    grid : Grid
        Their lattice.

    Returns
    -------
    StandardSpace
        Beyond the brain the deformation fades to the affine transform.

    Raises
    ------
    InputError
        If too few regions are there to begin with.
    """
    template = load_template(WARP_MM)
    target = _contrast(template.grey, template.white)
    image = _contrast(grey, white)
    image = ndimage.gaussian_filter(image, [SUBJECT_SIGMA_MM / edge for edge in grid.voxel_mm])
    initial = landmark_affine(regions, grid)
    aligned = _resample(image, grid, template.grid, np.linalg.inv(initial))
    refined = _affine(aligned, target, template.grid)
    to_mni = refined @ initial
    aligned = _resample(image, grid, template.grid, np.linalg.inv(to_mni))
    displacement = _demons(aligned, target, WARP_MM)
    lattice, factor = coarse_lattice(grid, POINTS_MM)
    points = apply_affine(to_mni, world_points(lattice))
    index = apply_affine(np.linalg.inv(template.grid.affine), points)
    return StandardSpace(points + sample_components(displacement, index), factor)


def _contrast(grey: FloatField, white: FloatField) -> FloatField:
    return (np.float32(GREY_CONTRAST) * grey + white).astype(np.float32)


def _resample(image: FloatField, grid: Grid, target: Grid, to_image: FloatArray) -> FloatField:
    """Interpolate linearly on another lattice; ``to_image`` maps its world to the image's."""
    matrix = np.linalg.inv(grid.affine) @ to_image @ target.affine
    return np.asarray(
        ndimage.affine_transform(image, matrix[:3, :3], matrix[:3, 3], target.shape, order=1)
    )


def _image(values: FloatField, voxel_mm: float) -> SimpleITK.Image:
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(values.T))
    image.SetSpacing([voxel_mm] * 3)
    return image


def _shrunk(image: SimpleITK.Image, factor: int) -> SimpleITK.Image:
    if factor == 1:
        return image
    sigma = factor * 0.5 * image.GetSpacing()[0]
    smooth = SimpleITK.SmoothingRecursiveGaussian(image, sigma)
    shrunk: SimpleITK.Image = SimpleITK.Shrink(smooth, [factor] * 3)
    return shrunk


def _affine(moving: FloatField, target: FloatField, grid: Grid) -> FloatArray:
    """Return the affine from the moving image's world to the target's, both on one lattice."""
    edge = grid.voxel_mm[0]
    fixed, floating = _image(moving, edge), _image(target, edge)
    method = SimpleITK.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsCorrelation()
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(SimpleITK.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 0.01, 40, 0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([2])
    method.SetSmoothingSigmasPerLevel([3.0])
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(True)
    transform = SimpleITK.AffineTransform(3)
    centre = (np.array(grid.shape) - 1) / 2 * edge
    transform.SetCenter(centre.tolist())
    method.SetInitialTransform(transform, inPlace=True)
    method.Execute(fixed, floating)
    local = np.eye(4)
    local[:3, :3] = np.array(transform.GetMatrix()).reshape(3, 3)
    local[:3, 3] = centre + transform.GetTranslation() - local[:3, :3] @ centre
    to_world = grid.affine @ np.diag([1 / edge, 1 / edge, 1 / edge, 1])
    return to_world @ local @ np.linalg.inv(to_world)


def _demons(aligned: FloatField, target: FloatField, voxel_mm: float) -> FloatField:
    """Return what to add to an aligned point to reach its place in the target, in mm."""
    field: SimpleITK.Image | None = None
    for factor, iterations in ITERATIONS:
        fixed, moving = (_shrunk(_image(each, voxel_mm), factor) for each in (aligned, target))
        demons = SimpleITK.DiffeomorphicDemonsRegistrationFilter()
        demons.SetNumberOfThreads(1)
        demons.SetNumberOfIterations(iterations)
        demons.SetSmoothDisplacementField(True)
        demons.SetStandardDeviations(SMOOTH_VOXELS)
        if field is None:
            field = demons.Execute(fixed, moving)
        else:
            field = demons.Execute(fixed, moving, SimpleITK.Resample(field, fixed))
    assert field is not None  # there is at least one level
    values = SimpleITK.GetArrayFromImage(field)
    return np.ascontiguousarray(values.transpose(3, 2, 1, 0).astype(np.float32))
