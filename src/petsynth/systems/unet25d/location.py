"""Where a subject's slabs lie in MNI space, and the population's mean PET there.

An affine registration of the T1's brain to the template; the networks' grids are rigidly aligned
to MNI axes only, which leaves size and proportions to it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from nibabel.affines import from_matvec
from nibabel.spaces import vox2out_vox
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from petsynth.data.prepared import PreparedData
from petsynth.data.scale import to_network
from petsynth.errors import ConfigError, RegistrationError
from petsynth.preprocessing.registration.deformable import register_affine
from petsynth.preprocessing.registration.inputs import normalise_locally, template_brain
from petsynth.preprocessing.resampling import resample
from petsynth.slicing import padding_offset
from petsynth.systems.unet25d.unet import POPULATION_GRID
from petsynth.volume import Grid, Volume

_REGISTRATION_MM = 4.0
_JITTER_MM = 2.0
_JITTER_DEGREES = 1.5
_JITTER_SIZE = 0.02


def place_in_mni(mri_XYZ: NDArray[Any], mask_XYZ: NDArray[Any], grid: Grid) -> NDArray[np.float64]:
    """Return the affine transform from voxel indices to MNI coordinates in mm, (4, 4).

    Parameters
    ----------
    mri_XYZ : (X, Y, Z) array
        T1 in [-1, 1], aligned to MNI axes.
    mask_XYZ : (X, Y, Z) bool array
        Brain.
    grid : Grid
        Of both.

    Raises
    ------
    RegistrationError
        If the mask is empty, or the brain cannot be compared with the template.
    """
    if not mask_XYZ.any():
        raise RegistrationError("affine registration: the brain mask is empty")
    affine = np.asarray(grid.affine, dtype=float)
    mask = Volume(np.asarray(mask_XYZ, dtype=np.float32), affine)
    brain = normalise_locally(Volume(np.asarray(mri_XYZ, np.float32) + 1, affine), mask)
    template, _ = template_brain()
    coarse = Grid(*vox2out_vox(template.grid, [_REGISTRATION_MM] * 3))
    to_template = register_affine(resample(brain, coarse), resample(template, coarse))
    return np.asarray(to_template @ affine)


def jitter(random: np.random.Generator) -> NDArray[np.float64]:
    """Return a small error of the registration, (4, 4): what training has to live with."""
    angles = _JITTER_DEGREES * random.standard_normal(3)
    rotation = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    size = np.diag(np.exp(_JITTER_SIZE * random.standard_normal(3)))
    return np.asarray(from_matvec(rotation @ size, _JITTER_MM * random.standard_normal(3)))


def slice_place(
    to_mni: NDArray[np.float64], index: int, shape: tuple[int, int], padded_size: int
) -> NDArray[np.float32]:
    """Return the transform from a padded axial slice's pixels to MNI coordinates, (3, 4).

    Parameters
    ----------
    to_mni : (4, 4) array
        From voxel indices (x, y, z) to MNI coordinates in mm.
    index : int
        Which slice, along z.
    shape : tuple of int
        Rows and columns of the slice: its size along y and x.
    padded_size : int
        Side of the square that it is padded to.

    Examples
    --------
    >>> place = slice_place(np.eye(4), 7, (4, 3), 6)
    >>> (place @ [1, 1, 0, 1]).tolist()  # first row and column of the slice: x = 0, y = 3
    [0.0, 3.0, 7.0]
    """
    top, left = padding_offset(shape, padded_size)
    # Columns run along x, rows against y (`petsynth.slicing.take_slices`).
    pixels = np.array(
        [[0, 1, 0, -left], [-1, 0, 0, shape[0] - 1 + top], [0, 0, 0, index], [0, 0, 0, 1]]
    )
    return np.asarray((to_mni @ pixels)[:3], dtype=np.float32)


def check_is_aligned(data: PreparedData) -> None:
    """Raise ConfigError unless the subjects lie on MNI axes."""
    if data.description.get("preprocessing", {}).get("registration", "rigid") != "rigid":
        raise ConfigError(
            f"data.location needs T1s that are aligned to MNI axes, {data.folder} was prepared "
            'with --registration none; prepare it again without, or set data.location = "none"'
        )


def population_pet(
    data: PreparedData, places: dict[str, NDArray[np.float64]]
) -> NDArray[np.float32]:
    """Return the mean PET of subjects on `POPULATION_GRID`, (Z, Y, X) in the network's units.

    Parameters
    ----------
    data : PreparedData
        Holds their PETs.
    places : dict of str to (4, 4) array
        Of each subject, from `place_in_mni`.
    """
    total = np.zeros(POPULATION_GRID.shape)
    weight = np.zeros(POPULATION_GRID.shape)
    index = np.indices(POPULATION_GRID.shape).reshape(3, -1)
    world = np.asarray(POPULATION_GRID.affine) @ np.vstack([index, np.ones(index.shape[1])])
    for participant, to_mni in places.items():
        points = (np.linalg.inv(to_mni) @ world)[:3]
        pet = np.asarray(data.static_pet(participant), dtype=np.float32)
        for image, sum_of in ((pet, total), (np.ones_like(pet), weight)):
            sampled = ndimage.map_coordinates(image, points, order=1, cval=0.0)
            sum_of += sampled.reshape(POPULATION_GRID.shape)
    mean = (total / np.maximum(weight, 1)).astype(np.float32)
    return np.ascontiguousarray(to_network(mean, data.pet_scale).T)
