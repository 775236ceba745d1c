"""The levels of ``petsynth prepare``: participants and group; and what they would do."""

from __future__ import annotations

import logging
import os
import shlex
import tempfile
from typing import TYPE_CHECKING, Any

from petsynth.cli.prepare.checks import mask_folders
from petsynth.cli.prepare.settings import preprocessing_of, source_of
from petsynth.data.split import draw_split
from petsynth.errors import InputError, OutputError, SplitError
from petsynth.io.bids.index import Index, Scan
from petsynth.io.bids.participants import read_participants
from petsynth.io.bids.validator import COMMAND, find_validator, validate
from petsynth.prepare import participant_level as participants
from petsynth.prepare.derivatives import read_simulated
from petsynth.prepare.execution import connect
from petsynth.prepare.group_level import SplitRequest, build_cohort, settle
from petsynth.prepare.memory import processes_within, subject_mb
from petsynth.prepare.output_folder import claim_folder
from petsynth.prepare.pages import write_group_page, write_subject_page
from petsynth.prepare.plan import plan
from petsynth.prepare.preparation import Preparation

if TYPE_CHECKING:
    from petsynth.cli.prepare.command import Args

logger = logging.getLogger(__name__)


def show_plan(args: Args, index: Index) -> None:
    """Print what would be done, as a table; write nothing."""
    table = plan(_preparation(args), index)
    print(table.to_csv(sep="\t", index=False, na_rep="n/a"), end="")


def prepare_participants(
    args: Args, settings: dict[str, Any], index: Index, *, alone: bool
) -> None:
    """Prepare the subjects, or this job's part of them.

    Parameters
    ----------
    args : Args
        The command's options.
    settings : dict
        What all subjects have in common.
    index : Index
        Whom.
    alone : bool
        Whether the group level is left to another command.

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
    scans = _who(args, index, preparation, alone=alone)
    nprocs = args.nprocs
    if args.mem_mb is not None:
        per_subject = subject_mb(scans, deepbet=not args.masks)
        nprocs = processes_within(args.mem_mb, nprocs, per_subject)
    _use_work_dir(args)
    if args.scheduler is not None:
        with connect(args.scheduler):
            pass  # what is refused is refused before the folder is claimed
    claim_folder(args.out_dir, args.bids_dir, settings, overwrite=args.overwrite)
    chosen = scans[args.part_id :: args.num_parts]
    for name in dict.fromkeys(scan.participant for scan in chosen):
        if name in index.notes:
            logger.info(index.notes[name])
    failed = participants.prepare_participants(
        preparation,
        chosen,
        nprocs=nprocs,
        threads=args.omp_nthreads,
        scheduler=args.scheduler,
        stop_on_failure=args.stop_on_first_crash,
        verbose=args.verbose > 0,
        finished=lambda outcome: write_subject_page(
            args.out_dir, outcome.name, simulated=preparation.simulated
        ),
    )
    if not alone:
        return
    for outcome in failed:
        logger.info(f"left out: {outcome.name}: {outcome.reason}")
    if chosen and len(failed) == len(chosen):
        raise InputError(f"no subject could be prepared; the first: {failed[0].reason}")
    command = ["petsynth", "prepare", str(args.bids_dir), str(args.out_dir), "group"]
    later = shlex.join(command + _group_options(args))
    logger.info(
        f"prepared {len(chosen) - len(failed)} of {len(chosen)} subjects in {args.out_dir}; "
        f"when all are done: {later}"
    )


def build_group(args: Args, settings: dict[str, Any], index: Index) -> None:
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
        source_of(args, settings),
        index,
        SplitRequest(args.test, args.validation, args.seed, args.split),
        jpeg=args.jpeg,
        nprocs=args.nprocs,
    )
    write_group_page(args.out_dir, simulated=data.simulated)
    counts = {part: len(data.subjects(part)) for part in ("train", "validation", "test")}
    pairs = f" subjects, {len(data.participants())} pairs" if settings.get("pairs") == "all" else ""
    logger.info(
        f"prepared: {args.out_dir} ("
        + ", ".join(f"{count} {part}" for part, count in counts.items() if count)
        + f"{pairs}); PET scale {data.pet_scale:.4g} {data.unit}; look at group_qc.html"
    )


def _group_options(args: Args) -> list[str]:
    """Return those of the options given that only the group level uses."""
    given = []
    for name in ("split", "test", "validation", "seed", "jpeg"):
        value = getattr(args, name)
        if value != getattr(type(args), name):
            given += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    return given


def _preparation(args: Args) -> Preparation:
    simulated = read_simulated(args.bids_dir)
    participants = read_participants(args.bids_dir)
    return Preparation(
        args.bids_dir,
        args.out_dir,
        preprocessing_of(args),
        mask_folders(args.masks),
        simulated,
        participants,
        args.device,
    )


def _use_work_dir(args: Args) -> None:
    """Let temporary files of this and of other processes stand in the folder that was named."""
    if args.work_dir is None:
        return
    folder = args.work_dir.resolve()
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


def _who(args: Args, index: Index, preparation: Preparation, *, alone: bool) -> list[Scan]:
    """Return the scans that the split has a use for; refuse an impossible one before the work."""
    if args.split is not None:
        names = [scan.participant for scan in index.scans]
        inside = settle(
            args.out_dir, names, SplitRequest(table=args.split), preparation.participants
        )
        scans = [scan for scan in index.scans if scan.participant in inside]
        if not scans:
            raise SplitError(f"{args.split}: names no participant of {args.bids_dir}")
        return scans
    if not alone:
        diagnoses = {scan.participant: "" for scan in index.scans}
        draw_split(diagnoses, test=args.test, validation=args.validation)
    return index.scans
