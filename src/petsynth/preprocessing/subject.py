"""The ordered steps for one subject: from a T1 and a PET file to volumes on one grid.

References
----------
Paper A, section 2.2: registration, down-sampling to 121 x 145 x 121 voxels of 1.5 mm, frames
averaged. Brain mask, alignment to MNI axes and bias field are ours. Paper B, figure 1 and section
4.1: the grids of ``grid="paper-b"``.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from petsynth.errors import InputError, PetsynthWarning, RegistrationError
from petsynth.io.bids.brain_masks import is_segmentation
from petsynth.io.bids.metadata import read_metadata
from petsynth.io.nifti import read_volume
from petsynth.preprocessing.grids import conformed_grid, model_grid, pet_grid
from petsynth.preprocessing.pet.registration import (
    place_pet,
    register_pet,
    static,
    without_gaps,
)
from petsynth.preprocessing.pet.series import PetSeries, Units, read_pet, wants_reference
from petsynth.preprocessing.pet.suvr import Uptake, measure_uptake, profile_of, reference_of
from petsynth.preprocessing.pet.time_window import Frames, TimeWindow, window_times
from petsynth.preprocessing.quality import Quality, assess, assess_unaligned
from petsynth.preprocessing.registration.deformable import warp_to_mni
from petsynth.preprocessing.registration.rigid import Alignment
from petsynth.preprocessing.resampling import resample
from petsynth.preprocessing.t1.alignment import AlignedT1, align_t1, conform, place_t1
from petsynth.preprocessing.t1.brain_mask import Device, Method
from petsynth.preprocessing.t1.intensity import scale_mri
from petsynth.preprocessing.t1.reading import read_t1
from petsynth.simulation.lesions import VISIBLE
from petsynth.volume import BoolArray, FloatArray, Grid, Volume

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
        Brain mask, or labels all of which are brain, in the T1's world; computed without.
    noise_free : Path, optional
        The part of a simulated PET that its T1 determines, on the PET's grid.
    tracer : str
        Everyday name, for the reference region.
    weight_kg : float, optional
        Body weight from ``participants.tsv``, for SUV.
    lesion : Path, optional
        Labels of a simulated lesion, on the T1's grid.
    """

    t1: Path
    pet: Path
    mask: Path | None = None
    noise_free: Path | None = None
    tracer: str = "unknown"
    weight_kg: float | None = None
    lesion: Path | None = None


@dataclass(frozen=True)
class PreprocessingSettings:
    """How subjects are prepared.

    Parameters
    ----------
    voxel_mm : float
        Edge of the models' voxels in millimetres.
    frames : "mean", "keep" or int
        What is made of the PET's frames; see `petsynth.preprocessing.pet.time_window.Frames`.
    brain_mask : {"auto", "deepbet"}
        How the brain is found where no mask is given.
    bias_field : bool
        Whether the T1's bias field is corrected.
    units : {"auto", "keep", "suv", "suvr"}
        What the PET is converted to; see `petsynth.preprocessing.pet.series.Units`.
    reference_region : str, optional
        Of the SUVR; the tracer's own if left out.
    motion : bool
        Whether motion between the PET's frames is corrected.
    psf_mm, scanner_psf_mm : float, optional
        Full width at half maximum that the PET is smoothed to, and that it has.
    grid : {"paper-a", "paper-b"}
        The MNI bounding box for everything; or paper B's box for the PET, and beside it a T1
        conformed to a cube of 256 mm with voxels half as wide.
    registration : {"rigid", "none"}
        Whether T1 and PET are aligned; paper B leaves that to the network. Only with
        ``grid="paper-b"``.
    window_start_min, window_end_min : float, optional
        Minutes after injection over which frames are averaged; the tracer's own if left out.
    """

    voxel_mm: float = 1.5
    frames: Frames = "mean"
    brain_mask: Method = "auto"
    bias_field: bool = False
    units: Units = "auto"
    reference_region: str | None = None
    motion: bool = True
    psf_mm: float | None = None
    scanner_psf_mm: float | None = None
    grid: GridName = "paper-a"
    registration: Registration = "rigid"
    window_start_min: float | None = None
    window_end_min: float | None = None

    def time_window(self, tracer: str) -> tuple[float, float] | None:
        """Return start and end in minutes after injection; None where the tracer has none."""
        if self.window_start_min is not None and self.window_end_min is not None:
            return self.window_start_min, self.window_end_min
        profile = profile_of(tracer)
        return None if profile is None else profile.window_min

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
        (X, Y, Z) or (X, Y, Z, T), in PET units; 0 outside the PET's field of view.
    noise_free : Volume or None
        What the T1 determines of a simulated PET, frames as in ``pet``.
    mask : (X, Y, Z) bool array
        Brain.
    unaligned_pet : Volume
        (X, Y, Z) PET where the file headers place it, for the picture.
    grid_to_t1, t1_to_pet : (4, 4) float arrays
        From world to world, in millimetres; rigid.
    mask_source : str
        How the brain was found: a source of `petsynth.preprocessing.t1.brain_mask.BrainMask`, or
        ``"segmentation"``.
    quality : Quality
        Figures for quality control.
    frame_times : (list of float, list of float)
        Starts and durations of the frames of ``pet`` in seconds; empty where unknown.
    uptake : Uptake or None
        What reference and target region tell; None where neither was needed.
    covered : (X, Y, Z) bool array
        Where the field of view of every frame of ``pet`` is.
    aligned : bool
        Whether T1 and PET are aligned, so that the mask is the brain in the PET too.
    time_window : TimeWindow or None
        What the scan has of the minutes after injection that were wanted.
    conformed : (X, Y, Z) float32 array or None
        The T1 on 0 to 255 on its own cube, for paper B.
    lesion : (X, Y, Z) bool array or None
        Where the T1 shows a simulated lesion; None where there is none.
    """

    mri: FloatArray
    t1: Volume
    pet: Volume
    noise_free: Volume | None
    mask: BoolArray
    unaligned_pet: Volume
    grid_to_t1: FloatArray
    t1_to_pet: FloatArray
    mask_source: str
    quality: Quality
    frame_times: tuple[list[float], list[float]]
    uptake: Uptake | None
    covered: BoolArray
    aligned: bool = True
    time_window: TimeWindow | None = None
    conformed: FloatArray | None = None
    lesion: BoolArray | None = None

    def static_pet(self) -> Volume:
        """Return the PET's mean over frames by their duration, (X, Y, Z)."""
        return static(self.pet, self.frame_times[1])

    def static_noise_free(self) -> Volume | None:
        """Return the same of what the T1 determines of a simulated PET; None if it is unknown."""
        if self.noise_free is None:
            return None
        frames = self.noise_free.frames
        return static(self.noise_free, self.frame_times[1] if frames == self.pet.frames else ())


def prepare_subject(
    files: Files, settings: PreprocessingSettings, device: Device = "cpu"
) -> PreparedSubject:
    """Resample one subject's scans onto the models' grid, each once.

    Parameters
    ----------
    files : Files
        What it is made from.
    settings : PreprocessingSettings
        How.
    device : {"cpu", "auto", "cuda"}
        Where the brain is looked for; see `petsynth.preprocessing.t1.brain_mask.find_brain`.

    Raises
    ------
    InputError
        If a file cannot be used, or the brain cannot be found.
    RegistrationError
        If the scans cannot be aligned.
    """
    grid, cube = settings.pet_grid(), settings.conformed_grid()
    with _blaming(files.t1):
        t1 = read_t1(files.t1)
    with _blaming(files.pet):
        series = _read_pet(files, settings)
    mean = series.mean
    aligned, to_pet = _align(files, settings, device, t1, mean)
    grid_to_pet = to_pet.fixed_to_moving @ aligned.grid_to_t1

    t1_on_grid, mask = aligned.on(grid)
    pet = series.on(grid, grid_to_pet)
    noise_free = None
    if files.noise_free is not None:
        acquired = read_volume(files.noise_free, frames=True, gaps="keep")
        noise_free = series.on(grid, grid_to_pet, acquired)
    unaligned = resample(mean, grid, aligned.grid_to_t1)
    uptake = _measure_uptake(files, settings, aligned, mean, grid_to_pet)
    if uptake is not None and uptake.reference is not None:
        pet, unaligned = (_in_suvr(each, uptake.reference.mean) for each in (pet, unaligned))
        noise_free = None if noise_free is None else _in_suvr(noise_free, uptake.reference.mean)
    within = None if series.time_window is None else series.time_window.within_s
    times = window_times(settings.frames, series.acquisition, within)
    rigid = settings.registration == "rigid"
    if rigid:
        with _naming(files.pet):
            quality = assess(
                t1_on_grid,
                static(pet, times[1]),
                mask,
                aligned.grid_to_t1,
                to_pet,
                aligned.template_mutual_information,
                motion_mm=series.motion_mm,
                t1_reproducible=aligned.reproducible,
                pet_frames=series.acquired.frames,
            )
    else:
        quality = assess_unaligned(
            mask, settings.voxel_mm, series.motion_mm, series.acquired.frames
        )
    measured = np.isfinite(pet.data)
    with _naming(files.t1):
        mri = scale_mri(t1_on_grid.data, mask)
        conformed = None if cube is None else conform(aligned.t1, cube, aligned.grid_to_t1)
    return PreparedSubject(
        mri=mri,
        t1=t1_on_grid,
        pet=without_gaps(pet),
        noise_free=None if noise_free is None else without_gaps(noise_free),
        mask=mask,
        unaligned_pet=unaligned,
        grid_to_t1=aligned.grid_to_t1,
        t1_to_pet=to_pet.fixed_to_moving,
        mask_source="segmentation" if _from_segmentation(files) else aligned.brain.source,
        quality=quality,
        frame_times=times,
        uptake=uptake,
        covered=measured if measured.ndim == 3 else measured.all(axis=3),
        aligned=rigid,
        time_window=series.time_window,
        conformed=conformed,
        lesion=None if files.lesion is None else _visible_lesion(files.lesion, grid, aligned),
    )


def _visible_lesion(path: Path, grid: Grid, aligned: AlignedT1) -> BoolArray:
    """Return where on the grid at least half of a voxel is of a lesion that the T1 shows."""
    labels = read_volume(path, gaps="zero")
    visible = labels.with_data(np.isin(np.round(labels.data), VISIBLE).astype(np.float32))
    return np.asarray(resample(visible, grid, aligned.grid_to_t1).data >= 0.5)


def _align(
    files: Files, settings: PreprocessingSettings, device: Device, t1: Volume, mean: Volume
) -> tuple[AlignedT1, Alignment]:
    """Align the T1 to MNI axes and the PET to the T1, or both by their centres."""
    given = None if files.mask is None else read_volume(files.mask, gaps="zero")
    rigid = settings.registration == "rigid"
    with _naming(files.t1):
        place = align_t1 if rigid else place_t1
        aligned = place(
            t1, given, method=settings.brain_mask, bias_field=settings.bias_field, device=device
        )
    try:
        with _naming(files.pet):
            to_pet = (
                register_pet(aligned.t1, aligned.normalised, mean) if rigid else place_pet(t1, mean)
            )
    except RegistrationError as error:
        error.path = None  # of two images that do not fit together either may be at fault
        raise
    return aligned, to_pet


def _from_segmentation(files: Files) -> bool:
    return files.mask is not None and is_segmentation(files.mask)


def _read_pet(files: Files, settings: PreprocessingSettings) -> PetSeries:
    return read_pet(
        files.pet,
        read_metadata(files.pet),
        frames=settings.frames,
        units=settings.units,
        motion=settings.motion,
        psf_mm=settings.psf_mm,
        scanner_psf_mm=settings.scanner_psf_mm,
        weight_kg=files.weight_kg,
        window_min=settings.time_window(files.tracer),
    )


def _measure_uptake(
    files: Files,
    settings: PreprocessingSettings,
    aligned: AlignedT1,
    mean: Volume,
    grid_to_pet: FloatArray,
) -> Uptake | None:
    """Measure the regions, where the unit or the tracer's target needs them."""
    wanted = wants_reference(mean.unit, settings.units)
    if settings.registration == "none":
        if wanted:
            warnings.warn(
                f"{files.pet.name}: stays in {mean.unit}: SUVR needs a reference region, and that "
                "the scans aligned (--registration rigid)",
                PetsynthWarning,
                stacklevel=2,
            )
        return None
    reference = reference_of(files.tracer, settings.reference_region) if wanted else None
    profile = profile_of(files.tracer)
    has_target = profile is not None and bool(profile.target.region) and mean.unit == "SUVR"
    if reference is None and not has_target:
        return None
    with _naming(files.t1):
        warp = warp_to_mni(aligned.normalised, aligned.grid_to_t1)
    with _naming(files.pet):
        return measure_uptake(files.tracer, warp, mean, grid_to_pet, reference)


@contextlib.contextmanager
def _blaming(path: Path) -> Iterator[None]:
    """Say of what goes wrong which image is at fault."""
    try:
        yield
    except (InputError, RegistrationError) as error:
        error.path = path
        raise


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put a file's name before the message of what goes wrong with it: a session may have many."""
    try:
        yield
    except (InputError, RegistrationError) as error:
        named = type(error)(f"{path.name}: {error}")
        named.path = path
        raise named from None


def _in_suvr(pet: Volume, reference: float) -> Volume:
    return pet.with_data(pet.data / np.float32(reference), "SUVR")
