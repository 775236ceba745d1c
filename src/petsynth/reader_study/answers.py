"""Save what readers say, at once and once.

Each answer has a revision. Who changes it names the revision that they saw: a request that comes
twice changes nothing the second time, and of two tabs the later one is told what the other said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from petsynth.errors import ArgumentError
from petsynth.reader_study.database import ANSWERS, OWNERS
from petsynth.reader_study.order import Presentation
from petsynth.reader_study.study import Question, Study

FIELDS: dict[Question, tuple[str, ...]] = {
    "real": ("real", "real_certainty"),
    "quality": ("quality",),
    "diagnosis": ("diagnosis", "diagnosis_certainty"),
    "comment": ("comment",),
}
"""What each question asks for."""
LONGEST_COMMENT = 4000
_POINTS = range(1, 6)


@dataclass(frozen=True)
class Saved:
    """An answer as it is in the database.

    Parameters
    ----------
    values : dict
        Field -> what was said, None where nothing was.
    revision : int
        How often it was changed; 0: never answered.
    is_newer : bool
        Whether somebody else changed it, so that nothing was saved now.
    is_closed : bool
        Whether the reader has submitted, so that nothing was saved now.
    """

    values: dict[str, Any]
    revision: int
    is_newer: bool = False
    is_closed: bool = False


def fields_of(study: Study, case_has_pet: bool = True) -> list[str]:
    """Return what is asked of a case; whether a PET is real only where there is one."""
    return [
        field
        for question in study.questions
        if question != "real" or case_has_pet
        for field in FIELDS[question]
    ]


def check_answer(study: Study, fields: Mapping[str, Any], case_has_pet: bool = True) -> None:
    """Refuse what no form of the page sends.

    Raises
    ------
    ArgumentError
        If a field is not asked for, or a value is impossible.
    """
    asked = fields_of(study, case_has_pet)
    for field, value in fields.items():
        if field not in asked:
            raise ArgumentError(f"{field[:40]}: is not asked")
        if value is not None and not _is_possible(study, field, value):
            raise ArgumentError(f"{field}: {str(value)[:40]!r} is no answer")


def _is_possible(study: Study, field: str, value: Any) -> bool:
    if field == "real":
        return value in ("real", "synthetic")
    if field == "diagnosis":
        return value in study.diagnoses
    if field == "comment":
        return isinstance(value, str) and len(value) <= LONGEST_COMMENT and "\0" not in value
    return isinstance(value, int) and not isinstance(value, bool) and value in _POINTS


def save_answer(
    engine: Engine, reader: str, shown: Presentation, fields: Mapping[str, Any], revision: int
) -> Saved:
    """Save some fields of an answer.

    Parameters
    ----------
    engine : Engine
        The study's database.
    reader : str
        Who answers.
    shown : Presentation
        What was seen.
    fields : mapping from str to value
        Checked by `check_answer`.
    revision : int
        That the reader's page knows.
    """
    try:
        with engine.begin() as connection:
            changed = _write(connection, reader, shown, fields, revision)
            # Looked up after writing: a submission before is seen, one after includes the answer.
            if _is_submitted(connection, reader):
                connection.rollback()
                return _with(read_answer(engine, reader, shown.position), is_closed=True)
    except IntegrityError:  # another tab was first
        changed = False
    now = read_answer(engine, reader, shown.position)
    came_before = all(now.values[field] == value for field, value in fields.items())
    return now if changed or came_before else _with(now, is_newer=True)


def _write(
    connection: Connection,
    reader: str,
    shown: Presentation,
    fields: Mapping[str, Any],
    revision: int,
) -> bool:
    """Change the answer if it has that revision; say whether it had."""
    now = datetime.now(UTC)
    if revision == 0:
        connection.execute(
            insert(ANSWERS).values(
                reader=reader,
                position=shown.position,
                case_name=shown.case.name,
                is_repeat=shown.is_repeat,
                revision=1,
                saved_at=now,
                **fields,
            )
        )
        return True
    done = connection.execute(
        update(ANSWERS)
        .where(
            ANSWERS.c.reader == reader,
            ANSWERS.c.position == shown.position,
            ANSWERS.c.revision == revision,
        )
        .values(revision=revision + 1, saved_at=now, **fields)
    )
    return done.rowcount == 1


def read_answer(engine: Engine, reader: str, position: int) -> Saved:
    """Return an answer, empty if there is none yet."""
    wanted = select(ANSWERS).where(ANSWERS.c.reader == reader, ANSWERS.c.position == position)
    with engine.connect() as connection:
        row = connection.execute(wanted).mappings().first()
    names = [field for fields in FIELDS.values() for field in fields]
    if row is None:
        return Saved(dict.fromkeys(names), 0)
    return Saved({name: row[name] for name in names}, row["revision"])


def answered(engine: Engine, study: Study, reader: str, order: list[Presentation]) -> list[int]:
    """Return the positions whose questions are all answered; a comment is never needed."""
    wanted = select(ANSWERS).where(ANSWERS.c.reader == reader)
    with engine.connect() as connection:
        rows = {row["position"]: row for row in connection.execute(wanted).mappings()}
    done = []
    for each in order:
        needed = [f for f in fields_of(study, each.case.pet is not None) if f != "comment"]
        row = rows.get(each.position)
        if row is not None and all(row[field] is not None for field in needed):
            done.append(each.position)
    return done


def submit(engine: Engine, reader: str) -> None:
    """Close a reader's answers; nothing can be changed afterwards."""
    first_time = update(OWNERS).where(OWNERS.c.name == reader, OWNERS.c.submitted_at.is_(None))
    with engine.begin() as connection:
        connection.execute(first_time.values(submitted_at=datetime.now(UTC)))


def is_submitted(engine: Engine, reader: str) -> bool:
    """Whether a reader's answers are closed."""
    with engine.connect() as connection:
        return _is_submitted(connection, reader)


def last_saved(engine: Engine) -> dict[str, str]:
    """Return when each reader answered last, by reader."""
    wanted = select(ANSWERS.c.reader, func.max(ANSWERS.c.saved_at)).group_by(ANSWERS.c.reader)
    with engine.connect() as connection:
        return {
            reader: when.strftime("%Y-%m-%d %H:%M") for reader, when in connection.execute(wanted)
        }


def _is_submitted(connection: Connection, reader: str) -> bool:
    wanted = select(OWNERS.c.submitted_at).where(OWNERS.c.name == reader)
    return connection.scalar(wanted) is not None


def _with(saved: Saved, *, is_newer: bool = False, is_closed: bool = False) -> Saved:
    return Saved(saved.values, saved.revision, is_newer, is_closed)
