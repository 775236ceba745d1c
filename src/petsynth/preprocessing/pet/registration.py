"""Registration of a PET: to its T1, and between its own frames.

Both are rigid and by mutual information, since contrast differs from image to image and, as a
tracer spreads, from frame to frame.

References
----------
Paper A registered PET to T1 (section 2.2); the method here is a deviation, docs/decisions/0020. Its
frames came motion-corrected from ADNI (section 2.1); motion correction is ours.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from nibabel.affines import apply_affine, from_matvec
from nibabel.spaces import vox2out_vox

from petsynth.errors import PetsynthWarning, RegistrationError
from petsynth.preprocessing.registration.inputs import (
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
)
from petsynth.preprocessing.resampling import resample
from petsynth.volume import FloatArray, Grid, Volume

COMPARED_MM = 4.0
"""Voxel at which frames are compared; single frames are noisy."""
ROUNDS = 2
"""First to the mean of the frames as they are, then to the mean of the corrected ones."""
MAX_MM = 30.0
"""A frame that seems to have moved farther than this is taken as not found, and left in place."""


def static(pet: Volume) -> Volume:
    """Return the mean over the frames of a PET, (X, Y, Z)."""
    return pet if pet.frames == 1 else pet.with_data(pet.data.mean(axis=3, dtype="float32"))


def register_pet(brain: Volume, pet: Volume) -> Alignment:
    """Find the rigid transform from the T1's world (mm) to the PET's world (mm).

    The PET is locally normalised too: where cortex is hot its blurred edge reaches further out than
    where it is cold, which shifts the maximum of the mutual information towards the hot side.

    Parameters
    ----------
    brain : Volume
        (X, Y, Z) brain of the T1, locally normalised and 0 outside; see
        `petsynth.preprocessing.t1.alignment.normalised_brain`. The scalp is left out, since it is
        bright in a T1 and dark in most PET.
    pet : Volume
        (X, Y, Z) or (X, Y, Z, T); the mean over the frames is registered, in any orientation
        and voxel size.

    Raises
    ------
    RegistrationError
        If the PET shows no object, or the images cannot be compared.
    """
    mean = static(pet)
    voxel_mm = max(SCORE_MM, min(mean.grid.voxel_mm))
    mean = resample(mean, Grid(*vox2out_vox(mean.grid, [voxel_mm] * 3)))
    bright = mean.with_data(mean.data > otsu_threshold(mean.data))
    if not bright.data.any():
        raise RegistrationError("PET is constant: it shows no brain")
    normalised = normalise_locally(mean, dilate(bright))
    around = dilate(brain.with_data(brain.data > 0))
    return register_rigid(brain, around, normalised, centre_of_mass(bright))


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
        How much each frame counts in the mean, T values.

    Returns
    -------
    list of (4, 4) float array
        From the world of the mean (mm) to each frame's world (mm); rigid.
    """
    transforms: list[FloatArray] = [np.eye(4)] * pet.frames
    for _ in range(ROUNDS):
        mean = mean_of_frames(pet, weights, transforms)
        head = mean.with_data(mean.data > otsu_threshold(mean.data) / 2)
        transforms = [
            _find(mean, head, _frame(pet, number), number) for number in range(pet.frames)
        ]
    return transforms


def mean_of_frames(
    pet: Volume, weights: Sequence[float], transforms: Sequence[FloatArray]
) -> Volume:
    """Return the weighted mean of aligned frames, on the PET's own voxels.

    Parameters
    ----------
    pet : Volume
        (X, Y, Z, T).
    weights : sequence of float
        T values; their sum is divided out.
    transforms : sequence of (4, 4) float arrays
        From the mean's world to each frame's.
    """
    total = np.zeros(pet.data.shape[:3], dtype=np.float32)
    for number, (weight, transform) in enumerate(zip(weights, transforms, strict=True)):
        if weight:
            frame = _frame(pet, number)
            still = np.array_equal(transform, np.eye(4))
            aligned = frame if still else resample(frame, pet.grid, transform)
            total += np.float32(weight) * aligned.data
    return Volume(total / np.float32(sum(weights)), pet.affine, pet.unit)


def displacement_mm(transforms: Sequence[FloatArray], mean: Volume) -> float:
    """Return the farthest that the head's centre or a point 80 mm from it moved, in mm."""
    centre = centre_of_mass(mean.with_data(np.maximum(mean.data, 0)))
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
