"""How close is the simulated FDG to a real one? The group means, side by side.

The real one is the template of Della Rosa et al. (mean of 50 controls and 50 dementia patients
in MNI space); the simulated one is the mean over subjects made from labelled real T1s, half of
them patients, each warped to MNI space by an affine transform between the centres of regions;
then the mean as a whole is registered to the template (affine, correlation). The template
was smoothed more than our mean is: what is missing is the blur at which the two agree best, and
figures are given before and after it. Measured: Pearson correlation over the voxels of the brain,
regional means relative to the mean over all regions, and the contrast of grey to white matter.
Since decision record 77 the shipped fields are fitted to this template among others, so this is no
independent check; `tools/derive_uptake_fields.py ... check` is. Prints one JSON object as its last
line.

    python benchmarks/simulated_fdg.py --labelled ../shared/data/ixi \\
        --template ../shared/data/fdg-template/tpl-DellaRosa_trc-FDG_pet.nii.gz
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.io.nifti import read_volume
from petsynth.log import Progress, messages_on_stderr
from petsynth.preprocessing.registration.deformable import register_affine
from petsynth.preprocessing.resampling import resample
from petsynth.simulation.anatomy import Anatomy
from petsynth.simulation.imaging import CohortPlan, make_anatomy
from petsynth.simulation.labels import landmark_affine
from petsynth.simulation.members import Member, sample_members
from petsynth.simulation.randomness import generator_for
from petsynth.simulation.regions import REGIONS, codes_of_tissue
from petsynth.simulation.scanner import blur, sample_resolution
from petsynth.simulation.template import load_template
from petsynth.simulation.uptake import NORMATIVE_AGE, make_uptake
from petsynth.volume import FWHM_PER_SIGMA, Grid, Volume

EXTRA_BLUR_MM = tuple(range(0, 15))
"""Blurs that are tried on the simulated mean (full width at half maximum)."""


@dataclass
class GroupMean:
    """Sums over subjects on the template's grid; ``labels`` counts votes per region code."""

    grid: Grid
    pet: NDArray[np.float64]
    white: NDArray[np.float64]
    labels: NDArray[np.float32]
    subjects: int = 0

    def add(self, anatomy: Anatomy, pet: NDArray) -> None:
        """Resample one subject onto the template's grid."""
        to_subject = np.linalg.inv(landmark_affine(anatomy.regions, anatomy.grid))
        affine = anatomy.grid.affine
        warped = resample(Volume(pet, affine), self.grid, to_subject).data
        white = resample(Volume(anatomy.white, affine), self.grid, to_subject).data
        self.pet += warped / warped[warped > 0.5 * np.percentile(warped, 95)].mean()
        self.white += white
        regions = np.where(anatomy.own > 0.5, anatomy.regions, 0)
        for code in codes_of_tissue("cortex", "cerebellum", "deep"):
            part = Volume((regions == code).astype(np.float32), affine)
            self.labels[code] += resample(part, self.grid, to_subject).data
        self.subjects += 1


def simulate_mean(members: list[Member], grid: Grid, seed: int) -> GroupMean:
    """Return the mean of noise-free simulated scans in MNI space."""
    group = GroupMean(
        grid,
        np.zeros(grid.shape),
        np.zeros(grid.shape),
        np.zeros((len(REGIONS), *grid.shape), np.float32),
    )
    plan = CohortPlan(Path(), seed=seed)
    with Progress("simulating", total=len(members)) as progress:
        for sampled, scan in members:
            participant = replace(sampled, age=NORMATIVE_AGE)  # the template's subjects were old
            anatomy = make_anatomy(plan, participant, scan)
            generator = generator_for(seed, participant.index, "uptake")
            uptake = make_uptake(generator, anatomy, participant, "FDG", 1)
            fwhm = sample_resolution(generator_for(seed, participant.index, "scan"))
            group.add(anatomy, blur(uptake.frames[0], anatomy.grid, fwhm))
            progress.advance()
    group.pet /= group.subjects
    return group


def register_means(group: GroupMean, real: Volume) -> None:
    """Register the simulated mean, and resample what belongs to it, onto the template, in place."""
    affine = group.grid.affine
    smoothed = smooth(group.pet, 8.0, group.grid.voxel_mm[0])
    to_simulated = register_affine(real, Volume(smoothed, affine))

    def warp(image: NDArray) -> NDArray:
        return resample(Volume(image, affine), real.grid, to_simulated).data

    group.pet, group.white = warp(group.pet), warp(group.white)
    group.labels = np.stack([warp(part) for part in group.labels])


def smooth(image: NDArray, fwhm_mm: float, voxel_mm: float) -> NDArray:
    """Smooth by a Gaussian."""
    return ndimage.gaussian_filter(image, fwhm_mm / FWHM_PER_SIGMA / voxel_mm)


def correlation(first: NDArray, second: NDArray, mask: NDArray) -> float:
    """Return Pearson's correlation over the voxels of a mask."""
    return float(np.corrcoef(first[mask], second[mask])[0, 1])


def compare(real: NDArray, simulated: NDArray, group: GroupMean, mask: NDArray) -> dict:
    """Return correlation, regional means and contrast of two images of one resolution."""
    fractions = group.labels / group.subjects
    codes = [code for code in range(1, len(REGIONS)) if (fractions[code] > 0.5).sum() > 20]
    table = {}
    for code in codes:
        inside = fractions[code] > 0.5
        table[REGIONS[code].name] = (float(real[inside].mean()), float(simulated[inside].mean()))
    values = np.array(list(table.values()))
    values /= values.mean(axis=0)
    ratios = values[:, 1] / values[:, 0]
    white = group.white / group.subjects > 0.9
    grey = fractions.sum(axis=0) > 0.6
    return {
        "voxel_r": correlation(real, simulated, mask),
        "regional_r": float(np.corrcoef(values.T)[0, 1]),
        "regional_rms_percent": float(100 * np.sqrt(((ratios - 1) ** 2).mean())),
        "grey_to_white": {
            "template": float(real[grey].mean() / real[white].mean()),
            "simulated": float(simulated[grey].mean() / simulated[white].mean()),
        },
        "regions": {
            name: [round(float(each), 3) for each in row]
            for name, row in zip(table, values, strict=True)
        },
    }


@messages_on_stderr()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labelled", type=Path, required=True)
    parser.add_argument("--template", type=Path, required=True)
    parser.add_argument("--subjects", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for the mean image as .npy")
    args = parser.parse_args()
    real = read_volume(args.template)
    members = sample_members(args.seed, "FDG", None, args.labelled)[: args.subjects]
    group = simulate_mean(members, real.grid, args.seed)
    register_means(group, real)
    voxel_mm = real.grid.voxel_mm[0]
    brain = load_template(2.0)
    inside = resample(Volume((brain.grey + brain.white), brain.grid.affine), real.grid).data > 0.5
    mask = inside & (group.labels.sum(axis=0) + group.white > 0.5 * group.subjects)
    agreement = {
        blurred: correlation(real.data, smooth(group.pet, blurred, voxel_mm), mask)
        for blurred in EXTRA_BLUR_MM
    }
    extra = max(agreement, key=lambda blurred: agreement[blurred])
    result = {
        "subjects": group.subjects,
        "extra_blur_mm": extra,
        "equal_resolution": compare(real.data, smooth(group.pet, extra, voxel_mm), group, mask),
        "as_simulated": compare(real.data, group.pet, group, mask),
    }
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            args.out / "mean.npz",
            real=real.data,
            simulated=smooth(group.pet, extra, voxel_mm),
            mask=mask,
        )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
