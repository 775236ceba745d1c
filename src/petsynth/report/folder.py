"""Write an evaluation into its folder: tables, figures, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from petsynth.errors import OutputError
from petsynth.evaluation.comparison import compare_models, compare_with_baselines
from petsynth.evaluation.evaluate import Evaluation
from petsynth.evaluation.findings import list_findings
from petsynth.evaluation.models import Model
from petsynth.evaluation.summary import build_comparisons, build_summary
from petsynth.figures.save import png_bytes
from petsynth.io.atomic import atomic_path, write_json
from petsynth.io.bids.metadata import write_table
from petsynth.io.removal import check_own, remove_own
from petsynth.report.content import Report, build_report
from petsynth.report.document import Picture
from petsynth.report.figures import draw_paper_a_figures, draw_paper_b_figures
from petsynth.report.images import ReportFigure, draw_error_maps, draw_subjects
from petsynth.report.page import render
from petsynth.report.pdf import pdf_bytes
from petsynth.report.regional_figures import draw_regional_figures
from petsynth.report.training import draw_training

METRICS = "metrics.tsv"
SUMMARY = "summary.json"
COMPARISONS = "comparisons.json"
REGIONS = "regions.tsv"
AGREEMENT = "agreement.tsv"
FIGURES = "figures"
REPORT = "report.html"
PDF = "report.pdf"
PARTS = (METRICS, SUMMARY, COMPARISONS, FIGURES, REPORT, PDF)
"""What every evaluation has; the regional tables need an atlas."""
FILES = (METRICS, SUMMARY, COMPARISONS, REGIONS, AGREEMENT, f"{FIGURES}/*.png", REPORT, PDF)
"""Names of everything that an evaluation writes."""


def make_folder(folder: str | Path, *, overwrite: bool) -> None:
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
        If it is a file, holds a link or something that is no evaluation, or an evaluation that
        may not be replaced.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file; name a folder")
    earlier = check_own(folder, FILES, "an evaluation")
    if earlier and not overwrite:
        raise OutputError(
            f"{folder}: holds an evaluation already; give --overwrite to replace it, or name "
            "another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)


def write_evaluation(
    evaluation: Evaluation,
    folder: str | Path,
    margins: Mapping[str, float] | None = None,
    leaks: Sequence[str] = (),
    models: Sequence[Model] = (),
) -> list[str]:
    """Write all files of an evaluation, each atomically.

    Parameters
    ----------
    evaluation : Evaluation
        What was measured.
    folder : str or Path
        From `make_folder`.
    margins : mapping from str to float, optional
        Metric -> margin of equivalence, set beforehand.
    leaks : sequence of str
        What `petsynth.evaluation.audit` found; stands first among the findings.
    models : sequence of Model
        The runs that were evaluated: their origin and loss curves are shown.

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
    against_baselines = compare_with_baselines(evaluation)
    between_models = compare_models(evaluation, margins)
    findings = [f"LEAKAGE, so the test results say nothing: {leak}" for leak in leaks]
    findings += list_findings(evaluation, against_baselines, between_models)
    summary = {**build_summary(evaluation), "leakage": list(leaks)}
    sections = _draw(evaluation, models)
    contents = {
        figure.name: png_bytes(figure.figure) for figures in sections.values() for figure in figures
    }
    report = Report(
        evaluation,
        summary,
        against_baselines,
        between_models,
        findings,
        leaks,
        {
            section: [Picture(figure.caption, contents[figure.name]) for figure in figures]
            for section, figures in sections.items()
        },
        models,
    )
    blocks = build_report(report)
    pages = {
        REPORT: render(blocks, title=report.title).encode("utf-8"),
        PDF: pdf_bytes(blocks, title=report.title),
    }
    # The earlier evaluation goes once the new one is complete; its figures may have other names.
    remove_own(folder, FILES, "an evaluation")
    write_table(folder / METRICS, evaluation.table)
    if evaluation.regions is not None and evaluation.agreement is not None:
        write_table(folder / REGIONS, evaluation.regions)
        write_table(folder / AGREEMENT, evaluation.agreement)
    write_json(folder / SUMMARY, summary)
    write_json(folder / COMPARISONS, build_comparisons(against_baselines, between_models, findings))
    for name, content in contents.items():
        _write(folder / FIGURES / name, content)
    for name, content in pages.items():
        _write(folder / name, content)
    return findings


def _draw(evaluation: Evaluation, models: Sequence[Model]) -> dict[str, list[ReportFigure]]:
    """Draw all figures, by section of the report."""
    is_paper_b = evaluation.data.t1_grid is not None
    return {
        "images": [
            *draw_paper_a_figures(evaluation),
            *draw_subjects(evaluation),
            *draw_error_maps(evaluation),
        ],
        "regions": draw_regional_figures(evaluation),
        "papers": draw_paper_b_figures(evaluation) if is_paper_b else [],
        "training": draw_training(models),
    }


def _write(path: Path, content: bytes) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
