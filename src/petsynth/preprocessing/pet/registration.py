"""Registration of a PET: to its T1, and between its own frames.

Both are rigid and by mutual information, since contrast differs from image to image and, as a
tracer spreads, from frame to frame.

References
----------
Paper A registered PET to T1 (section 2.2); the method here is a deviation, docs/decisions/0020. Its
frames came motion-corrected from ADNI (section 2.1); motion correction is ours.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Sequence

import numpy as np
from nibabel.affines import apply_affine, from_matvec
from nibabel.spaces import vox2out_vox

from petsynth.errors import PetsynthWarning, RegistrationError
from petsynth.preprocessing.registration.inputs import (
    WORKING_MM,
    centre_of_mass,
    dilate,
    normalise_locally,
    otsu_threshold,
)
from petsynth.preprocessing.registration.rigid import (
    SCORE_MM,
    Alignment,
    refine_rigid,
    register_rigid,
    score_rigid,
)
from petsynth.preprocessing.resampling import resample
from petsynth.volume import FloatArray, Grid, Volume

COMPARED_MM = 4.0
"""Voxel at which frames are compared; single frames are noisy."""
SHOWS_MORE = 1.2
"""Volume of what is bright in a PET over the brain's, above which it shows more than the brain: at
most 1.15 in 20 simulated FDG scans, up to 1.9 in AV45 and 2.3 in AV1451."""
HEAD_POINTS = 100_000
"""Voxels compared in the last optimisation of heads, which are larger than brains."""
ROUNDS = 2
"""First to the mean of the frames as they are, then to the mean of the corrected ones."""
MAX_MM = 30.0
"""A frame that seems to have moved farther than this is taken as not found, and left in place."""


def static(pet: Volume, durations_s: Sequence[float] = ()) -> Volume:
    """Return the mean over the frames of a PET by their duration, (X, Y, Z).

    Parameters
    ----------
    pet : Volume
        (X, Y, Z) or (X, Y, Z, T); NaN where nothing was measured.
    durations_s : sequence of float
        Of the T frames; empty where unknown, they then count alike.

    Examples
    --------
    One minute at 1 and nine minutes at 3:

    >>> pet = Volume(np.array([1.0, 3.0], np.float32).reshape(1, 1, 1, 2), np.eye(4))
    >>> round(float(static(pet, (60.0, 540.0)).data[0, 0, 0]), 6)
    2.8
    """
    if pet.frames == 1:
        return pet
    return mean_of_frames(pet, durations_s or (1.0,) * pet.frames)


def register_pet(t1: Volume, brain: Volume, pet: Volume) -> Alignment:
    """Find the rigid transform from the T1's world (mm) to the PET's world (mm).

    The PET is locally normalised too: where cortex is hot its blurred edge reaches further out than
    where it is cold, which shifts the maximum of the mutual information towards the hot side.

    Brain is compared with brain, unless the PET shows much else (tau tracers in people without tau,
    amyloid tracers in people without amyloid): then head with head (decision record 0020).

    Parameters
    ----------
    t1 : Volume
        (X, Y, Z) with the head; of one with the brain alone the brain is compared.
    brain : Volume
        (X, Y, Z) brain of the T1, locally normalised and 0 outside; see
        `petsynth.preprocessing.t1.alignment.normalised_brain`. The scalp is left out, since it is
        bright in a T1 and dark in most PET.
    pet : Volume
        (X, Y, Z), the mean over the frames, in any orientation and voxel size; NaN where nothing
        was measured.

    Raises
    ------
    RegistrationError
        If the PET shows no object, or the images cannot be compared.
    """
    voxel_mm = max(SCORE_MM, min(pet.grid.voxel_mm))
    mean = resample(pet, Grid(*vox2out_vox(pet.grid, [voxel_mm] * 3)))
    bright = mean.with_data(mean.data > otsu_threshold(mean.data))
    if not bright.data.any():
        raise RegistrationError("PET is constant: it shows no brain")
    normalised = normalise_locally(mean, dilate(bright))
    centre = centre_of_mass(bright)
    around = dilate(brain.with_data(brain.data > 0))
    if _litres(bright) <= SHOWS_MORE * _litres(brain):
        return register_rigid(brain, around, normalised, centre)
    head, around_head = _head(t1)
    found = register_rigid(head, around_head, normalised, centre, points=HEAD_POINTS)
    information = score_rigid(brain, around, normalised, found.fixed_to_moving)
    return dataclasses.replace(found, mutual_information=information)


def _head(t1: Volume) -> tuple[Volume, Volume]:
    """Return a T1's head, locally normalised and 0 outside, and the region to compare."""
    voxel_mm = max(WORKING_MM, min(t1.grid.voxel_mm))
    coarse = resample(t1, Grid(*vox2out_vox(t1.grid, [voxel_mm] * 3)))
    inside = dilate(coarse.with_data(coarse.data > otsu_threshold(coarse.data) / 2))
    return normalise_locally(coarse, inside), inside


def _litres(image: Volume) -> float:
    return float(np.count_nonzero(image.data > 0) * math.prod(image.grid.voxel_mm) / 1e6)


def place_pet(t1: Volume, pet: Volume) -> Alignment:
    """Move a PET's centre to a T1's centre: a shift, no registration.

    Parameters
    ----------
    t1 : Volume
        (X, Y, Z).
    pet : Volume
        (X, Y, Z) or (X, Y, Z, T).
    """
    return Alignment(from_matvec(np.eye(3), pet.grid.centre_mm - t1.grid.centre_mm), 0.0)


def estimate_motion(pet: Volume, weights: Sequence[float]) -> list[FloatArray]:
    """Find where the head lies in each frame.

    Parameters
    ----------
    pet : Volume
        (X, Y, Z, T) frames, corrected for decay.
    weights : sequence of float
        How much each frame counts in the mean, T values; a frame of weight 0 is left in place.

    Returns
    -------
    list of (4, 4) float array
        From the world of the mean (mm) to each frame's world (mm); rigid.
    """
    transforms: list[FloatArray] = [np.eye(4)] * pet.frames
    for _ in range(ROUNDS):
        mean = without_gaps(mean_of_frames(pet, weights, transforms))
        head = mean.with_data(mean.data > otsu_threshold(mean.data) / 2)
        transforms = [
            _find(mean, head, without_gaps(_frame(pet, number)), number) if weight else np.eye(4)
            for number, weight in enumerate(weights)
        ]
    return transforms


def mean_of_frames(
    pet: Volume, weights: Sequence[float], transforms: Sequence[FloatArray] = ()
) -> Volume:
    """Return the weighted mean of aligned frames, on the PET's own voxels.

    Each voxel's mean is over the frames whose field of view covers it.

    Parameters
    ----------
    pet : Volume
        (X, Y, Z, T); NaN where nothing was measured.
    weights : sequence of float
        T values; at least one is positive.
    transforms : sequence of (4, 4) float arrays
        From the mean's world to each frame's; the identity if left out.

    Returns
    -------
    Volume
        (X, Y, Z) float32; NaN where no frame covers the voxel.
    """
    mean = FrameMean(pet.data.shape[:3])
    for number, weight in enumerate(weights):
        if weight:
            frame = _frame(pet, number)
            still = not len(transforms) or np.array_equal(transforms[number], np.eye(4))
            mean.add(
                weight,
                frame.data
                if still
                else resample(frame, pet.grid, transforms[number], fill=np.nan).data,
            )
    return Volume(mean.result(), pet.affine, pet.unit)


class FrameMean:
    """Weighted mean of images that is taken up one by one; NaN in an image counts nothing.

    Parameters
    ----------
    shape : tuple of int
        Of each image.
    """

    def __init__(self, shape: tuple[int, ...]):
        self._total = np.zeros(shape, dtype=np.float32)
        self._weights = np.zeros(shape, dtype=np.float32)

    def add(self, weight: float, image: FloatArray) -> None:
        """Take up one image."""
        measured = np.isfinite(image)
        self._total[measured] += np.float32(weight) * image[measured]
        self._weights[measured] += np.float32(weight)

    def result(self) -> FloatArray:
        """Return the mean, float32; NaN where no image has a value."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self._total / self._weights)


def without_gaps(volume: Volume) -> Volume:
    """Return an image with 0 where nothing was measured, for steps that know no NaN."""
    return volume.with_data(np.nan_to_num(volume.data, nan=0.0))


def displacement_mm(transforms: Sequence[FloatArray], mean: Volume) -> float:
    """Return the farthest that the head's centre or a point 80 mm from it moved, in mm."""
    centre = centre_of_mass(mean.with_data(np.maximum(without_gaps(mean).data, 0)))
    points = centre + np.vstack([np.zeros((1, 3)), 80 * np.eye(3), -80 * np.eye(3)])
    shifts = [apply_affine(each, points) - points for each in transforms]
    return float(max(np.linalg.norm(shift, axis=1).max() for shift in shifts))


def _find(mean: Volume, head: Volume, frame: Volume, number: int) -> FloatArray:
    try:
        found = refine_rigid(mean, head, frame, COMPARED_MM).fixed_to_moving
    except RegistrationError:
        found = None
    if found is None or displacement_mm([found], mean) > MAX_MM:
        warnings.warn(
            f"PET frame {number + 1} could not be aligned to the others and is left in place",
            PetsynthWarning,
            stacklevel=2,
        )
        return np.eye(4)
    return found


def _frame(pet: Volume, number: int) -> Volume:
    return pet.with_data(pet.data[..., number])
