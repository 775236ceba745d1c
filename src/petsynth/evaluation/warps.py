"""The deformations of prepared subjects to MNI space, each found once for everything that uses it.

The population's PET and the atlas reach a subject by the same deformation of its T1.
"""

from __future__ import annotations

import functools

import numpy as np

from petsynth.data.prepared import PreparedData
from petsynth.errors import InputError, RegistrationError
from petsynth.preprocessing.registration.deformable import Warp, warp_to_mni
from petsynth.preprocessing.registration.inputs import normalise_locally
from petsynth.volume import Volume

FINEST_MM = 2.0
"""Smallest voxel of the images that are registered."""
MOST_AHEAD = 3
"""Subjects that may be deformed while another is measured."""


class SubjectWarps:
    """The deformations of prepared subjects, found as they are asked for.

    Parameters
    ----------
    data : PreparedData
        Aligned to MNI axes; see `is_possible`.

    Attributes
    ----------
    voxel_mm : float
        Voxel of the images that are registered.
    """

    def __init__(self, data: PreparedData):
        self._data = data
        self.voxel_mm = max(FINEST_MM, *data.grid.voxel_mm)
        self.find = functools.lru_cache(maxsize=MOST_AHEAD + 1)(self._find)

    def _find(self, participant: str) -> Warp:
        """Return the deformation from a subject's aligned space to MNI space.

        Raises
        ------
        InputError
            If the subject's T1 cannot be brought to MNI space.
        """
        data = self._data
        affine = data.grid.affine
        mask = Volume(np.asarray(data.mask(participant), dtype=np.float32), affine)
        if not mask.data.any():
            raise InputError(
                f"{data.folder}: the brain mask of {participant} is empty; prepare this subject "
                "again"
            )
        t1 = Volume(np.asarray(data.mri(participant), dtype=np.float32) + 1, affine)
        brain = normalise_locally(t1, mask)
        try:
            return warp_to_mni(brain, np.eye(4), voxel_mm=self.voxel_mm)
        except RegistrationError as error:
            raise InputError(f"{data.folder}: T1 of {participant}: {error}") from None


def is_possible(data: PreparedData) -> bool:
    """Whether the subjects lie on MNI axes, without which there is no common space."""
    preprocessing = data.description.get("preprocessing", {})
    return bool(preprocessing.get("registration", "rigid") == "rigid")
