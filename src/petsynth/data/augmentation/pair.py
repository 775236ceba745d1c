"""One T1 with its PET, as it goes through augmentation."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatField = NDArray[np.float32]


@dataclass(frozen=True)
class VolumePair:
    """A T1 and what belongs to it, all on one grid of cubic voxels.

    Parameters
    ----------
    mri : (X, Y, Z) float32 array
        Air about 0, the brightest brain tissue about 1; not limited.
    mask : (X, Y, Z) bool array
        Brain.
    pet : (P, X, Y, Z) float32 array
        One image or more in PET units, which move with the pair: what is learnt, what was
        measured.
    voxel_mm : float
        Edge of a voxel.
    to_mni : (4, 4) float array
        From voxel indices to MNI coordinates in mm; the indices themselves if nobody asks.
    """

    mri: FloatField
    mask: NDArray[np.bool_]
    pet: FloatField
    voxel_mm: float
    to_mni: NDArray[np.float64] = field(default_factory=lambda: np.eye(4))

    def with_mri(self, mri: NDArray[Any]) -> VolumePair:
        """Return the same pair with another T1."""
        return replace(self, mri=np.asarray(mri, dtype=np.float32))

    def where(self, visible: NDArray[np.bool_], seen_pet: FloatField) -> VolumePair:
        """Return what is left when part of the subject is not in the image.

        Parameters
        ----------
        visible : (X, Y, Z) bool array
            Where the T1 shows something.
        seen_pet : (X, Y, Z) float32 array
            Fraction of the PET that is kept, 0 to 1.
        """
        return replace(
            self,
            mri=np.where(visible, self.mri, np.float32(0)),
            mask=self.mask & visible,
            pet=self.pet * seen_pet,
        )
