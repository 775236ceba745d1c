"""Labels and days that do not tell who somebody is, and the table of who is who.

A label is a number, never a part of the patient's name or ID. Who is who stands in a table that the
user keeps outside the dataset, if it is asked for (``--key``). Days are moved, for all scans of a
patient by the same number, so that the first one is 1 January 1900.

References
----------
BIDS 1.10, "Common principles": dates that are moved for anonymity lie before 1925. HIPAA, 45 CFR
164.514(b)(2): ages over 89 are one category.
"""

from __future__ import annotations

import datetime
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from petsynth.errors import InputError, OutputError
from petsynth.io.bids.metadata import write_table
from petsynth.io.bids.names import participant_key
from petsynth.io.dicom.files import number_of, parse_moment, text_of
from petsynth.io.dicom.series import Series
from petsynth.io.text import exists, read_table

FIRST_DAY = datetime.date(1900, 1, 1)
"""What a patient's first day becomes."""
OLDEST = 90
"""What stands for this age and all above."""
_COLUMNS = ("participant_id", "session_id", "patient", "day", "moved_day")
_PLACES = 3


@dataclass
class Patient:
    """Somebody whose scans are imported.

    Parameters
    ----------
    label : str
        Without ``sub-``.
    sessions : dict of date to str
        Label of the session of each day, without ``ses-``.
    moved_by : timedelta, optional
        By what days are moved; None if that is unknown.
    is_new : bool
        Whether the dataset had nothing of them.
    """

    label: str
    sessions: dict[datetime.date, str] = field(default_factory=dict)
    moved_by: datetime.timedelta | None = None
    is_new: bool = True

    def moved(self, moment: datetime.datetime | None) -> str:
        """Return a moment as it may be written, ``n/a`` if it is unknown."""
        if moment is None or self.moved_by is None:
            return "n/a"
        return (moment + self.moved_by).replace(microsecond=0).isoformat()


class Key:
    """The table of who is who.

    Parameters
    ----------
    path : Path, optional
        Where it is; without one nothing is known or kept.
    root : Path
        Of the dataset, below which it must not be.

    Raises
    ------
    OutputError
        If it lies in the dataset.
    InputError
        If it is no such table.
    """

    def __init__(self, path: Path | None, root: Path) -> None:
        self._path = path
        self._rows: list[dict[str, str]] = []
        if path is None:
            return
        if Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
            raise OutputError(f"{path}: tells who is who; keep it outside the dataset {root}")
        if exists(path):
            table = read_table(path)
            missing = [name for name in _COLUMNS if name not in table]
            if missing:
                raise InputError(f"{path}: has no column {missing[0]}; is it another table?")
            self._rows = [
                {name: str(row[name]) for name in _COLUMNS} for _, row in table.iterrows()
            ]

    def patient(self, patient: str) -> Patient | None:
        """Return what is known of a patient."""
        rows = [row for row in self._rows if row["patient"] == patient]
        if not rows:
            return None
        found = Patient(rows[0]["participant_id"].removeprefix("sub-"), is_new=False)
        for row in rows:
            try:
                day, moved = (datetime.date.fromisoformat(row[n]) for n in ("day", "moved_day"))
            except ValueError:
                continue
            found.sessions[day] = row["session_id"].removeprefix("ses-")
            found.moved_by = moved - day
        return found

    def labels(self) -> set[str]:
        """Return all labels in it."""
        return {row["participant_id"].removeprefix("sub-") for row in self._rows}

    def add(self, name: str, patient: Patient) -> None:
        """Add a patient's days, and write the table for its owner alone."""
        if self._path is None:
            return
        known = {(row["patient"], row["day"]) for row in self._rows}
        moved = patient.moved_by
        for day, session in sorted(patient.sessions.items()):
            if (name, day.isoformat()) in known:
                continue
            self._rows.append({
                "participant_id": f"sub-{patient.label}",
                "session_id": f"ses-{session}",
                "patient": name,
                "day": day.isoformat(),
                "moved_day": "n/a" if moved is None else (day + moved).isoformat(),
            })  # fmt: skip
        write_table(self._path, pd.DataFrame(self._rows, columns=list(_COLUMNS)))
        self._path.chmod(0o600)


def next_label(root: Path, taken: set[str]) -> str:
    """Return the next number for a participant: ``"001"`` in an empty dataset."""
    names = {path.name.removeprefix("sub-") for path in root.glob("sub-*")} | taken
    numbers = [int(name) for name in names if name.isdecimal()]
    number = max(numbers, default=0) + 1
    keys = {participant_key(name) for name in names}
    while participant_key(str(number)) in keys:
        number += 1
    return f"{number:0{_PLACES}}"


def add_sessions(patient: Patient, root: Path, days: set[datetime.date]) -> None:
    """Give each new day of a patient a session, in their order, after those that there are."""
    used = {path.name.removeprefix("ses-") for path in root.glob(f"sub-{patient.label}/ses-*")}
    used |= set(patient.sessions.values())
    highest = max((int(label) for label in used if label.isdecimal()), default=0)
    for day in sorted(days - set(patient.sessions)):
        highest += 1
        patient.sessions[day] = f"{highest:02}"
    if patient.moved_by is None and patient.is_new and patient.sessions:
        patient.moved_by = FIRST_DAY - min(patient.sessions)


def row_of(series: Series) -> dict[str, str]:
    """Return what ``participants.tsv`` may say of a patient: age, sex and weight."""
    header = series.header
    weight = number_of(header, "PatientWeight")
    age = _age(header, series.day)
    return {
        "age": "n/a" if age is None else str(min(age, OLDEST)),
        "sex": {"F": "F", "M": "M", "O": "O"}.get(text_of(header, "PatientSex").upper(), "n/a"),
        "weight": f"{weight:g}" if weight and 1 < weight < 500 else "n/a",
    }


def is_label(text: str) -> bool:
    """Whether a text is a label of BIDS, without its prefix."""
    return re.fullmatch(r"[A-Za-z0-9]+", text) is not None


def _age(header: Any, day: datetime.date | None) -> int | None:
    born = parse_moment(f"{text_of(header, 'PatientBirthDate')}000000")
    if born is not None and day is not None and born.date() < day:
        before_birthday = (day.month, day.day) < (born.month, born.day)
        return day.year - born.year - before_birthday
    told = re.fullmatch(r"(\d{1,3})Y", text_of(header, "PatientAge"))
    return int(told[1]) if told else None
