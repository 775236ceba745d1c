"""The tables of a reader study as a paper prints them: a row per reader, intervals in brackets.

The TSV files hold the same numbers, one per row, in full.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import pandas as pd

from petsynth.reader_study.tables import ALL
from petsynth.report.document import Row, Table, cell

NOTHING = "n/a"
Record = Mapping[Hashable, Any] | pd.Series


def printed(name: str, table: pd.DataFrame) -> list[Table]:
    """Return one of the results' tables, by name, as it stands on the page."""
    return _LAYOUTS[name](table)


def interval(row: Record) -> str:
    """Return a value with its 95 % interval.

    Examples
    --------
    >>> interval({"value": 0.65, "low": 0.4951, "high": 0.7787})
    '0.650 (0.495 to 0.779)'
    >>> interval({"value": math.nan, "low": math.nan, "high": math.nan})
    'n/a'
    """
    if math.isnan(row["value"]):
        return NOTHING
    return f"{row['value']:z.3f} ({row['low']:z.3f} to {row['high']:z.3f})"


def signed_interval(row: Record) -> str:
    """Return a difference with its 95 % interval.

    Examples
    --------
    >>> signed_interval({"difference": -0.0001, "low": -0.244, "high": 0.144})
    '+0.000 (-0.244 to +0.144)'
    """
    return f"{row['difference']:+z.3f} ({row['low']:+z.3f} to {row['high']:+z.3f})"


def p_value(value: float) -> str:
    """Return a p-value with its sign.

    Examples
    --------
    >>> p_value(0.0294), p_value(1e-8), p_value(math.nan)
    ('= 0.029', '< 0.001', 'n/a')
    """
    if math.isnan(value):
        return NOTHING
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _p_cell(value: float) -> str:
    return p_value(value).removeprefix("= ")


def _real_or_synthetic(table: pd.DataFrame) -> list[Table]:
    rows = []
    for reader, part in table.groupby("reader", sort=False):
        by = {row["measure"]: row for row in part.to_dict("records")}
        texts = [str(reader), str(by["accuracy"]["answers"]), interval(by["accuracy"])]
        texts.append(_p_cell(by["accuracy"]["p"]))
        texts += [interval(by[m]) if m in by else NOTHING for m in ("sensitivity", "specificity")]
        rows.append(_row(texts, reader == ALL))
    head = ("reader", "answers", "accuracy", "p (0.5)", "sensitivity", "specificity")
    return [Table("", head, tuple(_all_last(rows)))]


def _diagnoses(table: pd.DataFrame) -> list[Table]:
    accuracy = table[table["measure"] == "accuracy"]
    rows = [
        _row(
            [
                row["kind"],
                row["reader"],
                str(row["answers"]),
                interval(row),
                f"{row['chance']:.3f}",
                _p_cell(row["p"]),
            ],
            row["reader"] == ALL,
        )
        for row in accuracy.to_dict("records")
    ]
    head = ("images", "reader", "answers", "accuracy", "chance", "p (chance)")
    over = table[(table["reader"] == ALL) & (table["measure"] != "accuracy")]
    each = []
    for (kind, diagnosis), part in over.groupby(["kind", "diagnosis"], sort=False):
        by = {row["measure"]: row for row in part.to_dict("records")}
        texts = [interval(by[m]) if m in by else NOTHING for m in ("sensitivity", "specificity")]
        each.append(_row([str(kind), str(diagnosis), *texts]))
    return [
        Table("Accuracy of each reader", head, tuple(rows), text_columns=2),
        Table(
            "Each diagnosis against the rest, all readers",
            ("images", "diagnosis", "sensitivity", "specificity"),
            tuple(each),
            text_columns=2,
        ),
    ]


def _comparison(table: pd.DataFrame) -> list[Table]:
    rows = [
        _row(
            [
                row["first"],
                row["second"],
                f"{row['accuracy_first']:.3f}",
                f"{row['accuracy_second']:.3f}",
                signed_interval(row),
                _p_cell(row["p"]),
                str(row["readers"]),
                str(row["subjects"]),
            ]
        )
        for row in table.to_dict("records")
    ]
    head = (
        "first",
        "second",
        "accuracy of the first",
        "of the second",
        "difference",
        "p",
        "readers",
        "subjects",
    )
    caption = f"No difference between any of them: p {p_value(table['p_any_difference'].iloc[0])}"
    return [Table(caption, head, tuple(rows), text_columns=2)]


def _agreement(table: pd.DataFrame) -> list[Table]:
    rows = [
        _row(
            [
                str(row["field"]).replace("_", " "),
                f"{row['where']} readers",
                row["reader"],
                row["measure"],
                interval(row),
                str(row["cases"]),
            ],
            row["where"] == "between",
        )
        for row in table.to_dict("records")
    ]
    head = ("question", "agreement", "reader", "measure", "value", "cases")
    return [Table("", head, tuple(rows), text_columns=4)]


def _points(table: pd.DataFrame) -> list[Table]:
    rows = [
        _row(
            [
                str(row["field"]).replace("_", " "),
                str(row["value"]) if row["by"] == "kind" else f"{row['value']} PET",
                f"{row['mean']:.2f}",
                NOTHING if math.isnan(row["std"]) else f"{row['std']:.2f}",
                f"{row['median']:.1f}",
                str(row["answers"]),
            ]
        )
        for row in table.to_dict("records")
    ]
    head = ("question", "images", "mean", "SD", "median", "answers")
    return [Table("", head, tuple(rows), text_columns=2)]


def _row(texts: list[str], is_strong: bool = False) -> Row:
    return Row(tuple(cell(text) for text in texts), is_strong=is_strong)


def _all_last(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.is_strong)


_LAYOUTS: dict[str, Callable[[pd.DataFrame], list[Table]]] = {
    "real_or_synthetic": _real_or_synthetic,
    "diagnoses": _diagnoses,
    "comparison": _comparison,
    "agreement": _agreement,
    "points": _points,
}
