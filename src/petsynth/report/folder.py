"""Write an evaluation into its folder: tables, figures, report."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from petsynth.errors import OutputError
from petsynth.evaluation.cohort import Evaluation
from petsynth.evaluation.comparison import compare_models, judge_all
from petsynth.evaluation.statements import state
from petsynth.evaluation.summary import report_comparisons, summarise
from petsynth.figures.save import png_bytes
from petsynth.io.atomic import atomic_path, write_json, write_text
from petsynth.io.bids.metadata import write_table
from petsynth.report.html import render
from petsynth.report.pictures import draw_pictures
from petsynth.report.pictures_b import draw_pictures_b

METRICS = "metrics.tsv"
SUMMARY = "summary.json"
COMPARISONS = "comparisons.json"
FIGURES = "figures"
REPORT = "report.html"
PARTS = (METRICS, SUMMARY, COMPARISONS, FIGURES, REPORT)


def make_room(folder: str | Path, *, overwrite: bool) -> None:
    """Make the folder, or check that it may be written to.

    Parameters
    ----------
    folder : str or Path
        For the evaluation.
    overwrite : bool
        Whether an earlier evaluation there may be replaced; anything else is never touched.

    Raises
    ------
    OutputError
        If it is a file, holds something that is no evaluation, or an evaluation that may not
        be replaced.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file; name a folder")
    held = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    abandoned = {name for name in held if name.startswith(".tmp-")}
    others = sorted(held - abandoned - set(PARTS))
    if others:
        raise OutputError(
            f"{folder}: holds {others[0]}, which is no part of an evaluation; name another folder"
        )
    if held - abandoned and not overwrite:
        raise OutputError(
            f"{folder}: holds an evaluation already; give --overwrite to replace it, or name "
            "another folder"
        )
    for name in abandoned:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    folder.mkdir(parents=True, exist_ok=True)


def write_evaluation(
    evaluation: Evaluation, folder: str | Path, margins: Mapping[str, float] | None = None
) -> list[str]:
    """Write all files of an evaluation, each atomically.

    Parameters
    ----------
    evaluation : Evaluation
        What was measured.
    folder : str or Path
        From `make_room`.
    margins : mapping from str to float, optional
        Measure -> margin of equivalence, set beforehand.

    Returns
    -------
    list of str
        The findings, as the report states them.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    folder = Path(folder)
    verdicts = judge_all(evaluation)
    comparisons = compare_models(evaluation, margins)
    statements = state(evaluation, verdicts, comparisons)
    summary = summarise(evaluation)
    pictures = draw_pictures(evaluation)
    if evaluation.data.t1_grid is not None:
        pictures += draw_pictures_b(evaluation)
    write_table(folder / METRICS, evaluation.table)
    write_json(folder / SUMMARY, summary)
    write_json(folder / COMPARISONS, report_comparisons(verdicts, comparisons, statements))
    images = {}
    for picture in pictures:
        content = images[picture.caption] = png_bytes(picture.figure)
        with atomic_path(folder / FIGURES / picture.name) as temporary:
            temporary.write_bytes(content)
    report = render(
        evaluation,
        summary=summary,
        verdicts=verdicts,
        comparisons=comparisons,
        statements=statements,
        images=images,
    )
    write_text(folder / REPORT, report)
    return statements
