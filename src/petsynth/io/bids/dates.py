"""On which day an image was acquired, as far as a BIDS dataset says it.

Searched in this order: ``acq_time`` of the image in ``*_scans.tsv``; ``acq_time`` of its session in
``*_sessions.tsv``; the date in its sidecar. Dates moved for anonymity are as good as true ones,
as long as all dates of a subject were moved by the same number of days.
"""

from __future__ import annotations

import datetime
from pathlib import Path

from petsynth.errors import InputError
from petsynth.io.bids.metadata import read_sidecar

_SIDECAR_FIELDS = ("AcquisitionDateTime", "AcquisitionDate", "SeriesDate", "StudyDate")
_UNKNOWN = ("", "n/a", "nan")


def read_days(participant: Path) -> dict[str, datetime.date]:
    """Return the days in a participant's tables.

    Parameters
    ----------
    participant : Path
        Folder ``sub-X``.

    Returns
    -------
    dict of str to date
        By path of an image below ``participant`` (``"ses-a/pet/x_pet.nii.gz"``), and by session
        folder (``"ses-a"``).

    Raises
    ------
    InputError
        If a table cannot be read or a time is not valid.
    """
    days: dict[str, datetime.date] = {}
    for path in sorted(participant.glob("*_sessions.tsv")):
        days |= _column(path, "session_id", "acq_time", "")
    for path in sorted([*participant.glob("*_scans.tsv"), *participant.glob("ses-*/*_scans.tsv")]):
        place = path.parent.relative_to(participant).as_posix()
        days |= _column(path, "filename", "acq_time", "" if place == "." else f"{place}/")
    return days


def day_of(
    image: Path, participant: Path, session: str | None, days: dict[str, datetime.date]
) -> datetime.date | None:
    """Return the day of an image, or None if the dataset does not say it.

    Parameters
    ----------
    image, participant : Path
        The image, and the participant's folder.
    session : str, optional
        Label without ``ses-``.
    days : dict
        From `read_days`.
    """
    known = days.get(image.relative_to(participant).as_posix())
    if known is None and session is not None:
        known = days.get(f"ses-{session}")
    if known is not None:
        return known
    sidecar = read_sidecar(image)
    texts = (str(sidecar[field]) for field in _SIDECAR_FIELDS if field in sidecar)
    return next((day for day in map(parse_day, texts) if day is not None), None)


def parse_day(text: str) -> datetime.date | None:
    """Return the day in an ISO or DICOM date (and time), or None.

    Examples
    --------
    >>> parse_day("2009-06-15T13:45:30").isoformat(), parse_day("20090615").isoformat()
    ('2009-06-15', '2009-06-15')
    >>> parse_day("last week") is None
    True
    """
    try:
        return datetime.date.fromisoformat(text.strip()[:10])
    except ValueError:
        pass
    try:
        return datetime.date.fromisoformat(text.strip()[:8])
    except ValueError:
        return None


def _column(path: Path, name: str, value: str, prefix: str) -> dict[str, datetime.date]:
    # Read without pandas, which takes a millisecond per table: large datasets have thousands.
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a tab-separated table ({error})") from None
    head = lines[0].split("\t") if lines else []
    if name not in head or value not in head:
        return {}
    days = {}
    for line in lines[1:]:
        cells = dict(zip(head, line.split("\t"), strict=False))
        text = cells.get(value, "").strip()
        if text.lower() in _UNKNOWN:
            continue
        day = parse_day(text)
        if day is None:
            raise InputError(f"{path}: {value} of {cells[name]} is {text!r}, needed is an ISO date")
        days[prefix + cells[name]] = day
    return days
