"""Rigid registration of two images of one brain, or of a brain to a template.

Two searches, over lattices of rotations and heights that share no position, each rank their
initialisations; then SimpleITK optimises the mutual information from coarse to fine, of each search
by itself. The result is reproducible if both end in one place; where they do not, more
initialisations are tried. Everything is measured on smoothed copies with cubic voxels along the
world's axes, so that orientation and voxel size of the files do not matter; the images themselves
are not resampled here.

References
----------
Mattes et al., "PET-CT image registration in the chest using free-form deformations", IEEE TMI
22(1), 2003 (the metric). Paper A registered with MCFLIRT (section 2.2); mutual information is a
deviation, since the two images differ in contrast (docs/decisions/0020).
"""

from __future__ import annotations

import itertools
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import SimpleITK
import torch
from nibabel.affines import apply_affine, from_matvec
from nibabel.eulerangles import euler2mat
from nibabel.spaces import vox2out_vox
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.errors import RegistrationError
from petsynth.preprocessing.registration.inputs import centre_of_mass
from petsynth.preprocessing.registration.itk import (
    from_itk_transform,
    one_itk_thread,
    to_itk,
    to_itk_transform,
)
from petsynth.preprocessing.registration.similarity import binned, information_of_bins
from petsynth.preprocessing.resampling import resample, resample_mask
from petsynth.volume import FloatArray, Grid, Volume

SCORE_MM = 3.0
"""Voxel at which a result is scored."""
FINEST_MM = 2.0
"""Voxel of the last optimisation."""
FEWER_POINTS = 25_000
"""Voxels compared in a quick optimisation, evenly spread; a brain and its rim have ten times as
many."""
COARSE_MM = 6.0
"""Voxel of the first optimisation."""
SEARCH_MM = 8.0
"""Voxel of the search over initialisations."""
INITIALISATIONS = 3
"""Best positions of each search from which the first optimisation starts."""
MORE_INITIALISATIONS = 6
"""Further ones of each search, where the two did not end in one place."""
REPRODUCIBLE_MM = 4.0
"""Distance at a brain's rim up to which two optimisations count as having ended in one place."""
DISTINCT_MM = 15.0
"""Distance that two initialisations keep at a brain's rim."""
_LATTICES = (
    ((-45.0, -22.5, 0.0, 22.5, 45.0), (-35.0, 0.0, 35.0)),
    ((-33.75, -11.25, 11.25, 33.75), (-17.5, 17.5)),
)
"""Angles about each axis in degrees, and heights in mm, of each search; the second lies between the
first."""
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
    reproducible : bool
        Whether two independent searches led there.
    """

    fixed_to_moving: FloatArray
    mutual_information: float
    reproducible: bool = True


def rotation_about(
    centre_mm: FloatArray, rotation: FloatArray, shift_mm: FloatArray | None = None
) -> FloatArray:
    """Return a rotation about a point, and a shift after it, as a (4, 4) matrix.

    Parameters
    ----------
    centre_mm : (3,) float array
        The point that the rotation leaves in place.
    rotation : (3, 3) float array
        For example of `scipy.spatial.transform.Rotation`.
    shift_mm : (3,) float array, optional
        None if left out.

    Examples
    --------
    >>> quarter = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    >>> apply_affine(rotation_about(np.array([1.0, 0, 0]), quarter), [2.0, 0, 0]).tolist()
    [1.0, 1.0, 0.0]
    """
    shift = np.zeros(3) if shift_mm is None else shift_mm
    return np.asarray(from_matvec(rotation, centre_mm - rotation @ centre_mm + shift))


def register_rigid(
    fixed: Volume,
    fixed_mask: Volume,
    moving: Volume,
    moving_centre_mm: FloatArray,
    *,
    points: int = FEWER_POINTS,
) -> Alignment:
    """Find the rigid transform from one image's world to another's.

    The same images give the same transform: each optimisation has one thread, as many run side by
    side as torch may have threads, and the same voxels are compared.

    Parameters
    ----------
    fixed : Volume
        (X, Y, Z) image that stays.
    fixed_mask : Volume
        Where the images are compared: the brain and some millimetres around it, since its
        outline helps.
    moving : Volume
        (X, Y, Z) image to be registered to it, of any contrast, orientation and voxel size.
    moving_centre_mm : (3,) float array
        World coordinates of the brain's centre in the moving image. Tried are positions that align
        the centres, also some centimetres higher and lower since a cut image's centre is not the
        brain's, and the position that the headers state.
    points : int
        Voxels compared in the last optimisation.

    Raises
    ------
    RegistrationError
        If the images cannot be compared, for example because one is constant.
    """
    scored = _Pair.of(fixed, fixed_mask, moving, SCORE_MM)
    centre = centre_of_mass(fixed_mask)
    search, coarse = scored.coarser(SEARCH_MM), scored.coarser(COARSE_MM)
    searches = [
        sorted(candidates, key=search.information_at, reverse=True)
        for candidates in _initialisations(centre, moving_centre_mm)
    ]
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        best, reproducible = _search(scored, coarse, searches, centre, pool)
    finest = _Pair.of(fixed, fixed_mask, moving, FINEST_MM)
    found = finest.optimise(best, centre, first_step=0.5, points=points)
    return Alignment(found, scored.information_at(found), reproducible)


def _search(
    scored: _Pair,
    coarse: _Pair,
    searches: list[list[FloatArray]],
    centre: FloatArray,
    pool: ThreadPoolExecutor,
) -> tuple[FloatArray, bool]:
    """Return the best of all places that optimisations reach, and whether each search has it.

    The optimisations run side by side, each in one thread, so the result is that of one after
    another.
    """

    def quick(initial: FloatArray) -> Future[FloatArray]:
        return pool.submit(scored.optimise, initial, centre, points=FEWER_POINTS)

    # A coarse optimisation may leave the right place, so the best one is optimised at 3 mm as well.
    started = [
        [
            quick(ranked[0]),
            *(pool.submit(coarse.optimise, each, centre) for each in ranked[:INITIALISATIONS]),
        ]
        for ranked in searches
    ]
    reached = _ended(started)
    best, reproducible = scored.compare(reached, centre)
    if not reproducible:
        further = slice(1, 1 + MORE_INITIALISATIONS)
        more = _ended([[quick(each) for each in ranked[further]] for ranked in searches])
        reached = [[*first, *then] for first, then in zip(reached, more, strict=True)]
        best, reproducible = scored.compare(reached, centre)
    if not reproducible:  # places that a part of the voxels tells apart may be one
        bests = [scored.best_of(places) for places in reached]
        again = _ended([[pool.submit(scored.optimise, each, centre)] for each in bests])
        best, reproducible = scored.compare(again, centre)
    return best, reproducible


def _ended(started: list[list[Future[FloatArray]]]) -> list[list[FloatArray]]:
    return [[each.result() for each in of_search] for of_search in started]


def refine_rigid(
    fixed: Volume, fixed_mask: Volume, moving: Volume, voxel_mm: float = SCORE_MM
) -> Alignment:
    """Find the rigid transform between two images that almost lie where they should.

    One optimisation from the position that the headers state, for the frames of a dynamic scan.

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
    found = pair.optimise(np.eye(4), centre_of_mass(fixed_mask))
    return Alignment(found, pair.information_at(found))


def score_rigid(
    fixed: Volume, fixed_mask: Volume, moving: Volume, fixed_to_moving: FloatArray
) -> float:
    """Return the mutual information of two images at one position, in nats; see `Alignment`."""
    return _Pair.of(fixed, fixed_mask, moving, SCORE_MM).information_at(fixed_to_moving)


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
            resample(moving, Grid(*vox2out_vox(moving.grid, [moving_mm] * 3))),
        )

    def coarser(self, voxel_mm: float) -> _Pair:
        """Return the pair with larger voxels."""
        grid = Grid(*vox2out_vox(self.fixed.grid, [voxel_mm] * 3))
        return _Pair(
            resample(self.fixed, grid),
            Volume(resample_mask(self.mask, grid), grid.affine),
            resample(self.moving, Grid(*vox2out_vox(self.moving.grid, [voxel_mm] * 3))),
        )

    def information_at(self, fixed_to_moving: FloatArray) -> float:
        """Return the mutual information inside the mask at one position, in nats."""
        to_voxels = np.linalg.inv(self.moving.affine) @ fixed_to_moving
        voxels = apply_affine(to_voxels, self._points_mm)
        values = ndimage.map_coordinates(self.moving.data, voxels.T, order=1, cval=0.0)
        return information_of_bins(self._fixed_bins, binned(values))

    def best_of(self, places: list[FloatArray]) -> FloatArray:
        """Return the position with the highest mutual information."""
        return max(places, key=self.information_at)

    def compare(
        self, reached: list[list[FloatArray]], centre_mm: FloatArray
    ) -> tuple[FloatArray, bool]:
        """Return the best of all positions, and whether each search has it as its own best."""
        bests = [self.best_of(places) for places in reached]
        best = self.best_of(bests)
        return best, all(_distance(each, best, centre_mm) < REPRODUCIBLE_MM for each in bests)

    @cached_property
    def _points_mm(self) -> FloatArray:
        return np.asarray(apply_affine(self.mask.affine, np.argwhere(self.mask.data)))

    @cached_property
    def _fixed_bins(self) -> NDArray[np.int64]:
        return binned(self.fixed.data[self.mask.data])

    def optimise(
        self,
        initial: FloatArray,
        centre_mm: FloatArray,
        *,
        first_step: float = 2.0,
        last_step: float = 0.01,
        points: int | None = None,
    ) -> FloatArray:
        """Return the position that gradient ascent on the mutual information reaches.

        Parameters
        ----------
        initial : (4, 4) float array
            From the fixed to the moving world (mm).
        centre_mm : (3,) float array
            Centre of the rotation, in the fixed world.
        first_step, last_step : float
            Length of a step in voxels, at first and where the optimisation ends.
        points : int, optional
            How many voxels of the mask are compared, spread evenly and shifted at random by less
            than a voxel, from a fixed seed; all of them, unshifted, if left out.
        """
        transform = to_itk_transform(initial, centre_mm)
        with one_itk_thread():
            method = SimpleITK.ImageRegistrationMethod()
            method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=32)
            fraction = 1.0 if points is None else points / np.count_nonzero(self.mask.data)
            if fraction < 1:
                method.SetMetricSamplingStrategy(method.REGULAR)
                method.SetMetricSamplingPercentage(fraction, _SEED)
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


def _initialisations(centre_mm: FloatArray, moving_centre_mm: FloatArray) -> list[list[FloatArray]]:
    """Return where each search starts: rotated about the brain's centre, at several heights.

    The place that the headers state is one more, unless a height all but repeats it. Rotations are
    multiplied as matrices, about x first. Scipy's ``Rotation`` goes through quaternions, whose last
    bit differs, and with it every registered image.
    """
    shift = moving_centre_mm - centre_mm
    searches = []
    for degrees, heights_mm in _LATTICES:
        rotations = [
            rotation_about(centre_mm, euler2mat(z=z) @ (euler2mat(y=y) @ euler2mat(x=x)))
            for x, y, z in itertools.product(np.radians(degrees), repeat=3)
        ]
        shifts = [shift + np.array([0.0, 0.0, up]) for up in heights_mm]
        if all(np.linalg.norm(each) >= DISTINCT_MM for each in shifts):
            shifts.append(np.zeros(3))
        places = [from_matvec(np.eye(3), each) for each in shifts]
        searches.append([place @ rotation for place in places for rotation in rotations])
    return searches


def _distance(first: FloatArray, second: FloatArray, centre_mm: FloatArray) -> float:
    """Return how far apart two transforms send the rim of a brain, in mm."""
    rim = centre_mm + _RIM_MM * np.vstack([np.eye(3), -np.eye(3)])
    apart = apply_affine(first, rim) - apply_affine(second, rim)
    return float(np.linalg.norm(apart, axis=1).max())


def _grid_around(mask: Volume, voxel_mm: float) -> Grid:
    inside = np.argwhere(mask.data > 0)
    if not len(inside):
        raise RegistrationError("the brain mask is empty")
    low, high = inside.min(axis=0), inside.max(axis=0) + 1
    affine = mask.affine.copy()
    affine[:3, 3] = apply_affine(mask.affine, low)
    return Grid(*vox2out_vox(((high - low).tolist(), affine), [voxel_mm] * 3))
