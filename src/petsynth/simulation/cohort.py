"""Simulate a cohort: one subject after the other, each file written as soon as it is made."""

from __future__ import annotations

import os
from pathlib import Path

import joblib

from petsynth.errors import ArgumentError
from petsynth.io.lock import call_with, lock_folder
from petsynth.log import Progress
from petsynth.simulation.dataset import prepare_folder, write_descriptions, write_participants
from petsynth.simulation.imaging import CohortPlan, simulate_participant
from petsynth.simulation.lesions import lesion_kind
from petsynth.simulation.members import sample_members, select_members
from petsynth.simulation.participants import Tracer
from petsynth.simulation.regions import Scheme
from petsynth.simulation.sidecars import Units

MOST_SUBJECTS = 100_000
"""Subjects of one cohort."""


def simulate_cohort(
    out: str | Path,
    *,
    subjects: int | None = None,
    tracer: Tracer = "FDG",
    labels_from: str | Path | None = None,
    label_scheme: Scheme | None = None,
    seed: int = 0,
    frames: int = 1,
    units: Units = "suvr",
    t1_voxel_mm: float = 1.0,
    pet_voxel_mm: float = 2.0,
    lesions: float = 0.0,
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
        Number of subjects; 16, or with ``labels_from`` all that are there.
    tracer : {"FDG", "AV45", "AV1451"}
        What is injected.
    labels_from : str or Path, optional
        Folder of real T1s and their segmentations; without it, subjects are made from the
        ICBM152 template.
    label_scheme : {"muse", "freesurfer"}, optional
        Of the segmentations; detected if not given. SynthSeg's labels are FreeSurfer's.
    seed : int
        Decides, with a subject's index, every random draw.
    frames : {1, 2, 6}
        Time points per PET; with six of them the head moves from one to the next.
    units : {"suvr", "original"}
        SUVR, or about -100 to 1000 as paper B's.
    t1_voxel_mm : float
        Voxel edge of the embedded cohort's T1s; labelled T1s keep their grid.
    pet_voxel_mm : float
        Voxel edge of the PETs.
    lesions : float
        Probability, 0 to 1, that a subject has a lesion; see `petsynth.simulation.lesions`.
    nprocs : int
        Processes; the result does not depend on it.
    participants : list of str, optional
        Labels (``sub-001`` or ``001``) or original names of the subjects to write; all others
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
        If labelled T1s cannot be used or a participant is unknown.
    ArgumentError
        If a number is out of range.
    OutputError
        If ``out`` holds something else, is written by another process, or cannot be written.
    """
    _check_numbers(subjects, frames, t1_voxel_mm, pet_voxel_mm, seed, nprocs)
    if not 0 <= lesions <= 1:
        raise ArgumentError(f"lesions is {lesions:g}; it is a fraction of the subjects, 0 to 1")
    plan = CohortPlan(
        Path(out), tracer, seed, frames, units, t1_voxel_mm, pet_voxel_mm, label_scheme, lesions
    )
    members = sample_members(seed, tracer, subjects, labels_from)
    if participants is not None:
        members = select_members(members, participants)
    with lock_folder(plan.out) as check_folder:
        prepare_folder(plan.out, overwrite)
        write_descriptions(
            plan.out,
            _describe(plan, labels_from),
            _call(plan, subjects, labels_from),
            [participant.label for participant, _ in members],
        )
        jobs = (
            joblib.delayed(call_with)(os.getpid(), simulate_participant, plan, participant, scan)
            for participant, scan in members
        )
        processes = min(nprocs, len(members))
        workers = joblib.Parallel(n_jobs=processes, return_as="generator", pre_dispatch="2*n_jobs")
        with Progress("simulating", total=len(members)) as progress:
            for label in workers(jobs):
                check_folder()
                progress.advance(note=label)
        everybody = [participant for participant, _ in members]
        kinds = (
            {each.label: lesion_kind(seed, each.index, lesions) for each in everybody}
            if lesions
            else None
        )
        write_participants(plan.out, everybody, plan.tracer, kinds)
    return plan.out


def _check_numbers(
    subjects: int | None,
    frames: int,
    t1_voxel_mm: float,
    pet_voxel_mm: float,
    seed: int,
    nprocs: int,
) -> None:
    if subjects is not None and not 1 <= subjects <= MOST_SUBJECTS:
        raise ArgumentError(
            f"subjects is {subjects}; between 1 and {MOST_SUBJECTS} can be simulated"
        )
    if frames not in (1, 2, 6):
        raise ArgumentError(f"frames is {frames}; 1 (static), 2 and 6 time points can be simulated")
    for name, value in (("voxel-mm", t1_voxel_mm), ("pet-voxel-mm", pet_voxel_mm)):
        if not 0.5 <= value <= 16:
            raise ArgumentError(f"{name} is {value}; between 0.5 and 16 mm can be simulated")
    if seed < 0:
        raise ArgumentError(f"seed is {seed}; it may not be negative")
    if nprocs < 1:
        raise ArgumentError(f"nprocs is {nprocs}; at least one process is needed")


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
    if plan.lesions:
        words.append(f"--lesions {plan.lesions:g}")
    return "petsynth simulate OUT " + " ".join(words)
