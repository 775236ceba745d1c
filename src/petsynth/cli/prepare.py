"""``petsynth prepare``: a BIDS dataset's T1 and PET scans onto the models' grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

if TYPE_CHECKING:
    from petsynth.data.cohort import Source
    from petsynth.data.preparation import Preparation
    from petsynth.io.index import Index
    from petsynth.preprocessing.subject import Steps

Level = Literal["participant", "group"]


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth prepare``."""

    bids_dir: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="BIDS_DIR")]
    """BIDS dataset with sub-*/[ses-*/]anat/*_T1w.nii.gz and pet/*_pet.nii.gz."""
    out_dir: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT_DIR")]
    """Folder of the prepared data, a BIDS derivative; continued if it was begun earlier."""
    analysis_level: Annotated[
        tuple[Level, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[participant] [group]")
    ] = ()
    """participant: prepare each subject; group: split, PET scale, tables and pages of all that
    are finished, by the settings they were prepared with. None: one after the other; so does
    participant, unless it prepares some only (--participant-label, --num-parts)."""
    participant_label: tuple[str, ...] = ()
    """Only these participants, with or without sub-; default: all."""
    session_label: str | None = None
    """Only this session, with or without ses-; default: any."""
    tracer_label: Annotated[str | None, tyro.conf.arg(aliases=["--tracer"])] = None
    """FDG, AV45, AV1451, FBB, FMM, PIB or a trc- label; needed if the dataset has several."""
    max_interval: float | None = 365.0
    """Longest interval between T1 and PET in days (paper A: one year); None: any, also unknown."""
    bids_filter_file: Path | None = None
    """JSON that says which images are looked at, as in fMRIPrep: {"t1w": {...}, "pet": {...}}."""
    skip_bids_validation: bool = False
    """Do not run the BIDS validator first. Its errors are shown; they never stop the run."""
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
    frames: Literal["mean", "keep"] | int = "mean"
    """mean: average the PET's frames by duration (paper A); keep: one image per frame; a number:
    as many windows of equal length."""
    motion: bool = True
    """Correct head motion between the PET's frames."""
    units: Literal["auto", "keep", "suv", "suvr"] = "auto"
    """auto: Bq/mL, kBq/mL and SUV become SUVR, other units stay; suv needs dose and weight."""
    reference_region: str | None = None
    """Of the SUVR: pons, pons-vermis, whole-cerebellum, cerebellar-grey or
    inferior-cerebellar-grey; default: the tracer's own (pons for FDG)."""
    psf_mm: float | None = None
    """Smooth every PET to this resolution in mm (full width at half maximum); ADNI: 8."""
    scanner_psf_mm: float | None = None
    """Resolution that the PET has, where the sidecar does not tell (PointSpreadFWHM)."""
    jpeg: bool = False
    """Write all slices as 8-bit JPEG files of quality 100 too."""
    test: float = 0.25
    """Test subjects: below 1 their share, from 1 on their number; stratified by diagnosis."""
    validation: float = 0.0
    """Validation subjects, likewise."""
    split: Path | None = None
    """Table to be used instead, tab-separated, with the columns participant_id and split (train,
    validation or test); its participants may go by the dataset's original_id. Who is not in it is
    left out."""
    seed: int = 0
    """Of the draw of test and validation subjects."""
    nprocs: int = 1
    """Subjects at a time, each in a process of one thread; about 1.5 GB each with deepbet."""
    mem_mb: int | None = None
    """Memory in MB for all processes together; fewer run at a time where they would need more."""
    scheduler: str | None = None
    """Address of a Dask scheduler, tcp://HOST:8786: its workers prepare the subjects. They must
    see the same folders. Needs the extra dask."""
    num_parts: int = 1
    """Divide the participants into so many parts, for jobs of an array; see --part-id."""
    part_id: int = 0
    """Which part this job prepares: 0 to num-parts - 1."""
    work_dir: Annotated[Path | None, tyro.conf.arg(aliases=["-w"])] = None
    """Folder for temporary files; default: the system's."""
    dry_run: bool = False
    """Print which images would be paired, what would be done and who is left out; write nothing."""
    reports_only: bool = False
    """Only make the pages of the finished subjects and of the group anew."""
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
    """Prepare the subjects, the cohort, or both.

    It succeeds if at least one subject could be prepared; those that could not are listed at
    the end and in ``exclusions.tsv``.

    Raises
    ------
    ArgumentError
        If an option has a value that it cannot have.
    InputError
        If the dataset cannot be used, or no subject could be prepared.
    SplitError
        If the split is not usable.
    OutputError
        If the output folder is taken or cannot be written.
    """
    from petsynth.progress import say

    _check(args)
    if args.reports_only:
        _make_pages(args)
        return
    levels = set(args.analysis_level) or {"participant", "group"}
    if levels == {"participant"} and args.num_parts == 1 and not args.participant_label:
        levels.add("group")  # everyone is here, so nobody has to remember the second level
    settings = _settings(args) if "participant" in levels else _settings_of(args.out_dir)
    index = _index(args, settings)
    if args.dry_run:
        _show_plan(args, settings, index)
        return
    for note in index.notes:
        say(note)
    if "participant" in levels:
        _validate(args)
        _prepare(args, settings, index, alone="group" not in levels)
    if "group" in levels:
        _build(args, settings, index)


def _settings(args: Args) -> dict[str, Any]:
    """Return what all subjects of the output folder must have in common."""
    import dataclasses

    filters = args.bids_filter_file
    return {
        **dataclasses.asdict(_steps(args)),
        "tracer": args.tracer_label,
        "session": args.session_label,
        "max_interval": args.max_interval,
        "bids_filter_file": None if filters is None else str(filters.resolve()),
        "dataset": str(args.bids_dir.resolve()),
    }


def _settings_of(out_dir: Path) -> dict[str, Any]:
    from petsynth.data.prepared_folder import read_settings
    from petsynth.errors import InputError

    settings = read_settings(out_dir)
    if not settings:
        raise InputError(f"{out_dir}: holds no prepared subjects; run the participant level first")
    return settings


def _steps(args: Args) -> Steps:
    from petsynth.preprocessing.subject import Steps

    return Steps(
        voxel_mm=args.voxel_mm or (1.5 if args.grid == "paper-a" else 2.0),
        frames=args.frames,
        brain_mask=args.brain_mask,
        bias_field=args.bias_field,
        units=args.units,
        reference_region=args.reference_region,
        motion=args.motion,
        psf_mm=args.psf_mm,
        scanner_psf_mm=args.scanner_psf_mm,
        grid=args.grid,
        registration=args.registration,
    )


def _index(args: Args, settings: dict[str, Any]) -> Index:
    """Return the pairs of the dataset; ``settings`` then holds the tracer's name."""
    from petsynth.io.filters import read_filter
    from petsynth.io.index import Choice, index_dataset

    filters = settings["bids_filter_file"]
    index = index_dataset(
        args.bids_dir,
        Choice(
            tracer=settings["tracer"],
            session=settings["session"],
            max_interval=settings["max_interval"],
            dynamic=settings["frames"] != "mean",
        ),
        participants=args.participant_label,
        keep=None if filters is None else read_filter(Path(filters)),
    )
    settings["tracer"] = index.scans[0].tracer
    return index


def _preparation(args: Args) -> Preparation:
    from petsynth.data.preparation import Preparation
    from petsynth.data.subject_files import read_simulated
    from petsynth.io.people import read_people

    simulated = read_simulated(args.bids_dir)
    people = read_people(args.bids_dir)
    return Preparation(args.bids_dir, args.out_dir, _steps(args), args.masks, simulated, people)


def _show_plan(args: Args, settings: dict[str, Any], index: Index) -> None:
    from petsynth.data.plan import plan

    table = plan(_preparation(args), index)
    print(table.to_csv(sep="\t", index=False, na_rep="n/a"), end="")


def _validate(args: Args) -> None:
    """Show what the BIDS validator says; not where a job prepares only some of the subjects."""
    from petsynth.io.validator import COMMAND, find_validator, validate
    from petsynth.progress import say

    if args.skip_bids_validation or args.participant_label or args.num_parts > 1:
        return
    validator = find_validator()
    if validator is None:
        say(f"BIDS validation skipped: {COMMAND} is not installed (pip install {COMMAND})")
        return
    errors = validate(args.bids_dir, validator)
    if errors is None:
        say("BIDS validation skipped: the validator did not run")
    elif errors:
        say(
            f"BIDS validator: {len(errors)} errors, the first: {errors[0]}; all of them: "
            f"{COMMAND} {args.bids_dir}"
        )


def _prepare(args: Args, settings: dict[str, Any], index: Index, *, alone: bool) -> None:
    import os

    from petsynth.data.cohort import SplitRequest, settle
    from petsynth.data.memory import processes_within, subject_mb
    from petsynth.data.participants import prepare_participants
    from petsynth.data.prepared_folder import claim_folder
    from petsynth.data.split import draw_split
    from petsynth.errors import InputError, SplitError
    from petsynth.progress import say
    from petsynth.report.qc_pages import write_subject_page

    preparation = _preparation(args)
    scans = index.scans
    if args.split is not None:
        names = [scan.participant for scan in scans]
        inside = settle(args.out_dir, names, SplitRequest(table=args.split), preparation.people)
        scans = [scan for scan in scans if scan.participant in inside]
        if not scans:
            raise SplitError(f"{args.split}: names no participant of {args.bids_dir}")
    elif not alone:  # impossible numbers are refused before the work, not after it
        diagnoses = {scan.participant: "" for scan in scans}
        draw_split(diagnoses, test=args.test, validation=args.validation)
    nprocs = args.nprocs
    if args.mem_mb is not None:
        per_subject = subject_mb(scans, deepbet=args.masks is None)
        nprocs = processes_within(args.mem_mb, nprocs, per_subject)
    claim_folder(args.out_dir, args.bids_dir, settings, overwrite=args.overwrite)
    if args.work_dir is not None:
        args.work_dir.mkdir(parents=True, exist_ok=True)
        os.environ |= dict.fromkeys(("TMPDIR", "JOBLIB_TEMP_FOLDER"), str(args.work_dir.resolve()))
    chosen = scans[args.part_id :: args.num_parts]
    failed = prepare_participants(
        preparation,
        chosen,
        nprocs=nprocs,
        scheduler=args.scheduler,
        finished=lambda outcome: write_subject_page(
            args.out_dir, outcome.participant, simulated=preparation.simulated
        ),
    )
    if not alone:
        return
    for outcome in failed:
        say(f"left out: {outcome.participant}: {outcome.reason}")
    if chosen and len(failed) == len(chosen):
        raise InputError(f"no subject could be prepared; the first: {failed[0].reason}")
    say(
        f"prepared: {len(chosen) - len(failed)} subjects in {args.out_dir}; when all are done: "
        f"petsynth prepare {args.bids_dir} {args.out_dir} group"
    )


def _build(args: Args, settings: dict[str, Any], index: Index) -> None:
    from petsynth.data.cohort import SplitRequest, build_cohort
    from petsynth.progress import say
    from petsynth.report.qc_pages import write_group_page

    data = build_cohort(
        _source(args, settings),
        index,
        SplitRequest(args.test, args.validation, args.seed, args.split),
        jpeg=args.jpeg,
        nprocs=args.nprocs,
    )
    write_group_page(args.out_dir, simulated=data.simulated)
    counts = {part: len(data.participants(part)) for part in ("train", "validation", "test")}
    say(
        f"prepared: {args.out_dir} ("
        + ", ".join(f"{count} {part}" for part, count in counts.items() if count)
        + f"); PET scale {data.pet_scale:.4g} {data.unit}; look at group_qc.html"
    )


def _make_pages(args: Args) -> None:
    from petsynth.data.subject_files import read_simulated
    from petsynth.progress import say
    from petsynth.report.qc_pages import write_all_pages

    _settings_of(args.out_dir)
    count = write_all_pages(args.out_dir, simulated=read_simulated(args.bids_dir))
    say(f"pages of {count} subjects and of the group: {args.out_dir}")


def _source(args: Args, settings: dict[str, Any]) -> Source:
    import dataclasses

    from petsynth.data.cohort import Source
    from petsynth.data.subject_files import read_simulated
    from petsynth.errors import InputError
    from petsynth.preprocessing.subject import Steps

    try:
        steps = Steps(**{field.name: settings[field.name] for field in dataclasses.fields(Steps)})
    except KeyError as missing:
        raise InputError(
            f"{args.out_dir}: was prepared by another version, which knew no {missing}; "
            "prepare again with --overwrite"
        ) from None
    simulated = read_simulated(args.bids_dir)
    return Source(args.bids_dir, args.out_dir, steps, settings["tracer"], simulated)


def _check(args: Args) -> None:
    import math

    from petsynth.errors import ArgumentError, InputError

    wrong = {
        f"--test {args.test}: give a share below 1, or a number": not 0 <= args.test < math.inf,
        f"--validation {args.validation}: give a share below 1, or a number": (
            not 0 <= args.validation < math.inf
        ),
        f"--voxel-mm {args.voxel_mm}: give 0 < mm <= 18": (
            args.voxel_mm is not None and not 0 < args.voxel_mm <= 18
        ),
        "--registration none: needs --grid paper-b": (
            args.registration == "none" and args.grid == "paper-a"
        ),
        f"--nprocs {args.nprocs}: give 1 or more": args.nprocs < 1,
        f"--seed {args.seed}: give 0 or more": args.seed < 0,
        f"--num-parts {args.num_parts}: give 1 or more": args.num_parts < 1,
        f"--part-id {args.part_id}: give 0 to --num-parts - 1, which is {args.num_parts - 1}": (
            not 0 <= args.part_id < max(args.num_parts, 1)
        ),
        f"--max-interval {args.max_interval}: give 0 or more days, or None": (
            args.max_interval is not None and args.max_interval < 0
        ),
        f"--frames {args.frames}: give mean, keep, or 1 or more": (
            isinstance(args.frames, int) and args.frames < 1
        ),
        f"--psf-mm {args.psf_mm}: give more than 0": args.psf_mm is not None and args.psf_mm <= 0,
        "--num-parts needs the participant level alone; run the group level once at the end": (
            args.num_parts > 1 and tuple(args.analysis_level) != ("participant",)
        ),
    }
    for message, is_wrong in wrong.items():
        if is_wrong:
            raise ArgumentError(message)
    if args.reference_region is not None:
        from petsynth.preprocessing.tracers import region

        region(args.reference_region)
    if args.masks is not None and not args.masks.is_dir():
        raise InputError(f"{args.masks}: no such folder of masks")
