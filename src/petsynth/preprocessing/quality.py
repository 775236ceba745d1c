"""Figures for quality control of one subject, and what they flag.

Thresholds were found on simulated PET (docs/decisions/0020, 0023), so what they find is flagged
and not left out. Checks that need aligned scans do not run where scans are not registered; their
figures are None.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nibabel.affines import apply_affine

from petsynth.errors import RegistrationError
from petsynth.preprocessing.flags import Flag
from petsynth.preprocessing.registration.rigid import Alignment
from petsynth.preprocessing.registration.similarity import local_correlation_ratio
from petsynth.volume import BoolArray, FloatArray, Volume

MIN_GAIN = 0.07
"""Local correlation ratio beyond that of the flipped PET, below which a pair is flagged. Of 124
simulated pairs on real anatomy the lowest reached 0.072; of 60 mismatched ones the highest, 0.054
(docs/decisions/0023)."""
INFORMATION_PER_LITRE = 0.475
"""By how much the mutual information of aligned brains with the template increases with their
volume, in nats per litre; the template is a large brain, and alignment does not scale
(docs/decisions/0023)."""
INFORMATION_OFFSET = -0.29
"""The same at 0 litres, less 0.07 nats for the scatter about that line."""
ENOUGH_INFORMATION = 0.36
"""What is enough for a brain of any size: T1s of low resolution reach less than those measured."""
LEAST_INFORMATION = 0.22
"""What a brain of any size needs: heads left upside down reached 0.24 at most, right ones 0.28 and
more (docs/decisions/0023)."""
MIN_COVERAGE = 0.98
"""Fraction of the brain inside the PET's field of view, below which it is flagged."""
MAX_MOTION_MM = 10.0
"""Motion between frames beyond which a scan is flagged: it also moved within frames."""


def min_template_information(brain_volume_ml: float) -> float:
    """Return the mutual information with the template, in nats, below which a T1 is flagged.

    Examples
    --------
    >>> round(min_template_information(1100), 4), min_template_information(1600)
    (0.2325, 0.36)
    """
    expected = INFORMATION_PER_LITRE * brain_volume_ml / 1000 + INFORMATION_OFFSET
    return max(min(expected, ENOUGH_INFORMATION), LEAST_INFORMATION)


@dataclass(frozen=True)
class Quality:
    """Figures of one subject; each a column of ``qc.tsv``. None where a check did not run.

    Parameters
    ----------
    brain_volume_ml : float
        Volume of the brain mask in mL.
    template_mutual_information : float or None
        Mutual information of the T1's brain and the template after alignment, in nats.
    mutual_information : float or None
        Of T1 and PET after registration, in and around the brain, in nats.
    local_correlation_ratio : float or None
        Fraction of the PET detail's variance that the T1 detail explains; see
        `petsynth.preprocessing.registration.similarity`.
    local_correlation_ratio_flipped : float or None
        The same with the PET flipped left to right, as a control.
    pet_shift_mm : float or None
        How far registration moved the brain's centre in the PET.
    pet_rotation_deg : float or None
        By what angle it rotated the PET.
    pet_coverage : float or None
        Fraction of the brain inside the PET's field of view.
    motion_mm : float
        How far a point of the head moved between the PET's frames.
    pet_frames : int
        Frames of the PET as it was acquired.
    t1_reproducible, pet_reproducible : bool or None
        Whether two independent initialisations led to the same position.
    """

    brain_volume_ml: float
    template_mutual_information: float | None
    mutual_information: float | None
    local_correlation_ratio: float | None
    local_correlation_ratio_flipped: float | None
    pet_shift_mm: float | None
    pet_rotation_deg: float | None
    pet_coverage: float | None
    motion_mm: float = 0.0
    t1_reproducible: bool | None = True
    pet_reproducible: bool | None = True
    pet_frames: int = 1

    @property
    def flags(self) -> list[Flag]:
        """What to look at; empty if nothing."""
        found = []
        ratio, flipped = self.local_correlation_ratio, self.local_correlation_ratio_flipped
        if ratio is not None and flipped is not None and ratio - flipped < MIN_GAIN:
            text = "T1 and PET may show different people or be misaligned"
            found.append(Flag("pair", text))
        information = self.template_mutual_information
        if information is not None and information < min_template_information(self.brain_volume_ml):
            found.append(Flag("t1-alignment", "T1 may not be aligned to MNI axes"))
        if self.pet_coverage is not None and self.pet_coverage < MIN_COVERAGE:
            found.append(Flag("coverage", f"PET covers {self.pet_coverage:.0%} of the brain"))
        for scan, reproducible in (("T1", self.t1_reproducible), ("PET", self.pet_reproducible)):
            if reproducible is False:
                text = (
                    f"registration of the {scan} is not reproducible: independent initialisations "
                    "led to different positions"
                )
                found.append(Flag("registration", text))
        if self.motion_mm > MAX_MOTION_MM:
            text = f"head moved {self.motion_mm:.0f} mm between the PET's frames"
            found.append(Flag("motion", text))
        return found


def assess_unaligned(
    mask: BoolArray, voxel_mm: float, motion_mm: float, pet_frames: int = 1
) -> Quality:
    """Measure a subject whose scans were centred and not registered; see `assess`."""
    return Quality(
        brain_volume_ml=float(mask.sum() * voxel_mm**3 / 1e3),
        template_mutual_information=None,
        mutual_information=None,
        local_correlation_ratio=None,
        local_correlation_ratio_flipped=None,
        pet_shift_mm=None,
        pet_rotation_deg=None,
        pet_coverage=None,
        motion_mm=motion_mm,
        t1_reproducible=None,
        pet_reproducible=None,
        pet_frames=pet_frames,
    )


def assess(
    t1: Volume,
    pet: Volume,
    mask: BoolArray,
    grid_to_t1: FloatArray,
    to_pet: Alignment,
    template_mutual_information: float,
    *,
    motion_mm: float = 0.0,
    t1_reproducible: bool = True,
    pet_frames: int = 1,
) -> Quality:
    """Measure one subject.

    Parameters
    ----------
    t1, pet : Volume
        (X, Y, Z), on the models' grid; the PET is NaN outside its field of view.
    mask : (X, Y, Z) bool array
        Brain.
    grid_to_t1 : (4, 4) float array
        From the grid's world to the T1's world.
    to_pet : Alignment
        From the T1's world to the PET's world.
    template_mutual_information, motion_mm : float
        See `Quality`.
    t1_reproducible : bool
        See `Quality`.
    pet_frames : int
        See `Quality`.

    Raises
    ------
    RegistrationError
        If the PET covers nothing of the brain.
    """
    voxel_mm = t1.grid.voxel_mm[0]
    covered = np.isfinite(pet.data)
    coverage = float(covered[mask].mean())
    if not coverage:
        raise RegistrationError("PET and brain do not overlap after registration")
    values = np.where(covered, pet.data, 0)
    local = local_correlation_ratio(t1.data, values, mask & covered, voxel_mm)
    rigid = to_pet.fixed_to_moving
    centre = apply_affine(grid_to_t1 @ t1.affine, np.argwhere(mask).mean(axis=0))
    cosine = np.clip((np.trace(rigid[:3, :3]) - 1) / 2, -1, 1)
    return Quality(
        brain_volume_ml=float(mask.sum() * voxel_mm**3 / 1e3),
        template_mutual_information=template_mutual_information,
        mutual_information=to_pet.mutual_information,
        local_correlation_ratio=local.ratio,
        local_correlation_ratio_flipped=local.flipped,
        pet_shift_mm=float(np.linalg.norm(apply_affine(rigid, centre) - centre)),
        pet_rotation_deg=float(np.degrees(np.arccos(cosine))),
        pet_coverage=coverage,
        motion_mm=motion_mm,
        t1_reproducible=t1_reproducible,
        pet_reproducible=to_pet.reproducible,
        pet_frames=pet_frames,
    )
