"""The report of a classification: findings, ROC curves, areas, differences, definitions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from petsynth.evaluation.classification import DEFINITIONS, Classification, SetComparison
from petsynth.evaluation.group_features import REFERENCE
from petsynth.figures.curves import Bar, RocPanel, draw_roc, draw_values
from petsynth.figures.panels import SYNTHETIC_LABEL
from petsynth.metrics.discrimination import roc_curve
from petsynth.report.content import RESEARCH
from petsynth.report.document import (
    Banner,
    Block,
    Bullets,
    Heading,
    Paragraph,
    Picture,
    Row,
    Style,
    Table,
    Terms,
    Title,
    cell,
)
from petsynth.report.images import ReportFigure
from petsynth.version import __version__

RESAMPLES = 1000
"""Bootstrap resamples of the subjects, for the bands of the ROC curves."""
_SIMULATED = (
    "PET and diagnoses come from a simulation. The figures say how the simulation couples MRI, PET "
    "and diagnosis, and nothing about patients."
)
_REFERENCES = (
    "DeLong ER, DeLong DM, Clarke-Pearson DL. Comparing the areas under two or more correlated "
    "receiver operating characteristic curves: a nonparametric approach. Biometrics 44(3), 1988.",
    "Ojala M, Garriga GC. Permutation tests for studying classifier performance. Journal of "
    "Machine Learning Research 11, 2010.",
)


def title_of(found: Classification) -> str:
    """Return the title of the document."""
    first, second = found.data.groups
    return f"{first} against {second}: does the synthetic PET add to the MRI?"


def draw_classification(found: Classification) -> list[ReportFigure]:
    """Draw the ROC curves, and the areas with what each PET adds to the MRI."""
    first, second = found.data.groups
    positive = int(found.data.positive.sum())
    groups = f"{positive} {first} against {len(found.data.positive) - positive} {second}"
    panels = []
    for each in found.results:
        curve = roc_curve(
            each.scores, found.data.positive, resamples=RESAMPLES, seed=found.settings.seed
        )
        area = each.area
        note = f"AUC {area.value:.3f}\n[{area.low:.3f}, {area.high:.3f}]"
        panels.append(
            RocPanel(
                each.name, note, curve.false_positives, curve.sensitivity, curve.low, curve.high
            )
        )
    simulated = found.data.simulated
    curves = draw_roc(
        panels,
        title=f"ROC curves, {groups}",
        simulated=simulated,
        synthetic=bool(found.data.synthetic),
    )
    values = draw_values(
        {
            "area under the ROC curve, 95 % interval (DeLong); dotted: chance": [
                Bar(each.name, each.area.value, each.area.low, each.area.high)
                for each in found.results
            ],
            "what a PET adds to the area of the MRI alone, 95 % interval (DeLong)": [
                Bar(each.first, each.difference.value, each.difference.low, each.difference.high)
                for each in found.comparisons
                if each.is_primary
            ],
        },
        reference=0.5,
        title=f"Areas under the ROC curves, {groups}",
        simulated=simulated,
    )
    caption = (
        "ROC curves of the scores of subjects by classifiers that have not seen them, a panel per "
        f"set of features; dashed: {found.results[0].name} alone. Bands: 95 % interval of the "
        f"sensitivity at each specificity, percentiles of {RESAMPLES} bootstrap resamples of the "
        "subjects, each group by itself. In the corner: area under the curve (AUC) with DeLong's "
        "95 % interval."
    )
    return [
        ReportFigure("roc.png", curves, f"Figure 1. {caption}"),
        ReportFigure(
            "auc.png",
            values,
            "Figure 2. Above: area under the ROC curve of each set of features. Below: the "
            "difference that each PET makes when it is added to the MRI; right of 0 it adds "
            "something.",
        ),
    ]


def build_classification_report(
    found: Classification, findings: Sequence[str], pictures: Sequence[Picture]
) -> list[Block]:
    """Return the blocks of the report, from the first to the last.

    Parameters
    ----------
    found : Classification
        The results.
    findings : sequence of str
        Said first.
    pictures : sequence of Picture
        Of `draw_classification`.
    """
    data, settings = found.data, found.settings
    positive = int(data.positive.sum())
    blocks: list[Block] = []
    if data.simulated:
        blocks.append(Banner("SIMULATED DATA.", _SIMULATED, "simulated"))
    return [
        *blocks,
        Banner(f"{SYNTHETIC_LABEL}.", RESEARCH, "research"),
        Title(title_of(found)),
        Paragraph(
            f"{positive} {data.groups[0]} (positive) and {len(data.positive) - positive} "
            f"{data.groups[1]}, test subjects of the evaluations; {settings.folds} folds, "
            f"{settings.repeats} repeats, {settings.permutations} permutations, seed "
            f"{settings.seed}."
        ),
        Heading("Findings and their limits", "findings"),
        Bullets(tuple(findings)),
        Heading("ROC curves", "roc"),
        *pictures,
        Heading("Areas under the ROC curve", "areas"),
        _areas(found),
        Heading("Differences", "differences"),
        Paragraph(
            "First minus second, on the same subjects. What a PET adds to the MRI is the primary "
            "family of comparisons, the other pairs are another one; p is adjusted within each."
        ),
        _differences(found),
        Heading("Definitions", "definitions"),
        Terms(tuple(DEFINITIONS.items())),
        Heading("For your paper", "citation"),
        Bullets(_REFERENCES),
        Paragraph(f"Made with petsynth {__version__}.", style="small"),
    ]


def _areas(found: Classification) -> Table:
    rows = [
        Row(
            (
                cell(each.name),
                cell(str(each.features)),
                cell(f"{each.area.value:.3f}"),
                cell(f"{each.area.low:.3f} to {each.area.high:.3f}"),
                cell(_p(each.p)),
            ),
            is_strong=each.name not in (found.results[0].name, REFERENCE),
        )
        for each in found.results
    ]
    head = ("features", "number", "AUC ↑", "95 % interval", "p against chance")
    return Table("Each set of features", head, tuple(rows))


def _differences(found: Classification) -> Table:
    rows = []
    for title, wanted in (("what a PET adds to the MRI", True), ("other pairs", False)):
        these = [each for each in found.comparisons if each.is_primary == wanted]
        if these:
            rows += [Row((cell(title),)), *map(_difference, these)]
    head = ("first", "second", "difference", "95 % interval", "p", "adjusted p")
    return Table("Pairs of sets of features", head, tuple(rows), text_columns=2)


def _difference(each: SetComparison) -> Row:
    found = each.difference
    style: Style = "undecided"
    if each.is_decided:
        style = "better" if found.value > 0 else "worse"
    return Row(
        (
            cell(each.first),
            cell(each.second),
            cell(f"{found.value:+.3f}", style=style),
            cell(f"{found.low:+.3f} to {found.high:+.3f}"),
            cell(_p(found.p)),
            cell(_p(each.p_holm)),
        )
    )


def _p(value: float) -> str:
    if math.isnan(value):
        return "n/a"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
