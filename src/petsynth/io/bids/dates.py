"""On which day an image was acquired, as far as a BIDS dataset says it.

Searched in this order: ``acq_time`` of the image in ``*_scans.tsv``; ``acq_time`` of its session in
``*_sessions.tsv``; the date in its sidecar. Dates moved for anonymity are as good as true ones,
as long as all dates of a subject were moved by the same number of days.

Tables are written by many hands. An image is found in ``*_scans.tsv`` by its name where the path
before it is another, and a session with or without ``ses-`` and leading zeros.
"""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from petsynth.errors import InputError, PetsynthWarning
from petsynth.io.bids.metadata import read_metadata
from petsynth.io.bids.names import session_key
from petsynth.io.text import read_rows

_SIDECAR_FIELDS = ("AcquisitionDateTime", "AcquisitionDate", "SeriesDate", "StudyDate", "ScanDate")
_UNKNOWN = ("", "n/a", "na", "nan", "none", "unknown")
_TIME = ("acq_time", "acq_date", "acquisition_time", "acquisition_date")


@dataclass(frozen=True)
class Days:
    """The days in a participant's tables.

    Parameters
    ----------
    by_path : dict of str to date
        By path of an image below the participant's folder, without its ending
        (``"ses-a/pet/x_pet"``).
    by_name : dict of str to date
        By name of an image, without its ending; without names that two rows date differently.
    by_session : dict of str to date
        By session as the table has it, without ``ses-``.
    """

    by_path: dict[str, datetime.date] = field(default_factory=dict)
    by_name: dict[str, datetime.date] = field(default_factory=dict)
    by_session: dict[str, datetime.date] = field(default_factory=dict)

    def of_image(self, place: str) -> datetime.date | None:
        """Return the day of an image by its path below the participant's folder."""
        stem = _without_ending(place)
        return self.by_path.get(stem) or self.by_name.get(PurePosixPath(stem).name)

    def of_session(self, label: str) -> datetime.date | None:
        """Return the day of a session by its label, without ``ses-``."""
        if label in self.by_session:
            return self.by_session[label]
        key = session_key(label)
        found = {day for other, day in self.by_session.items() if session_key(other) == key}
        return found.pop() if len(found) == 1 else None


def read_days(participant: Path) -> Days:
    """Return the days in a participant's tables.

    A table that cannot be read, and a time that is none, are warned about and count as unknown.

    Parameters
    ----------
    participant : Path
        Folder ``sub-X``.
    """
    sessions: dict[str, datetime.date] = {}
    for path in sorted(participant.glob("*_sessions.tsv")):
        for name, day in _dated_rows(path, ("session_id", "session")):
            sessions[name.removeprefix("ses-")] = day
    by_path: dict[str, datetime.date] = {}
    by_name: dict[str, set[datetime.date]] = {}
    for path in sorted([*participant.glob("*_scans.tsv"), *participant.glob("ses-*/*_scans.tsv")]):
        place = path.parent.relative_to(participant)
        for name, day in _dated_rows(path, ("filename", "file_name")):
            stem = PurePosixPath(_without_ending(name.replace("\\", "/")))
            by_path[(place / stem).as_posix()] = day
            by_name.setdefault(stem.name, set()).add(day)
    alone = {name: next(iter(days)) for name, days in by_name.items() if len(days) == 1}
    return Days(by_path, alone, sessions)


def day_of(
    image: Path,
    participant: Path,
    session: str | None,
    days: Days,
    listed: dict[Path, list[Path]] | None = None,
) -> datetime.date | None:
    """Return the day of an image, or None if the dataset does not say it.

    Parameters
    ----------
    image, participant : Path
        The image, and the participant's folder.
    session : str, optional
        Label without ``ses-``.
    days : Days
        From `read_days`.
    listed : dict, optional
        See `petsynth.io.bids.metadata.read_metadata`.

    Raises
    ------
    InputError
        If no table has the day and a sidecar cannot be read.
    """
    known = days.of_image(image.relative_to(participant).as_posix())
    if known is None and session is not None:
        known = days.of_session(session)
    if known is not None:
        return known
    fields = read_metadata(image, listed)
    texts = (str(fields[name]) for name in _SIDECAR_FIELDS if name in fields)
    return next((day for day in map(parse_day, texts) if day is not None), None)


def parse_day(text: str) -> datetime.date | None:
    """Return the day in an ISO or DICOM date (and time), or None.

    Examples
    --------
    >>> parse_day("2009-06-15T13:45:30").isoformat(), parse_day("20090615").isoformat()
    ('2009-06-15', '2009-06-15')
    >>> parse_day("2009/06/15").isoformat(), parse_day("last week") is None
    ('2009-06-15', True)
    """
    for digits in (10, 8):
        try:
            return datetime.date.fromisoformat(text.strip()[:digits].replace("/", "-"))
        except ValueError:
            continue
    return None


def _dated_rows(path: Path, names: Iterable[str]) -> list[tuple[str, datetime.date]]:
    """Return name and day of the rows of a table that have a day."""
    try:
        rows = read_rows(path)
    except InputError as error:
        _warn(f"{error}; its dates count as unknown")
        return []
    found = []
    for row in rows:
        cells = {name.lower(): text for name, text in row.items()}
        name = next((cells[each] for each in names if each in cells), "")
        column = next((each for each in _TIME if each in cells), "")
        text = cells.get(column, "")
        if not name or text.lower() in _UNKNOWN:
            continue
        day = parse_day(text)
        if day is None:
            _warn(
                f"{path}: {column} of {name} is {text!r}, needed is an ISO date; it counts as "
                "unknown"
            )
        else:
            found.append((name, day))
    return found


def _without_ending(name: str) -> str:
    return name.removesuffix(".gz").removesuffix(".nii")


def _warn(message: str) -> None:
    warnings.warn(message, PetsynthWarning, stacklevel=3)
