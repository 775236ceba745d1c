"""SUVR: a PET divided by its mean in a reference region, and its mean in a target region.

Regions are drawn in MNI space and warped to the subject
(`petsynth.preprocessing.registration.deformable`); the mean is taken over voxels of 2 mm, whatever
the models' grid, and only over those that the PET's field of view covers. Several frames are
divided by one number, the reference's mean over the time window, so that their course in time
stays.
"""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass

import numpy as np

from petsynth.errors import InputError, PetsynthWarning
from petsynth.preprocessing.flags import Flag
from petsynth.preprocessing.grids import model_grid
from petsynth.preprocessing.pet.tracers import Profile, Target, region, tracer_profiles
from petsynth.preprocessing.registration.deformable import Warp
from petsynth.preprocessing.resampling import covered_mean, resample
from petsynth.volume import FloatArray, Volume

REGION_MM = 2.0
"""Voxel at which regions are laid over a PET."""
MIN_ML = 0.5
"""Volume of a region in mL below which it is flagged: about sixty voxels of 2 mm."""
MIN_COVERED = 0.9
"""Fraction of a region inside the PET's field of view below which it is flagged."""
MIN_COVERED_TO_USE = 0.5
"""The same below which its mean is not used."""
MIN_CORRELATION = 0.7
"""Correlation with the template below which the deformation is flagged. Eight real heads (IXI)
reached 0.88 to 0.91; see docs/decisions/0064."""


@dataclass(frozen=True)
class RegionMean:
    """A PET's mean in one region.

    Parameters
    ----------
    name : str
        Of the region.
    mean : float
        In the PET's unit, over the voxels that the PET's field of view covers.
    ml : float
        Volume of the region in this subject, covered or not.
    mask : Volume
        (X, Y, Z) bool in the aligned space, 2 mm.
    covered_fraction : float
        Fraction of the region inside the PET's field of view, 0 to 1.
    """

    name: str
    mean: float
    ml: float
    mask: Volume
    covered_fraction: float = 1.0


@dataclass(frozen=True)
class Uptake:
    """What the regions of a subject tell.

    Parameters
    ----------
    reference : RegionMean or None
        What the PET was divided by; None if it came as SUVR.
    target : RegionMean or None
        In SUVR; None where the tracer has none that is shipped.
    warp_correlation : float
        Correlation of the brain with the template after deformation.
    centiloid_like : float or None
        By the tracer's published equation, with this pipeline instead of the standard one.
    abnormal : bool or None
        Whether the target passes the published threshold.
    """

    reference: RegionMean | None
    target: RegionMean | None
    warp_correlation: float
    centiloid_like: float | None = None
    abnormal: bool | None = None

    @property
    def flags(self) -> list[Flag]:
        """What to look at; empty if nothing."""
        found = []
        if self.reference is not None:
            found += [
                Flag("reference-region", text) for text in _doubts("reference", self.reference)
            ]
        if self.target is not None:
            found += [Flag("target-region", text) for text in _doubts("target", self.target)]
        if self.warp_correlation < MIN_CORRELATION:
            found.append(Flag("deformation", "deformation to MNI space is poor: check the regions"))
        return found


def profile_of(tracer: str) -> Profile | None:
    """Return what is known of a tracer; None if nothing is."""
    return tracer_profiles().get(tracer)


def reference_of(tracer: str, wanted: str | None) -> str:
    """Return the reference region to be used.

    Raises
    ------
    InputError
        If none was named and the tracer has no profile, or there is no such region.
    """
    profile = profile_of(tracer)
    if wanted is None and profile is None:
        raise InputError(
            f"no reference region is known for the tracer {tracer}: give --reference-region, or "
            "--units keep or suv"
        )
    name = wanted or (profile.reference if profile is not None else "")
    region(name)
    return name


def measure_region(name: str, warp: Warp, pet: Volume, grid_to_pet: FloatArray) -> RegionMean:
    """Return the mean of a PET in a region of MNI space.

    Parameters
    ----------
    name : str
        Of the region.
    warp : Warp
        From the subject's aligned space to MNI space.
    pet : Volume
        (X, Y, Z), on its own voxels; NaN where nothing was measured.
    grid_to_pet : (4, 4) float array
        From the aligned world to the PET's world (mm).

    Raises
    ------
    InputError
        If the region is empty, more than half of it out of the PET's field of view, or its mean
        not positive.
    """
    grid = model_grid(REGION_MM)
    mask = warp.apply(region(name), grid)
    ml = float(mask.data.sum() * REGION_MM**3 / 1000)
    if not ml:
        raise InputError(
            f"region {name} holds 0.00 mL in this subject: check the brain mask and the alignment "
            "to MNI axes"
        )
    values = resample(pet, grid, grid_to_pet, fill=np.nan).data[mask.data]
    mean, covered = covered_mean(values)
    if covered < MIN_COVERED_TO_USE:
        raise InputError(
            f"region {name} lies {1 - covered:.0%} outside the PET's field of view, at most "
            f"{1 - MIN_COVERED_TO_USE:.0%} may; choose another --reference-region, or --units keep"
        )
    if not mean > 0:
        raise InputError(f"region {name} has a mean of {mean:.3g} {pet.unit}: nothing to divide by")
    return RegionMean(name, mean, ml, mask, covered)


def measure_uptake(
    tracer: str,
    warp: Warp,
    pet: Volume,
    grid_to_pet: FloatArray,
    reference: str | None,
) -> Uptake:
    """Measure the reference region, if one is wanted, and the tracer's target region.

    Parameters
    ----------
    tracer : str
        Everyday name.
    warp, pet, grid_to_pet
        See `measure_region`.
    reference : str or None
        Region to divide by; None if the PET is in SUVR already.

    Raises
    ------
    InputError
        As `measure_region`, for the reference region.
    """
    divisor = None if reference is None else measure_region(reference, warp, pet, grid_to_pet)
    profile = profile_of(tracer)
    if profile is None or not profile.target.region:
        return Uptake(divisor, None, warp.correlation)
    try:
        found = measure_region(profile.target.region, warp, pet, grid_to_pet)
    except InputError as error:  # no reason to lose the scan
        warnings.warn(f"no target SUVR: {error}", PetsynthWarning, stacklevel=2)
        return Uptake(divisor, None, warp.correlation)
    suvr = found.mean / (1.0 if divisor is None else divisor.mean)
    target = dataclasses.replace(found, mean=suvr)
    fits = reference in (None, profile.target.reference)
    return Uptake(
        divisor,
        target,
        warp.correlation,
        centiloid(suvr, profile.target) if fits else None,
        is_abnormal(suvr, profile.target) if fits else None,
    )


def centiloid(suvr: float, target: Target) -> float | None:
    """Return Centiloids by a tracer's published equation; None where there is none.

    Examples
    --------
    >>> round(centiloid(1.0, tracer_profiles()["AV45"].target), 2)
    -7.09
    """
    if target.centiloid is None:
        return None
    slope, intercept = target.centiloid
    return slope * suvr + intercept


def is_abnormal(suvr: float, target: Target) -> bool | None:
    """Return whether a value passes a tracer's threshold; None where there is none."""
    if target.positive_from is None:
        return None
    if target.below_is_positive:
        return suvr <= target.positive_from
    return suvr >= target.positive_from


def _doubts(role: str, found: RegionMean) -> list[str]:
    """Return what speaks against a region's mean."""
    doubts = []
    if found.covered_fraction < MIN_COVERED:
        doubts.append(f"PET covers {found.covered_fraction:.0%} of the {role} region {found.name}")
    if found.ml < MIN_ML:
        doubts.append(f"{role} region {found.name} holds only {found.ml:.2f} mL")
    return doubts
