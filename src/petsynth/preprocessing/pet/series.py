"""A PET as acquired, with what is to be made of it: unit, frames, motion, resolution.

Nothing is resampled when it is read; `PetSeries.on` interpolates each acquired frame once, onto
the grid that is asked for, through motion and registration composed. Voxels outside the field of
view are NaN, so that no mean counts them.
"""

from __future__ import annotations

import functools
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
    Acquisition,
    decay_factors,
    read_acquisition,
    suv_factors,
)
from petsynth.preprocessing.pet.registration import (
    FrameMean,
    displacement_mm,
    estimate_motion,
    mean_of_frames,
)
from petsynth.preprocessing.pet.time_window import Frames, TimeWindow, find_window, frame_weights
from petsynth.preprocessing.pet.units import ACTIVITY
from petsynth.preprocessing.resampling import resample
from petsynth.volume import FWHM_PER_SIGMA, FloatArray, Grid, Volume

Units = Literal["auto", "keep", "suv", "suvr"]
"""``"keep"``: as the sidecar says; ``"suv"``, ``"suvr"``: converted; ``"auto"``: activity and SUV
become SUVR, everything else is kept."""


@dataclass(frozen=True)
class PetSeries:
    """Acquired frames and how the wanted ones are made of them.

    Parameters
    ----------
    acquired : Volume
        (X, Y, Z) or (X, Y, Z, T), corrected for decay, smoothed if wanted; NaN outside the field
        of view.
    acquisition : Acquisition
        What its sidecar tells.
    to_frame : tuple of (4, 4) float array
        From the PET's world to the world of each acquired frame, T of them: motion.
    weights : (N, T) float array
        How the wanted frames are made of the acquired ones.
    mean_weights : (T,) float array
        How their mean over the time window is made of the acquired ones.
    factors : (T,) float array
        What the file's values were multiplied by.
    time_window : TimeWindow or None
        The time after injection that the mean is taken over; None where none is wanted.
    """

    acquired: Volume
    acquisition: Acquisition
    to_frame: tuple[FloatArray, ...]
    weights: FloatArray
    mean_weights: FloatArray
    factors: FloatArray
    time_window: TimeWindow | None = None

    @functools.cached_property
    def mean(self) -> Volume:
        """The mean over the time window, (X, Y, Z), on the PET's own voxels.

        Frames count by the time for which they overlap the window.
        """
        if self.acquired.frames == 1:
            return self.acquired
        return mean_of_frames(self.acquired, self.mean_weights.tolist(), self.to_frame)

    def on(self, grid: Grid, grid_to_pet: FloatArray, acquired: Volume | None = None) -> Volume:
        """Return the wanted frames on a grid.

        Parameters
        ----------
        grid : Grid
            Where values are wanted.
        grid_to_pet : (4, 4) float array
            From the grid's world (mm) to the PET's world (mm).
        acquired : Volume, optional
            Other frames on the same voxels as the file has them, such as a simulation's noise-free
            ones.

        Returns
        -------
        Volume
            (X, Y, Z), or (X, Y, Z, N) for several frames; float32, NaN outside the field of view.
        """
        source = self.acquired if acquired is None else self._in_same_unit(acquired)
        if source.frames != len(self.to_frame):
            return resample(source, grid, grid_to_pet, fill=np.nan)
        if source.frames == 1:
            return resample(source, grid, self.to_frame[0] @ grid_to_pet, fill=np.nan)
        means = [FrameMean(grid.shape) for _ in self.weights]
        for number, transform in enumerate(self.to_frame):
            wanted = np.flatnonzero(self.weights[:, number])
            if not wanted.size:
                continue
            frame = source.with_data(source.data[..., number])
            image = resample(frame, grid, transform @ grid_to_pet, fill=np.nan).data
            for row in wanted:
                means[row].add(float(self.weights[row, number]), image)
        frames = [mean.result() for mean in means]
        data = np.stack(frames, axis=3) if len(frames) > 1 else frames[0]
        return Volume(data, np.asarray(grid.affine, dtype=float), source.unit)

    def _in_same_unit(self, other: Volume) -> Volume:
        factors = self.factors if other.frames == len(self.factors) else self.factors[:1]
        return _scaled(other, factors, self.acquired.unit)

    @property
    def motion_mm(self) -> float:
        """How far a point of the head moved between frames, in mm; 0 for one frame."""
        if len(self.to_frame) == 1:
            return 0.0
        return displacement_mm(self.to_frame, self.mean)


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
    window_min: tuple[float, float] | None = None,
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
    window_min : (float, float), optional
        Minutes after injection over which frames are averaged; all of the scan if left out, or
        where the sidecar does not tell.

    Raises
    ------
    InputError
        If the file or its sidecar cannot be used, or lacks what the wanted unit or frames need.
    """
    pet = read_volume(path, frames=True, gaps="keep")
    if not np.ptp(pet.data[np.isfinite(pet.data)]) > 0:
        raise InputError(f"{path}: PET has the same value everywhere")
    acquisition = read_acquisition(sidecar, pet.frames, name=path.name, weight_kg=weight_kg)
    for problem in acquisition.unread.values():
        _warn(f"{path.name}: {problem}; it counts as missing")
    factors, unit = _factors(acquisition, pet.frames, units)
    pet = mark_unmeasured(_scaled(pet, factors, unit))
    window = None if window_min is None else find_window(window_min, acquisition, pet.frames)
    within = None if window is None else window.within_s
    weights = frame_weights(frames, acquisition, pet.frames, within)
    mean_weights = frame_weights("mean", acquisition, pet.frames, within)[0]
    if not acquisition.is_known_unit and units != "suvr":
        _warn(
            f"{path.name}: Units is {acquisition.unit!r}, which is not known: its values are kept "
            "as they are, and not used together with other units; correct Units in its sidecar "
            "(Bq/mL, SUV or SUVR), or give --units suvr"
        )
    if units in ("auto", "keep") and not sidecar.get("Units"):
        _warn(f"{path.name}: Units is missing from its sidecar, so its values are kept as they are")
    if pet.frames > 1 and not acquisition.durations_s:
        _warn(
            f"{path.name}: FrameDuration is missing, so its {pet.frames} frames are taken as "
            "equally long"
        )
    if psf_mm is not None:
        has = _stated_psf(sidecar) or scanner_psf_mm
        pet = smooth_to(pet, psf_mm, has, name=path.name)
    to_frame: list[FloatArray] = [np.eye(4)] * pet.frames
    if motion and pet.frames > 1:
        durations = np.array(acquisition.durations_s or (1.0,) * pet.frames)
        to_frame = estimate_motion(pet, np.where(weights.any(axis=0), durations, 0.0).tolist())
    return PetSeries(pet, acquisition, tuple(to_frame), weights, mean_weights, factors, window)


def mark_unmeasured(pet: Volume) -> Volume:
    """Return a PET that is NaN in planes at its edges that are 0 throughout, in all frames.

    A plane of exact zeros was not measured: it was added by whoever put the image on another grid,
    or cut it to the scanner's field of view. Voxels that are NaN already stay so.

    Parameters
    ----------
    pet : Volume
        (X, Y, Z) or (X, Y, Z, T).
    """
    nonzero = np.isfinite(pet.data) & (pet.data != 0)
    filled = nonzero.any(axis=3) if nonzero.ndim == 4 else nonzero
    inside = []
    for axis in range(3):
        planes = np.flatnonzero(np.any(filled, axis=tuple({0, 1, 2} - {axis})))
        inside.append(slice(planes[0], planes[-1] + 1) if len(planes) else slice(None))
    if pet.data[tuple(inside)].shape == pet.data.shape:
        return pet
    data = np.full_like(pet.data, np.nan)
    data[tuple(inside)] = pet.data[tuple(inside)]
    return pet.with_data(data)


def smooth_to(pet: Volume, psf_mm: float, has_mm: float | None, *, name: str) -> Volume:
    """Smooth a PET to a resolution that all of a cohort can have.

    The kernel is a Gaussian whose full width at half maximum is sqrt(psf_mm**2 - has_mm**2).

    Parameters
    ----------
    pet : Volume
        (X, Y, Z[, T]); NaN where nothing was measured, which counts nothing.
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

    def smooth(data: FloatArray) -> FloatArray:
        return np.asarray(ndimage.gaussian_filter(data, sigmas, mode="nearest", truncate=3.5))

    gaps = np.isnan(pet.data)
    if not gaps.any():
        return pet.with_data(smooth(pet.data))
    weight = smooth((1 - gaps).astype(np.float32))
    smoothed = smooth(np.where(gaps, 0, pet.data)) / np.where(gaps, 1, weight)
    return pet.with_data(np.where(gaps, np.nan, smoothed).astype(np.float32))


def wants_reference(unit: str, units: Units) -> bool:
    """Whether values in ``unit`` are to be divided by those of a reference region.

    Examples
    --------
    >>> wants_reference("SUV", "auto"), wants_reference("arbitrary", "auto")
    (True, False)
    """
    if unit == "SUVR":
        return False
    return units == "suvr" or (units == "auto" and unit in ("SUV", ACTIVITY))


def _factors(acquisition: Acquisition, frames: int, units: Units) -> tuple[FloatArray, str]:
    """Return what the frames are multiplied by, (T,), and the unit that they then have."""
    if units == "suv" and acquisition.unit != "SUV":
        return acquisition.unit_factor * suv_factors(acquisition, frames), "SUV"
    return acquisition.unit_factor * decay_factors(acquisition, frames), acquisition.unit


def _scaled(pet: Volume, factors: FloatArray, unit: str) -> Volume:
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
