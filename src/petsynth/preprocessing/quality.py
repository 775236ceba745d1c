"""Figures for quality control of one subject, and what they flag."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petsynth.preprocessing.grid import resample
from petsynth.preprocessing.pet.registration import static
from petsynth.preprocessing.registration.pairing import compare_detail
from petsynth.preprocessing.registration.rigid import Alignment
from petsynth.preprocessing.registration.transforms import move
from petsynth.volume import FloatArray, Grid, Volume

LEAST_PAIRING = 0.07
"""Agreement of detail beyond the mirrored PET's, below which a pair is flagged. Of 124 simulated
pairs on real anatomy the lowest reached 0.072; of 60 mismatched ones the highest, 0.054
(docs/decisions/0023)."""
NO_PAIRING = 0.02
"""The same, below which a pair is refused: right pairs reached 0.072 and more (FDG, AV45, AV1451 on
real anatomy), PETs that were registered 20 mm off and more 0.006 at most."""
TEMPLATE_SCORE_PER_LITRE = 0.475
"""By how much the template score of aligned brains grows with their volume, in nats per litre; the
template is a large brain, and alignment does not scale (docs/decisions/0023)."""
TEMPLATE_SCORE_OFFSET = -0.29
"""The same at 0 litres, less 0.07 nats for the scatter about that line."""
MOST_NEEDED_SCORE = 0.36
"""What is enough for a brain of any size: T1s of low resolution score less than those measured."""
LEAST_COVERAGE = 0.98
"""Share of the brain inside the PET's field of view, below which it is flagged."""

MOST_MOTION_MM = 10.0
"""Motion between frames beyond which a scan is flagged: it also moved within frames."""


def least_template_score(brain_litres: float) -> float:
    """Return the mutual information with the template, in nats, below which a T1 is flagged.

    Examples
    --------
    >>> round(least_template_score(1.1), 4), least_template_score(1.6)
    (0.2325, 0.36)
    """
    return min(TEMPLATE_SCORE_PER_LITRE * brain_litres + TEMPLATE_SCORE_OFFSET, MOST_NEEDED_SCORE)


@dataclass(frozen=True)
class Quality:
    """Figures of one subject; each a column of ``qc.tsv``.

    Parameters
    ----------
    brain_litres : float
        Volume of the brain mask.
    template_score : float
        Mutual information of the T1's brain and the template after alignment, in nats.
    mutual_information : float
        Of T1 and PET after registration, in and around the brain, in nats.
    detail_agreement : float
        Share of the PET detail's variance that the T1 detail explains.
    mirrored_agreement : float
        The same with the PET mirrored left to right.
    pet_shift_mm : float
        How far registration moved the brain's centre in the PET.
    pet_turn_degrees : float
        By how much it turned the PET.
    pet_coverage : float
        Share of the brain inside the PET's field of view.
    motion_mm : float
        How far a point of the head moved between the PET's frames.
    t1_confirmed, pet_confirmed : bool
        Whether the registration ended where it did from two different starts.
    """

    brain_litres: float
    template_score: float
    mutual_information: float
    detail_agreement: float
    mirrored_agreement: float
    pet_shift_mm: float
    pet_turn_degrees: float
    pet_coverage: float
    motion_mm: float = 0.0
    t1_confirmed: bool = True
    pet_confirmed: bool = True

    @property
    def flags(self) -> list[str]:
        """What a person should look at; empty if nothing."""
        found = []
        if self.detail_agreement - self.mirrored_agreement < LEAST_PAIRING:
            found.append("T1 and PET may show different people or be misaligned")
        if self.template_score < least_template_score(self.brain_litres):
            found.append("T1 may not be aligned to MNI axes")
        if self.pet_coverage < LEAST_COVERAGE:
            found.append(f"PET covers {self.pet_coverage:.0%} of the brain")
        for scan, confirmed in (("T1", self.t1_confirmed), ("PET", self.pet_confirmed)):
            if not confirmed:
                found.append(f"registration of the {scan} found its position from one start only")
        if self.motion_mm > MOST_MOTION_MM:
            found.append(f"head moved {self.motion_mm:.0f} mm between the PET's frames")
        return found

    @property
    def failure(self) -> str:
        """Why the subject must not be used; empty if nothing is known against it."""
        gain = self.detail_agreement - self.mirrored_agreement
        if not self.pet_confirmed and gain < LEAST_PAIRING:
            return (
                "PET could not be registered to the T1: no two starts agree, and their detail does "
                f"not match ({self.detail_agreement:.2f}, mirrored {self.mirrored_agreement:.2f})"
            )
        if gain < NO_PAIRING:
            return (
                "PET does not match the T1: their detail agrees no better than with the PET "
                f"mirrored ({self.detail_agreement:.2f}, mirrored {self.mirrored_agreement:.2f})"
            )
        return ""


def assess(
    t1: Volume,
    pet: Volume,
    mask: NDArray,
    pet_grid: Grid,
    grid_to_t1: FloatArray,
    to_pet: Alignment,
    template_score: float,
    *,
    motion_mm: float = 0.0,
    t1_confirmed: bool = True,
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
    template_score, motion_mm : float
        See `Quality`.
    t1_confirmed : bool
        See `Quality`.
    """
    voxel_mm = t1.grid.voxel_mm[0]
    pairing = compare_detail(t1.data, static(pet).data, mask, voxel_mm)
    rigid = to_pet.fixed_to_moving
    centre = move(grid_to_t1 @ t1.affine, np.argwhere(mask).mean(axis=0))
    cosine = np.clip((np.trace(rigid[:3, :3]) - 1) / 2, -1, 1)
    everywhere = Volume(np.ones(pet_grid.shape, dtype=np.float32), pet_grid.affine)
    seen = resample(everywhere, t1.grid, rigid @ grid_to_t1, order=0)
    return Quality(
        brain_litres=float(mask.sum() * voxel_mm**3 / 1e6),
        template_score=template_score,
        mutual_information=to_pet.mutual_information,
        detail_agreement=pairing.agreement,
        mirrored_agreement=pairing.mirrored,
        pet_shift_mm=float(np.linalg.norm(move(rigid, centre) - centre)),
        pet_turn_degrees=float(np.degrees(np.arccos(cosine))),
        pet_coverage=float((seen.data[mask] > 0.5).mean()),
        motion_mm=motion_mm,
        t1_confirmed=t1_confirmed,
        pet_confirmed=to_pet.confirmed,
    )
