"""Head motion between the frames of a dynamic PET: rigid, frame by frame, to their mean.

References
----------
Ours; paper A's frames came motion-corrected from ADNI (section 2.1). Mutual information, since a
tracer's distribution changes from frame to frame.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from petsynth.errors import PetsynthWarning, RegistrationError
from petsynth.preprocessing.grid import resample
from petsynth.preprocessing.registration.rigid import refine_rigid
from petsynth.preprocessing.registration.transforms import centre_of_mass, move
from petsynth.preprocessing.t1.brain_mask import otsu_threshold
from petsynth.volume import FloatArray, Volume

COMPARED_MM = 4.0
"""Voxel at which frames are compared; single frames are noisy."""
ROUNDS = 2
"""First to the mean of the frames as they are, then to the mean of the corrected ones."""
MOST_MM = 30.0
"""A frame that seems to have moved farther than this is taken as not found, and left in place."""


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
    """Return the weighted mean of frames that are brought together, on the PET's own voxels.

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
            there = frame if still else resample(frame, pet.grid, transform)
            total += np.float32(weight) * there.data
    return Volume(total / np.float32(sum(weights)), pet.affine, pet.unit)


def displacement_mm(transforms: Sequence[FloatArray], mean: Volume) -> float:
    """Return the farthest that the head's middle or a point 80 mm from it moved, in mm."""
    middle = centre_of_mass(mean.with_data(np.maximum(mean.data, 0)))
    points = middle[:, None] + np.hstack([np.zeros((3, 1)), 80 * np.eye(3), -80 * np.eye(3)])
    moved = [np.linalg.norm(move(each, points) - points, axis=0).max() for each in transforms]
    return float(max(moved))


def _find(mean: Volume, head: Volume, frame: Volume, number: int) -> FloatArray:
    try:
        found = refine_rigid(mean, head, frame, COMPARED_MM).fixed_to_moving
    except RegistrationError:
        found = None
    if found is None or displacement_mm([found], mean) > MOST_MM:
        warnings.warn(
            f"PET frame {number + 1} could not be aligned to the others and is left in place",
            PetsynthWarning,
            stacklevel=2,
        )
        return np.eye(4)
    return found


def _frame(pet: Volume, number: int) -> Volume:
    return pet.with_data(pet.data[..., number])
