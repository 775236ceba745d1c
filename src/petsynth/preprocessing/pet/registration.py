"""One PET to its T1: rigid, by mutual information, and signs that they do not belong together."""

from __future__ import annotations

from petsynth.errors import RegistrationError
from petsynth.preprocessing.grid import bounding_grid, resample
from petsynth.preprocessing.registration.rigid import SCORE_MM, Alignment, register_rigid
from petsynth.preprocessing.registration.transforms import centre_of_mass
from petsynth.preprocessing.t1.alignment import grow
from petsynth.preprocessing.t1.bias_field import flatten
from petsynth.preprocessing.t1.brain_mask import otsu_threshold
from petsynth.volume import Volume


def static(pet: Volume) -> Volume:
    """Return the mean over the frames of a PET, (X, Y, Z)."""
    return pet if pet.frames == 1 else pet.with_data(pet.data.mean(axis=3, dtype="float32"))


def register_pet(flat: Volume, pet: Volume) -> Alignment:
    """Find the rigid transform from the T1's world (mm) to the PET's world (mm).

    The PET is flattened too: where cortex is hot its blurred edge reaches further out than where
    it is cold, which moves the maximum of the mutual information towards the hot side.

    Parameters
    ----------
    flat : Volume
        (X, Y, Z) brain of the T1, evenly bright and 0 outside; see
        `petsynth.preprocessing.t1.alignment.flat_brain`. The scalp is left out, since it is bright in a T1
        and dark in most PET.
    pet : Volume
        (X, Y, Z) or (X, Y, Z, T); the mean over the frames is registered, in any orientation
        and voxel size.

    Raises
    ------
    RegistrationError
        If the PET shows no object, or the images cannot be compared.

    References
    ----------
    Paper A, section 2.2 (registration); a deviation in method, docs/decisions/0020.
    """
    mean = static(pet)
    mean = resample(mean, bounding_grid(mean, max(SCORE_MM, min(mean.grid.voxel_mm))))
    bright = mean.with_data(mean.data > otsu_threshold(mean.data))
    if not bright.data.any():
        raise RegistrationError("PET is constant: it shows no brain")
    even = flatten(mean, grow(bright))
    around = grow(flat.with_data(flat.data > 0))
    return register_rigid(flat, around, even, centre_of_mass(bright))
