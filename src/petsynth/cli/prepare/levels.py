"""The levels of ``petsynth prepare``, its plan, and its pages without preparing."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import shlex
import tempfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import get_args

from petsynth.cli.prepare.checks import mask_folders
from petsynth.cli.prepare.options import AnyCheck, Args
from petsynth.cli.prepare.settings import preprocessing_of, settings_in
from petsynth.data.prepared import Split
from petsynth.data.split import draw_split
from petsynth.errors import InputError, OutputError, SplitError
from petsynth.execution import connect, part_of
from petsynth.io.bids.index import Index, Scan
from petsynth.io.bids.metadata import is_simulated
from petsynth.io.bids.participants import read_participants
from petsynth.io.bids.validator import COMMAND, find_validator, validate
from petsynth.io.nifti import read_shape
from petsynth.io.text import real_path
from petsynth.log import keep_log_in
from petsynth.prepare.group_level import SplitRequest, build_cohort, known_parts
from petsynth.prepare.memory import processes_within, subject_mb
from petsynth.prepare.output_folder import FolderSettings, claim_folder, read_settings
from petsynth.prepare.pages import (
    as_markdown,
    boilerplate,
    describe_group,
    write_all_pages,
    write_group_page,
    write_subject_page,
)
from petsynth.prepare.participant_level import Outcome, Preparation, plan, prepare_participants
from petsynth.prepare.records import finished_subjects
from petsynth.preprocessing.flags import CHECKS, Check
from petsynth.version import __version__

logger = logging.getLogger(__name__)


def print_plan(args: Args, index: Index) -> None:
    """Print what would be done, as a table; write nothing."""
    table = plan(_preparation(args), index)
    print(table.to_csv(sep="\t", index=False, na_rep="n/a"), end="")


def run_participant_level(
    args: Args,
    settings: FolderSettings,
    index: Index,
    *,
    alone: bool,
    check_folder: Callable[[], None] = lambda: None,
) -> None:
    """Prepare the subjects, or this job's part of them.

    Parameters
    ----------
    args : Args
        The command's options.
    settings : FolderSettings
        What all subjects have in common.
    index : Index
        The pairs of images in the dataset.
    alone : bool
        Whether the group level is left to another command.
    check_folder : function
        Raises OutputError if the output folder is gone; called after each subject.

    Raises
    ------
    InputError
        If no subject could be prepared and the group level is left out, or one could not and
        ``--stop-on-first-crash`` is given.
    SplitError
        If the split is not usable.
    OutputError
        If the output folder is taken or cannot be written.
    """
    _validate(args)
    preparation = _preparation(args)
    scans = _scans_to_prepare(args, index, preparation, alone=alone)
    _refuse_static(args, scans)
    nprocs = args.nprocs
    if args.mem_mb is not None:
        per_subject = subject_mb(scans, deepbet=not args.masks)
        nprocs = processes_within(args.mem_mb, nprocs, per_subject)
    _use_work_dir(args)
    if args.scheduler is not None:
        with connect(args.scheduler):
            pass  # what is refused is refused before the folder is claimed
    claim_folder(args.out_dir, args.bids_dir, settings, overwrite=args.overwrite)
    keep_log_in(args.out_dir)
    chosen = part_of(scans, args.num_parts, args.part_id)
    for name in dict.fromkeys(scan.participant for scan in chosen):
        if name in index.notes:
            logger.info(index.notes[name])

    def finished(outcome: Outcome) -> None:
        check_folder()
        write_subject_page(args.out_dir, outcome.name, simulated=preparation.simulated)

    failed = prepare_participants(
        preparation,
        chosen,
        nprocs=nprocs,
        threads=args.omp_nthreads,
        scheduler=args.scheduler,
        stop_on_failure=args.stop_on_first_crash,
        verbose=args.verbose > 0,
        finished=finished,
    )
    if not alone:
        return
    for outcome in failed:
        logger.info(f"left out: {outcome.name}: {outcome.reason}")
    if chosen and len(failed) == len(chosen):
        raise InputError(f"no subject could be prepared; the first: {failed[0].reason}")
    command = ["petsynth", "prepare", str(args.bids_dir), str(args.out_dir), "group"]
    next_command = shlex.join(command + _group_options(args))
    logger.info(
        f"prepared {len(chosen) - len(failed)} of {len(chosen)} subjects in {args.out_dir}; "
        f"when all are done: {next_command}"
    )


def run_group_level(args: Args, settings: FolderSettings, index: Index) -> None:
    """Build the cohort from all subjects that are finished.

    Raises
    ------
    InputError
        If no subject is prepared.
    SplitError
        If the split is not usable.
    OutputError
        If the results cannot be written.
    """
    data = build_cohort(
        args.bids_dir,
        args.out_dir,
        settings,
        index,
        SplitRequest(args.test, args.validation, args.seed, args.split),
        jpeg=args.jpeg,
        nprocs=args.nprocs,
        exclude_flagged=_checks(args.exclude_flagged),
    )
    write_group_page(args.out_dir, simulated=data.simulated)
    counts = {part: len(data.subjects(part)) for part in get_args(Split)}
    pairs = f" subjects, {len(data.participants())} pairs" if settings.pairs == "all" else ""
    logger.info(
        f"prepared: {args.out_dir} ("
        + ", ".join(f"{count} {part}" for part, count in counts.items() if count)
        + f"{pairs}); PET scale {data.pet_scale:.4g} {data.unit}; look at group_qc.html"
    )


def lock_key(args: Args, settings: FolderSettings, wanted: Collection[str]) -> str | None:
    """Return what jobs must have in common to write into one folder side by side.

    Jobs that prepare some of the subjects with the same settings may; whoever removes earlier
    data, or builds the cohort, must be alone (None).
    """
    if args.overwrite or "group" in wanted:
        return None
    content = json.dumps(dataclasses.asdict(settings), sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def make_pages(args: Args) -> None:
    """Make the pages of the finished subjects and of the group anew.

    Raises
    ------
    InputError
        If no subject is prepared.
    OutputError
        If the pages cannot be written.
    """
    settings_in(args.out_dir)
    if not finished_subjects(args.out_dir):
        raise InputError(
            f"{args.out_dir}: holds no prepared subjects; run the participant level first"
        )
    count = write_all_pages(args.out_dir, simulated=is_simulated(args.bids_dir))
    logger.info(f"pages of {count} subjects and of the group: {args.out_dir}")


def print_boilerplate(args: Args) -> None:
    """Print the paragraph for a methods section and its references; write nothing.

    It describes the finished subjects. Before there are any it describes the options, and knows
    neither how the brain will be found nor which unit the PET has.

    Raises
    ------
    InputError
        If another version of petsynth prepared the folder.
    """
    read_settings(args.out_dir)  # refuses records of another version
    methods = describe_group(args.out_dir)
    if methods is None:
        brain = {"mask_source": "given"} if args.masks else {}
        methods = boilerplate(dataclasses.asdict(preprocessing_of(args)), brain, __version__)
    print(as_markdown(*methods), end="")


def _refuse_static(args: Args, scans: Sequence[Scan]) -> None:
    """Refuse to divide the frames of PETs that all have one, before the folder is claimed."""
    if isinstance(args.frames, str) or args.frames == 1:
        return
    if scans and all(_is_static(scan.pet) for scan in scans):
        raise InputError(
            f"{scans[0].pet.name}: is static (one frame) as is every PET of {args.bids_dir}; "
            f"--frames {args.frames} needs a dynamic PET: give --frames mean"
        )


def _is_static(pet: Path) -> bool:
    try:
        return len(read_shape(pet)) == 3 or set(read_shape(pet)[3:]) == {1}
    except (InputError, OSError):  # is left out later, with the reason
        return False


def _checks(words: Sequence[AnyCheck] | None) -> tuple[Check, ...]:
    """Return the checks whose flags leave a subject out."""
    if words is None:
        return ()
    return (
        CHECKS if not words or "all" in words else tuple(word for word in CHECKS if word in words)
    )


def _group_options(args: Args) -> list[str]:
    """Return those of the options given that only the group level uses."""
    given = []
    for name in ("split", "test", "validation", "seed", "jpeg"):
        value = getattr(args, name)
        if value != getattr(type(args), name):
            given += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    if args.exclude_flagged is not None:
        given += ["--exclude-flagged", *args.exclude_flagged]
    return given


def _preparation(args: Args) -> Preparation:
    return Preparation(
        args.bids_dir,
        args.out_dir,
        preprocessing_of(args),
        mask_folders(args.masks),
        is_simulated(args.bids_dir),
        read_participants(args.bids_dir),
        args.device,
    )


def _use_work_dir(args: Args) -> None:
    """Put the temporary files of this and of other processes into the folder of ``-w``."""
    if args.work_dir is None:
        return
    folder = real_path(args.work_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"-w {args.work_dir}: cannot be made ({error.strerror})") from None
    os.environ |= dict.fromkeys(("TMPDIR", "JOBLIB_TEMP_FOLDER"), str(folder))
    tempfile.tempdir = str(folder)  # of this process, which may have asked for TMPDIR already


def _validate(args: Args) -> None:
    """Show what the BIDS validator says; not where a job prepares only some of the subjects."""
    if args.skip_bids_validation or args.participant_label or args.num_parts > 1:
        return
    validator = find_validator()
    if validator is None:
        logger.info(f"BIDS validation skipped: {COMMAND} is not installed (pip install {COMMAND})")
        return
    errors = validate(args.bids_dir, validator)
    if errors is None:
        logger.info("BIDS validation skipped: the validator did not run")
    elif errors:
        logger.info(
            f"BIDS validator: {len(errors)} errors, the first: {errors[0]}; all of them: "
            f"{COMMAND} {args.bids_dir}"
        )


def _scans_to_prepare(
    args: Args, index: Index, preparation: Preparation, *, alone: bool
) -> list[Scan]:
    """Return the scans that the split uses; refuse an impossible split before the work."""
    if args.split is not None:
        names = [scan.participant for scan in index.scans]
        request = SplitRequest(table=args.split)
        inside = known_parts(args.out_dir, names, request, preparation.participants)
        scans = [scan for scan in index.scans if scan.participant in inside]
        if not scans:
            raise SplitError(f"{args.split}: names no participant of {args.bids_dir}")
        return scans
    if not alone:
        diagnoses = {scan.participant: "" for scan in index.scans}
        draw_split(diagnoses, test=args.test, validation=args.validation)
    return index.scans
