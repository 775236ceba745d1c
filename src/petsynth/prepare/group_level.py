"""Group level of ``prepare``: what all finished subjects have in common.

Split and PET scale are drawn over all subjects that are finished, so a later run with more
subjects extends what is there.
"""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from petsynth import __version__
from petsynth.data.prepared import (
    SPLIT_TABLE,
    PreparedData,
    read_array,
    static_mean,
    write_description,
)
from petsynth.data.scale import DEFINITION, training_scale
from petsynth.data.split import check_distinct, draw_split, read_split
from petsynth.errors import InputError, SplitError
from petsynth.io.bids.index import Exclusion, Index
from petsynth.io.bids.metadata import write_table
from petsynth.io.bids.names import participant_of
from petsynth.io.bids.participants import Participants, read_participants
from petsynth.log import Progress
from petsynth.prepare.dataset_files import write_participants, write_qc
from petsynth.prepare.derivatives import Record, read_record
from petsynth.prepare.execution import run_side_by_side
from petsynth.prepare.failures import read_failures
from petsynth.prepare.jpeg_export import export_slices
from petsynth.prepare.output_folder import finished_subjects
from petsynth.preprocessing.subject import PreprocessingSettings

logger = logging.getLogger(__name__)

EXCLUSIONS = "exclusions.tsv"
"""Who and which images are left out, and why."""


@dataclasses.dataclass(frozen=True)
class SplitRequest:
    """How training, validation and test subjects are chosen.

    Parameters
    ----------
    test, validation : float
        Below 1 a share of the subjects, from 1 on their number.
    seed : int
        Of the draw.
    table : Path, optional
        A file to take the split from instead.
    """

    test: float = 0.25
    validation: float = 0.0
    seed: int = 0
    table: Path | None = None


@dataclasses.dataclass(frozen=True)
class Source:
    """What the group level must know of the participant level.

    Parameters
    ----------
    bids, out : Path
        The dataset, and the folder of prepared data.
    preprocessing : PreprocessingSettings
        What was done to each subject.
    tracer : str
        Everyday name.
    simulated : bool
        Whether the dataset is a simulation.
    """

    bids: Path
    out: Path
    preprocessing: PreprocessingSettings
    tracer: str
    simulated: bool = False


def build_cohort(
    source: Source,
    index: Index,
    request: SplitRequest,
    *,
    jpeg: bool = False,
    nprocs: int = 1,
) -> PreparedData:
    """Write what all subjects have in common: split, PET scale, tables.

    All finished subjects of the folder take part, also those that the index does not hold.
    Everyone of the index who does not is listed in ``exclusions.tsv`` with a reason.

    Parameters
    ----------
    source : Source
        Where the subjects are and what was done to them.
    index : Index
        Who should be there.
    request : SplitRequest
        How to split.
    jpeg : bool
        Whether slices are written as JPEG files as well.
    nprocs : int
        Processes that write JPEG files.

    Raises
    ------
    InputError
        If no subject is prepared, or the training subjects have no PET.
    SplitError
        If the split is not usable.
    OutputError
        If the results cannot be written.
    """
    participants = read_participants(source.bids)
    names = sorted({*(scan.name for scan in index.scans), *finished_subjects(source.out)})
    everyone = sorted(set(map(participant_of, names)))
    check_distinct(everyone)
    settled = settle(source.out, everyone, request, participants)
    excluded = index.excluded | read_failures(source.out)
    if request.table is not None:
        decided = {*settled, *excluded}
        outside = [name for name in names if not decided & {name, participant_of(name)}]
        excluded |= dict.fromkeys(outside, f"not in {request.table}")
    records = _all_records(source, excluded)
    for scan in index.scans:
        if scan.name not in records and scan.name not in excluded:
            excluded[scan.name] = "not prepared yet: run the participant level for it"
    for name, reason in sorted(excluded.items()):
        logger.info(f"left out: {name}: {reason}")
    if not records:
        _write_exclusions(source.out, excluded, index.unused)
        reason = excluded[min(excluded)] if excluded else "nothing to do"
        raise InputError(f"no subject could be prepared; the first: {reason}")
    diagnoses = {person: participants[person].diagnosis for person in map(participant_of, records)}
    parts = _divide(diagnoses, request, settled)
    split = {name: parts[participant_of(name)] for name in records}
    scale = _scale(source.out, split)
    _write_exclusions(source.out, excluded, index.unused)
    write_qc(source.out, [record.qc for record in records.values()])
    _write_tables(source.out, split, participants)
    data = _describe_cohort(source, next(iter(records.values())), request, scale)
    if jpeg:
        with Progress("writing JPEG slices", total=len(records)) as progress:
            arguments = [(data, name) for name in records]
            for _ in run_side_by_side(export_slices, arguments, nprocs=nprocs):
                progress.advance()
    return data


def settle(
    out: Path, names: list[str], request: SplitRequest, participants: Participants
) -> dict[str, str]:
    """Return the parts of subjects that are decided already: by the given table or an earlier run.

    Raises
    ------
    SplitError
        If the table is not usable.
    """
    if request.table is not None:
        return read_split(request.table, {name: [participants[name].original_id] for name in names})
    try:
        before = PreparedData(out)
        parts = {participant_of(name): before.split(name) for name in before.participants()}
    except InputError:  # none yet, or the table was removed so that it be drawn again
        return {}
    return parts if before.description.get("split") == _describe(request) else {}


def _describe(request: SplitRequest) -> dict[str, Any]:
    if request.table is not None:
        return {"table": str(request.table)}
    return {"test": request.test, "validation": request.validation, "seed": request.seed}


def _all_records(source: Source, excluded: dict[str, str]) -> dict[str, Record]:
    """Return the records of all finished subjects that fit together, by participant.

    A subject that failed is out, also if an earlier run had finished it.
    """
    preprocessing = dataclasses.asdict(source.preprocessing)
    records = {}
    for name in finished_subjects(source.out):
        out = name in excluded or participant_of(name) in excluded
        record = None if out else read_record(source.out, name)
        if record is not None and record.key.get("preprocessing") != preprocessing:
            excluded[name] = "prepared with other settings: run the participant level for it"
        elif record is not None:
            records[name] = record
    for what in ("unit", "frames"):
        values = {name: getattr(record, what) for name, record in records.items()}
        if len(set(values.values())) < 2:
            continue
        usual = Counter(values.values()).most_common(1)[0][0]
        for name, value in values.items():
            if value != usual:
                excluded[name] = f"PET {what} is {value}, of most others {usual}"
                del records[name]
    return records


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
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    table = table[table["image"] == "n/a"]
    visits = "_" + table["session_id"]
    names = table["participant_id"] + visits.where(table["session_id"] != "n/a", "")
    return dict(zip(names, table["reason"], strict=True))


def _divide(
    diagnoses: dict[str, str], request: SplitRequest, settled: dict[str, str]
) -> dict[str, str]:
    """Return the part of each person."""
    if request.table is not None:
        return {person: settled[person] for person in diagnoses}
    return draw_split(
        diagnoses,
        test=request.test,
        validation=request.validation,
        seed=request.seed,
        settled=settled,
    )


def _scale(out: Path, split: dict[str, str]) -> float:
    training = [name for name, part in split.items() if part == "train"]
    if not training:
        raise SplitError("no training subject is among the prepared ones: the PET scale needs one")
    return training_scale(
        training,
        lambda name: (static_mean(read_array(out, name, "pet")), read_array(out, name, "mask")),
    )


def _write_tables(out: Path, split: dict[str, str], participants: Participants) -> None:
    everyone = list(dict.fromkeys(map(participant_of, split)))
    table = pd.DataFrame(
        {
            "participant_id": [participant_of(name) for name in split],
            "split": list(split.values()),
            "diagnosis": [participants[participant_of(name)].diagnosis for name in split],
        }
    )
    if any(name != participant_of(name) for name in split):
        table.insert(1, "session_id", [_session(name) for name in split])
    write_table(out / SPLIT_TABLE, table)
    rows = [
        (each, participants[each].diagnosis, participants[each].original_id) for each in everyone
    ]
    write_participants(
        out, pd.DataFrame(rows, columns=["participant_id", "diagnosis", "original_id"])
    )


def _session(name: str) -> str:
    """Return ``ses-m12`` for ``sub-01_ses-m12``; ``n/a`` for a person."""
    return name.removeprefix(participant_of(name)).removeprefix("_") or "n/a"


def _describe_cohort(
    source: Source, first: Record, request: SplitRequest, scale: float
) -> PreparedData:
    write_description(
        source.out,
        source.preprocessing.pet_grid(),
        t1_grid=source.preprocessing.conformed_grid(),
        petsynth_version=__version__,
        tracer=source.tracer,
        unit=first.unit,
        frames=first.frames,
        pet_scale=scale,
        pet_scale_definition=DEFINITION,
        simulated=source.simulated,
        preprocessing=dataclasses.asdict(source.preprocessing),
        split=_describe(request),
    )
    return PreparedData(source.out)
