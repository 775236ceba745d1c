"""One subject's images, from sampling to files: T1, PET, truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from petsynth.io.atomic import write_json
from petsynth.io.bids.metadata import sidecar_path, write_table
from petsynth.io.bids.names import TRACER_LABELS
from petsynth.io.nifti import write_volume
from petsynth.simulation import sidecars
from petsynth.simulation.anatomy import Anatomy
from petsynth.simulation.dataset import TRUTH
from petsynth.simulation.embedded import make_embedded_anatomy
from petsynth.simulation.fields import FloatField
from petsynth.simulation.labelled import LabelledScan, make_labelled_anatomy
from petsynth.simulation.lesions import LABELS, Lesion, make_lesion, with_lesion
from petsynth.simulation.motion import sample_motion
from petsynth.simulation.participants import UNKNOWN, Participant, Tracer
from petsynth.simulation.randomness import generator_for
from petsynth.simulation.regions import Scheme
from petsynth.simulation.scanner import (
    NOISE_SUVR,
    Pose,
    add_noise,
    blur,
    moved,
    sample_pose,
    sample_resolution,
    to_scanner,
)
from petsynth.simulation.uptake import make_uptake
from petsynth.volume import FloatArray, Volume

MOVING_FRAMES = 6
"""From this number of frames on the head moves between them, and their noise is that of short
frames; scans of two frames are without motion."""


@dataclass(frozen=True)
class CohortPlan:
    """What all subjects of a cohort have in common.

    Parameters
    ----------
    out : Path
        The dataset's root.
    tracer : {"FDG", "AV45", "AV1451"}
        What is injected.
    seed : int
        With a subject's index it decides every random draw.
    frames : {1, 2, 6}
        Time points per PET; with six of them the head moves from one to the next.
    units : {"suvr", "original"}
        Of the PET.
    t1_voxel_mm : float
        Voxel edge of the embedded cohort's T1s.
    pet_voxel_mm : float
        Voxel edge of the PETs.
    scheme : {"muse", "freesurfer"}, optional
        Of the labels; detected if not given.
    lesions : float
        Probability that a subject has a lesion.
    """

    out: Path
    tracer: Tracer = "FDG"
    seed: int = 0
    frames: int = 1
    units: sidecars.Units = "suvr"
    t1_voxel_mm: float = 1.0
    pet_voxel_mm: float = 2.0
    scheme: Scheme | None = None
    lesions: float = 0.0


@dataclass(frozen=True)
class PetScan:
    """What the PET scanner delivers, and the truth that it does not know.

    Parameters
    ----------
    pet : Volume
        (X, Y, Z) or (X, Y, Z, frames), on the PET's own grid.
    noise_free : Volume
        (X, Y, Z), the noise-free part that the T1 determines.
    pet_to_t1 : (4, 4) float array
        From the PET's world to the T1's (mm, RAS+), as the head lies on the average.
    sidecar : dict
        The PET's JSON.
    frames_to_t1 : tuple of (4, 4) float array
        The same for each frame; empty where the head does not move.
    """

    pet: Volume
    noise_free: Volume
    pet_to_t1: FloatArray
    sidecar: dict[str, Any]
    frames_to_t1: tuple[FloatArray, ...] = ()


def simulate_participant(
    plan: CohortPlan, participant: Participant, scan: LabelledScan | None
) -> str:
    """Make one subject's T1, PET and truth, write them, and return the subject's label.

    Parameters
    ----------
    plan : CohortPlan
        What the cohort has in common.
    participant : Participant
        Who it is.
    scan : LabelledScan or None
        The real T1 that the anatomy comes from; None for the template.

    Raises
    ------
    InputError
        If the real T1 or its labels cannot be used.
    OutputError
        If a file cannot be written.
    """
    anatomy = make_anatomy(plan, participant, scan)
    lesion = make_lesion(plan.seed, participant.index, plan.lesions, anatomy)
    write_anatomy(plan, participant, with_lesion(anatomy, lesion))
    if lesion is not None:
        write_lesion(plan, participant, lesion)
    write_scan(plan, participant, scan_participant(plan, participant, anatomy, lesion))
    return participant.label


def make_anatomy(plan: CohortPlan, participant: Participant, scan: LabelledScan | None) -> Anatomy:
    """Build the subject's head."""
    if scan is not None:
        # Controls have a little atrophy too: were only patients' T1s interpolated, their
        # sharpness would tell the diagnosis.
        return make_labelled_anatomy(scan, participant.atrophy, plan.scheme, participant.asymmetry)
    generator = generator_for(plan.seed, participant.index, "anatomy")
    return make_embedded_anatomy(generator, plan.t1_voxel_mm, participant.atrophy)


def scan_participant(
    plan: CohortPlan, participant: Participant, anatomy: Anatomy, lesion: Lesion | None = None
) -> PetScan:
    """Inject, wait, and scan."""
    generator = generator_for(plan.seed, participant.index, "uptake")
    uptake = make_uptake(generator, anatomy, participant, plan.tracer, plan.frames, lesion)
    generator = generator_for(plan.seed, participant.index, "scan")
    pose = sample_pose(generator, _brain_centre(anatomy), plan.pet_voxel_mm)
    fwhm = sample_resolution(generator)
    level = generator.uniform(*NOISE_SUVR)
    poses = _poses(plan, participant, anatomy, pose)
    noise_free, *frames = (
        to_scanner(blur(image, anatomy.grid, fwhm), anatomy.grid, place)
        for image, place in zip((uptake.expected, *uptake.frames), (pose, *poses), strict=True)
    )
    if plan.frames >= MOVING_FRAMES:  # a frame has its part of the scan's counts
        level *= plan.frames**0.5
    noisy = [add_noise(generator, frame, pose.grid, level) for frame in frames]
    pet = _in_units(noisy[0] if plan.frames == 1 else np.stack(noisy, axis=-1), plan.units)
    unit = sidecars.UNIT_NAMES[plan.units]
    return PetScan(
        Volume(pet, pose.grid.affine, unit),
        Volume(_in_units(noise_free, plan.units), pose.grid.affine, unit),
        pose.pet_to_t1,
        sidecars.pet_sidecar(generator, plan.tracer, plan.units, plan.frames, fwhm),
        tuple(each.pet_to_t1 for each in poses) if plan.frames >= MOVING_FRAMES else (),
    )


def _poses(plan: CohortPlan, participant: Participant, anatomy: Anatomy, pose: Pose) -> list[Pose]:
    """Return the head's pose in each frame."""
    if plan.frames < MOVING_FRAMES:
        return [pose] * plan.frames
    generator = generator_for(plan.seed, participant.index, "motion")
    centre = np.linalg.inv(pose.pet_to_t1) @ [*_brain_centre(anatomy), 1.0]
    return [moved(pose, each) for each in sample_motion(generator, plan.frames, centre[:3])]


def _brain_centre(anatomy: Anatomy) -> FloatArray:
    """Return the world coordinates of the middle of the brain, shape (3,), in mm."""
    middle = [axis.mean() for axis in anatomy.mask.nonzero()]
    return np.asarray((anatomy.grid.affine @ [*middle, 1.0])[:3])


def _in_units(suvr: FloatField, units: sidecars.Units) -> FloatField:
    """Scale to the wished units; SUVR images hold no negatives."""
    if units == "suvr":
        return np.maximum(suvr, 0)
    return np.float32(sidecars.ORIGINAL_PER_SUVR) * suvr


def write_anatomy(plan: CohortPlan, participant: Participant, anatomy: Anatomy) -> None:
    """Write the T1 and the true brain mask."""
    embedded = participant.original_id == UNKNOWN
    source = "ICBM152 2009a template" if embedded else participant.original_id
    t1_name = _t1_name(participant)
    t1, mask = plan.out / t1_name, plan.out / TRUTH / _mask_name(participant)
    write_volume(t1, anatomy.mri, dtype=np.int16 if embedded else np.float32)
    write_json(sidecar_path(t1), sidecars.t1_sidecar(source))
    write_volume(mask, Volume(anatomy.mask, anatomy.grid.affine), dtype=np.uint8)
    write_json(sidecar_path(mask), sidecars.mask_sidecar(t1_name))


def write_lesion(plan: CohortPlan, participant: Participant, lesion: Lesion) -> None:
    """Write the truth map of a lesion, with what its labels mean."""
    t1_name = _t1_name(participant)
    name = t1_name.replace("_T1w.nii", "_desc-lesion_dseg.nii")
    path = plan.out / TRUTH / name
    write_volume(path, Volume(lesion.labels, lesion.mri.affine), dtype=np.uint8)
    write_json(sidecar_path(path), sidecars.lesion_sidecar(t1_name, lesion.kind))
    rows = pd.DataFrame([(label, LABELS[label]) for label in LABELS], columns=["index", "name"])
    write_table(path.with_name(path.name.replace(".nii.gz", ".tsv")), rows)


def write_scan(plan: CohortPlan, participant: Participant, scan: PetScan) -> None:
    """Write the PET, its noise-free part and the true transform."""
    stem = f"{participant.label}/pet/{participant.label}_trc-{TRACER_LABELS[plan.tracer]}"
    pet_name = f"{stem}_pet.nii.gz"
    pet = plan.out / pet_name
    noise_free = plan.out / TRUTH / f"{stem}_desc-noisefree_pet.nii.gz"
    transform = plan.out / TRUTH / f"{stem}_from-pet_to-T1w_xfm.json"
    write_volume(pet, scan.pet)
    write_json(sidecar_path(pet), scan.sidecar)
    write_volume(noise_free, scan.noise_free)
    write_json(
        sidecar_path(noise_free), sidecars.noise_free_sidecar(pet_name, plan.tracer, plan.units)
    )
    write_json(
        transform,
        sidecars.transform_content(
            pet_name, _t1_name(participant), scan.pet_to_t1, scan.frames_to_t1
        ),
    )


def _t1_name(participant: Participant) -> str:
    return f"{participant.label}/anat/{participant.label}_T1w.nii.gz"


def _mask_name(participant: Participant) -> str:
    return f"{participant.label}/anat/{participant.label}_desc-brain_mask.nii.gz"
