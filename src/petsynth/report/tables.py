"""Tables of the papers as plain text, with a row per method."""

from __future__ import annotations

from petsynth.evaluation.domains import DOMAINS, METRIC_TITLES, unit_of
from petsynth.evaluation.evaluate import Evaluation
from petsynth.evaluation.statistics import describe

_DIGITS = {"mse": 2, "psnr": 2, "ssim": 4}
_COLUMNS = ("mean", "std", "min", "max")


def format_paper_a_table(evaluation: Evaluation) -> str:
    """Return table 1 of paper A: the middle axial slice, one block per metric.

    Methods stand in rows, where the paper has them in columns, since there may be many.
    """
    settings = evaluation.settings
    width = max(len(method.name) for method in evaluation.methods)
    about = "simulated data, " if evaluation.data.simulated else ""
    lines = [
        f"Table 1. Middle axial slice of {settings.tracer} PET ({about}{len(evaluation.subjects)} "
        f"{evaluation.split} subjects)",
        f"data range 255 = {settings.pet_scale:.4g} {settings.unit} (training set's PET scale)",
    ]
    for metric in DOMAINS["middle_slice"]:
        heads = "".join(f"{column:>9}" for column in _COLUMNS)
        lines += ["", f"{_head(metric, unit_of(metric, settings)):<{width}}{heads}{'n':>6}"]
        for method in evaluation.methods:
            summary = describe(evaluation.values(method.name, "middle_slice", metric))
            cells = "".join(f"{format_value(metric, summary[each]):>9}" for each in _COLUMNS)
            lines.append(f"{method.name:<{width}}{cells}{summary['n']:>6}")
    return "\n".join(lines) + "\n"


def format_paper_b_table(evaluation: Evaluation) -> str:
    """Return tables 1 and 2 of paper B: all frames, in restored PET units, one column per metric.

    A cell is the mean and standard deviation over subjects; the paper states means alone.
    """
    settings, data = evaluation.settings, evaluation.data
    methods = [
        method
        for method in evaluation.methods
        if describe(evaluation.values(method.name, "frames", "rmse"))["n"]
    ]
    width = max((len(method.name) for method in methods), default=0)
    about = "simulated data, " if data.simulated else ""
    heads = [_head(metric, unit_of(metric, settings)) for metric in DOMAINS["frames"]]
    lines = [
        f"Tables 1 and 2 of paper B. Whole volume of {settings.tracer} PET, {data.frames} frame(s) "
        f"({about}{len(evaluation.subjects)} {evaluation.split} subjects)",
        f"data range {settings.data_range:.4g} {settings.unit}",
        "",
        " " * width + "".join(f"{head:>22}" for head in heads),
    ]
    for method in methods:
        cells = [
            describe(evaluation.values(method.name, "frames", metric))
            for metric in DOMAINS["frames"]
        ]
        shown = [
            f"{format_value(metric, cell['mean'])} ({format_value(metric, cell['std'])})"
            for metric, cell in zip(DOMAINS["frames"], cells, strict=True)
        ]
        lines.append(f"{method.name:<{width}}" + "".join(f"{each:>22}" for each in shown))
    return "\n".join(lines) + "\n"


def format_value(metric: str, value: float | int | None) -> str:
    """Return a value with the digits that suit its metric; ``n/a`` if there is none.

    Examples
    --------
    >>> format_value("psnr", 25.8123), format_value("mae", 0.0456789), format_value("ssim", None)
    ('25.81', '0.04568', 'n/a')
    """
    if value is None:
        return "n/a"
    return f"{value:.{_DIGITS[metric]}f}" if metric in _DIGITS else f"{value:.4g}"


def _head(metric: str, unit: str) -> str:
    return f"{METRIC_TITLES[metric]} ({unit})" if unit else METRIC_TITLES[metric]
