"""Tables of an evaluation: the papers' as plain text, all of them as blocks of the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from petsynth.evaluation.comparison import BASELINE_METRICS, BaselineComparison, ModelComparison
from petsynth.evaluation.domains import (
    DOMAIN_TITLES,
    DOMAINS,
    LOWER_IS_BETTER,
    METRIC_TITLES,
    unit_of,
)
from petsynth.evaluation.evaluate import Evaluation
from petsynth.evaluation.findings import format_value
from petsynth.report.document import Cell, Row, Table, cell

KIND_TITLES = {
    "model": "model",
    "baseline": "baseline",
    "control": "control: another subject's T1",
    "upper-bound": "upper bound",
}
"""How the figures and tables call the kinds of methods."""

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
        lines += ["", f"{title_of(evaluation, metric):<{width}}{heads}{'n':>6}"]
        for method in evaluation.methods:
            summary = evaluation.describe(method.name, "middle_slice", metric)
            cells = "".join(
                f"{format_in(evaluation, metric, summary[each]):>9}" for each in _COLUMNS
            )
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
        if evaluation.describe(method.name, "frames", "rmse")["n"]
    ]
    width = max((len(method.name) for method in methods), default=0)
    about = "simulated data, " if data.simulated else ""
    heads = [title_of(evaluation, metric) for metric in DOMAINS["frames"]]
    lines = [
        f"Tables 1 and 2 of paper B. Whole volume of {settings.tracer} PET, {data.frames} frame(s) "
        f"({about}{len(evaluation.subjects)} {evaluation.split} subjects)",
        f"data range {settings.data_range:.4g} {settings.unit}",
        "",
        " " * width + "".join(f"{head:>22}" for head in heads),
    ]
    for method in methods:
        cells = [evaluation.describe(method.name, "frames", metric) for metric in DOMAINS["frames"]]
        shown = [
            f"{format_in(evaluation, metric, found['mean'])} "
            f"({format_in(evaluation, metric, found['std'])})"
            for metric, found in zip(DOMAINS["frames"], cells, strict=True)
        ]
        lines.append(f"{method.name:<{width}}" + "".join(f"{each:>22}" for each in shown))
    return "\n".join(lines) + "\n"


def format_decimals(value: float | None, decimals: int) -> str:
    """Return a value with some decimals; ``n/a`` if there is none."""
    return "n/a" if value is None else f"{value:z.{decimals}f}"


def title_of(evaluation: Evaluation, metric: str) -> str:
    """Return a metric's title with its unit."""
    unit = unit_of(metric, evaluation.settings)
    return f"{METRIC_TITLES[metric]} ({unit})" if unit else METRIC_TITLES[metric]


def range_table(
    evaluation: Evaluation, summary: Mapping[str, Any], domain: str, caption: str
) -> Table:
    """Return a table of mean, standard deviation, smallest and largest value per metric."""

    def shown(metric: str, found: Mapping[str, Any]) -> Cell:
        mean, std, low, high = (
            format_in(evaluation, metric, found[each]) for each in ("mean", "std", "min", "max")
        )
        return cell(f"{mean} ± {std}", f"{low} to {high}")

    return _method_table(evaluation, summary, domain, caption, shown)


def domain_table(
    evaluation: Evaluation, summary: Mapping[str, Any], domain: str, caption: str
) -> Table:
    """Return a table of mean and standard deviation per metric."""

    def shown(metric: str, found: Mapping[str, Any]) -> Cell:
        mean, std = (format_in(evaluation, metric, found[each]) for each in ("mean", "std"))
        return cell(mean, f"± {std}")

    return _method_table(evaluation, summary, domain, caption, shown)


def region_table(evaluation: Evaluation, regions: Mapping[str, Any]) -> Table:
    """Return the agreement over subjects of each method, medians over regions."""
    rows = []
    for method, found in regions.items():
        overview = found["regions"]
        above = overview["r_interval_above_0"]
        positive = [
            f"{name}: {format_decimals(each['positivity']['sensitivity'], 2)}, "
            f"{format_decimals(each['positivity']['specificity'], 2)}"
            for name, each in found["composites"].items()
            if "positivity" in each
        ]
        rows.append(
            Row(
                (
                    cell(method),
                    cell(format_decimals(overview["median_r"], 2)),
                    cell("n/a" if above is None else f"{above} of {overview['number']}"),
                    cell(format_decimals(overview["median_icc21"], 2)),
                    cell(format_decimals(overview["median_ccc"], 2)),
                    cell(format_in(evaluation, "mae", overview["absolute_error"]["mean"])),
                    cell(format_decimals(found["asymmetry"]["median_r"], 2)),
                    cell(*positive) if positive else cell("n/a"),
                )
            )
        )
    head = (
        "method", "r ↑", "regions with r above 0", "ICC(2,1) ↑", "concordance ↑",
        "mean absolute error (SUVR) ↓", "r of asymmetry ↑", "positive: sensitivity, specificity",
    )  # fmt: skip
    return Table("Agreement over subjects, medians over regions", head, tuple(rows))


def baseline_table(evaluation: Evaluation, comparisons: Sequence[BaselineComparison]) -> Table:
    """Return each model and control beside each baseline on `BASELINE_METRICS`."""
    rows: dict[tuple[str, str], list[BaselineComparison]] = {}
    for each in comparisons:
        rows.setdefault((each.method, each.baseline), []).append(each)
    table = []
    for (method, baseline), these in rows.items():
        by_metric = {(each.domain, each.metric): each for each in these}
        counts = Counter(each.conclusion for each in these)
        cells = [_baseline_cell(evaluation, by_metric.get(key)) for key in BASELINE_METRICS]
        counted = cell(*(f"{counts[each]} {each}" for each in ("worse", "undecided", "better")))
        table.append(Row((cell(method), cell(baseline), *cells, counted)))
    heads = [
        f"{DOMAIN_TITLES[domain]} {head_of(evaluation, metric)}"
        for domain, metric in BASELINE_METRICS
    ]
    head = ("method", "baseline", *heads, "all metrics")
    return Table("Methods against baselines", head, tuple(table), text_columns=2)


def model_table(evaluation: Evaluation, comparisons: Sequence[ModelComparison]) -> Table:
    """Return the differences between models."""
    rows = []
    for each in comparisons:
        metric, difference = each.metric, each.difference
        rows.append(
            Row(
                (
                    cell(each.first),
                    cell(each.second),
                    cell(f"{DOMAIN_TITLES[each.domain]} {head_of(evaluation, metric)}"),
                    cell(
                        format_in(evaluation, metric, difference.mean),
                        _interval(evaluation, metric, difference.low, difference.high),
                    ),
                    cell(
                        _interval(
                            evaluation,
                            metric,
                            difference.simultaneous_low,
                            difference.simultaneous_high,
                        )
                    ),
                    cell(each.conclusion, style=each.conclusion),
                    cell(str(difference.subjects)),
                    cell("n/a" if each.margin is None else f"{each.margin:g}"),
                    cell(each.equivalence or "n/a"),
                )
            )
        )
    head = (
        "first", "second", "metric", "difference, 95 % interval", "simultaneous interval",
        "first is", "subjects", "margin", "equivalence",
    )  # fmt: skip
    return Table("Models against each other", head, tuple(rows), text_columns=3)


def head_of(evaluation: Evaluation, metric: str) -> str:
    """Return a metric's title with its unit, and an arrow to better values."""
    arrow = "↓" if metric in LOWER_IS_BETTER else "↑"
    return f"{title_of(evaluation, metric)} {arrow}"


def format_in(evaluation: Evaluation, metric: str, value: float | int | None) -> str:
    """Return a value of an evaluation, with as many decimals as all of its metric."""
    return format_value(metric, value, evaluation.settings.data_range)


def _method_table(
    evaluation: Evaluation,
    summary: Mapping[str, Any],
    domain: str,
    caption: str,
    shown: Callable[[str, Mapping[str, Any]], Cell],
) -> Table:
    rows: list[Row] = []
    kind = ""
    for method in evaluation.methods:
        found = summary["methods"][method.name].get(domain)
        if found is None:
            continue
        if method.kind != kind:
            kind = method.kind
            rows.append(Row((cell(KIND_TITLES[kind]),)))
        cells = [shown(metric, found[metric]) for metric in DOMAINS[domain]]
        number = cell(str(found[DOMAINS[domain][0]]["n"]))
        rows.append(Row((cell(method.name), *cells, number), is_strong=kind == "model"))
    heads = [head_of(evaluation, metric) for metric in DOMAINS[domain]]
    return Table(caption, ("method", *heads, "n"), tuple(rows))


def _baseline_cell(evaluation: Evaluation, comparison: BaselineComparison | None) -> Cell:
    if comparison is None:
        return cell("n/a")
    metric, difference = comparison.metric, comparison.difference
    conclusion = comparison.conclusion
    wins = "" if comparison.wins is None else f" ({comparison.wins} of {difference.subjects})"
    both = (
        format_in(evaluation, metric, each) for each in (comparison.mean, comparison.baseline_mean)
    )
    return cell(
        (conclusion.upper() if conclusion == "worse" else conclusion) + wins,
        " vs ".join(both),
        f"difference {format_in(evaluation, metric, difference.mean)}",
        _interval(evaluation, metric, difference.low, difference.high),
        _interval(evaluation, metric, difference.simultaneous_low, difference.simultaneous_high),
        style=conclusion,
    )


def _interval(evaluation: Evaluation, metric: str, low: float, high: float) -> str:
    return f"[{format_in(evaluation, metric, low)}, {format_in(evaluation, metric, high)}]"
