"""What ``participants.tsv`` says of each participant, however their label is written.

What changes with time, such as age, weight or MMSE, may stand in a participant's table of sessions,
and is taken from there where the session is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from petsynth.covariates import covariate_columns
from petsynth.errors import InputError
from petsynth.io.bids.names import participant_key, session_key
from petsynth.io.text import exists, read_table

_DIAGNOSIS_COLUMNS = ("diagnosis", "dx", "group", "diagnosis_group")
_UNKNOWN = ("", "n/a", "na", "nan", "none", "null", "unknown")
_POUND_KG = 0.45359237
"""International avoirdupois pound (NIST SP 811)."""
_KILOGRAMS = {
    **dict.fromkeys(("", "kg", "kgs", "kilogram", "kilograms"), 1.0),
    **dict.fromkeys(("lb", "lbs", "pound", "pounds"), _POUND_KG),
}
_WEIGHT = re.compile(
    rf"(?P<number>\d+(?:[.,]\d+)?)\s*(?P<unit>{'|'.join(sorted(_KILOGRAMS, reverse=True))})\.?"
)
_WEIGHT_COLUMNS = ("weight", "weight_kg", "body_weight")


@dataclass(frozen=True)
class Participant:
    """A row of ``participants.tsv`` as far as it is needed.

    Parameters
    ----------
    diagnosis, original_id : str
        ``"n/a"`` where unknown.
    weight_kg : float, optional
        Body weight in kilograms; None where unknown, or where the table has no weight there.
    unread_weight : str
        What the table has in place of a weight; empty if nothing.
    covariates : mapping of str to str
        What else may tell a model of the subject, as the table says it; see
        `petsynth.covariates.COVARIATES`. Without the diagnosis.
    """

    diagnosis: str = "n/a"
    original_id: str = "n/a"
    weight_kg: float | None = None
    unread_weight: str = ""
    covariates: Mapping[str, str] = field(default_factory=dict)


class Participants:
    """The rows of ``participants.tsv``, found by any spelling of a label.

    Parameters
    ----------
    rows : dict of str to Participant
        By `petsynth.io.bids.names.participant_key`.
    bids : Path, optional
        The dataset, whose folders of participants may hold tables of their sessions.

    Examples
    --------
    >>> participants = Participants({"731": Participant("AD")})
    >>> participants["sub-0731"].diagnosis, participants["sub-7310"].diagnosis
    ('AD', 'n/a')
    """

    def __init__(self, rows: dict[str, Participant], bids: Path | None = None):
        self._rows = rows
        self._bids = bids

    def __getitem__(self, participant: str) -> Participant:
        return self._rows.get(participant_key(participant), Participant())

    def __len__(self) -> int:
        return len(self._rows)

    def at(self, participant: str, session: str | None) -> Participant:
        """Return what is known of a participant at a session; its own table is asked first.

        Parameters
        ----------
        participant : str
            With ``sub-``, as the folder is called.
        session : str, optional
            With or without ``ses-``.
        """
        row = self[participant]
        if session is None or self._bids is None:
            return row
        for path in sorted((self._bids / participant).glob("*_sessions.tsv")):
            visit = _visit_of(path, session)
            if visit is not None:
                row = _updated(row, visit)
        return row


def read_participants(bids: str | Path) -> Participants:
    """Read ``participants.tsv``; empty without that file.

    Raises
    ------
    InputError
        If the table has no column ``participant_id``, or names a participant twice (``0731``
        and ``731`` are the same).
    """
    path = Path(bids) / "participants.tsv"
    if not exists(path):
        return Participants({}, Path(bids))
    table = read_table(path)
    if "participant_id" not in table:
        raise InputError(f"{path}: has no column participant_id")
    read = _reader(table)
    rows: dict[str, Participant] = {}
    spelt: dict[str, str] = {}
    for _, row in table.iterrows():
        label = row["participant_id"]
        key = participant_key(label)
        if key in rows:
            also = "" if spelt[key] == label else f" (as {spelt[key]} too)"
            raise InputError(f"{path}: {label} is in it twice{also}")
        spelt[key] = label
        rows[key] = read(row)
    return Participants(rows, Path(bids))


def _reader(table: pd.DataFrame) -> Callable[[pd.Series], Participant]:
    """Return what makes a participant of a row of a table, whatever its columns are called."""
    columns = {str(name).lower(): name for name in table.columns}
    dx = next((columns[name] for name in _DIAGNOSIS_COLUMNS if name in columns), None)
    weight = next((columns[name] for name in _WEIGHT_COLUMNS if name in columns), None)
    original = columns.get("original_id")
    covariates = covariate_columns(table.columns)
    covariates.pop("diagnosis", None)

    def read(row: pd.Series) -> Participant:
        told = row[weight] if weight else ""
        kilograms = parse_kilograms(told)
        return Participant(
            row[dx] if dx else "n/a",
            row[original] if original else "n/a",
            kilograms,
            "" if kilograms is not None or not _is_known(told) else told,
            {name: row[column] for name, column in covariates.items()},
        )

    return read


def _visit_of(path: Path, session: str) -> Participant | None:
    """Return a session's row of a table of sessions; None without one, or where it is damaged.

    Damaged ones are warned about where the days are read (`petsynth.io.bids.dates`).
    """
    try:
        table = read_table(path)
    except InputError:
        return None
    label = next((name for name in ("session_id", "session") if name in table), None)
    if label is None:
        return None
    found = table[table[label].map(session_key) == session_key(session)]
    return _reader(table)(found.iloc[0]) if len(found) == 1 else None


def _updated(row: Participant, visit: Participant) -> Participant:
    """Return a participant with what is known of a visit in place of what was."""
    has_weight = visit.weight_kg is not None
    return Participant(
        visit.diagnosis if _is_known(visit.diagnosis) else row.diagnosis,
        row.original_id,
        visit.weight_kg if has_weight else row.weight_kg,
        "" if has_weight else row.unread_weight,
        {**row.covariates, **{k: text for k, text in visit.covariates.items() if _is_known(text)}},
    )


def _is_known(text: str) -> bool:
    return text.strip().lower() not in _UNKNOWN


def parse_kilograms(text: str) -> float | None:
    """Return a body weight in kilograms; None for what is no weight.

    Examples
    --------
    >>> [parse_kilograms(each) for each in ("70", "70 kg", "70,5kg", "heavy")]
    [70.0, 70.0, 70.5, None]
    >>> round(parse_kilograms("154 lbs"), 2)
    69.85
    """
    found = _WEIGHT.fullmatch(text.strip().lower())
    if found is None:
        return None
    return float(found["number"].replace(",", ".")) * _KILOGRAMS[found["unit"]]
