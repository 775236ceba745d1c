"""One T1 onto the models' grid: brain mask, rigid alignment to MNI axes, intensities.

Used by ``prepare`` for training and by ``predict`` for any new T1, so that a network sees the
same kind of image in both.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

import numpy as np
from scipy import ndimage

from petsynth.errors import InputError, RegistrationError
from petsynth.io.nifti import read_volume
from petsynth.preprocessing.grid import bounding_grid, model_grid, resample, resample_mask
from petsynth.preprocessing.registration.rigid import register_rigid
from petsynth.preprocessing.registration.transforms import centre_of_mass
from petsynth.preprocessing.t1.bias_field import correct_bias_field, flatten
from petsynth.preprocessing.t1.brain_mask import BrainMask, Device, Method, find_brain
from petsynth.preprocessing.t1.intensity import scale_mri
from petsynth.volume import BoolArray, FloatArray, Grid, Volume

WORKING_MM = 2.0
"""Voxel of the copies that registration works on."""
LEAST_SCORE = 0.22
"""Mutual information with the template, in nats, below which a T1 counts as not aligned. Heads
left upside down reached 0.24 at most, right ones 0.28 and more (docs/decisions/0020, 0023). Above
it `petsynth.preprocessing.quality.least_template_score` says what is flagged."""
MARGIN_MM = 8.0
"""Width of the rim around the brain that is compared as well; its outline helps."""
_POINTS = 100_000
"""Voxels compared in the last climb: with a PET's 25,000, two starts ended up to 1.3 mm apart, with
these 0.8 mm (docs/decisions/0020)."""


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
        Mutual information of the brain and the template after alignment, in nats.
    """

    mri: FloatArray
    mask: BoolArray
    grid_to_t1: FloatArray
    mask_source: str
    template_score: float


@dataclass(frozen=True)
class AlignedT1:
    """A T1 on its own voxels, with its way to MNI axes.

    Parameters
    ----------
    t1 : Volume
        As read, or without its bias field.
    brain : BrainMask
        On the T1's grid.
    grid_to_t1 : (4, 4) float array
        From the world of MNI axes (mm) to the T1's world (mm); rigid.
    template_score : float
        Mutual information of the brain and the template after alignment, in nats.
    flat : Volume
        The brain, evenly bright and coarse, for registration; see `flat_brain`.
    confirmed : bool
        Whether registration ended there from two different starts.
    """

    t1: Volume
    brain: BrainMask
    grid_to_t1: FloatArray
    template_score: float
    flat: Volume
    confirmed: bool = True

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
    """Bring one T1 onto the models' grid.

    Parameters
    ----------
    t1 : Volume
        (X, Y, Z), RAS+, any voxel size, head or skull-stripped brain.
    grid : Grid
        See `petsynth.preprocessing.grid.model_grid`.
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
        aligned.template_score,
    )


def align_t1(
    t1: Volume,
    mask: Volume | None = None,
    *,
    method: Method = "auto",
    bias_field: bool = False,
    device: Device = "cpu",
) -> AlignedT1:
    """Find the brain of a T1 and turn it to MNI axes, without resampling; see `prepare_t1`.

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
    flat = flat_brain(t1, brain.mask)
    moving_centre = centre_of_mass(brain.mask)
    alignment = register_rigid(template, around, flat, moving_centre, points=_POINTS)
    if alignment.mutual_information < LEAST_SCORE:
        raise RegistrationError(
            f"the brain could not be aligned to MNI axes (score {alignment.mutual_information:.2f} "
            f"nats, needed {LEAST_SCORE}): check the T1's orientation and the brain mask"
        )
    return AlignedT1(
        t1,
        brain,
        alignment.fixed_to_moving,
        alignment.mutual_information,
        flat,
        alignment.confirmed,
    )


def flat_brain(t1: Volume, mask: Volume) -> Volume:
    """Return a T1's brain, evenly bright and 0 outside, coarse enough to be quick."""
    voxel_mm = max(WORKING_MM, min(t1.grid.voxel_mm))
    grid = bounding_grid(t1, voxel_mm)
    inside = Volume(resample_mask(mask, grid), grid.affine)
    return flatten(resample(t1, grid), inside)


def grow(mask: Volume, margin_mm: float = MARGIN_MM) -> Volume:
    """Return a mask widened by a margin."""
    outside = ndimage.distance_transform_edt(np.logical_not(mask.data), mask.grid.voxel_mm)
    return mask.with_data(outside <= margin_mm)


@functools.cache
def template_brain() -> tuple[Volume, Volume]:
    """Return the template's flattened brain and the region to compare, at the working voxel.

    References
    ----------
    Fonov et al., NeuroImage 54, 2011: ICBM152 2009a, the copy that nilearn ships. The file is
    read directly, since importing nilearn's loader takes seconds in every process.
    """
    file = "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
    with resources.as_file(resources.files("nilearn") / "datasets" / "data" / file) as path:
        head = read_volume(path)
    grid = model_grid(WORKING_MM)
    mask = Volume(resample_mask(head.with_data(head.data > 0), grid), grid.affine)
    return flatten(resample(head, grid), mask), grow(mask)
