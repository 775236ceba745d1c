"""Rigid registration of two images of one brain, or of a brain to a template.

A coarse search over rotations and heights chooses where to start, then SimpleITK climbs the
mutual information from coarse to fine. Where no second start confirms the best position, more
are tried. Everything is measured on smoothed copies with cubic voxels
along the world's axes, so that orientation and voxel size of the files do not matter; the
images themselves are not resampled here.

References
----------
Mattes et al., "PET-CT image registration in the chest using free-form deformations", IEEE TMI
22(1), 2003 (the metric). Paper A registered with MCFLIRT (section 2.2); mutual information is a
deviation, since the two images differ in contrast (docs/decisions/0020).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import SimpleITK
from scipy import ndimage

from petsynth.errors import RegistrationError
from petsynth.preprocessing.grid import bounding_grid, resample, resample_mask
from petsynth.preprocessing.similarity import mutual_information
from petsynth.preprocessing.transforms import (
    centre_of_mass,
    from_itk_transform,
    move,
    one_itk_thread,
    rigid_matrix,
    to_itk,
    to_itk_transform,
)
from petsynth.volume import FloatArray, Grid, Volume

FINEST_MM = 3.0
"""Voxel of the last climb; below the resolution of PET (5-8 mm) there is nothing to gain."""
COARSE_MM = 6.0
"""Voxel of the first climb."""
SEARCH_MM = 8.0
"""Voxel of the search over starting positions."""
STARTS = 4
"""Best positions of the search from which the first climb starts."""
MORE_STARTS = 12
"""Further ones, where the first did not end in one place."""
CONFIRMED_MM = 4.0
"""Distance at a brain's rim up to which two climbs count as having ended in one place."""
_DEGREES = (-45, -22.5, 0, 22.5, 45)
_HEIGHTS_MM = (-35.0, 0.0, 35.0)
_RIM_MM = 80.0


@dataclass(frozen=True)
class Alignment:
    """Result of a registration.

    Parameters
    ----------
    fixed_to_moving : (4, 4) float array
        From the fixed image's world (mm) to the moving image's world (mm); rigid.
    mutual_information : float
        Of the two images inside the fixed mask, in nats, at that position.
    confirmed : bool
        Whether climbs from two different starts ended there.
    """

    fixed_to_moving: FloatArray
    mutual_information: float
    confirmed: bool = True


def register_rigid(
    fixed: Volume, fixed_mask: Volume, moving: Volume, moving_centre_mm: FloatArray
) -> Alignment:
    """Find the rigid transform from one image's world to another's.

    No random numbers are drawn: every voxel inside the mask is compared, in one thread, so that
    the same images give the same transform.

    Parameters
    ----------
    fixed : Volume
        (X, Y, Z) image that stays.
    fixed_mask : Volume
        Where the images are compared: the brain and some millimetres around it, since its
        outline helps.
    moving : Volume
        (X, Y, Z) image to be brought to it, of any contrast, orientation and voxel size.
    moving_centre_mm : (3,) float array
        World coordinates of the brain's centre in the moving image. Positions that bring the
        centres together, also some centimetres higher and lower since a cut image's centre is
        not the brain's, and the one that the headers state are tried.

    Raises
    ------
    RegistrationError
        If the images cannot be compared, for example because one is constant.
    """
    finest = _Pair.of(fixed, fixed_mask, moving)
    centre = centre_of_mass(fixed_mask)
    search, coarse = finest.coarser(SEARCH_MM), finest.coarser(COARSE_MM)
    candidates = _candidates(centre, moving_centre_mm)
    ranked = sorted(candidates, key=search.information_at, reverse=True)
    climbed: list[FloatArray] = []
    confirmed = False
    for first, last in ((0, STARTS), (STARTS, STARTS + MORE_STARTS)):
        if not confirmed:
            climbed += [coarse.climb(start, centre) for start in ranked[first:last]]
            best = max(climbed, key=coarse.information_at)
            near = [each for each in climbed if _distance(each, best, centre) < CONFIRMED_MM]
            confirmed = len(near) > 1
    found = finest.climb(best, centre)
    return Alignment(found, finest.information_at(found), confirmed)


def refine_rigid(
    fixed: Volume, fixed_mask: Volume, moving: Volume, voxel_mm: float = FINEST_MM
) -> Alignment:
    """Find the rigid transform between two images that almost lie where they should.

    One climb from the position that the headers state, for the frames of a dynamic scan.

    Parameters
    ----------
    fixed, fixed_mask, moving : Volume
        See `register_rigid`.
    voxel_mm : float
        Voxel at which they are compared.

    Raises
    ------
    RegistrationError
        If the images cannot be compared.
    """
    pair = _Pair.of(fixed, fixed_mask, moving, voxel_mm)
    found = pair.climb(np.eye(4), centre_of_mass(fixed_mask))
    return Alignment(found, pair.information_at(found))


@dataclass(frozen=True)
class _Pair:
    """Two images at one resolution; the fixed one's grid covers its mask."""

    fixed: Volume
    mask: Volume
    moving: Volume

    @classmethod
    def of(
        cls, fixed: Volume, fixed_mask: Volume, moving: Volume, voxel_mm: float = FINEST_MM
    ) -> _Pair:
        """Copy two images at one resolution."""
        grid = _grid_around(fixed_mask, voxel_mm)
        for name, values in (("fixed", fixed.data[fixed_mask.data > 0]), ("moving", moving.data)):
            if not np.ptp(values) > 0:
                raise RegistrationError(f"the {name} image is constant: nothing to register")
        return cls(
            resample(fixed, grid),
            Volume(resample_mask(fixed_mask, grid), grid.affine),
            resample(moving, bounding_grid(moving, voxel_mm)),
        )

    def coarser(self, voxel_mm: float) -> _Pair:
        """Return the pair with larger voxels."""
        grid = bounding_grid(self.fixed, voxel_mm)
        return _Pair(
            resample(self.fixed, grid),
            Volume(resample_mask(self.mask, grid), grid.affine),
            resample(self.moving, bounding_grid(self.moving, voxel_mm)),
        )

    def information_at(self, fixed_to_moving: FloatArray) -> float:
        """Return the mutual information inside the mask at one position, in nats."""
        points_mm = move(self.mask.affine, np.argwhere(self.mask.data).T)
        voxels = move(np.linalg.inv(self.moving.affine) @ fixed_to_moving, points_mm)
        values = ndimage.map_coordinates(self.moving.data, voxels, order=1, cval=0.0)
        return mutual_information(self.fixed.data[self.mask.data], values)

    def climb(self, start: FloatArray, centre_mm: FloatArray) -> FloatArray:
        """Return the position that gradient ascent on the mutual information reaches."""
        transform = to_itk_transform(start, centre_mm)
        with one_itk_thread():
            method = SimpleITK.ImageRegistrationMethod()
            method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=32)
            method.SetMetricSamplingStrategy(method.NONE)
            method.SetMetricFixedMask(to_itk(self.mask.with_data(self.mask.data.astype(np.uint8))))
            method.SetInterpolator(SimpleITK.sitkLinear)
            method.SetOptimizerAsRegularStepGradientDescent(
                learningRate=2.0,
                minStep=0.01,
                numberOfIterations=60,
                relaxationFactor=0.6,
                gradientMagnitudeTolerance=1e-8,
            )
            method.SetOptimizerScalesFromPhysicalShift()
            method.SetInitialTransform(transform, inPlace=True)
            try:
                method.Execute(to_itk(self.fixed), to_itk(self.moving))
            except RuntimeError as error:
                reason = str(error).strip().splitlines()[-1]
                raise RegistrationError(f"registration failed: {reason}") from None
        return from_itk_transform(transform)


def _candidates(centre_mm: FloatArray, moving_centre_mm: FloatArray) -> list[FloatArray]:
    """Return where to start: turned about the brain's middle, at several heights or as filed."""
    turns = [
        rigid_matrix((pitch, roll, yaw), centre_mm, np.zeros(3))
        for pitch, roll, yaw in itertools.product(_DEGREES, repeat=3)
    ]
    shift = moving_centre_mm - centre_mm
    places = [
        rigid_matrix((0, 0, 0), centre_mm, shift + np.array([0.0, 0.0, up])) for up in _HEIGHTS_MM
    ]
    return [place @ turn for place in (*places, np.eye(4)) for turn in turns]


def _distance(first: FloatArray, second: FloatArray, centre_mm: FloatArray) -> float:
    """Return how far apart two transforms send the rim of a brain, in mm."""
    rim = centre_mm[:, None] + _RIM_MM * np.hstack([np.eye(3), -np.eye(3)])
    return float(np.linalg.norm(move(first, rim) - move(second, rim), axis=0).max())


def _grid_around(mask: Volume, voxel_mm: float) -> Grid:
    inside = np.argwhere(mask.data > 0)
    if not len(inside):
        raise RegistrationError("the brain mask is empty")
    low, high = inside.min(axis=0), inside.max(axis=0) + 1
    box = mask.data[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    affine = mask.affine.copy()
    affine[:3, 3] = move(mask.affine, low)
    return bounding_grid(Volume(box, affine), voxel_mm)
