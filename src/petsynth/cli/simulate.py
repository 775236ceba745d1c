"""``petsynth simulate``: a simulated cohort in BIDS."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from petsynth.cli.help import Help
from petsynth.cli.options import parser

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth simulate``."""

    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """Folder of the new BIDS dataset."""
    subjects: int | None = None
    """Number of subjects, half of them patients; 16 if left out, or all that --labels-from has."""
    tracer: Literal["FDG", "AV45", "AV1451"] = "FDG"
    """What is injected."""
    labels_from: Path | None = None
    """Folder of real T1s with segmentations; t1/NAME_T1w.nii.gz and labels/NAME_dseg.nii.gz, or
    side by side. If left out, subjects are made from the ICBM152 template."""
    label_scheme: Literal["muse", "freesurfer"] | None = None
    """Labels of the segmentations; if left out, seen from them (SynthSeg's are freesurfer)."""
    participants: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME ...")] = ()
    """Write only these participants; sub-001, or the T1s' own names. They are the same as in
    the whole cohort."""
    seed: int = 0
    """Seed of every random number."""
    frames: Literal[1, 2, 6] = 1
    """Time points of the PET; 1 is a static image, 6 are frames of five minutes (AV45's are
    shorter) between which the head moves, as paper A acquired them."""
    units: Literal["suvr", "original"] = "suvr"
    """SUVR (0 to about 3), or about -100 to 1000 with small negatives."""
    voxel_mm: float = 1.0
    """Voxel edge of the T1s in mm; real T1s keep theirs."""
    pet_voxel_mm: float = 2.0
    """Voxel edge of the PETs in mm."""
    lesions: float = 0.0
    """Fraction of subjects with a lesion that the T1 shows, 0 to 1: strokes, tumours,
    white-matter hyperintensities. The truth has a map of each."""
    nprocs: int = 1
    """Processes; the images do not depend on it."""
    overwrite: bool = False
    """Replace an earlier simulated cohort in the folder."""


HELP = Help(
    "simulate",
    """Make a simulated cohort of T1 and PET scans as a BIDS dataset.""",
    {
        "subjects": ("subjects", "labels_from", "label_scheme", "participants", "seed"),
        "images": ("tracer", "frames", "lesions", "units", "voxel_mm", "pet_voxel_mm"),
        "computing and output": ("nprocs", "overwrite"),
    },
    (
        "petsynth simulate bids",
        "petsynth simulate bids --subjects 40 --tracer AV45 --voxel-mm 2 --nprocs 4",
    ),
)


parse = parser(Args, HELP)
"""Reads what was typed after the command."""


def run(args: Args) -> None:
    """Simulate the cohort.

    Raises
    ------
    InputError
        If labelled T1s cannot be used or a number is out of range.
    OutputError
        If the folder holds something else or cannot be written.
    """
    from petsynth.simulation.cohort import simulate_cohort

    simulate_cohort(
        args.out,
        subjects=args.subjects,
        tracer=args.tracer,
        labels_from=args.labels_from,
        label_scheme=args.label_scheme,
        seed=args.seed,
        frames=args.frames,
        units=args.units,
        t1_voxel_mm=args.voxel_mm,
        pet_voxel_mm=args.pet_voxel_mm,
        lesions=args.lesions,
        nprocs=args.nprocs,
        participants=list(args.participants) or None,
        overwrite=args.overwrite,
    )
    logger.info(f"simulated cohort: {args.out}")
