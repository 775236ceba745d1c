"""Prepare a whole dataset: subjects side by side, then what they have in common.

A subject that fails is left out with a reason and the others finish. A subject that is finished
is not done again. Split and PET scale are drawn over all subjects that are finished, so a later
run with more subjects extends what is there.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from petsynth import __version__
from petsynth.data.dataset_files import write_dataset_files, write_participants, write_qc
from petsynth.data.jpeg_export import export_slices
from petsynth.data.preparation import Outcome, Preparation
from petsynth.data.prepared import (
    SPLIT_TABLE,
    PreparedData,
    read_array,
    static_mean,
    write_description,
)
from petsynth.data.scale import DEFINITION, training_scale
from petsynth.data.split import check_distinct, draw_split, read_split
from petsynth.data.subject_files import Record, read_record
from petsynth.errors import InputError, PetsynthError, SplitError
from petsynth.io.bids import write_table
from petsynth.io.index import Index, Person, Scan, read_people
from petsynth.progress import Progress, say


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


def prepare_cohort(
    preparation: Preparation, index: Index, request: SplitRequest, *, jpeg: bool, nprocs: int
) -> PreparedData:
    """Prepare all subjects of an index and write what they have in common.

    Parameters
    ----------
    preparation : Preparation
        From where to where, and how.
    index : Index
        The scans.
    request : SplitRequest
        How to split.
    jpeg : bool
        Whether slices are written as JPEG files as well.
    nprocs : int
        Processes; each works on one subject at a time, in one thread.

    Raises
    ------
    InputError
        If no subject could be prepared, or the training subjects have no PET.
    SplitError
        If the split is not usable.
    OutputError
        If the results cannot be written.
    """
    people = read_people(preparation.bids)
    check_distinct(scan.participant for scan in index.scans)
    settled = _settled(preparation, index, request, people)
    excluded = dict(index.excluded)
    scans = index.scans
    if request.table is not None:
        outside = [scan.participant for scan in scans if scan.participant not in settled]
        excluded |= dict.fromkeys(outside, f"not in {request.table}")
        scans = [scan for scan in scans if scan.participant in settled]
    write_dataset_files(preparation.out, preparation.bids, simulated=preparation.simulated)
    for outcome in _run_all(preparation, scans, nprocs):
        for note in outcome.notes:
            say(f"{outcome.participant}: {note}")
        if outcome.record is None:
            excluded[outcome.participant] = outcome.reason
        elif outcome.record.qc["flags"] != "none":
            say(f"{outcome.participant}: check its picture: {outcome.record.qc['flags']}")
    records = _all_records(preparation, excluded)
    _report(preparation.out, records, excluded)
    data = _write_common(preparation, index.scans[0].tracer, records, people, request, settled)
    if jpeg:
        with Progress("writing JPEG slices", total=len(records)) as progress:
            for _ in _parallel(export_slices, [(data, name) for name in records], nprocs):
                progress.advance()
    return data


def _settled(
    preparation: Preparation, index: Index, request: SplitRequest, people: dict[str, Person]
) -> dict[str, str]:
    """Return parts that are decided already: by the given table, or by an earlier run."""
    names = [scan.participant for scan in index.scans]
    if request.table is not None:
        earlier = [path.stem for path in (preparation.out / "arrays").glob("sub-*.json")]
        everyone = {*names, *earlier}
        return read_split(
            request.table, {name: [people.get(name, Person()).original_id] for name in everyone}
        )
    try:
        before = PreparedData(preparation.out)
    except InputError:
        return {}
    if before.description.get("split") != _describe(request):
        return {}
    return {name: before.split(name) for name in before.participants()}


def _describe(request: SplitRequest) -> dict[str, Any]:
    if request.table is not None:
        return {"table": str(request.table)}
    return {"test": request.test, "validation": request.validation, "seed": request.seed}


def _run_all(preparation: Preparation, scans: list[Scan], nprocs: int) -> Iterator[Outcome]:
    with Progress("preparing", total=len(scans)) as progress:
        for outcome in _parallel(preparation.run_one, [(scan,) for scan in scans], nprocs):
            progress.advance(note=outcome.participant)
            yield outcome


def _parallel(function, arguments: list[tuple], nprocs: int) -> Iterator[Any]:
    """Call a function many times, in processes of one thread each, in whatever order."""
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    try:
        with parallel_config(backend="loky", inner_max_num_threads=1):
            jobs = Parallel(
                n_jobs=min(nprocs, max(len(arguments), 1)), return_as="generator_unordered"
            )
            yield from jobs(delayed(function)(*each) for each in arguments)
    except TerminatedWorkerError:
        raise PetsynthError(
            "a process was killed, most likely for lack of memory: use fewer --nprocs; "
            "finished subjects are kept"
        ) from None


def _all_records(preparation: Preparation, excluded: dict[str, str]) -> dict[str, Record]:
    """Return the records of all finished subjects that fit together, by participant.

    A subject that failed in this run is out, also if an earlier run had finished it.
    """
    names = sorted(path.stem for path in (preparation.out / "arrays").glob("sub-*.json"))
    found = {name: read_record(preparation.out, name) for name in names if name not in excluded}
    records = {name: record for name, record in found.items() if record is not None}
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


def _report(out: Path, records: dict[str, Record], excluded: dict[str, str]) -> None:
    rows = sorted(excluded.items())
    write_table(out / "exclusions.tsv", pd.DataFrame(rows, columns=["participant_id", "reason"]))
    for name, reason in rows:
        say(f"left out: {name}: {reason}")
    if not records:
        reason = rows[0][1] if rows else "nothing to do"
        raise InputError(f"no subject could be prepared; the first: {reason}")
    write_qc(out, [record.qc for record in records.values()])


def _write_common(
    preparation: Preparation,
    tracer: str,
    records: dict[str, Record],
    people: dict[str, Person],
    request: SplitRequest,
    settled: dict[str, str],
) -> PreparedData:
    out = preparation.out
    diagnoses = {name: people.get(name, Person()).diagnosis for name in records}
    if request.table is not None:
        split = {name: settled[name] for name in records if name in settled}
    else:
        split = draw_split(
            diagnoses,
            test=request.test,
            validation=request.validation,
            seed=request.seed,
            settled=settled,
        )
    training = [name for name, part in split.items() if part == "train"]
    if not training:
        raise SplitError("no training subject is among the prepared ones: the PET scale needs one")
    scale = training_scale(
        training,
        lambda name: (static_mean(read_array(out, name, "pet")), read_array(out, name, "mask")),
    )
    first = next(iter(records.values()))
    rows = [(name, part, diagnoses[name]) for name, part in split.items()]
    columns = ["participant_id", "split", "diagnosis"]
    write_table(out / SPLIT_TABLE, pd.DataFrame(rows, columns=columns))
    table = [(name, diagnoses[name], people.get(name, Person()).original_id) for name in split]
    write_participants(
        out, pd.DataFrame(table, columns=["participant_id", "diagnosis", "original_id"])
    )
    write_description(
        out,
        preparation.steps.pet_grid(),
        t1_grid=preparation.steps.conformed_grid(),
        petsynth_version=__version__,
        tracer=tracer,
        unit=first.unit,
        frames=first.frames,
        pet_scale=scale,
        pet_scale_definition=DEFINITION,
        simulated=preparation.simulated,
        steps=dataclasses.asdict(preparation.steps),
        split=_describe(request),
    )
    return PreparedData(out)
