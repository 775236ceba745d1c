"""The evaluation as one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

import petsynth
from petsynth.evaluation.cohort import Evaluation
from petsynth.evaluation.comparison import JUDGED, Comparison, Verdict
from petsynth.evaluation.measures import LOWER_IS_BETTER, REGION_TITLES, REGIONS, TITLES, unit_of
from petsynth.figures.panels import SYNTHETIC_LABEL
from petsynth.report.pictures import KIND_TITLES
from petsynth.report.table1 import format_value

_TEMPLATE = "report.html.j2"


def render(
    evaluation: Evaluation,
    *,
    summary: Mapping[str, Any],
    verdicts: Sequence[Verdict],
    comparisons: Sequence[Comparison],
    statements: Sequence[str],
    images: Mapping[str, bytes],
) -> str:
    """Fill the report's template.

    Parameters
    ----------
    evaluation : Evaluation
        What was measured.
    summary : mapping
        The content of ``summary.json``.
    verdicts, comparisons : sequence
        From `petsynth.evaluation.comparison`.
    statements : sequence of str
        The findings.
    images : mapping from str to bytes
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
    environment.filters["value"] = lambda value, measure: format_value(measure, value)
    return environment.get_template(_TEMPLATE).render(
        version=petsynth.__version__,
        warning=SYNTHETIC_LABEL,
        simulated=evaluation.data.simulated,
        ruler=evaluation.ruler,
        people=evaluation.people,
        split=evaluation.split,
        methods=evaluation.methods,
        kinds=KIND_TITLES,
        summary=summary["methods"],
        definitions=_definitions(summary["definitions"]),
        descriptions=summary["definitions"]["methods"],
        regions=REGIONS,
        region_titles=REGION_TITLES,
        heads={name: _head(name, evaluation) for name in TITLES},
        judged=JUDGED,
        verdicts=_verdict_rows(verdicts),
        comparisons=comparisons,
        statements=statements,
        images=[(caption, _inline(content)) for caption, content in images.items()],
    )


def _definitions(definitions: Mapping[str, Any]) -> list[tuple[str, str]]:
    titles = TITLES | REGION_TITLES | {"pet_scale": "PET scale"}
    return [
        (titles.get(name, name), text) for name, text in definitions.items() if name != "methods"
    ]


def _head(name: str, evaluation: Evaluation) -> str:
    unit = unit_of(name, evaluation.ruler)
    arrow = "↓" if name in LOWER_IS_BETTER else "↑"
    return f"{TITLES[name]}{f' ({unit})' if unit else ''} {arrow}"


def _verdict_rows(verdicts: Sequence[Verdict]) -> list[tuple[str, str, list[Verdict | None]]]:
    cells = {(each.method, each.baseline, each.region, each.measure): each for each in verdicts}
    pairs = dict.fromkeys((each.method, each.baseline) for each in verdicts)
    return [(*pair, [cells.get((*pair, *judged)) for judged in JUDGED]) for pair in pairs]


def _inline(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")
