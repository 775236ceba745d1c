"""Write the results of a study: tables, figures, raw answers, and a page of all of it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from sqlalchemy import Engine

from petsynth.errors import OutputError
from petsynth.figures.save import png_bytes
from petsynth.io.atomic import atomic_path, write_text
from petsynth.io.bids.metadata import write_table
from petsynth.io.removal import check_own, remove_own
from petsynth.reader_study import tables
from petsynth.reader_study.answers import is_submitted
from petsynth.reader_study.pictures import draw_confusion, draw_points, draw_proportions
from petsynth.reader_study.printed import interval, p_value, printed, signed_interval
from petsynth.reader_study.ratings import read_ratings
from petsynth.reader_study.study import Study
from petsynth.reader_study.tables import ALL
from petsynth.report.document import Block, Heading, Paragraph, Picture, Title
from petsynth.report.page import render

ANSWERS, PAGE = "answers.csv", "results.html"
FILES = (ANSWERS, PAGE, "*.tsv", "figures/*.png")
"""Names of everything that is written."""
_TITLES = {
    "real_or_synthetic": "Real or synthetic?",
    "diagnoses": "Diagnosis",
    "comparison": "Kinds of images compared",
    "agreement": "Agreement",
    "points": "Quality and certainty",
}
_NOTES = {
    "real_or_synthetic": "First presentations only. Accuracy against 0.5: each reader exactly, all "
    "readers by a bootstrap over readers and cases. Sensitivity: synthetic PET called synthetic. "
    "Specificity: real PET called real.",
    "diagnoses": "First presentations only. Chance: always naming the most frequent diagnosis. "
    "Sensitivity and specificity: one diagnosis against the rest.",
    "comparison": "Diagnostic accuracy by Obuchowski and Rockette (1995), degrees of freedom of "
    "Hillis (2007): readers and cases are random. p is not corrected for the number of pairs; "
    "the tables' last columns say how many took part.",
    "agreement": "Within: the same reader on cases shown twice. Between: cases that all readers "
    "answered. Intervals between readers: bootstrap over cases.",
    "points": "Five points each; 5 is excellent or certain.",
}
_CAPTIONS = {
    "real_or_synthetic": "How well each reader tells real from synthetic PET, with 95 % intervals.",
    "diagnosis": "How often each reader names the reference diagnosis, by images.",
    "confusion": "Answers of all readers against the reference diagnosis, in numbers of answers.",
    "quality": "Image quality, from 1 (poor) to 5 (excellent).",
    "diagnosis_certainty": "Certainty of the diagnosis, from 1 (guess) to 5 (certain).",
    "real_certainty": "Certainty of real or synthetic, from 1 (guess) to 5 (certain).",
}


def write_results(study: Study, engine: Engine, folder: Path, *, overwrite: bool) -> list[str]:
    """Write everything and return a line for each main result.

    Raises
    ------
    InputError
        If nobody has answered yet.
    OutputError
        If the folder holds something else, or earlier results that may not be replaced.
    """
    if check_own(folder, FILES, "results of a reader study") and not overwrite:
        raise OutputError(
            f"{folder}: holds results already; give --overwrite to replace them, or name another "
            "folder"
        )
    ratings = read_ratings(study, engine)
    kinds = [case.kind for case in study.cases]
    in_order = ratings.sort_values("kind", key=lambda kind: kind.map(kinds.index), kind="stable")
    found = make_tables(in_order)
    figures = make_figures(study, in_order, found)
    remove_own(folder, FILES, "results of a reader study")
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / ANSWERS, ratings.to_csv(index=False))
    for name, table in found.items():
        if len(table):
            write_table(folder / f"{name}.tsv", table)
    contents = {name: png_bytes(figure) for name, figure in figures.items()}
    for name, content in contents.items():
        with atomic_path(folder / "figures" / f"{name}.png") as temporary:
            temporary.write_bytes(content)
    done = [reader for reader in study.readers if is_submitted(engine, reader)]
    blocks = _page(study, ratings, found, contents, len(done))
    write_text(folder / PAGE, render(blocks, title=f"{study.title}: results"))
    return headlines(found)


def make_tables(ratings: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the tables by name; empty where nothing was asked."""
    return {
        "real_or_synthetic": tables.real_or_synthetic(ratings),
        "diagnoses": tables.diagnoses(ratings),
        "comparison": tables.kinds_compared(ratings),
        "agreement": tables.agreements(ratings),
        "points": tables.points(ratings),
    }


def make_figures(
    study: Study, ratings: pd.DataFrame, found: dict[str, pd.DataFrame]
) -> dict[str, Figure]:
    """Return the figures by name, of what was asked."""
    figures = {}
    if len(found["real_or_synthetic"]):
        table = found["real_or_synthetic"]
        shown = table.assign(group=table["measure"])
        figures["real_or_synthetic"] = draw_proportions(shown, "Real or synthetic?")
    if len(found["diagnoses"]):
        table = found["diagnoses"]
        shown = table[table["measure"] == "accuracy"].assign(group=lambda each: each["kind"])
        figures["diagnosis"] = draw_proportions(shown, "Reference diagnosis named")
        for number, kind in enumerate(dict.fromkeys(shown["kind"]), start=1):
            figures[f"confusion-{number}"] = draw_confusion(ratings, kind, study.diagnoses)
    for field, title in (
        ("quality", "Image quality"),
        ("diagnosis_certainty", "Certainty of the diagnosis"),
        ("real_certainty", "Certainty: real or synthetic"),
    ):
        if ratings[field].notna().any():
            figures[field] = draw_points(ratings, field, title)
    return figures


def headlines(found: dict[str, pd.DataFrame]) -> list[str]:
    """Return a sentence for each main result."""
    lines = []
    told, named = found["real_or_synthetic"], found["diagnoses"]
    if len(told):
        row = told[(told["measure"] == "accuracy") & (told["reader"] == ALL)].iloc[0]
        lines.append(
            f"real or synthetic: right in {interval(row)}, chance 0.5, p {p_value(row['p'])}"
        )
    if len(named):
        for _, row in named[(named["measure"] == "accuracy") & (named["reader"] == ALL)].iterrows():
            lines.append(f"diagnosis, {row['kind']}: right in {interval(row)}")
    for _, row in found["comparison"].iterrows():
        lines.append(
            f"{row['first']} minus {row['second']}: {signed_interval(row)}, p {p_value(row['p'])}"
        )
    return lines


def _page(
    study: Study,
    ratings: pd.DataFrame,
    found: dict[str, pd.DataFrame],
    pictures: dict[str, bytes],
    done: int,
) -> list[Block]:
    readers = ratings["reader"].nunique()
    blocks: list[Block] = [
        Title(f"{study.title}: results"),
        Paragraph(
            f"{len(ratings)} answers of {readers} readers, {done} of {len(study.readers)} have "
            f"submitted; {len(study.cases)} cases, {study.repeats} of them shown twice. Research "
            "software; nothing here is for diagnosis."
        ),
        *[Paragraph(line) for line in headlines(found)],
    ]
    for name, table in found.items():
        if len(table):
            blocks += [
                Heading(_TITLES[name], name.replace("_", "-")),
                Paragraph(_NOTES[name], "small"),
                *printed(name, table),
            ]
    blocks.append(Heading("Figures", "figures"))
    blocks += [Picture(_caption(name), content) for name, content in pictures.items()]
    return blocks


def _caption(figure: str) -> str:
    name = "confusion" if figure.startswith("confusion") else figure
    return f"{_CAPTIONS[name]} First presentations only; figures/{figure}.png"
