"""Group level of ``prepare``: what all finished subjects have in common.

Split and PET scale are made over all subjects that are finished, so a later run with more
subjects extends what is there.
"""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from petsynth.data.prepared import SPLIT_TABLE, PreparedData, read_array, static_mean
from petsynth.data.scale import DEFINITION, training_scale
from petsynth.data.split import check_distinct, draw_split, read_split
from petsynth.errors import InputError, SplitError
from petsynth.execution import run_side_by_side
from petsynth.io.bids.index import Exclusion, Index
from petsynth.io.bids.metadata import is_simulated, write_table
from petsynth.io.bids.names import participant_of
from petsynth.io.bids.participants import Participant, Participants, read_participants
from petsynth.io.bids.privacy import without_folders
from petsynth.io.text import read_table
from petsynth.log import Progress
from petsynth.prepare.jpeg_export import export_slices
from petsynth.prepare.output_folder import FolderSettings, write_description, write_participants
from petsynth.prepare.quality_control import write_qc
from petsynth.prepare.records import Record, finished_subjects, read_failures, read_record
from petsynth.preprocessing.subject import PreprocessingSettings
from petsynth.version import __version__

logger = logging.getLogger(__name__)

EXCLUSIONS = "exclusions.tsv"
"""Which subjects and images are left out, and why."""


@dataclasses.dataclass(frozen=True)
class SplitRequest:
    """How training, validation and test subjects are chosen.

    Parameters
    ----------
    test, validation : float
        Below 1 a fraction of the subjects, from 1 on their number.
    seed : int
        Of the random choice.
    table : Path, optional
        A file to take the split from instead.
    """

    test: float = 0.25
    validation: float = 0.0
    seed: int = 0
    table: Path | None = None


def build_cohort(
    bids: Path,
    out: Path,
    settings: FolderSettings,
    index: Index,
    request: SplitRequest,
    *,
    jpeg: bool = False,
    nprocs: int = 1,
    exclude_flagged: Sequence[str] = (),
) -> PreparedData:
    """Write what all subjects have in common: split, PET scale, tables.

    All finished subjects of the folder take part, also those that the index does not hold.
    Those of the index that do not are listed in ``exclusions.tsv`` with a reason.

    Parameters
    ----------
    bids, out : Path
        The dataset, and the folder of prepared data.
    settings : FolderSettings
        How the subjects were prepared; the tracer is known.
    index : Index
        The pairs of images in the dataset.
    request : SplitRequest
        How to split.
    jpeg : bool
        Whether slices are written as JPEG files as well.
    nprocs : int
        Processes that write JPEG files.
    exclude_flagged : sequence of str
        Checks of `petsynth.preprocessing.flags` whose flags leave a subject out.

    Raises
    ------
    InputError
        If no subject is prepared, or the training subjects have no PET.
    SplitError
        If the split is not usable.
    OutputError
        If the results cannot be written.
    """
    participants = read_participants(bids)
    names = sorted({*(scan.name for scan in index.scans), *finished_subjects(out)})
    subjects = sorted(set(map(participant_of, names)))
    check_distinct(subjects)
    known = known_parts(out, subjects, request, participants)
    excluded = index.excluded | read_failures(out)
    if request.table is not None:
        decided = {*known, *excluded}
        outside = [name for name in names if not decided & {name, participant_of(name)}]
        excluded |= dict.fromkeys(outside, "not in the table of --split")
    records = _matching_records(out, settings.preprocessing, excluded)
    _leave_out_flagged(records, exclude_flagged, excluded)
    _leave_out_misfits(records, excluded)
    for scan in index.scans:
        if scan.name not in records and scan.name not in excluded:
            excluded[scan.name] = "not prepared yet: run the participant level for it"
    for name, reason in sorted(excluded.items()):
        logger.info(f"left out: {name}: {reason}")
    excluded = {name: without_folders(reason, [bids]) for name, reason in excluded.items()}
    unused = _unused(index, records)
    if not records:
        _write_exclusions(out, excluded, unused)
        reason = excluded[min(excluded)] if excluded else "nothing to do"
        raise InputError(f"no subject could be prepared; the first: {reason}")
    split = _split_of(records, request, known, participants)
    durations = _frame_durations(records)
    scale = _scale(out, split, durations)
    _write_exclusions(out, excluded, unused)
    write_qc(out, [record.qc for record in records.values()])
    _write_tables(out, split, records, participants)
    first = next(iter(records.values()))
    write_description(
        out,
        settings.preprocessing.pet_grid(),
        t1_grid=settings.preprocessing.conformed_grid(),
        petsynth_version=__version__,
        tracer=settings.tracer,
        unit=first.unit,
        frames=first.frames,
        frame_durations=durations,
        pet_scale=scale,
        pet_scale_definition=DEFINITION,
        simulated=is_simulated(bids),
        preprocessing=dataclasses.asdict(settings.preprocessing),
        split=_describe(request),
        exclude_flagged=list(exclude_flagged),
    )
    data = PreparedData(out)
    if jpeg:
        with Progress("writing JPEG slices", total=len(records)) as progress:
            arguments = [(data, name) for name in records]
            for _ in run_side_by_side(export_slices, arguments, nprocs=nprocs):
                progress.advance()
    return data


def known_parts(
    out: Path, subjects: list[str], request: SplitRequest, participants: Participants
) -> dict[str, str]:
    """Return the parts of those subjects whose part is given: by the table, or by an earlier run.

    Parameters
    ----------
    out : Path
        The folder of prepared data.
    subjects : list of str
        With ``sub-``.
    request : SplitRequest
        How to split.
    participants : Participants
        The dataset's ``participants.tsv``.

    Returns
    -------
    dict of str to {"train", "validation", "test"}
        By subject.

    Raises
    ------
    SplitError
        If the table is not usable.
    """
    if request.table is not None:
        aliases = {name: [participants[name].original_id] for name in subjects}
        return read_split(request.table, aliases)
    try:
        before = PreparedData(out)
        parts = {participant_of(name): before.split(name) for name in before.participants()}
    except InputError:  # none yet, or the table was removed so that it be drawn again
        return {}
    return parts if before.description.get("split") == _describe(request) else {}


def _describe(request: SplitRequest) -> dict[str, Any]:
    if request.table is not None:
        return {"table": "given"}
    return {"test": request.test, "validation": request.validation, "seed": request.seed}


def _matching_records(
    out: Path, preprocessing: PreprocessingSettings, excluded: dict[str, str]
) -> dict[str, Record]:
    """Return the records of all finished subjects that fit together, by name.

    A subject that failed is out, also if an earlier run had finished it. Subjects that do not fit
    are added to ``excluded``.
    """
    settings = dataclasses.asdict(preprocessing)
    records = {}
    for name in finished_subjects(out):
        is_out = name in excluded or participant_of(name) in excluded
        record = None if is_out else read_record(out, name)
        if record is not None and record.key.get("preprocessing") != settings:
            excluded[name] = "prepared with other settings: run the participant level for it"
        elif record is not None:
            records[name] = record
    return records


def _leave_out_flagged(
    records: dict[str, Record], checks: Sequence[str], excluded: dict[str, str]
) -> None:
    """Move subjects that one of the checks flagged from ``records`` to ``excluded``."""
    for name, record in list(records.items()):
        raised = str(record.qc.get("flagged_checks", "none")).split()
        found = [check for check in raised if check in checks]
        if found:
            flags = record.qc["flags"]
            excluded[name] = f"flagged, left out by --exclude-flagged {' '.join(found)}: {flags}"
            del records[name]


def _leave_out_misfits(records: dict[str, Record], excluded: dict[str, str]) -> None:
    """Move subjects whose PET cannot be used together with the others' to ``excluded``."""
    remedies = {
        "unit": "correct Units in its sidecar, or give all subjects one unit with --units suvr",
        "frames": "give all subjects as many with --frames",
        "frame durations": "give all subjects the same with --frames mean or a number",
    }
    for what, remedy in remedies.items():
        traits = {name: _trait(what, record) for name, record in records.items()}
        values = {name: value for name, value in traits.items() if value}
        if len(set(values.values())) < 2:
            continue
        usual = Counter(values.values()).most_common(1)[0][0]
        for name, value in values.items():
            if value != usual:
                excluded[name] = f"PET {what}: {value}, of most others {usual}; {remedy}"
                del records[name]


def _trait(what: str, record: Record) -> str:
    """Return what all subjects must have in common, in words; empty if unknown."""
    if what == "unit":
        return record.unit
    if what == "frames":
        return str(record.frames)
    durations = record.frame_durations if record.frames > 1 else []
    fractions = [f"{100 * each / sum(durations):.0f}" for each in durations]
    return f"{' : '.join(fractions)} % of the scan" if fractions else ""


def _frame_durations(records: dict[str, Record]) -> list[float] | None:
    """Return the durations of the stored frames in seconds; None if unknown or there is one."""
    several = [record.frame_durations for record in records.values() if record.frames > 1]
    return next(filter(None, several), None)


def _unused(index: Index, records: dict[str, Record]) -> list[Exclusion]:
    """Return the images that are not taken, where the next was tried also those it replaced."""
    taken, replaced = set(), {}
    for record in records.values():
        if not record.replaced:
            continue
        inputs = record.key["inputs"]
        taken |= {(record.participant, Path(inputs[kind][0]).name) for kind in ("t1", "pet")}
        for image, reason in record.replaced.items():
            replaced[record.participant, image] = f"could not be used: {reason}"
    kept = [
        each
        for each in index.unused
        if (each.participant, each.image) not in taken | replaced.keys()
    ]
    return kept + [Exclusion(name, reason, image) for (name, image), reason in replaced.items()]


def _write_exclusions(out: Path, excluded: dict[str, str], unused: list[Exclusion]) -> None:
    left_out = [Exclusion(name, reason) for name, reason in sorted(excluded.items())]
    rows = [
        (participant_of(each.participant), _session(each.participant), each.image, each.reason)
        for each in [*left_out, *unused]
    ]
    columns = ["participant_id", "session_id", "image", "reason"]
    write_table(out / EXCLUSIONS, pd.DataFrame(rows, columns=columns))


def read_left_out(folder: str | Path) -> dict[str, str]:
    """Return which subjects (or visits) the group level left out, and why; by name.

    Empty before the group level has run.
    """
    path = Path(folder) / EXCLUSIONS
    if not path.exists():
        return {}
    table = read_table(path)
    table = table[table["image"] == "n/a"]
    visits = "_" + table["session_id"]
    names = table["participant_id"] + visits.where(table["session_id"] != "n/a", "")
    return dict(zip(names, table["reason"], strict=True))


def _split_of(
    records: dict[str, Record],
    request: SplitRequest,
    known: dict[str, str],
    participants: Participants,
) -> dict[str, str]:
    """Return the part of each pair of scans, by name; all visits of a subject are in one part."""
    subjects = list(dict.fromkeys(map(participant_of, records)))
    if request.table is not None:
        parts = known
    else:
        parts = draw_split(
            {subject: participants[subject].diagnosis for subject in subjects},
            test=request.test,
            validation=request.validation,
            seed=request.seed,
            settled=known,
        )
    return {name: parts[participant_of(name)] for name in records}


def _scale(out: Path, split: dict[str, str], durations: list[float] | None) -> float:
    """Return the PET scale of the training subjects, of what the PET's field of view covers."""
    training = [name for name, part in split.items() if part == "train"]
    if not training:
        raise SplitError("no training subject is among the prepared ones: the PET scale needs one")

    def load(name: str) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        mean = static_mean(read_array(out, name, "pet"), durations)
        return mean, read_array(out, name, "mask") & (mean != 0)  # 0: not covered

    return training_scale(training, load)


def _write_tables(
    out: Path, split: dict[str, str], records: dict[str, Record], participants: Participants
) -> None:
    """Write ``split.tsv``, a row per pair of scans, and ``participants.tsv``.

    What is known at a visit stands in ``participants.tsv`` where a participant has one, and in
    ``split.tsv`` where they may have several.
    """
    visits = {name: participants.at(participant_of(name), records[name].session) for name in split}
    told = {name: _told(visit) for name, visit in visits.items()}
    table = pd.DataFrame(
        {
            "participant_id": [participant_of(name) for name in split],
            "split": list(split.values()),
            "diagnosis": [visit.diagnosis for visit in visits.values()],
        }
    )
    if any(name != participant_of(name) for name in split):
        table.insert(1, "session_id", [_session(name) for name in split])
        for column in dict.fromkeys(key for each in visits.values() for key in each.covariates):
            table[column] = [visit.covariates.get(column, "n/a") for visit in visits.values()]
    write_table(out / SPLIT_TABLE, table)
    rows = [
        {"participant_id": name, **(told.get(name) or _told(participants[name]))}
        for name in dict.fromkeys(map(participant_of, split))
    ]
    columns = None if rows else ["participant_id", *_told(Participant())]
    write_participants(out, pd.DataFrame(rows, columns=columns).fillna("n/a"))


def _told(row: Participant) -> dict[str, str]:
    """Return what is kept of a participant's row."""
    return {"diagnosis": row.diagnosis, **row.covariates, "original_id": row.original_id}


def _session(name: str) -> str:
    """Return ``ses-m12`` for ``sub-01_ses-m12``; ``n/a`` for a participant."""
    return name.removeprefix(participant_of(name)).removeprefix("_") or "n/a"
