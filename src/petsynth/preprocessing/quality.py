"""Figures for quality control of one subject, and what they flag."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nibabel.affines import apply_affine

from petsynth.preprocessing.pet.registration import static
from petsynth.preprocessing.registration.rigid import Alignment
from petsynth.preprocessing.registration.similarity import local_correlation_ratio
from petsynth.preprocessing.resampling import resample
from petsynth.volume import BoolArray, FloatArray, Grid, Volume

MIN_GAIN = 0.07
"""Local correlation ratio beyond that of the flipped PET, below which a pair is flagged. Of 124
simulated pairs on real anatomy the lowest reached 0.072; of 60 mismatched ones the highest, 0.054
(docs/decisions/0023)."""
MIN_GAIN_TO_ACCEPT = 0.02
"""The same, below which a pair is refused: right pairs reached 0.072 and more (FDG, AV45, AV1451 on
real anatomy), PETs that were registered 20 mm off and more 0.006 at most."""
INFORMATION_PER_LITRE = 0.475
"""By how much the mutual information of aligned brains with the template increases with their
volume, in nats per litre; the template is a large brain, and alignment does not scale
(docs/decisions/0023)."""
INFORMATION_OFFSET = -0.29
"""The same at 0 litres, less 0.07 nats for the scatter about that line."""
ENOUGH_INFORMATION = 0.36
"""What is enough for a brain of any size: T1s of low resolution reach less than those measured."""
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
    return min(expected, ENOUGH_INFORMATION)


@dataclass(frozen=True)
class Quality:
    """Figures of one subject; each a column of ``qc.tsv``.

    Parameters
    ----------
    brain_volume_ml : float
        Volume of the brain mask in mL.
    template_mutual_information : float
        Mutual information of the T1's brain and the template after alignment, in nats.
    mutual_information : float
        Of T1 and PET after registration, in and around the brain, in nats.
    local_correlation_ratio : float
        Fraction of the PET detail's variance that the T1 detail explains; see
        `petsynth.preprocessing.registration.similarity`.
    local_correlation_ratio_flipped : float
        The same with the PET flipped left to right, as a control.
    pet_shift_mm : float
        How far registration moved the brain's centre in the PET.
    pet_rotation_deg : float
        By what angle it rotated the PET.
    pet_coverage : float
        Fraction of the brain inside the PET's field of view.
    motion_mm : float
        How far a point of the head moved between the PET's frames.
    t1_reproducible, pet_reproducible : bool
        Whether two independent initialisations led to the same position.
    """

    brain_volume_ml: float
    template_mutual_information: float
    mutual_information: float
    local_correlation_ratio: float
    local_correlation_ratio_flipped: float
    pet_shift_mm: float
    pet_rotation_deg: float
    pet_coverage: float
    motion_mm: float = 0.0
    t1_reproducible: bool = True
    pet_reproducible: bool = True

    @property
    def flags(self) -> list[str]:
        """What a person should look at; empty if nothing."""
        found = []
        if self.local_correlation_ratio - self.local_correlation_ratio_flipped < MIN_GAIN:
            found.append("T1 and PET may show different people or be misaligned")
        if self.template_mutual_information < min_template_information(self.brain_volume_ml):
            found.append("T1 may not be aligned to MNI axes")
        if self.pet_coverage < MIN_COVERAGE:
            found.append(f"PET covers {self.pet_coverage:.0%} of the brain")
        for scan, reproducible in (("T1", self.t1_reproducible), ("PET", self.pet_reproducible)):
            if not reproducible:
                found.append(
                    f"registration of the {scan} is not reproducible: only one initialisation led "
                    "to its position"
                )
        if self.motion_mm > MAX_MOTION_MM:
            found.append(f"head moved {self.motion_mm:.0f} mm between the PET's frames")
        return found

    @property
    def failure(self) -> str:
        """Why the subject must not be used; empty if nothing is known against it."""
        ratio, flipped = self.local_correlation_ratio, self.local_correlation_ratio_flipped
        gain, ratios = ratio - flipped, f"{ratio:.2f}, flipped {flipped:.2f}"
        if not self.pet_reproducible and gain < MIN_GAIN:
            return (
                "PET could not be registered to the T1: no two initialisations led to one "
                f"position, and their local detail does not match (correlation ratio {ratios})"
            )
        if gain < MIN_GAIN_TO_ACCEPT:
            return (
                "PET does not match the T1: their local detail agrees no better than with the PET "
                f"flipped (correlation ratio {ratios})"
            )
        return ""


def assess(
    t1: Volume,
    pet: Volume,
    mask: BoolArray,
    pet_grid: Grid,
    grid_to_t1: FloatArray,
    to_pet: Alignment,
    template_mutual_information: float,
    *,
    motion_mm: float = 0.0,
    t1_reproducible: bool = True,
) -> Quality:
    """Measure one subject.

    Parameters
    ----------
    t1, pet : Volume
        On the models' grid; the PET may have frames.
    mask : (X, Y, Z) bool array
        Brain.
    pet_grid : Grid
        The PET's own voxels.
    grid_to_t1 : (4, 4) float array
        From the grid's world to the T1's world.
    to_pet : Alignment
        From the T1's world to the PET's world.
    template_mutual_information, motion_mm : float
        See `Quality`.
    t1_reproducible : bool
        See `Quality`.
    """
    voxel_mm = t1.grid.voxel_mm[0]
    local = local_correlation_ratio(t1.data, static(pet).data, mask, voxel_mm)
    rigid = to_pet.fixed_to_moving
    centre = apply_affine(grid_to_t1 @ t1.affine, np.argwhere(mask).mean(axis=0))
    cosine = np.clip((np.trace(rigid[:3, :3]) - 1) / 2, -1, 1)
    everywhere = Volume(np.ones(pet_grid.shape, dtype=np.float32), pet_grid.affine)
    seen = resample(everywhere, t1.grid, rigid @ grid_to_t1, order=0)
    return Quality(
        brain_volume_ml=float(mask.sum() * voxel_mm**3 / 1e3),
        template_mutual_information=template_mutual_information,
        mutual_information=to_pet.mutual_information,
        local_correlation_ratio=local.ratio,
        local_correlation_ratio_flipped=local.flipped,
        pet_shift_mm=float(np.linalg.norm(apply_affine(rigid, centre) - centre)),
        pet_rotation_deg=float(np.degrees(np.arccos(cosine))),
        pet_coverage=float((seen.data[mask] > 0.5).mean()),
        motion_mm=motion_mm,
        t1_reproducible=t1_reproducible,
        pet_reproducible=to_pet.reproducible,
    )
