"""Paper B's tables 1 and 2 as plain text, with a row per method."""

from __future__ import annotations

from petsynth.evaluation.cohort import Evaluation
from petsynth.evaluation.measures import REGIONS, TITLES, unit_of
from petsynth.evaluation.statistics import describe
from petsynth.report.table1 import format_value


def format_table_b(evaluation: Evaluation) -> str:
    """Return PSNR, SSIM and RMSE of the whole volume over all frames, in restored PET units.

    A cell is the mean and standard deviation over subjects; the paper states means alone.
    """
    ruler, data = evaluation.ruler, evaluation.data
    methods = [
        method
        for method in evaluation.methods
        if describe(evaluation.values(method.name, "frames", "rmse"))["n"]
    ]
    width = max((len(method.name) for method in methods), default=0)
    about = "simulated data, " if data.simulated else ""
    heads = [_head(measure, unit_of(measure, ruler)) for measure in REGIONS["frames"]]
    lines = [
        f"Tables 1 and 2 of paper B. Whole volume of {ruler.tracer} PET, {data.frames} frame(s) "
        f"({about}{len(evaluation.people)} {evaluation.split} subjects)",
        f"data range {ruler.data_range:.4g} {ruler.unit}",
        "",
        " " * width + "".join(f"{head:>22}" for head in heads),
    ]
    for method in methods:
        cells = [
            describe(evaluation.values(method.name, "frames", measure))
            for measure in REGIONS["frames"]
        ]
        shown = [
            f"{format_value(measure, cell['mean'])} ({format_value(measure, cell['std'])})"
            for measure, cell in zip(REGIONS["frames"], cells, strict=True)
        ]
        lines.append(f"{method.name:<{width}}" + "".join(f"{each:>22}" for each in shown))
    return "\n".join(lines) + "\n"


def _head(measure: str, unit: str) -> str:
    return f"{TITLES[measure]} ({unit})" if unit else TITLES[measure]
