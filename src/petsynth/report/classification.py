"""What ``petsynth classify`` prints and writes: tables, JSON, figures and a report."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pandas as pd

from petsynth.evaluation.classification import (
    DEFINITIONS,
    Classification,
    list_classification_findings,
)
from petsynth.figures.save import png_bytes
from petsynth.io.atomic import write_bytes, write_json
from petsynth.io.bids.metadata import write_table
from petsynth.io.removal import remove_own
from petsynth.report.classification_page import (
    build_classification_report,
    draw_classification,
    title_of,
)
from petsynth.report.document import Picture
from petsynth.report.page import render
from petsynth.report.pdf import pdf_bytes
from petsynth.version import __version__

AREAS, DIFFERENCES, SCORES, SUMMARY = (
    "auc.tsv",
    "differences.tsv",
    "scores.tsv",
    "classification.json",
)
PAGE, PDF, FIGURES = "report.html", "report.pdf", "figures"
FILES = (AREAS, DIFFERENCES, SCORES, SUMMARY, PAGE, PDF, f"{FIGURES}/*.png")
"""Names of everything that is written."""


def write_classification(found: Classification, folder: Path) -> list[str]:
    """Write tables, ``classification.json``, figures and report, and return the findings.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    findings = list_classification_findings(found)
    pictures = {
        each.name: Picture(each.caption, png_bytes(each.figure))
        for each in draw_classification(found)
    }
    title = title_of(found)
    blocks = build_classification_report(found, findings, list(pictures.values()))
    contents = {
        **{f"{FIGURES}/{name}": picture.png for name, picture in pictures.items()},
        PAGE: render(blocks, title=title).encode("utf-8"),
        PDF: pdf_bytes(blocks, title=title),
    }
    remove_own(folder, FILES, "a classification")
    write_table(folder / AREAS, tabulate_areas(found))
    write_table(folder / DIFFERENCES, tabulate_differences(found))
    write_table(folder / SCORES, _tabulate_scores(found))
    write_json(folder / SUMMARY, _describe(found, findings))
    for name, content in contents.items():
        write_bytes(folder / name, content)
    return findings


def tabulate_areas(found: Classification) -> pd.DataFrame:
    """Return a row per set of features."""
    positive = int(found.data.positive.sum())
    rows = [
        {
            "features": each.name,
            "number": each.features,
            "positive": positive,
            "negative": len(found.data.positive) - positive,
            "auc": each.area.value,
            "auc_low": each.area.low,
            "auc_high": each.area.high,
            "p_permutation": each.p,
        }
        for each in found.results
    ]
    return pd.DataFrame(rows)


def tabulate_differences(found: Classification) -> pd.DataFrame:
    """Return a row per pair of sets of features, first minus second."""
    rows = [
        {
            "first": each.first,
            "second": each.second,
            "primary": "yes" if each.is_primary else "no",
            "difference": each.difference.value,
            "low": each.difference.low,
            "high": each.difference.high,
            "p": each.difference.p,
            "p_holm": each.p_holm,
        }
        for each in found.comparisons
    ]
    return pd.DataFrame(rows)


def format_areas(found: Classification) -> str:
    """Return the areas as plain text, a line per set of features."""
    first, second = found.data.groups
    width = max(len(each.name) for each in found.results)
    title = f"{first} against {second}"
    width = max(width, len(title))
    lines = [f"{title:<{width}}{'features':>10}{'AUC':>8}  {'95 % interval':<16}{'p':>7}"]
    for each in found.results:
        area, p = each.area, "n/a" if math.isnan(each.p) else f"{each.p:.3f}"
        interval = f"{area.low:.3f} to {area.high:.3f}"
        lines.append(
            f"{each.name:<{width}}{each.features:>10}{area.value:>8.3f}  {interval:<16}{p:>7}"
        )
    return "\n".join(lines)


def _tabulate_scores(found: Classification) -> pd.DataFrame:
    first, second = found.data.groups
    return pd.DataFrame(
        {
            "participant_id": found.data.participants,
            "diagnosis": [first if each else second for each in found.data.positive],
            **{each.name: each.scores for each in found.results},
        }
    )


def _describe(found: Classification, findings: list[str]) -> dict[str, Any]:
    data = found.data
    areas = tabulate_areas(found).astype(object)
    return {
        "petsynth_version": __version__,
        "findings": findings,
        "groups": {"positive": data.groups[0], "negative": data.groups[1]},
        "settings": dataclasses.asdict(found.settings),
        "simulated": data.simulated,
        "told_the_diagnosis": data.told,
        "notes": data.notes,
        "auc": areas.where(areas.notna(), None).to_dict("records"),
        "differences": tabulate_differences(found).to_dict("records"),
        "definitions": DEFINITIONS,
    }
