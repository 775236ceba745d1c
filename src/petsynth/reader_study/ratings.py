"""The answers of a study beside the truth, a row per answer."""

from __future__ import annotations

import pandas as pd
from sqlalchemy import Engine, select

from petsynth.errors import InputError
from petsynth.reader_study.answers import FIELDS
from petsynth.reader_study.database import ANSWERS
from petsynth.reader_study.study import Study

ANSWER_FIELDS = tuple(field for fields in FIELDS.values() for field in fields)
NUMBERS = ("real_certainty", "quality", "diagnosis_certainty")


def read_ratings(study: Study, engine: Engine) -> pd.DataFrame:
    """Return all answers, first presentations and repeats.

    Returns
    -------
    DataFrame
        ``reader``, ``position``, ``case``, ``subject``, ``kind``, ``truth``,
        ``reference_diagnosis``, ``is_repeat``, what was answered, ``saved_at``.

    Raises
    ------
    InputError
        If nobody has answered yet.
    """
    cases = {case.name: case for case in study.cases}
    wanted = select(ANSWERS).order_by(ANSWERS.c.reader, ANSWERS.c.position)
    with engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(wanted).mappings()]
    if not rows:
        raise InputError("no answer has been saved yet: there are no results")
    table = pd.DataFrame(
        [
            {
                "reader": row["reader"],
                "position": row["position"],
                "case": row["case_name"],
                "subject": cases[row["case_name"]].subject,
                "kind": cases[row["case_name"]].kind,
                "truth": cases[row["case_name"]].truth,
                "reference_diagnosis": cases[row["case_name"]].diagnosis,
                "is_repeat": row["is_repeat"],
                **{field: row[field] for field in ANSWER_FIELDS},
                "saved_at": f"{row['saved_at']:%Y-%m-%dT%H:%M:%S}",
            }
            for row in rows
        ]
    )
    for field in NUMBERS:
        table[field] = pd.to_numeric(table[field])
    return table


def first_time(ratings: pd.DataFrame) -> pd.DataFrame:
    """Return the answers without those to repeats, which only measure agreement within a reader."""
    return ratings[~ratings["is_repeat"].astype(bool)]


def pairs_within(ratings: pd.DataFrame, reader: str, field: str) -> pd.DataFrame:
    """Return a reader's first and second answers to cases that were shown twice."""
    own = ratings[(ratings["reader"] == reader) & ratings[field].notna()]
    repeated = own["is_repeat"].astype(bool)
    first, second = own[~repeated], own[repeated]
    both = first.merge(second, on="case", suffixes=("_first", "_second"))
    return pd.DataFrame({"first": both[f"{field}_first"], "second": both[f"{field}_second"]})


def complete(ratings: pd.DataFrame, field: str) -> pd.DataFrame:
    """Return the first answers of cases that all readers answered: (cases, readers)."""
    wide = first_time(ratings).pivot(index="case", columns="reader", values=field)
    return wide.dropna()
