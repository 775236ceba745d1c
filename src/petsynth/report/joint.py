"""One report on several tracers: an overview, then a part per tracer."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from petsynth.evaluation.methods import MEAN_PET, POPULATION_PET
from petsynth.figures.panels import SYNTHETIC_LABEL
from petsynth.report.content import (
    LEAKED,
    RESEARCH,
    SIMULATED,
    Report,
    build_report,
    first_sentences,
)
from petsynth.report.document import (
    Banner,
    Block,
    Bullets,
    Heading,
    Paragraph,
    Picture,
    Row,
    Table,
    Title,
    cell,
)
from petsynth.report.tables import format_decimals, format_in

_METRICS = (("volume", "psnr"), ("volume", "ssim"), ("brain", "mae"))
"""Metrics of the overview, beside the correlation over subjects."""
_BASELINES = (MEAN_PET, POPULATION_PET)
"""Baselines of the overview: what costs nothing."""


def title_of_several(reports: Sequence[Report]) -> str:
    """Return the title of the document."""
    *first, last = [report.evaluation.settings.tracer for report in reports]
    return f"{', '.join(first)} and {last} PET inferred from T1-weighted MRI: evaluation"


def build_joint_report(reports: Sequence[Report]) -> list[Block]:
    """Return the blocks of the report on several tracers, from the first to the last.

    Parameters
    ----------
    reports : sequence of Report
        One per tracer, in the order in which they are told.
    """
    sentences = tuple(
        f"{report.evaluation.settings.tracer}: {sentence}"
        for report in reports
        for sentence in first_sentences(report)
    )
    blocks: list[Block] = []
    if any(report.leaks for report in reports):
        blocks.append(Banner("LEAKAGE.", LEAKED, "leak"))
    if any(report.evaluation.data.simulated for report in reports):
        blocks.append(Banner("SIMULATED DATA.", SIMULATED, "simulated"))
    blocks += [
        Banner(f"{SYNTHETIC_LABEL}.", RESEARCH, "research"),
        Title(title_of_several(reports)),
        Paragraph(
            "A part per tracer follows the overview; the folder of each tracer has its tables, "
            "figures and its own report. Units and data ranges differ between tracers, so their "
            "errors cannot be compared; their correlations over subjects can."
        ),
        Heading("Overview", "overview"),
        *([Bullets(sentences)] if sentences else []),
        _overview(reports),
    ]
    for report in reports:
        blocks += _part(report)
    return blocks


def _overview(reports: Sequence[Report]) -> Table:
    """Return a row per tracer and method: models, and the baselines that cost nothing."""
    rows: list[Row] = []
    for report in reports:
        evaluation = report.evaluation
        about = f"{evaluation.settings.tracer}, data range {evaluation.settings.data_range:.4g} "
        rows.append(Row((cell(about + evaluation.settings.unit),)))
        shown = [*evaluation.of_kind("model")]
        shown += [each for each in evaluation.methods if each.name in _BASELINES]
        for method in shown:
            found = report.summary["methods"][method.name]
            regions = (report.summary.get("regions") or {}).get(method.name, {}).get("regions", {})
            rows.append(
                Row(
                    (
                        cell(method.name),
                        *(
                            _mean(report, metric, found[domain][metric])
                            for domain, metric in _METRICS
                        ),
                        cell(format_decimals(regions.get("median_r"), 2)),
                        cell(str(found["brain"]["mae"]["n"])),
                    ),
                    is_strong=method.kind == "model",
                )
            )
    units = {report.evaluation.settings.unit for report in reports}
    mae = f"brain MAE ({units.pop() if len(units) == 1 else 'unit of the tracer'}) ↓"
    head = (
        "method", "whole volume PSNR (dB) ↑", "whole volume SSIM ↑", mae, "r over subjects ↑", "n",
    )  # fmt: skip
    caption = (
        "Models beside the baselines that cost nothing: mean ± standard deviation over subjects; "
        "r is the median over regions of the correlation over subjects"
    )
    return Table(caption, head, tuple(rows))


def _mean(report: Report, metric: str, found: dict[str, Any]) -> Any:
    mean, std = (format_in(report.evaluation, metric, found[each]) for each in ("mean", "std"))
    return cell(f"{mean} ± {std}")


def _part(report: Report) -> list[Block]:
    """Return a tracer's own report below its name, without what is said above for all."""
    tracer = report.evaluation.settings.tracer
    prefix = tracer.lower()
    blocks: list[Block] = [Heading(tracer, prefix, level=1)]
    for block in build_report(report):
        if isinstance(block, Title | Banner):
            continue
        if isinstance(block, Heading) and block.anchor:
            block = dataclasses.replace(block, anchor=f"{prefix}-{block.anchor}")
        if isinstance(block, Picture):  # each part counts its figures from 1 on
            caption = block.caption.replace("Figure ", f"Figure {tracer} ", 1)
            block = dataclasses.replace(block, caption=caption)
        blocks.append(block)
    return blocks
