"""Write an evaluation into its folder: tables, figures, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from petsynth.evaluation.comparison import compare_models, compare_with_baselines
from petsynth.evaluation.evaluate import Evaluation
from petsynth.evaluation.findings import list_findings
from petsynth.evaluation.models import Model
from petsynth.evaluation.summary import build_comparisons, build_summary
from petsynth.figures.save import png_bytes
from petsynth.io.atomic import write_bytes, write_json
from petsynth.io.bids.metadata import write_table
from petsynth.io.removal import check_own, make_own_folder, remove_files, remove_own
from petsynth.report import predictions
from petsynth.report.content import Report, build_report
from petsynth.report.document import Block, Picture
from petsynth.report.figures import draw_paper_a_figures, draw_paper_b_figures
from petsynth.report.images import ReportFigure, draw_error_maps, draw_subjects
from petsynth.report.joint import build_joint_report, title_of_several
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
FILES = (
    *(METRICS, SUMMARY, COMPARISONS, REGIONS, AGREEMENT, f"{FIGURES}/*.png", REPORT, PDF),
    *predictions.FILES,
)
"""Names of everything that an evaluation writes."""
PREDICTED = "predicted"
"""Folder of what the jobs of an array have predicted; it goes when all is measured."""
_PREDICTED_FILES = (f"{PREDICTED}/*/*.npy",)
ANY_FILES = (*FILES, *(f"*/{name}" for name in FILES), *_PREDICTED_FILES)
"""The same, and what stands in a folder per tracer where there are several."""


def make_folder(folder: str | Path, *, overwrite: bool) -> None:
    """Make the folder of an evaluation, of one tracer or of several.

    Raises
    ------
    OutputError
        As `petsynth.io.removal.make_own_folder`.
    """
    root = Path(folder)
    if check_folder(root) == {PREDICTED}:
        return
    make_own_folder(root, ANY_FILES, "an evaluation", overwrite=overwrite)


def check_folder(folder: Path) -> set[str]:
    """Return what of an evaluation, finished or not, a folder holds.

    Raises
    ------
    OutputError
        If it holds something else.
    """
    own = check_own(folder, ANY_FILES, "an evaluation")
    return {path.relative_to(folder).parts[0] for path in own}


def write_evaluation(
    evaluation: Evaluation,
    folder: str | Path,
    margins: Mapping[str, float] | None = None,
    leaks: Sequence[str] = (),
    models: Sequence[Model] = (),
    *,
    figures: bool = True,
) -> Report:
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
    figures : bool
        Whether figures are drawn; they take most of the time.

    Returns
    -------
    Report
        What was written: findings, tables and pictures.

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
    sections = _draw(evaluation, models) if figures else {}
    contents = {
        each.name: png_bytes(each.figure) for section in sections.values() for each in section
    }
    captions = _numbered([each for section in sections.values() for each in section])
    report = Report(
        evaluation,
        summary,
        against_baselines,
        between_models,
        findings,
        leaks,
        {
            name: [Picture(captions[each.name], contents[each.name]) for each in section]
            for name, section in sections.items()
        },
        models,
    )
    pages = _pages(build_report(report), report.title)
    # The earlier evaluation goes once the new one is complete; its figures may have other names.
    remove_own(folder, ANY_FILES, "an evaluation")
    write_table(folder / METRICS, evaluation.table)
    if evaluation.regions is not None and evaluation.agreement is not None:
        write_table(folder / REGIONS, evaluation.regions)
        write_table(folder / AGREEMENT, evaluation.agreement)
    write_json(folder / SUMMARY, summary)
    write_json(folder / COMPARISONS, build_comparisons(against_baselines, between_models, findings))
    for name, content in contents.items():
        write_bytes(folder / FIGURES / name, content)
    for name, content in pages.items():
        write_bytes(folder / name, content)
    return report


def write_joint_report(reports: Sequence[Report], folder: str | Path) -> None:
    """Write one report on several tracers, whose evaluations are in folders of their names.

    Parameters
    ----------
    reports : sequence of Report
        From `write_evaluation`, one per tracer.
    folder : str or Path
        The folder above theirs; what an earlier evaluation left there is removed.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    folder = Path(folder)
    title = title_of_several(reports)
    pages = _pages(build_joint_report(reports), title)
    tracers = {report.evaluation.settings.tracer for report in reports}
    earlier = [
        path
        for path in check_own(folder, ANY_FILES, "an evaluation")
        if path.relative_to(folder).parts[0] not in tracers
    ]
    remove_files(folder, earlier)
    for name, content in pages.items():
        write_bytes(folder / name, content)


def _numbered(figures: Sequence[ReportFigure]) -> dict[str, str]:
    """Return the captions by name, numbered; paper A's three come first with their own numbers."""
    return {
        each.name: each.caption
        if each.caption.startswith(f"Figure {number}.")
        else f"Figure {number}. {each.caption}"
        for number, each in enumerate(figures, start=1)
    }


def _pages(blocks: Sequence[Block], title: str) -> dict[str, bytes]:
    return {
        REPORT: render(blocks, title=title).encode("utf-8"),
        PDF: pdf_bytes(blocks, title=title),
    }


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
