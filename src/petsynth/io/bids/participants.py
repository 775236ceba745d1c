"""What ``participants.tsv`` says of each participant, however their label is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from petsynth.errors import InputError
from petsynth.io.bids.names import participant_key
from petsynth.io.text import read_table

_DIAGNOSIS_COLUMNS = ("diagnosis", "dx", "group", "diagnosis_group")
_WEIGHT_COLUMNS = ("weight", "weight_kg", "body_weight")


@dataclass(frozen=True)
class Participant:
    """A row of ``participants.tsv`` as far as it is needed.

    Parameters
    ----------
    diagnosis, original_id : str
        ``"n/a"`` where unknown.
    weight_kg : float, optional
        Body weight in kilograms.
    """

    diagnosis: str = "n/a"
    original_id: str = "n/a"
    weight_kg: float | None = None


class Participants:
    """The rows of ``participants.tsv``, found by any spelling of a label.

    Parameters
    ----------
    rows : dict of str to Participant
        By `petsynth.io.bids.names.participant_key`.

    Examples
    --------
    >>> participants = Participants({"731": Participant("AD")})
    >>> participants["sub-0731"].diagnosis, participants["sub-7310"].diagnosis
    ('AD', 'n/a')
    """

    def __init__(self, rows: dict[str, Participant]):
        self._rows = rows

    def __getitem__(self, participant: str) -> Participant:
        return self._rows.get(participant_key(participant), Participant())

    def __len__(self) -> int:
        return len(self._rows)


def read_participants(bids: str | Path) -> Participants:
    """Read ``participants.tsv``; empty without that file.

    Raises
    ------
    InputError
        If the table has no column ``participant_id``, names a participant twice (``0731``
        and ``731`` are the same), or a weight is no number.
    """
    path = Path(bids) / "participants.tsv"
    if not path.exists():
        return Participants({})
    table = read_table(path)
    if "participant_id" not in table:
        raise InputError(f"{path}: has no column participant_id")
    columns = {str(name).lower(): name for name in table.columns}
    dx = next((columns[name] for name in _DIAGNOSIS_COLUMNS if name in columns), None)
    weight = next((columns[name] for name in _WEIGHT_COLUMNS if name in columns), None)
    original = columns.get("original_id")
    rows: dict[str, Participant] = {}
    spelt: dict[str, str] = {}
    for _, row in table.iterrows():
        label = row["participant_id"]
        key = participant_key(label)
        if key in rows:
            also = "" if spelt[key] == label else f" (as {spelt[key]} too)"
            raise InputError(f"{path}: {label} is in it twice{also}")
        spelt[key] = label
        rows[key] = Participant(
            row[dx] if dx else "n/a",
            row[original] if original else "n/a",
            _kilograms(path, label, row[weight]) if weight else None,
        )
    return Participants(rows)


def _kilograms(path: Path, label: str, text: str) -> float | None:
    if text.strip().lower() in ("", "n/a", "nan"):
        return None
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{path}: weight of {label} is {text!r}, needed is a number") from None
