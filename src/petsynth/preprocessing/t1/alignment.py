"""One T1 onto the models' grid: brain mask, rigid alignment to MNI axes, intensities.

Used by ``prepare`` for training and by ``predict`` for any new T1, so that a network sees the
same kind of image in both. Paper A's networks read it on the grid of the PET, paper B's as a cube
of 256 mm with intensities on 0 to 255.

Sources
-------
- Paper B (Shin et al., GANBERT), figure 1 (256 x 256 x 256) and section 6 ("mapping 0 to 255
  range MRI intensity values"). How its T1s came to that range is not said: ours is by the
  99.9th percentile (decision record 0053).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nibabel.affines import from_matvec
from nibabel.spaces import vox2out_vox
from numpy.typing import NDArray

from petsynth.errors import InputError
from petsynth.preprocessing.grids import CENTRE_MM
from petsynth.preprocessing.registration.inputs import (
    WORKING_MM,
    centre_of_mass,
    normalise_locally,
    template_brain,
)
from petsynth.preprocessing.registration.rigid import register_rigid
from petsynth.preprocessing.resampling import resample, resample_mask
from petsynth.preprocessing.t1.brain_mask import BrainMask, Device, Method, find_brain
from petsynth.preprocessing.t1.intensity import correct_bias_field, scale_mri
from petsynth.volume import BoolArray, FloatArray, Grid, Volume

_POINTS = 100_000
"""Voxels compared in the last optimisation: with a PET's 25,000, two initialisations ended up to
1.3 mm apart, with these 0.8 mm (docs/decisions/0020)."""


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
    template_mutual_information : float
        Mutual information of the brain and the template after alignment, in nats.
    """

    mri: FloatArray
    mask: BoolArray
    grid_to_t1: FloatArray
    mask_source: str
    template_mutual_information: float


@dataclass(frozen=True)
class AlignedT1:
    """A T1 on its own voxels, with its transform to MNI axes.

    Parameters
    ----------
    t1 : Volume
        As read, or without its bias field.
    brain : BrainMask
        On the T1's grid.
    grid_to_t1 : (4, 4) float array
        From the world of MNI axes (mm) to the T1's world (mm); rigid.
    template_mutual_information : float
        Mutual information of the brain and the template after alignment, in nats.
    normalised : Volume
        The brain, locally normalised and coarse, for registration; see `normalised_brain`.
    reproducible : bool
        Whether two independent initialisations of the registration led there.
    """

    t1: Volume
    brain: BrainMask
    grid_to_t1: FloatArray
    template_mutual_information: float
    normalised: Volume
    reproducible: bool = True

    def on(self, grid: Grid) -> tuple[Volume, BoolArray]:
        """Return the T1, in its own units, and the brain mask on a grid; one resampling each."""
        mask = resample_mask(self.brain.mask, grid, self.grid_to_t1)
        return resample(self.t1, grid, self.grid_to_t1), mask


def prepare_t1(
    t1: Volume,
    grid: Grid,
    mask: Volume | None = None,
    *,
    method: Method = "auto",
    bias_field: bool = False,
) -> PreparedT1:
    """Resample one T1 onto the models' grid, aligned to MNI axes.

    Parameters
    ----------
    t1 : Volume
        (X, Y, Z), RAS+, any voxel size, head or skull-stripped brain.
    grid : Grid
        See `petsynth.preprocessing.grids.model_grid`.
    mask : Volume, optional
        Brain mask, on any grid in the T1's world; see `find_brain` for what happens without.
    method : {"auto", "deepbet"}
        How to find the brain without a mask.
    bias_field : bool
        Whether to correct it (not part of paper A).

    Raises
    ------
    InputError
        If there is no way to find the brain, or its mask is implausible.
    RegistrationError
        If the brain cannot be aligned.
    """
    aligned = align_t1(t1, mask, method=method, bias_field=bias_field)
    on_grid, inside = aligned.on(grid)
    return PreparedT1(
        scale_mri(on_grid.data, inside),
        inside,
        aligned.grid_to_t1,
        aligned.brain.source,
        aligned.template_mutual_information,
    )


def align_t1(
    t1: Volume,
    mask: Volume | None = None,
    *,
    method: Method = "auto",
    bias_field: bool = False,
    device: Device = "cpu",
) -> AlignedT1:
    """Find the brain of a T1 and align it to MNI axes, without resampling; see `prepare_t1`.

    ``device`` is where the brain is looked for; see `find_brain`.

    The brain keeps its size: rigid, six parameters. Only the brain is compared, since the
    template is a brain only (with the whole head the result ends centimetres away).

    References
    ----------
    Ours; paper A aligns the two scans to each other only (section 2.2). Aligned axes give a
    plane the same meaning in everyone.
    """
    brain = find_brain(t1, mask, method, device=device)
    if not np.ptp(t1.data[brain.mask.data > 0]) > 0:
        raise InputError("the T1 has the same value everywhere in the brain: is it a mask?")
    if bias_field:
        t1 = correct_bias_field(t1, brain.mask)
    template, around = template_brain()
    normalised = normalised_brain(t1, brain.mask)
    moving_centre = centre_of_mass(brain.mask)
    alignment = register_rigid(template, around, normalised, moving_centre, points=_POINTS)
    return AlignedT1(
        t1,
        brain,
        alignment.fixed_to_moving,
        alignment.mutual_information,
        normalised,
        alignment.reproducible,
    )


def place_t1(
    t1: Volume,
    mask: Volume | None = None,
    *,
    method: Method = "auto",
    bias_field: bool = False,
    device: Device = "cpu",
) -> AlignedT1:
    """Move a T1's centre to the centre of paper B's boxes: a shift, no registration.

    Parameters as of `align_t1`.

    Raises
    ------
    InputError
        If the brain cannot be found.
    """
    brain = find_brain(t1, mask, method, device=device)
    if bias_field:
        t1 = correct_bias_field(t1, brain.mask)
    shift = from_matvec(np.eye(3), t1.grid.centre_mm - np.array(CENTRE_MM))
    return AlignedT1(t1, brain, shift, 0.0, normalised_brain(t1, brain.mask))


def normalised_brain(t1: Volume, mask: Volume) -> Volume:
    """Return a T1's brain, locally normalised and 0 outside, coarse enough to be quick.

    Parameters
    ----------
    t1, mask : Volume
        (X, Y, Z), on one grid.
    """
    voxel_mm = max(WORKING_MM, min(t1.grid.voxel_mm))
    grid = Grid(*vox2out_vox(t1.grid, [voxel_mm] * 3))
    inside = Volume(resample_mask(mask, grid), grid.affine)
    return normalise_locally(resample(t1, grid), inside)


# A T1 as paper B's networks read it: a cube of 256 mm, intensities on 0 to 255.

HIGHEST = 255.0
"""Largest intensity of a conformed T1."""
PERCENTILE = 99.9
"""Percentile of the conformed T1, air included, that becomes `HIGHEST`."""


def conform(t1: Volume, grid: Grid, grid_to_t1: FloatArray) -> NDArray[np.float32]:
    """Resample a T1 onto its cube and scale it to 0 to 255.

    The maximum would be a poorer scale: one bright vessel decides it. On 13 real T1s the
    standard deviation, which scales the target, varied by 2 % with the percentile and by 11 %
    with the maximum.

    Parameters
    ----------
    t1 : Volume
        (X, Y, Z), any unit; its zero stays zero, what is below becomes zero.
    grid : Grid
        See `petsynth.preprocessing.grids.mri_grid`.
    grid_to_t1 : (4, 4) float array
        From the grid's world (mm) to the T1's world (mm).

    Raises
    ------
    InputError
        If nothing bright lies inside the cube.
    """
    on_grid = resample(t1, grid, grid_to_t1).data
    high = float(np.percentile(on_grid, PERCENTILE))
    if not high > 0:
        raise InputError("T1 has no positive values inside its 256 mm cube: check its affine")
    return np.asarray(np.clip(on_grid * (HIGHEST / high), 0.0, HIGHEST), dtype=np.float32)


def prepare_conformed_t1(
    t1: Volume,
    grid: Grid,
    mask: Volume | None = None,
    *,
    method: Method = "auto",
    bias_field: bool = False,
    registration: str = "rigid",
) -> PreparedT1:
    """Resample one T1 onto paper B's cube; `prepare_t1` does it for paper A.

    Parameters
    ----------
    t1 : Volume
        (X, Y, Z), RAS+, any voxel size, head or skull-stripped brain.
    grid : Grid
        The cube.
    mask : Volume, optional
        Brain mask, on any grid in the T1's world.
    method : {"auto", "deepbet"}
        How to find the brain without a mask.
    bias_field : bool
        Whether to correct it.
    registration : {"rigid", "none"}
        Whether the brain is aligned to MNI axes, or the T1's centre moved to the cube's.

    Returns
    -------
    PreparedT1
        Its ``mri`` is on 0 to 255.

    Raises
    ------
    InputError
        If the brain cannot be found.
    RegistrationError
        If it cannot be aligned.
    """
    place = align_t1 if registration == "rigid" else place_t1
    aligned = place(t1, mask, method=method, bias_field=bias_field)
    return PreparedT1(
        conform(aligned.t1, grid, aligned.grid_to_t1),
        resample_mask(aligned.brain.mask, grid, aligned.grid_to_t1),
        aligned.grid_to_t1,
        aligned.brain.source,
        aligned.template_mutual_information,
    )
