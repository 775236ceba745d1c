"""The baseline that costs nothing on real people: the population's PET deformed to the subject.

The training subjects' PETs are brought to MNI space by a deformation of their T1s and averaged. The
mean is brought back by the deformation of the subject's own T1. It knows the subject's anatomy as
far as a deformation can tell it, and nothing of the subject's uptake. Ours; nobody should use a
model that does not beat it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsynth.data.prepared import PreparedData
from petsynth.errors import InputError
from petsynth.evaluation.warps import SubjectWarps
from petsynth.metrics.coverage import blank, unmeasured_voxels
from petsynth.preprocessing.grids import model_grid
from petsynth.volume import Volume


class PopulationPet:
    """Mean PET of the training subjects in MNI space, deformed to any subject.

    Parameters
    ----------
    data : PreparedData
        Aligned to MNI axes; see `petsynth.evaluation.warps.is_possible`.
    on_subject : function
        Called after each training subject.
    warps : SubjectWarps, optional
        The subjects' deformations, where others use them, too.

    Raises
    ------
    InputError
        If no training subject can be brought to MNI space.
    """

    def __init__(
        self,
        data: PreparedData,
        on_subject: Callable[[], None] = lambda: None,
        warps: SubjectWarps | None = None,
    ):
        self._data, self._warps = data, warps or SubjectWarps(data)
        self._space = model_grid(self._warps.voxel_mm)
        total, weight = None, np.zeros(self._space.shape)
        for participant in data.participants("train"):
            pet, covered = self._to_mni(participant)
            total = pet if total is None else total + pet
            weight += covered
            on_subject()
        if total is None or not weight.any():
            raise InputError(f"{data.folder}: no training subject could be brought to MNI space")
        shown = np.maximum(weight, 1e-6).reshape(*weight.shape, *[1] * (total.ndim - 3))
        self._mean = Volume((total / shown).astype(np.float32), self._space.affine)

    def predict(self, participant: str) -> NDArray[np.float32]:
        """Return the population's PET of a subject, (X, Y, Z[, T]) in PET units.

        Raises
        ------
        InputError
            If the subject's T1 cannot be brought to MNI space.
        """
        return self._warps.find(participant).pull(self._mean, self._data.grid).data

    def _to_mni(self, participant: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return a training subject's PET in MNI space, and where it was measured."""
        warp, affine = self._warps.find(participant).inverse(self._space), self._data.grid.affine
        pet = np.asarray(self._data.pet(participant), dtype=np.float32)
        left_out = unmeasured_voxels(pet, self._data.mask(participant))
        measured = Volume((~left_out).astype(np.float32), affine)
        covered = warp.pull(measured, self._space).data
        shown = Volume(blank(pet, left_out), affine)
        return warp.pull(shown, self._space).data.astype(np.float64), covered
