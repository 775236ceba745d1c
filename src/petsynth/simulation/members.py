"""Who belongs to a cohort, and which real T1 each subject is made from."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pandas as pd

from petsynth.errors import InputError
from petsynth.io.text import read_table
from petsynth.simulation.labelled import LabelledScan, find_labelled_scans
from petsynth.simulation.participants import (
    UNKNOWN,
    Participant,
    Tracer,
    sample_participant,
)

Member = tuple[Participant, LabelledScan | None]
"""Who it is, and the real T1 that the anatomy comes from."""

DEFAULT_SUBJECTS = 16


def sample_members(
    seed: int, tracer: Tracer, subjects: int | None, labels_from: str | Path | None
) -> list[Member]:
    """Sample everybody of a cohort.

    Parameters
    ----------
    seed : int
        The cohort's.
    tracer : {"FDG", "AV45", "AV1451"}
        What is injected.
    subjects : int or None
        Number of subjects; 16, or all labelled T1s.
    labels_from : str, Path or None
        Folder of labelled T1s.

    Raises
    ------
    InputError
        If the folder cannot be used or has fewer T1s than were asked for.
    """
    if labels_from is not None:
        return _sample_labelled(seed, tracer, subjects, Path(labels_from))
    count = DEFAULT_SUBJECTS if subjects is None else subjects
    width = max(3, len(str(count)))
    return [
        (sample_participant(seed, index, tracer, f"sub-{index + 1:0{width}}"), None)
        for index in range(count)
    ]


def _sample_labelled(seed: int, tracer: Tracer, subjects: int | None, folder: Path) -> list[Member]:
    scans = find_labelled_scans(folder)
    if subjects is not None and subjects > len(scans):
        raise InputError(f"{folder}: {len(scans)} labelled T1s, {subjects} were asked for")
    known = _read_demographics(folder / "participants.tsv")
    labels = [label_of(scan.name) for scan in scans]
    if len(set(labels)) < len(labels):
        raise InputError(f"{folder}: two T1s would get the same subject label; rename one")
    members: list[Member] = []
    for index, (label, scan) in enumerate(zip(labels, scans, strict=True)):
        age, sex = known.get(scan.name, (math.nan, UNKNOWN))
        participant = sample_participant(
            seed, index, tracer, label, original_id=scan.name, age=age, sex=sex
        )
        members.append((participant, scan))
    return members[:subjects]


def label_of(name: str) -> str:
    """Return a subject label for a T1's name; BIDS allows letters and digits only.

    Examples
    --------
    >>> label_of("IXI012-HH-1211"), label_of("sub-01_ses-2")
    ('sub-IXI012HH1211', 'sub-01ses2')
    """
    return "sub-" + re.sub(r"[^0-9A-Za-z]", "", name.removeprefix("sub-"))


def _read_demographics(path: Path) -> dict[str, tuple[float, str]]:
    """Return name -> (age, sex) where a table is there; unknown is NaN and ``n/a``."""
    if not path.exists():
        return {}
    table = read_table(path)
    if "participant_id" not in table:
        raise InputError(f"{path}: has no column participant_id")
    ages = pd.to_numeric(table.get("age", pd.Series(index=table.index)), errors="coerce")
    sexes = table.get("sex", pd.Series(UNKNOWN, index=table.index))
    return {
        name: (float(age), sex if sex in ("F", "M") else UNKNOWN)
        for name, age, sex in zip(table["participant_id"], ages, sexes, strict=True)
    }


def select_members(members: list[Member], wanted: list[str]) -> list[Member]:
    """Keep those who are named by label, with or without ``sub-``, or by their T1's name.

    Raises
    ------
    InputError
        If a name is nobody's.
    """
    keys = {_bare(name) for name in wanted}
    named = [
        {_bare(participant.label), _bare(participant.original_id)} - {UNKNOWN}
        for participant, _ in members
    ]
    missing = sorted(keys.difference(*named))
    if missing:
        raise InputError(f"no such participants in the cohort: {', '.join(missing[:8])}")
    return [entry for entry, names in zip(members, named, strict=True) if names & keys]


def _bare(name: str) -> str:
    return name.removeprefix("sub-")
