"""``petsynth prepare``: a BIDS dataset's T1 and PET scans onto the models' grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth prepare``."""

    bids_dir: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="BIDS_DIR")]
    """BIDS dataset with sub-*/[ses-*/]anat/*_T1w.nii.gz and pet/*_pet.nii.gz."""
    out_dir: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT_DIR")]
    """Folder of the prepared data, a BIDS derivative; continued if it was begun earlier."""
    analysis_level: Annotated[Literal["participant"], tyro.conf.Positional] = "participant"
    """Always participant (the BIDS-Apps convention)."""
    participant_label: tuple[str, ...] = ()
    """Only these participants, with or without sub-; default: all."""
    session_label: str | None = None
    """Only this session, with or without ses-; default: any, T1 and PET from one if possible."""
    tracer: str | None = None
    """FDG, AV45, AV1451 or a trc- label; needed if the dataset has several."""
    grid: Literal["paper-a", "paper-b"] = "paper-a"
    """paper-a: T1 and PET on the MNI bounding box; paper-b: PET on 152 x 186 x 152 mm, T1 on a
    cube of 256 mm with voxels half as wide."""
    voxel_mm: float | None = None
    """Voxel edge of the PET's grid in mm; default: 1.5 for paper-a (121 x 145 x 121), 2 for
    paper-b (76 x 93 x 76, T1 256 x 256 x 256)."""
    registration: Literal["rigid", "none"] = "rigid"
    """none: T1 and PET are centred and not aligned, as in paper B; with --grid paper-b only."""
    masks: Path | None = None
    """Derivatives dataset with sub-*/anat/*_desc-brain_mask.nii.gz; default: computed."""
    brain_mask: Literal["auto", "deepbet"] = "auto"
    """Without --masks. auto: nonzero voxels of a skull-stripped T1, deepbet for any other."""
    bias_field: bool = False
    """Correct the T1's bias field (N4); not part of the paper."""
    frames: Literal["mean", "keep"] = "mean"
    """mean: average the PET's frames (paper A); keep: one image per frame."""
    jpeg: bool = False
    """Write all slices as 8-bit JPEG files of quality 100 too."""
    test: float = 0.25
    """Test subjects: below 1 their share, from 1 on their number; stratified by diagnosis."""
    validation: float = 0.0
    """Validation subjects, likewise."""
    split: Path | None = None
    """Table with participant_id (or original_id) and split (train, validation or test) to be
    used instead; who is not in it is left out."""
    seed: int = 0
    """Of the draw of test and validation subjects."""
    nprocs: int = 1
    """Subjects at a time, each in a process of one thread; about 1.5 GB each with deepbet."""
    overwrite: bool = False
    """Remove earlier prepared data first, or write beside what else the folder holds."""


def parse(argv: list[str]) -> Args:
    """Turn what was typed after ``petsynth prepare`` into options."""
    return tyro.cli(
        Args,
        args=argv,
        prog="petsynth prepare",
        description="Bring a BIDS dataset's T1 and PET scans onto the models' grid.",
    )


def run(args: Args) -> None:
    """Prepare the subjects.

    It succeeds if at least one subject could be prepared; those that could not are listed at
    the end and in ``exclusions.tsv``.

    Raises
    ------
    InputError
        If the dataset cannot be used, or no subject could be prepared.
    SplitError
        If the split is not usable.
    OutputError
        If the output folder is taken or cannot be written.
    """
    import dataclasses

    from petsynth.data.cohort import SplitRequest, prepare_cohort
    from petsynth.data.preparation import Preparation
    from petsynth.data.prepared_folder import claim_folder
    from petsynth.data.subject_files import read_simulated
    from petsynth.io.index import index_dataset
    from petsynth.preprocessing.subject import Steps
    from petsynth.progress import say

    _check(args)
    voxel_mm = args.voxel_mm or (1.5 if args.grid == "paper-a" else 2.0)
    steps = Steps(
        voxel_mm, args.frames, args.brain_mask, args.bias_field, args.grid, args.registration
    )
    index = index_dataset(
        args.bids_dir,
        tracer=args.tracer,
        participants=args.participant_label,
        session=args.session_label,
    )
    for note in index.notes:
        say(note)
    settings = {
        **dataclasses.asdict(steps),
        "tracer": index.scans[0].tracer,
        "dataset": str(args.bids_dir.resolve()),
    }
    claim_folder(args.out_dir, args.bids_dir, settings, overwrite=args.overwrite)
    data = prepare_cohort(
        Preparation(args.bids_dir, args.out_dir, steps, args.masks, read_simulated(args.bids_dir)),
        index,
        SplitRequest(args.test, args.validation, args.seed, args.split),
        jpeg=args.jpeg,
        nprocs=args.nprocs,
    )
    counts = {part: len(data.participants(part)) for part in ("train", "validation", "test")}
    say(
        f"prepared: {args.out_dir} ("
        + ", ".join(f"{count} {part}" for part, count in counts.items() if count)
        + f"); PET scale {data.pet_scale:.4g} {data.unit}; look at sub-*/figures and qc.tsv"
    )


def _check(args: Args) -> None:
    from petsynth.errors import ArgumentError, InputError

    if args.voxel_mm is not None and not 0 < args.voxel_mm <= 18:
        raise ArgumentError(f"--voxel-mm {args.voxel_mm}: give 0 < mm <= 18")
    if args.registration == "none" and args.grid == "paper-a":
        raise ArgumentError("--registration none: needs --grid paper-b")
    if args.nprocs < 1:
        raise ArgumentError(f"--nprocs {args.nprocs}: give 1 or more")
    if args.seed < 0:
        raise ArgumentError(f"--seed {args.seed}: give 0 or more")
    if args.masks is not None and not args.masks.is_dir():
        raise InputError(f"{args.masks}: no such folder of masks")
