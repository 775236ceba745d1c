"""Prepared subjects in MNI space: their deformations, and where in the brain the models err.

Each deformation is found once for everything that uses it: the population's PET and the atlas reach
a subject by the same deformation of its T1, and errors of all subjects are averaged in MNI space.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsynth.data.prepared import PreparedData, static_mean
from petsynth.errors import InputError, RegistrationError
from petsynth.metrics.coverage import unmeasured_voxels
from petsynth.preprocessing.grids import model_grid
from petsynth.preprocessing.registration.deformable import Warp, warp_to_mni
from petsynth.preprocessing.registration.inputs import normalise_locally, template_brain
from petsynth.preprocessing.resampling import resample
from petsynth.volume import Volume

# The deformations of prepared subjects to MNI space, each found once for everything that uses it.

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


# Where in the brain the models err: errors of all subjects brought to MNI space and averaged.

MAP_MM = 3.0
"""Voxel of the maps."""
FEWEST_FRACTION = 0.5
"""Fraction of the subjects that must have been measured at a voxel, for it to have a value."""


@dataclass(frozen=True)
class ErrorMap:
    """The errors of one model over all subjects, in MNI space.

    Parameters
    ----------
    error : Volume
        (X, Y, Z) mean of synthetic minus reference, in PET units; NaN where less than
        `FEWEST_FRACTION` of the subjects have brain that was measured.
    absolute : Volume
        Likewise, the mean of the absolute difference.
    template : Volume
        (X, Y, Z) the template's brain on the same grid, locally normalised, 0 outside.
    subjects : int
        Scans that went into it.
    """

    error: Volume
    absolute: Volume
    template: Volume
    subjects: int


class ErrorMaps:
    """Gathers the errors of models, scan by scan.

    Parameters
    ----------
    data : PreparedData
        Aligned to MNI axes.
    warps : SubjectWarps
        Of the data's subjects.
    """

    def __init__(self, data: PreparedData, warps: SubjectWarps):
        self._data, self._warps = data, warps
        self._grid = model_grid(max(MAP_MM, *data.grid.voxel_mm))
        self._sums: dict[str, NDArray[np.float64]] = {}
        self._counts: dict[str, int] = {}
        self._inverse = functools.lru_cache(maxsize=1)(self._find_inverse)

    def add(self, participant: str, method: str, synthetic: NDArray[Any]) -> None:
        """Take in a prediction of a subject whose warp can be found.

        Parameters
        ----------
        participant, method : str
            Whose PET, and what made it.
        synthetic : (X, Y, Z) or (X, Y, Z, T) array
            In PET units.

        Raises
        ------
        InputError
            If the subject's T1 cannot be brought to MNI space.
        """
        data = self._data
        durations = data.frame_durations if synthetic.ndim == 4 else None
        error = static_mean(synthetic, durations) - np.asarray(data.static_pet(participant))
        mask = np.asarray(data.mask(participant))
        counted = mask & ~unmeasured_voxels(data.pet(participant), mask)
        error = np.where(counted, error, 0)
        stacked = np.stack([error, np.abs(error), counted], axis=3).astype(np.float32)
        pulled = self._inverse(participant).pull(Volume(stacked, data.grid.affine), self._grid)
        total = self._sums.setdefault(method, np.zeros((*self._grid.shape, 3)))
        total += pulled.data
        self._counts[method] = self._counts.get(method, 0) + 1

    def maps(self) -> dict[str, ErrorMap]:
        """Return the map of each model that was added."""
        if not self._sums:
            return {}
        found = {}
        template = resample(template_brain()[0], self._grid)
        for method, total in self._sums.items():
            subjects = self._counts[method]
            with np.errstate(divide="ignore", invalid="ignore"):
                means = total[..., :2] / total[..., 2:]
            means[total[..., 2] < FEWEST_FRACTION * subjects] = np.nan
            error, absolute = (
                Volume(means[..., part].astype(np.float32), self._grid.affine, self._data.unit)
                for part in (0, 1)
            )
            found[method] = ErrorMap(error, absolute, template, subjects)
        return found

    def _find_inverse(self, participant: str) -> Warp:
        return self._warps.find(participant).inverse(self._grid)
