"""One T1 onto the models' grid: brain mask, rigid alignment to MNI axes, intensities.

Used by ``prepare`` for training and by ``predict`` for any new T1, so that a network sees the
same kind of image in both.
"""

from __future__ import annotations

from dataclasses import dataclass

from petsynth.volume import BoolArray, FloatArray, Grid, Volume


@dataclass(frozen=True)
class PreparedT1:
    """A T1 as the networks see it.

    Parameters
    ----------
    mri : (X, Y, Z) float32 array
        In [-1, 1], on the models' grid.
    mask : (X, Y, Z) bool array
        Brain, on the same grid.
    grid_to_t1 : (4, 4) float array
        From the grid's world (mm) to the T1's world (mm); rigid.
    mask_source : str
        How the brain was found: ``"given"``, ``"skull-stripped"`` or ``"deepbet"``.
    template_score : float
        How well the brain fits the template after alignment, see `prepare_t1`.
    """

    mri: FloatArray
    mask: BoolArray
    grid_to_t1: FloatArray
    mask_source: str
    template_score: float


def prepare_t1(t1: Volume, grid: Grid, mask: Volume | None = None) -> PreparedT1:
    """Bring one T1 onto the grid."""
    raise NotImplementedError
