"""What a simulated subject's head is made of, before any tracer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petsynth.simulation.fields import FloatField, refine
from petsynth.simulation.regions import REGIONS, codes_of_tissue
from petsynth.volume import BoolArray, Grid, Volume


@dataclass(frozen=True)
class StandardSpace:
    """MNI coordinates of a head's voxels, on a coarse lattice.

    Parameters
    ----------
    points : (3, x, y, z) float32 array
        MNI coordinates (mm, RAS+) of every ``factor``-th voxel.
    factor : int
        Voxels per lattice step.
    """

    points: FloatField
    factor: int

    def at_voxels(self, shape: tuple[int, int, int]) -> FloatField:
        """Return the MNI coordinates of every voxel, shape (3, X, Y, Z), in mm."""
        return refine(self.points, self.factor, shape)


@dataclass(frozen=True)
class Anatomy:
    """One head on the grid of its T1.

    Parameters
    ----------
    mri : Volume
        T1-weighted image, (X, Y, Z), arbitrary unit.
    mask : (X, Y, Z) bool array
        Brain with its ventricles and sulci.
    regions : (X, Y, Z) uint8 array
        Region code of the tissue that is not white matter.
    own : (X, Y, Z) float32 array
        Fraction of the voxel that belongs to its region, 0 to 1.
    white : (X, Y, Z) float32 array
        Fraction that is white matter beside it; fluid takes up the rest inside `mask`.
    scalp : (X, Y, Z) float32 array
        Fraction of soft tissue outside the brain, weighted by how much it takes up (muscle: 1).
    standard_space : StandardSpace, optional
        Where the voxels lie in MNI space; unknown if not given.
    """

    mri: Volume
    mask: BoolArray
    regions: NDArray[np.uint8]
    own: FloatField
    white: FloatField
    scalp: FloatField
    standard_space: StandardSpace | None = None

    @property
    def grid(self) -> Grid:
        """The T1's lattice."""
        return self.mri.grid

    @property
    def fluid(self) -> FloatField:
        """Fraction of fluid that is in no region of its own, inside the mask."""
        return np.asarray(np.maximum(self.mask - self.own - self.white, 0).astype(np.float32))

    @property
    def grey(self) -> FloatField:
        """Fraction of grey matter: cortex, cerebellar cortex and deep nuclei."""
        is_grey = np.zeros(len(REGIONS), np.float32)
        is_grey[codes_of_tissue("cortex", "cerebellum", "deep")] = 1
        return self.own * is_grey[self.regions]
