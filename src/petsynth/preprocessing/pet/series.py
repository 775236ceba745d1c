"""A PET as acquired, with what is to be made of it: unit, frames, motion, resolution.

Nothing is resampled when it is read; `PetSeries.on` interpolates each acquired frame once, onto
the grid that is asked for, through motion and registration composed.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy import ndimage

from petsynth.errors import InputError, PetsynthWarning
from petsynth.io.nifti import read_volume
from petsynth.preprocessing.pet.acquisition import (
    BQ_PER_ML,
    Acquisition,
    decay_factors,
    read_acquisition,
    suv_factors,
)
from petsynth.preprocessing.pet.registration import displacement_mm, estimate_motion, mean_of_frames
from petsynth.preprocessing.resampling import resample
from petsynth.volume import FWHM_PER_SIGMA, FloatArray, Grid, Volume

Frames = Literal["mean", "keep"] | int
"""``"mean"``: one image; ``"keep"``: as acquired; a number N: as many windows of equal length."""
Units = Literal["auto", "keep", "suv", "suvr"]
"""``"keep"``: as the sidecar says; ``"suv"``, ``"suvr"``: converted; ``"auto"``: activity and SUV
become SUVR, everything else is kept."""


@dataclass(frozen=True)
class PetSeries:
    """Acquired frames and how the wanted ones are made of them.

    Parameters
    ----------
    acquired : Volume
        (X, Y, Z) or (X, Y, Z, T), corrected for decay, smoothed if wanted.
    acquisition : Acquisition
        What its sidecar tells.
    to_frame : tuple of (4, 4) float array
        From the PET's world to the world of each acquired frame, T of them: motion.
    weights : (N, T) float array
        How the wanted frames are made of the acquired ones.
    """

    acquired: Volume
    acquisition: Acquisition
    to_frame: tuple[FloatArray, ...]
    weights: FloatArray

    def mean(self) -> Volume:
        """Return the mean over all frames by duration, (X, Y, Z), on the PET's own voxels."""
        if self.acquired.frames == 1:
            return self.acquired
        weights = self.acquisition.durations_s or (1.0,) * self.acquired.frames
        return mean_of_frames(self.acquired, weights, self.to_frame)

    def on(self, grid: Grid, grid_to_pet: FloatArray, acquired: Volume | None = None) -> Volume:
        """Return the wanted frames on a grid.

        Parameters
        ----------
        grid : Grid
            Where values are wanted.
        grid_to_pet : (4, 4) float array
            From the grid's world (mm) to the PET's world (mm).
        acquired : Volume, optional
            Other frames on the same voxels, such as a simulation's noise-free ones.

        Returns
        -------
        Volume
            (X, Y, Z), or (X, Y, Z, N) for several frames; float32.
        """
        source = self.acquired if acquired is None else acquired
        if source.frames != len(self.to_frame):
            return resample(source, grid, grid_to_pet)
        if source.frames == 1:
            return resample(source, grid, self.to_frame[0] @ grid_to_pet)
        wanted = np.zeros((*grid.shape, len(self.weights)), dtype=np.float32)
        for number, transform in enumerate(self.to_frame):
            frame = source.with_data(source.data[..., number])
            resampled = resample(frame, grid, transform @ grid_to_pet).data
            for column in np.flatnonzero(self.weights[:, number]):
                wanted[..., column] += np.float32(self.weights[column, number]) * resampled
        data = wanted if wanted.shape[3] > 1 else wanted[..., 0]
        return Volume(data, np.asarray(grid.affine, dtype=float), source.unit)

    @property
    def motion_mm(self) -> float:
        """How far a point of the head moved between frames, in mm; 0 for one frame."""
        if len(self.to_frame) == 1:
            return 0.0
        return displacement_mm(self.to_frame, self.mean())


def read_pet(
    path: Path,
    sidecar: Mapping[str, Any],
    *,
    frames: Frames = "mean",
    units: Units = "auto",
    motion: bool = True,
    psf_mm: float | None = None,
    scanner_psf_mm: float | None = None,
    weight_kg: float | None = None,
) -> PetSeries:
    """Read a PET and decide what is to be made of it.

    Parameters
    ----------
    path : Path
        The image.
    sidecar : mapping
        All fields that apply to it.
    frames : "mean", "keep" or int
        See `Frames`.
    units : {"auto", "keep", "suv", "suvr"}
        See `Units`; dividing by the reference region is left to
        `petsynth.preprocessing.pet.suvr`.
    motion : bool
        Whether motion between frames is corrected.
    psf_mm : float, optional
        Full width at half maximum that the image is smoothed to, in mm.
    scanner_psf_mm : float, optional
        Full width at half maximum that it has, if the sidecar does not tell.
    weight_kg : float, optional
        Body weight from ``participants.tsv``.

    Raises
    ------
    InputError
        If the file or its sidecar cannot be used, or lacks what the wanted unit needs.
    """
    pet = read_volume(path, frames=True)
    if not np.ptp(pet.data) > 0:
        raise InputError(f"{path}: PET has the same value everywhere")
    acquisition = read_acquisition(sidecar, pet.frames, name=path.name, weight_kg=weight_kg)
    pet = _in_unit(pet, acquisition, units)
    weights = frame_weights(frames, acquisition, pet.frames)
    if units == "auto" and not sidecar.get("Units"):
        _warn(f"{path.name}: Units is missing from its sidecar, so its values are kept as they are")
    if pet.frames > 1 and not acquisition.durations_s:
        _warn(
            f"{path.name}: FrameTimesStart or FrameDuration is missing, so its {pet.frames} frames "
            "are taken as equally long"
        )
    if psf_mm is not None:
        has = _stated_psf(sidecar) or scanner_psf_mm
        pet = smooth_to(pet, psf_mm, has, name=path.name)
    still = (np.eye(4),) * pet.frames
    if not motion or pet.frames == 1:
        return PetSeries(pet, acquisition, still, weights)
    counts = acquisition.durations_s or (1.0,) * pet.frames
    return PetSeries(pet, acquisition, tuple(estimate_motion(pet, counts)), weights)


def frame_weights(frames: Frames, acquisition: Acquisition, count: int) -> FloatArray:
    """Return how the new frames are made of the acquired ones.

    A new frame is a window of time; each acquired frame counts by the time for which it overlaps
    the window, so that a mean is weighted by duration and gaps count nothing.

    Parameters
    ----------
    frames : "mean", "keep" or int
        See `Frames`.
    acquisition : Acquisition
        With frame times; without, all frames count alike in a mean.
    count : int
        Frames of the image, T.

    Returns
    -------
    (N, T) float array
        Rows sum to 1.

    Raises
    ------
    InputError
        If N frames are wanted and frame times are unknown, N is less than 1, or a window holds
        no data.

    Examples
    --------
    Frames of 1, 1 and 2 minutes to two windows of 2 minutes, and to their mean:

    >>> times = Acquisition("x", "SUVR", (0, 60, 120), (60, 60, 120))
    >>> frame_weights(2, times, 3).tolist()
    [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    >>> frame_weights("mean", times, 3).tolist()
    [[0.25, 0.25, 0.5]]
    """
    if frames == "keep" or (count == 1 and frames in ("mean", 1)):
        return np.eye(count)
    if frames == "mean" and not acquisition.starts_s:
        return np.full((1, count), 1 / count)
    number = 1 if frames == "mean" else int(frames)
    if number < 1:
        raise InputError(f"{number} frames: give 1 or more")
    if not acquisition.starts_s:
        raise InputError(
            f"{acquisition.name}: {number} frames need FrameTimesStart and FrameDuration, which "
            "its sidecar lacks"
        )
    starts = np.array(acquisition.starts_s)
    ends = starts + np.array(acquisition.durations_s)
    limits = np.linspace(starts[0], ends.max(), number + 1)
    overlap = np.minimum(ends, limits[1:, None]) - np.maximum(starts, limits[:-1, None])
    overlap = np.clip(overlap, 0, None)
    if not (overlap.sum(axis=1) > 0).all():
        raise InputError(f"{acquisition.name}: {number} frames leave a window without data")
    return np.asarray(overlap / overlap.sum(axis=1, keepdims=True))


def window_times(frames: Frames, acquisition: Acquisition) -> tuple[list[float], list[float]]:
    """Return start and duration of the new frames in seconds; empty where times are unknown.

    Examples
    --------
    >>> window_times("mean", Acquisition("x", "SUVR", (30, 60), (30, 60)))
    ([30.0], [90.0])
    """
    if not acquisition.starts_s:
        return [], []
    if frames == "keep":
        return list(acquisition.starts_s), list(acquisition.durations_s)
    number = 1 if frames == "mean" else int(frames)
    pairs = zip(acquisition.starts_s, acquisition.durations_s, strict=True)
    first, last = acquisition.starts_s[0], max(start + duration for start, duration in pairs)
    limits = np.linspace(first, last, number + 1)
    return limits[:-1].tolist(), np.diff(limits).tolist()


def smooth_to(pet: Volume, psf_mm: float, has_mm: float | None, *, name: str) -> Volume:
    """Smooth a PET to a resolution that all of a cohort can have.

    The kernel is a Gaussian whose full width at half maximum is sqrt(psf_mm**2 - has_mm**2).

    Parameters
    ----------
    pet : Volume
        (X, Y, Z[, T]).
    psf_mm, has_mm : float
        Wanted and present full width at half maximum in mm.
    name : str
        Of the file, for messages.

    Raises
    ------
    InputError
        If the present resolution is unknown, or lower than the wanted one.

    References
    ----------
    Joshi, Koeppe and Fessler, "Reducing between scanner differences in multi-center PET studies",
    NeuroImage 46, 2009: ADNI's images are smoothed to 8 mm.
    """
    if has_mm is None:
        raise InputError(
            f"{name}: --psf-mm needs the resolution of the scanner: give --scanner-psf-mm, or "
            "PointSpreadFWHM among ReconMethodParameterLabels in the sidecar"
        )
    if has_mm > psf_mm + 0.05:
        raise InputError(f"{name}: has a resolution of {has_mm:g} mm, coarser than {psf_mm:g} mm")
    width = np.sqrt(max(psf_mm**2 - has_mm**2, 0.0))
    sigmas = [width / FWHM_PER_SIGMA / voxel for voxel in pet.grid.voxel_mm]
    sigmas += [0.0] * (pet.data.ndim - 3)
    smoothed = ndimage.gaussian_filter(pet.data, sigmas, mode="nearest", truncate=3.5)
    return pet.with_data(smoothed)


def wants_reference(unit: str, units: Units) -> bool:
    """Whether values in ``unit`` are to be divided by those of a reference region.

    Examples
    --------
    >>> wants_reference("SUV", "auto"), wants_reference("arbitrary", "auto")
    (True, False)
    """
    if unit == "SUVR":
        return False
    return units == "suvr" or (units == "auto" and (unit == "SUV" or unit in BQ_PER_ML))


def _in_unit(pet: Volume, acquisition: Acquisition, units: Units) -> Volume:
    unit = acquisition.unit
    if units == "suv" and unit != "SUV":
        factors, unit = suv_factors(acquisition, pet.frames), "SUV"
    else:
        factors = decay_factors(acquisition, pet.frames)
    if (factors == 1).all():
        return pet.with_data(pet.data, unit)
    scale = factors.astype(np.float32)
    return pet.with_data(pet.data * (scale if pet.frames > 1 else scale[0]), unit)


def _warn(message: str) -> None:
    warnings.warn(message, PetsynthWarning, stacklevel=3)


def _stated_psf(sidecar: Mapping[str, Any]) -> float | None:
    labels = sidecar.get("ReconMethodParameterLabels")
    values = sidecar.get("ReconMethodParameterValues")
    if not isinstance(labels, list) or not isinstance(values, list):
        return None
    pairs = zip(labels, values, strict=False)
    stated = next((value for label, value in pairs if label == "PointSpreadFWHM"), None)
    return float(stated) if isinstance(stated, int | float) and stated > 0 else None
