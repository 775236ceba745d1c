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
from functools import cached_property

import numpy as np
import SimpleITK
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.errors import RegistrationError
from petsynth.preprocessing.grid import bounding_grid, resample, resample_mask
from petsynth.preprocessing.registration.similarity import binned, information_of_bins
from petsynth.preprocessing.registration.transforms import (
    centre_of_mass,
    from_itk_transform,
    move,
    one_itk_thread,
    rigid_matrix,
    to_itk,
    to_itk_transform,
)
from petsynth.volume import FloatArray, Grid, Volume

SCORE_MM = 3.0
"""Voxel at which a result is scored."""
FINEST_MM = 2.0
"""Voxel of the last climb."""
FEWER_POINTS = 25_000
"""Voxels compared in a quick climb, evenly spread; a brain and its rim have ten times as many."""
COARSE_MM = 6.0
"""Voxel of the first climb."""
SEARCH_MM = 8.0
"""Voxel of the search over starting positions."""
STARTS = 3
"""Best positions of the search from which the first climb starts."""
MORE_STARTS = 12
"""Further ones, where the first did not end in one place."""
CONFIRMED_MM = 4.0
"""Distance at a brain's rim up to which two climbs count as having ended in one place."""
_DEGREES = (-45, -22.5, 0, 22.5, 45)
_HEIGHTS_MM = (-35.0, 0.0, 35.0)
_RIM_MM = 80.0
_SEED = 1


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
    fixed: Volume,
    fixed_mask: Volume,
    moving: Volume,
    moving_centre_mm: FloatArray,
    *,
    points: int = FEWER_POINTS,
) -> Alignment:
    """Find the rigid transform from one image's world to another's.

    The same images give the same transform: one thread, and the same voxels are compared.

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
    points : int
        Voxels compared in the last climb.

    Raises
    ------
    RegistrationError
        If the images cannot be compared, for example because one is constant.
    """
    scored = _Pair.of(fixed, fixed_mask, moving, SCORE_MM)
    centre = centre_of_mass(fixed_mask)
    search, coarse = scored.coarser(SEARCH_MM), scored.coarser(COARSE_MM)
    candidates = _candidates(centre, moving_centre_mm)
    ranked = sorted(candidates, key=search.information_at, reverse=True)
    # A coarse climb may leave the right place, so the best start is climbed from at 3 mm as well.
    climbed = [scored.climb(ranked[0], centre, points=FEWER_POINTS)]
    climbed += [coarse.climb(start, centre) for start in ranked[:STARTS]]
    best, confirmed = coarse.agree(climbed, centre)
    if not confirmed:
        more = ranked[STARTS : STARTS + MORE_STARTS]
        climbed += [scored.climb(start, centre, points=FEWER_POINTS) for start in more]
        best, confirmed = coarse.agree(climbed, centre)
    if not confirmed:  # places that a coarse copy tells apart may be one
        climbed.sort(key=coarse.information_at, reverse=True)
        starts = [*climbed[:STARTS], *ranked[:STARTS]]
        best, confirmed = scored.agree([scored.climb(start, centre) for start in starts], centre)
    finest = _Pair.of(fixed, fixed_mask, moving, FINEST_MM)
    found = finest.climb(best, centre, first_step=0.5, points=points)
    return Alignment(found, scored.information_at(found), confirmed)


def refine_rigid(
    fixed: Volume, fixed_mask: Volume, moving: Volume, voxel_mm: float = SCORE_MM
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
    def of(cls, fixed: Volume, fixed_mask: Volume, moving: Volume, voxel_mm: float) -> _Pair:
        """Copy two images at one resolution, or the moving one at its own if that is coarser."""
        grid = _grid_around(fixed_mask, voxel_mm)
        moving_mm = max(voxel_mm, min(moving.grid.voxel_mm))
        for name, values in (("fixed", fixed.data[fixed_mask.data > 0]), ("moving", moving.data)):
            if not np.ptp(values) > 0:
                raise RegistrationError(f"the {name} image is constant: nothing to register")
        return cls(
            resample(fixed, grid),
            Volume(resample_mask(fixed_mask, grid), grid.affine),
            resample(moving, bounding_grid(moving, moving_mm)),
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
        voxels = move(np.linalg.inv(self.moving.affine) @ fixed_to_moving, self._points_mm)
        values = ndimage.map_coordinates(self.moving.data, voxels, order=1, cval=0.0)
        return information_of_bins(self._fixed_bins, binned(values))

    def agree(self, climbed: list[FloatArray], centre_mm: FloatArray) -> tuple[FloatArray, bool]:
        """Return the best of several positions, and whether another one is the same place."""
        best = max(climbed, key=self.information_at)
        near = [each for each in climbed if _distance(each, best, centre_mm) < CONFIRMED_MM]
        return best, len(near) > 1

    @cached_property
    def _points_mm(self) -> FloatArray:
        return move(self.mask.affine, np.argwhere(self.mask.data).T)

    @cached_property
    def _fixed_bins(self) -> NDArray[np.int64]:
        return binned(self.fixed.data[self.mask.data])

    def climb(
        self,
        start: FloatArray,
        centre_mm: FloatArray,
        *,
        first_step: float = 2.0,
        last_step: float = 0.01,
        points: int | None = None,
    ) -> FloatArray:
        """Return the position that gradient ascent on the mutual information reaches.

        Parameters
        ----------
        start : (4, 4) float array
            From the fixed to the moving world (mm).
        centre_mm : (3,) float array
            About which the fixed image turns.
        first_step, last_step : float
            Length of a step in voxels, at first and where the climb ends.
        points : int, optional
            How many voxels of the mask are compared, spread evenly and shifted at random by less
            than a voxel, from a fixed seed; all of them, unshifted, if left out.
        """
        transform = to_itk_transform(start, centre_mm)
        with one_itk_thread():
            method = SimpleITK.ImageRegistrationMethod()
            method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=32)
            share = 1.0 if points is None else points / np.count_nonzero(self.mask.data)
            if share < 1:
                method.SetMetricSamplingStrategy(method.REGULAR)
                method.SetMetricSamplingPercentage(share, _SEED)
            else:
                method.SetMetricSamplingStrategy(method.NONE)
            method.SetMetricFixedMask(to_itk(self.mask.with_data(self.mask.data.astype(np.uint8))))
            method.SetInterpolator(SimpleITK.sitkLinear)
            method.SetOptimizerAsRegularStepGradientDescent(
                learningRate=first_step,
                minStep=last_step,
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
