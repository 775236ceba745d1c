"""The evaluation as one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

import petsynth
from petsynth.evaluation.comparison import (
    BASELINE_METRICS,
    FAMILIES,
    BaselineComparison,
    ModelComparison,
)
from petsynth.evaluation.domains import (
    DOMAIN_TITLES,
    DOMAINS,
    LOWER_IS_BETTER,
    METRIC_TITLES,
    unit_of,
)
from petsynth.evaluation.evaluate import Evaluation
from petsynth.evaluation.statistics import Conclusion
from petsynth.figures.panels import SYNTHETIC_LABEL
from petsynth.report.figures import KIND_TITLES
from petsynth.report.tables import format_value

_TEMPLATE = "report.html.j2"


def render(
    evaluation: Evaluation,
    *,
    summary: Mapping[str, Any],
    against_baselines: Sequence[BaselineComparison],
    between_models: Sequence[ModelComparison],
    findings: Sequence[str],
    figures: Mapping[str, bytes],
) -> str:
    """Fill the report's template.

    Parameters
    ----------
    evaluation : Evaluation
        What was measured.
    summary : mapping
        The content of ``summary.json``.
    against_baselines, between_models : sequence
        From `petsynth.evaluation.comparison`.
    findings : sequence of str
        From `petsynth.evaluation.findings`.
    figures : mapping from str to bytes
        Caption -> PNG file; they are written into the page.

    Returns
    -------
    str
        HTML without scripts, and without anything to be loaded.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("petsynth.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["value"] = lambda value, metric: format_value(metric, value)
    return environment.get_template(_TEMPLATE).render(
        version=petsynth.__version__,
        warning=SYNTHETIC_LABEL,
        simulated=evaluation.data.simulated,
        settings=evaluation.settings,
        subjects=evaluation.subjects,
        split=evaluation.split,
        methods=evaluation.methods,
        kinds=KIND_TITLES,
        summary=summary["methods"],
        regions=summary.get("regions"),
        definitions=_definitions(summary["definitions"]),
        descriptions=summary["definitions"]["methods"],
        domains=DOMAINS,
        domain_titles=DOMAIN_TITLES,
        heads={metric: _head(metric, evaluation) for metric in METRIC_TITLES},
        baseline_metrics=BASELINE_METRICS,
        against_baselines=_baseline_rows(against_baselines),
        families=FAMILIES,
        between_models=between_models,
        findings=findings,
        figures=[(caption, _inline(content)) for caption, content in figures.items()],
    )


def _definitions(definitions: Mapping[str, Any]) -> list[tuple[str, str]]:
    titles = METRIC_TITLES | DOMAIN_TITLES | {"pet_scale": "PET scale"}
    return [
        (titles.get(name, name), text)
        for name, text in definitions.items()
        if name not in ("methods", "families")
    ]


def _head(metric: str, evaluation: Evaluation) -> str:
    unit = unit_of(metric, evaluation.settings)
    arrow = "↓" if metric in LOWER_IS_BETTER else "↑"
    return f"{METRIC_TITLES[metric]}{f' ({unit})' if unit else ''} {arrow}"


def _baseline_rows(
    comparisons: Sequence[BaselineComparison],
) -> list[tuple[str, str, list[BaselineComparison | None], Counter[Conclusion]]]:
    rows: dict[tuple[str, str], list[BaselineComparison]] = {}
    for each in comparisons:
        rows.setdefault((each.method, each.baseline), []).append(each)
    result = []
    for pair, these in rows.items():
        cells = {(each.domain, each.metric): each for each in these}
        shown = [cells.get(each) for each in BASELINE_METRICS]
        result.append((*pair, shown, Counter(each.conclusion for each in these)))
    return result


def _inline(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")
