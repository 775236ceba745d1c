"""Simulate a cohort: one person after the other, each file written as soon as it is made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from petsynth.errors import InputError
from petsynth.io.atomic import write_json
from petsynth.io.bids import TRACER_LABELS, read_table, sidecar_path
from petsynth.io.nifti import write_volume
from petsynth.progress import Progress
from petsynth.simulation import sidecars
from petsynth.simulation.anatomy import Anatomy
from petsynth.simulation.dataset import (
    TRUTH,
    prepare_folder,
    write_descriptions,
    write_participants,
)
from petsynth.simulation.embedded import make_embedded_anatomy
from petsynth.simulation.labelled import LabelledScan, find_labelled_scans, make_labelled_anatomy
from petsynth.simulation.participants import Participant, Tracer, draw_participant
from petsynth.simulation.randomness import generator_for
from petsynth.simulation.regions import Scheme
from petsynth.simulation.scanner import (
    NOISE_SUVR,
    add_noise,
    blur,
    draw_pose,
    draw_resolution,
    to_scanner,
)
from petsynth.simulation.uptake import make_uptake
from petsynth.volume import Volume


@dataclass(frozen=True)
class CohortPlan:
    """What all people of a cohort have in common.

    Parameters
    ----------
    out : Path
        The dataset's root.
    tracer : {"FDG", "AV45", "AV1451"}
        What is injected.
    seed : int
        With a person's index it decides every random draw.
    frames : {1, 2}
        Time points per PET.
    units : {"suvr", "original"}
        Of the PET.
    t1_voxel_mm : float
        Voxel edge of the embedded cohort's T1s.
    pet_voxel_mm : float
        Voxel edge of the PETs.
    scheme : {"muse", "freesurfer"}, optional
        Of the labels; detected if not given.
    """

    out: Path
    tracer: Tracer = "FDG"
    seed: int = 0
    frames: int = 1
    units: sidecars.Units = "suvr"
    t1_voxel_mm: float = 1.0
    pet_voxel_mm: float = 2.0
    scheme: Scheme | None = None


def simulate_cohort(
    out: str | Path,
    *,
    subjects: int | None = None,
    tracer: Tracer = "FDG",
    labels_from: str | Path | None = None,
    label_scheme: Scheme | None = None,
    seed: int = 0,
    frames: int = 1,
    units: sidecars.Units = "suvr",
    t1_voxel_mm: float = 1.0,
    pet_voxel_mm: float = 2.0,
    nprocs: int = 1,
    participants: list[str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a simulated cohort as a BIDS dataset.

    Parameters
    ----------
    out : str or Path
        Folder to write; new or empty.
    subjects : int, optional
        Number of people; 16, or with ``labels_from`` all that are there.
    tracer : {"FDG", "AV45", "AV1451"}
        What is injected.
    labels_from : str or Path, optional
        Folder of real T1s and their segmentations; without it, people are made from the
        ICBM152 template.
    label_scheme : {"muse", "freesurfer"}, optional
        Of the segmentations; detected if not given. SynthSeg's labels are FreeSurfer's.
    seed : int
        Decides, with a person's index, every random draw.
    frames : {1, 2}
        Time points per PET.
    units : {"suvr", "original"}
        SUVR, or about -100 to 1000 as paper B's.
    t1_voxel_mm : float
        Voxel edge of the embedded cohort's T1s; labelled T1s keep their grid.
    pet_voxel_mm : float
        Voxel edge of the PETs.
    nprocs : int
        Processes; the result does not depend on it.
    participants : list of str, optional
        Labels (``sub-001`` or ``001``) or original names of the people to write; all others
        are left out, and those written are the same as with everybody.
    overwrite : bool
        Whether an earlier simulated cohort in ``out`` is replaced.

    Returns
    -------
    Path
        The dataset's root.

    Raises
    ------
    InputError
        If labelled T1s cannot be used, a number is out of range or a participant is unknown.
    OutputError
        If ``out`` holds something else or cannot be written.
    """
    _check_numbers(subjects, frames, t1_voxel_mm, pet_voxel_mm, nprocs)
    plan = CohortPlan(
        Path(out), tracer, seed, frames, units, t1_voxel_mm, pet_voxel_mm, label_scheme
    )
    people = list(_draw_people(plan, subjects, labels_from))
    if participants is not None:
        people = _select(people, participants)
    prepare_folder(plan.out, overwrite)
    write_descriptions(plan.out, _describe(plan, labels_from), _call(plan, subjects, labels_from))
    jobs = (joblib.delayed(simulate_person)(plan, person, scan) for person, scan in people)
    workers = joblib.Parallel(n_jobs=nprocs, return_as="generator", pre_dispatch="2*n_jobs")
    with Progress("simulating", total=len(people)) as progress:
        for label in workers(jobs):
            progress.advance(note=label)
    write_participants(plan.out, [person for person, _ in people])
    return plan.out


def simulate_person(plan: CohortPlan, person: Participant, scan: LabelledScan | None) -> str:
    """Make one person's T1, PET and truth, write them, and return the person's label."""
    anatomy = _make_anatomy(plan, person, scan)
    generator = generator_for(plan.seed, person.index, "uptake")
    uptake = make_uptake(generator, anatomy, person, plan.tracer, plan.frames)
    generator = generator_for(plan.seed, person.index, "scan")
    centre = anatomy.mask.nonzero()
    centre_mm = (anatomy.grid.affine @ [*(axis.mean() for axis in centre), 1.0])[:3]
    pose = draw_pose(generator, centre_mm, plan.pet_voxel_mm)
    fwhm = draw_resolution(generator)
    level = generator.uniform(*NOISE_SUVR)
    scale = np.float32(sidecars.ORIGINAL_PER_SUVR if plan.units == "original" else 1.0)

    def measure(image):
        return to_scanner(blur(image, anatomy.grid, fwhm), anatomy.grid, pose)

    noisy = [add_noise(generator, measure(frame), pose.grid, level) for frame in uptake.frames]
    pet = noisy[0] if plan.frames == 1 else np.stack(noisy, axis=-1)
    if plan.units == "suvr":
        pet = np.maximum(pet, 0)
    side = sidecars.pet_sidecar(generator, plan.tracer, plan.units, plan.frames, fwhm)
    unit = sidecars.UNIT_NAMES[plan.units]
    _write_person(
        plan,
        person,
        anatomy,
        Volume(scale * pet, pose.grid.affine, unit),
        Volume(scale * measure(uptake.oracle), pose.grid.affine, unit),
        pose.pet_to_t1,
        side,
    )
    return person.label


def _make_anatomy(plan: CohortPlan, person: Participant, scan: LabelledScan | None) -> Anatomy:
    if scan is not None:
        # Controls have a little too: were only patients' T1s interpolated, their sharpness would
        # tell the diagnosis.
        return make_labelled_anatomy(scan, person.atrophy, plan.scheme)
    generator = generator_for(plan.seed, person.index, "anatomy")
    return make_embedded_anatomy(generator, plan.t1_voxel_mm, person.atrophy)


def _write_person(
    plan: CohortPlan,
    person: Participant,
    anatomy: Anatomy,
    pet: Volume,
    oracle: Volume,
    pet_to_t1: np.ndarray,
    pet_sidecar: dict,
) -> None:
    label = person.label
    trc = f"trc-{TRACER_LABELS[plan.tracer]}"
    t1_name = f"{label}/anat/{label}_T1w.nii.gz"
    pet_name = f"{label}/pet/{label}_{trc}_pet.nii.gz"
    mask_name = f"{label}/anat/{label}_desc-brain_mask.nii.gz"
    oracle_name = f"{label}/pet/{label}_{trc}_desc-oracle_pet.nii.gz"
    xfm_name = f"{label}/pet/{label}_{trc}_from-pet_to-T1w_xfm.json"
    truth = plan.out / TRUTH
    embedded = person.original_id == "n/a"
    source = "ICBM152 2009a template" if embedded else person.original_id
    whole = embedded and float(anatomy.mri.data.max()) < np.iinfo(np.int16).max
    write_volume(plan.out / t1_name, anatomy.mri, dtype=np.int16 if whole else np.float32)
    write_json(sidecar_path(plan.out / t1_name), sidecars.t1_sidecar(source))
    write_volume(plan.out / pet_name, pet)
    write_json(sidecar_path(plan.out / pet_name), pet_sidecar)
    write_volume(truth / mask_name, Volume(anatomy.mask, anatomy.grid.affine), dtype=np.uint8)
    write_json(sidecar_path(truth / mask_name), sidecars.mask_sidecar(t1_name))
    write_volume(truth / oracle_name, oracle)
    write_json(
        sidecar_path(truth / oracle_name),
        sidecars.oracle_sidecar(pet_name, plan.tracer, plan.units),
    )
    write_json(truth / xfm_name, sidecars.transform_content(pet_name, t1_name, pet_to_t1))


def _draw_people(
    plan: CohortPlan, subjects: int | None, labels_from: str | Path | None
) -> Iterator[tuple[Participant, LabelledScan | None]]:
    if labels_from is None:
        count = 16 if subjects is None else subjects
        width = max(3, len(str(count)))
        for index in range(count):
            label = f"sub-{index + 1:0{width}}"
            yield draw_participant(plan.seed, index, plan.tracer, label), None
        return
    scans = find_labelled_scans(labels_from)
    if subjects is not None and subjects > len(scans):
        raise InputError(f"{labels_from}: {len(scans)} labelled T1s, {subjects} were asked for")
    known = _read_demographics(Path(labels_from) / "participants.tsv")
    labels = [label_of(scan.name) for scan in scans]
    if len(set(labels)) < len(labels):
        raise InputError(f"{labels_from}: two T1s would get the same subject label; rename one")
    for index, (label, scan) in enumerate(zip(labels, scans, strict=True)):
        if subjects is not None and index >= subjects:
            return
        age, sex = known.get(scan.name, (None, None))
        yield (
            draw_participant(
                plan.seed,
                index,
                plan.tracer,
                label,
                original_id=scan.name,
                age=age,
                sex=sex,
            ),
            scan,
        )


def label_of(name: str) -> str:
    """Return a subject label for a T1's name; BIDS allows letters and digits only.

    Examples
    --------
    >>> label_of("IXI012-HH-1211"), label_of("sub-01_ses-2")
    ('sub-IXI012HH1211', 'sub-01ses2')
    """
    return "sub-" + re.sub(r"[^0-9A-Za-z]", "", name.removeprefix("sub-"))


def _read_demographics(path: Path) -> dict[str, tuple[float | None, str | None]]:
    """Return name -> (age, sex) where a table is there; what it lacks is None."""
    if not path.exists():
        return {}
    table = read_table(path)
    if "participant_id" not in table:
        raise InputError(f"{path}: has no column participant_id")
    ages = pd.to_numeric(table.get("age", pd.Series(index=table.index)), errors="coerce")
    sexes = table.get("sex", pd.Series("", index=table.index))
    return {
        name: (None if np.isnan(age) else float(age), sex if sex in ("F", "M") else None)
        for name, age, sex in zip(table["participant_id"], ages, sexes, strict=True)
    }


def _select(
    people: list[tuple[Participant, LabelledScan | None]], wanted: list[str]
) -> list[tuple[Participant, LabelledScan | None]]:
    keys = {name.removeprefix("sub-") for name in wanted}
    chosen = [
        (person, scan)
        for person, scan in people
        if {person.label.removeprefix("sub-"), person.original_id.removeprefix("sub-")} & keys
    ]
    found = {name.removeprefix("sub-") for p, _ in chosen for name in (p.label, p.original_id)}
    missing = sorted(keys - found)
    if missing:
        raise InputError(f"no such participants in the cohort: {', '.join(missing[:8])}")
    return chosen


def _check_numbers(
    subjects: int | None, frames: int, t1_voxel_mm: float, pet_voxel_mm: float, nprocs: int
) -> None:
    if subjects is not None and subjects < 1:
        raise InputError(f"subjects is {subjects}; at least one is needed")
    if frames not in (1, 2):
        raise InputError(f"frames is {frames}; 1 (static) and 2 time points can be simulated")
    for name, value in (("voxel-mm", t1_voxel_mm), ("pet-voxel-mm", pet_voxel_mm)):
        if not 0.5 <= value <= 16:
            raise InputError(f"{name} is {value}; between 0.5 and 16 mm can be simulated")
    if nprocs < 1:
        raise InputError(f"nprocs is {nprocs}; at least one process is needed")


def _describe(plan: CohortPlan, labels_from: str | Path | None) -> str:
    anatomy = "the ICBM152 template" if labels_from is None else "labelled real T1s"
    return f"T1-weighted MRI and {plan.tracer} PET made from {anatomy}"


def _call(plan: CohortPlan, subjects: int | None, labels_from: str | Path | None) -> str:
    words = [f"--tracer {plan.tracer}", f"--seed {plan.seed}", f"--frames {plan.frames}"]
    words += [f"--units {plan.units}", f"--pet-voxel-mm {plan.pet_voxel_mm:g}"]
    if labels_from is not None:
        words.append(f"--labels-from {Path(labels_from).name}")
    else:
        words.append(f"--voxel-mm {plan.t1_voxel_mm:g}")
    if subjects is not None:
        words.append(f"--subjects {subjects}")
    return "petsynth simulate OUT " + " ".join(words)
