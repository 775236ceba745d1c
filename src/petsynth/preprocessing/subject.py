"""The ordered steps for one subject: from a T1 and a PET file to volumes on one grid.

References
----------
Paper A, section 2.2: registration, down-sampling to 121 x 145 x 121 voxels of 1.5 mm, frames
averaged. Brain mask, alignment to MNI axes and bias field are ours. Paper B, section 3.1 and
figure 1: the grids of ``grid="paper-b"``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from petsynth.errors import InputError
from petsynth.io.bids import read_sidecar
from petsynth.io.nifti import read_volume
from petsynth.preprocessing.brain_mask import Method
from petsynth.preprocessing.conform import conform, place_pet, place_t1
from petsynth.preprocessing.grid import model_grid, resample
from petsynth.preprocessing.intensity import scale_mri
from petsynth.preprocessing.paper_b_grids import conformed_grid, pet_grid
from petsynth.preprocessing.pet import register_pet, static
from petsynth.preprocessing.quality import Quality, assess
from petsynth.preprocessing.t1 import align_t1
from petsynth.volume import BoolArray, FloatArray, Grid, Volume

Frames = Literal["mean", "keep"]
GridName = Literal["paper-a", "paper-b"]
Registration = Literal["rigid", "none"]


@dataclass(frozen=True)
class Files:
    """What one subject is made from.

    Parameters
    ----------
    t1, pet : Path
        Images.
    mask : Path, optional
        Brain mask in the T1's world; computed without.
    oracle : Path, optional
        The part of a simulated PET that its T1 determines, on the PET's grid.
    """

    t1: Path
    pet: Path
    mask: Path | None = None
    oracle: Path | None = None


@dataclass(frozen=True)
class Steps:
    """How subjects are prepared.

    Parameters
    ----------
    voxel_mm : float
        Edge of the models' voxels in millimetres.
    frames : {"mean", "keep"}
        Whether the PET's frames are averaged.
    brain_mask : {"auto", "deepbet"}
        How the brain is found where no mask is given.
    bias_field : bool
        Whether the T1's bias field is corrected.
    grid : {"paper-a", "paper-b"}
        The MNI bounding box for everything; or paper B's box for the PET, and beside it a T1
        conformed to a cube of 256 mm with voxels half as wide.
    registration : {"rigid", "none"}
        Whether T1 and PET are brought into one space; paper B leaves that to the network. Only
        with ``grid="paper-b"``.
    """

    voxel_mm: float = 1.5
    frames: Frames = "mean"
    brain_mask: Method = "auto"
    bias_field: bool = False
    grid: GridName = "paper-a"
    registration: Registration = "rigid"

    def pet_grid(self) -> Grid:
        """Return the grid of the PET, of the mask and of the T1 beside them."""
        return model_grid(self.voxel_mm) if self.grid == "paper-a" else pet_grid(self.voxel_mm)

    def conformed_grid(self) -> Grid | None:
        """Return the grid of the conformed T1; None where there is none."""
        return None if self.grid == "paper-a" else conformed_grid(self.voxel_mm)


@dataclass(frozen=True)
class PreparedSubject:
    """One subject on the models' grid.

    Parameters
    ----------
    mri : (X, Y, Z) float32 array
        T1 in [-1, 1].
    t1 : Volume
        T1 in its own units.
    pet : Volume
        (X, Y, Z) or (X, Y, Z, T), in PET units.
    oracle : Volume or None
        What the T1 determines of a simulated PET, frames as in ``pet``.
    mask : (X, Y, Z) bool array
        Brain.
    unaligned_pet : Volume
        (X, Y, Z) PET where the file headers place it, for the picture.
    grid_to_t1, t1_to_pet : (4, 4) float arrays
        From world to world, in millimetres; rigid.
    mask_source : str
        How the brain was found.
    quality : Quality
        Figures for quality control.
    conformed : (X, Y, Z) float32 array or None
        The T1 on 0 to 255 on its own cube, for paper B.
    """

    mri: FloatArray
    t1: Volume
    pet: Volume
    oracle: Volume | None
    mask: BoolArray
    unaligned_pet: Volume
    grid_to_t1: FloatArray
    t1_to_pet: FloatArray
    mask_source: str
    quality: Quality
    conformed: FloatArray | None = None


def prepare_subject(files: Files, steps: Steps) -> PreparedSubject:
    """Bring one subject's scans onto the models' grid, each resampled once.

    Raises
    ------
    InputError
        If a file cannot be used, or the brain cannot be found.
    RegistrationError
        If the scans cannot be brought into one space.
    """
    grid, cube = steps.pet_grid(), steps.conformed_grid()
    t1 = read_volume(files.t1)
    pet = _read_pet(files.pet, steps.frames)
    given = None if files.mask is None else read_volume(files.mask)
    if steps.registration == "rigid":
        aligned = align_t1(t1, given, method=steps.brain_mask, bias_field=steps.bias_field)
        to_pet = register_pet(aligned.flat, pet)
    else:
        aligned = place_t1(t1, given, method=steps.brain_mask, bias_field=steps.bias_field)
        to_pet = place_pet(t1, pet)
    grid_to_pet = to_pet.fixed_to_moving @ aligned.grid_to_t1

    t1_on_grid, mask = aligned.on(grid)
    pet_on_grid = resample(pet, grid, grid_to_pet)
    oracle = None
    if files.oracle is not None:
        oracle = resample(_read_pet(files.oracle, steps.frames), grid, grid_to_pet)
    quality = assess(
        t1_on_grid,
        pet_on_grid,
        mask,
        pet.grid,
        aligned.grid_to_t1,
        to_pet,
        aligned.template_score,
    )
    return PreparedSubject(
        scale_mri(t1_on_grid.data, mask),
        t1_on_grid,
        pet_on_grid,
        oracle,
        mask,
        resample(static(pet), grid, aligned.grid_to_t1),
        aligned.grid_to_t1,
        to_pet.fixed_to_moving,
        aligned.brain.source,
        quality,
        None if cube is None else conform(aligned.t1, cube, aligned.grid_to_t1),
    )


def _read_pet(path: Path, frames: Frames) -> Volume:
    unit = str(read_sidecar(path).get("Units", "arbitrary"))
    pet = read_volume(path, unit=unit, frames=True)
    if not np.ptp(pet.data) > 0:
        raise InputError(f"{path}: PET has the same value everywhere")
    return static(pet) if frames == "mean" else pet
