"""The tables of a reader-study paper, from answers beside the truth."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from petsynth.reader_study.agreement import Agreement, cohen, fleiss, icc
from petsynth.reader_study.comparison import compare
from petsynth.reader_study.proportions import Proportion, of_reader, over_readers
from petsynth.reader_study.ratings import complete, first_time, pairs_within

ALL = "all readers"
CHOICES, POINTS = ("real", "diagnosis"), ("quality", "real_certainty", "diagnosis_certainty")


def real_or_synthetic(ratings: pd.DataFrame) -> pd.DataFrame:
    """Return how well each reader tells real from synthetic PET.

    Chance is 0.5. Sensitivity: synthetic PET called synthetic; specificity: real PET called real.
    """
    known = first_time(ratings)
    known = known[known["truth"].notna() & known["real"].notna()]
    rows: list[dict[str, Any]] = []
    for measure, part in (
        ("accuracy", known),
        ("sensitivity", known[known["truth"] == "synthetic"]),
        ("specificity", known[known["truth"] == "real"]),
    ):
        chance = 0.5 if measure == "accuracy" else None
        right = (part["real"] == part["truth"]).astype(float)
        rows += _proportions(part.assign(right=right), {"measure": measure}, chance)
    return pd.DataFrame(rows)


def diagnoses(ratings: pd.DataFrame) -> pd.DataFrame:
    """Return how often each reader names the reference diagnosis, by kind of images.

    Chance is the proportion of the most frequent diagnosis. Sensitivity and specificity are of each
    diagnosis against the rest.
    """
    known = first_time(ratings)
    known = known[known["reference_diagnosis"].notna() & known["diagnosis"].notna()]
    rows: list[dict[str, Any]] = []
    for kind, part in known.groupby("kind", sort=False):
        reference = part.drop_duplicates("case")["reference_diagnosis"]
        chance = float(reference.value_counts(normalize=True).iloc[0])
        right = (part["diagnosis"] == part["reference_diagnosis"]).astype(float)
        said = {"kind": kind, "measure": "accuracy", "diagnosis": "any"}
        rows += _proportions(part.assign(right=right), said, chance)
        for diagnosis in sorted(set(reference)):
            has = part["reference_diagnosis"] == diagnosis
            named = (part["diagnosis"] == diagnosis).astype(float)
            for measure, some, values in (
                ("sensitivity", has, named),
                ("specificity", ~has, 1 - named),
            ):
                said = {"kind": kind, "measure": measure, "diagnosis": diagnosis}
                rows += _proportions(part[some].assign(right=values[some]), said, None)
    return pd.DataFrame(rows)


def kinds_compared(ratings: pd.DataFrame) -> pd.DataFrame:
    """Return differences in diagnostic accuracy between kinds of images (Obuchowski-Rockette).

    Only subjects whom every reader answered in every kind count.
    """
    known = first_time(ratings)
    known = known[known["reference_diagnosis"].notna() & known["diagnosis"].notna()]
    kinds = list(dict.fromkeys(known["kind"]))
    right, subjects = _cube(known, kinds)
    if right is None:
        return pd.DataFrame()
    found = compare(right)
    return pd.DataFrame(
        [
            {
                "first": kinds[each.first],
                "second": kinds[each.second],
                "accuracy_first": found.means[each.first],
                "accuracy_second": found.means[each.second],
                "difference": each.value,
                "low": each.low,
                "high": each.high,
                "p": each.p,
                "p_any_difference": found.p,
                "readers": right.shape[1],
                "subjects": subjects,
            }
            for each in found.differences
        ]
    )


def agreements(ratings: pd.DataFrame) -> pd.DataFrame:
    """Return agreement within each reader (cases shown twice) and between readers."""
    rows: list[dict[str, Any]] = []
    for field in (*CHOICES, *POINTS):
        is_points = field in POINTS
        for reader in sorted(set(ratings["reader"])):
            both = pairs_within(ratings, reader, field)
            if len(both):
                name = "Cohen's kappa, quadratic weights" if is_points else "Cohen's kappa"
                found = cohen(both["first"].tolist(), both["second"].tolist(), points=is_points)
                rows.append(_agreement(field, "within", reader, name, found))
        wide = complete(ratings, field)
        if wide.shape[0] < 2 or wide.shape[1] < 2:
            continue
        if is_points:
            found = icc(wide.to_numpy(dtype=float))
            rows.append(_agreement(field, "between", ALL, "ICC(2,1)", found))
        else:
            found = fleiss(wide.to_numpy(dtype=object))
            rows.append(_agreement(field, "between", ALL, "Fleiss' kappa", found))
    return pd.DataFrame(rows)


def points(ratings: pd.DataFrame) -> pd.DataFrame:
    """Return means of quality and certainty, by kind of images and by what the PET is."""
    known, rows = first_time(ratings), []
    for field in POINTS:
        for by in ("kind", "truth"):
            for value, part in known[known[field].notna()].groupby(by, sort=False):
                rows.append(
                    {
                        "field": field,
                        "by": by,
                        "value": value,
                        "mean": part[field].mean(),
                        "std": part[field].std(ddof=1),
                        "median": part[field].median(),
                        "answers": len(part),
                    }
                )
    return pd.DataFrame(rows)


def _proportions(
    part: pd.DataFrame, said: dict[str, Any], chance: float | None
) -> Iterable[dict[str, Any]]:
    """Return a row per reader and one over all; ``part`` has a column ``right`` of 0 and 1."""
    if part.empty:
        return []
    rows = [
        _proportion(said, str(reader), of_reader(own["right"].to_numpy() > 0, chance), chance)
        for reader, own in part.groupby("reader")
    ]
    wide = part.pivot(index="reader", columns="case", values="right").to_numpy(dtype=float)
    return [*rows, _proportion(said, ALL, over_readers(wide, chance), chance)]


def _proportion(
    said: dict[str, Any], reader: str, found: Proportion, chance: float | None
) -> dict[str, Any]:
    return {
        **said,
        "reader": reader,
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "answers": found.answers,
        "chance": math.nan if chance is None else chance,
        "p": found.p,
    }


def _agreement(
    field: str, where: str, reader: str, measure: str, found: Agreement
) -> dict[str, Any]:
    return {
        "field": field,
        "where": where,
        "reader": reader,
        "measure": measure,
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "cases": found.cases,
    }


def _cube(known: pd.DataFrame, kinds: list[str]) -> tuple[NDArray[np.floating] | None, int]:
    """Return (kinds, readers, subjects) of right answers without gaps, or None."""
    readers = sorted(set(known["reader"]))
    right = (known["diagnosis"] == known["reference_diagnosis"]).astype(float)
    wide = known.assign(right=right).pivot_table(
        index="subject", columns=["kind", "reader"], values="right", aggfunc="mean"
    )
    wanted = pd.MultiIndex.from_product([kinds, readers])
    full = wide.reindex(columns=wanted).dropna()
    if len(kinds) < 2 or len(readers) < 2 or len(full) < 2:
        return None, len(full)
    values = full.to_numpy().T.reshape(len(kinds), len(readers), len(full))
    return values, len(full)
