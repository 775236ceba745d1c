"""Findings: what the numbers say, in sentences that are true whichever way they fall."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from petsynth.evaluation.agreement import median_correlation
from petsynth.evaluation.comparison import BaselineComparison, ModelComparison, is_better
from petsynth.evaluation.domains import DOMAIN_TITLES, METRIC_TITLES, MetricSettings, unit_of
from petsynth.evaluation.evaluate import Evaluation
from petsynth.evaluation.methods import MEAN_PET, NOISE_FREE, OTHER_T1
from petsynth.evaluation.statistics import describe

_FEW_SUBJECTS = 10
HIGH_SSIM = 0.8
"""SSIM of the whole volume from which images are called similar."""
LOW_CORRELATION = 0.2
"""Median over regions of the correlation over subjects below which a method tells nobody apart."""


_DIGITS = {
    "mse": 2, "psnr": 2, "ssim": 4, "ms_ssim": 4, "nrmse": 4, "pearson_r": 4, "concordance": 4,
    "out_of_range": 4,
}  # fmt: skip
"""Decimals of metrics that are not in PET units."""


def format_value(metric: str, value: float | int | None, data_range: float) -> str:
    """Return a value with the decimals that all values of its metric have; ``n/a`` if none.

    Parameters
    ----------
    metric : str
        As in `petsynth.evaluation.domains.DOMAINS`.
    value : float or None
        None and what is not finite is ``n/a``.
    data_range : float
        In PET units: errors in these units show about a ten-thousandth of it.

    Examples
    --------
    >>> format_value("psnr", 25.8123, 2.5), format_value("mae", 0.0456789, 2.5)
    ('25.81', '0.0457')
    >>> format_value("mae", 45.6789, 1100.0), format_value("ssim", None, 2.5)
    ('45.7', 'n/a')
    """
    if value is None or not math.isfinite(value):
        return "n/a"
    in_units = max(0, 4 - math.floor(math.log10(data_range)))
    return f"{value:z.{_DIGITS.get(metric, in_units)}f}"


def list_findings(
    evaluation: Evaluation,
    against_baselines: list[BaselineComparison],
    between_models: list[ModelComparison],
) -> list[str]:
    """Return what follows from the comparisons, as sentences.

    Parameters
    ----------
    evaluation : Evaluation
        What was measured.
    against_baselines, between_models : list
        From `petsynth.evaluation.comparison`.

    Returns
    -------
    list of str
        What is similar to everyone and tells nobody apart comes first; then where a model is worse
        than a baseline, what is undecided and where it is better, over all metrics; controls, the
        upper bound, equivalence of models, and cautions.
    """
    models = set(evaluation.groups("model"))
    of_models = [each for each in against_baselines if each.method in models]
    return [
        *list_headlines(evaluation),
        *_worse(of_models, evaluation.settings),
        *_undecided(of_models),
        *_better(of_models),
        *_controls(evaluation, against_baselines),
        *_upper_bound(evaluation),
        *_equivalences(between_models),
        *list_cautions(evaluation, of_models, between_models),
    ]


def list_headlines(evaluation: Evaluation) -> list[str]:
    """Return a sentence on each method that is similar to everyone and tells nobody apart."""
    agreement = evaluation.agreement
    if agreement is None:
        return []
    sentences = []
    for method in evaluation.of_kind("model", "baseline"):
        median = median_correlation(agreement, method.name)
        ssim = describe(evaluation.values(method.name, "volume", "ssim"))["mean"]
        if median is None or ssim is None or median >= LOW_CORRELATION or ssim < HIGH_SSIM:
            continue
        sentences.append(
            f"{method.name} does NOT tell people apart, however similar its images are: the SSIM "
            f"of the whole volume is {ssim:.3f}, and yet its regional values hardly follow the "
            f"subjects' own: the median over regions of the correlation over subjects is "
            f"{median:.2f}."
        )
    return sentences


def list_losses(comparisons: list[BaselineComparison], settings: MetricSettings) -> list[str]:
    """Return where models are worse than a baseline, or behind it in most means.

    Parameters
    ----------
    comparisons : list of BaselineComparison
        Of models.
    settings : MetricSettings
        For units and digits.
    """
    sentences = _worse(comparisons, settings)
    for name, baseline, these in _pairs(comparisons):
        behind = [each for each in these if not each.mean_is_better]
        if 2 * len(behind) > len(these):
            number = f"all {len(these)}" if len(behind) == len(these) else f"{len(behind)}"
            sentences.append(
                f"{baseline} has the better mean on {number}"
                f"{'' if len(behind) == len(these) else f' of {len(these)}'} metrics, not {name}."
            )
    return sentences


def _pairs(
    comparisons: list[BaselineComparison],
) -> Iterator[tuple[str, str, list[BaselineComparison]]]:
    for name, baseline in dict.fromkeys((each.method, each.baseline) for each in comparisons):
        these = [each for each in comparisons if (each.method, each.baseline) == (name, baseline)]
        yield name, baseline, these


def _worse(comparisons: list[BaselineComparison], settings: MetricSettings) -> list[str]:
    sentences = []
    for name, baseline, these in _pairs(comparisons):
        lost = [each for each in these if each.conclusion == "worse"]
        if lost:
            where = _list_with_amounts(lost, settings)
            sentences.append(f"{name} is WORSE than {baseline} on {where}.")
    return sentences


def _undecided(comparisons: list[BaselineComparison]) -> list[str]:
    """Return what is undecided where nothing is won; else `_better` says it in one sentence."""
    sentences = []
    for name, baseline, these in _pairs(comparisons):
        if any(each.conclusion == "better" for each in these):
            continue
        undecided = [each for each in these if each.conclusion == "undecided"]
        behind = [each for each in undecided if not each.mean_is_better]
        ahead = [each for each in undecided if each.mean_is_better]
        parts = []
        if behind:
            where = "any" if len(behind) == len(these) else _list(behind)
            parts.append(f"its mean is NOT the better one on {where}")
        if ahead:
            parts.append(f"its mean is the better one on {_list(ahead)}")
        if parts:
            sentences.append(
                f"{name} against {baseline} is undecided on {len(undecided)} of {len(these)} "
                f"metrics: {', and '.join(parts)}."
            )
    return sentences


def _better(comparisons: list[BaselineComparison]) -> list[str]:
    sentences = []
    for name, baseline, these in _pairs(comparisons):
        won = [each for each in these if each.conclusion == "better"]
        if len(won) == len(these):
            sentences.append(f"{name} beats {baseline} in the mean on all {len(these)} metrics.")
        elif won:
            rest = [
                f"{each} on {_list(named)}"
                for each in ("worse", "undecided")
                if (named := [one for one in these if one.conclusion == each])
            ]
            undecided = [each for each in these if each.conclusion == "undecided"]
            behind = [each for each in undecided if not each.mean_is_better]
            if behind:
                where = "there" if len(behind) == len(undecided) else f"on {_list(behind)}"
                rest[-1] += f" (its mean is NOT the better one {where})"
            sentences.append(
                f"{name} beats {baseline} in the mean on {len(won)} of {len(these)} metrics: "
                f"{_list(won)}; but it is {', and '.join(rest)}."
            )
    return sentences


def _controls(evaluation: Evaluation, comparisons: list[BaselineComparison]) -> list[str]:
    sentences = []
    for group in evaluation.groups("model"):
        for comparison in comparisons:
            where = (comparison.method, comparison.baseline, comparison.domain, comparison.metric)
            if where != (OTHER_T1.format(group), MEAN_PET, "brain", "mae"):
                continue
            shown = f"{_where(comparison)} ({_amounts(comparison, evaluation.settings)})"
            if comparison.conclusion == "better":
                sentences.append(
                    f"Caution: {group} given another subject's T1 still beats the mean training "
                    f"PET on {shown}, so its figures are not due to the subject's own T1 alone."
                )
            elif comparison.conclusion == "worse":
                sentences.append(
                    f"{group} given another subject's T1 is worse than the mean training PET on "
                    f"{shown}."
                )
            else:
                sentences.append(
                    f"{group} given another subject's T1 cannot be told from the mean training "
                    f"PET on {shown}."
                )
    return sentences


def _upper_bound(evaluation: Evaluation) -> list[str]:
    if NOISE_FREE not in {method.name for method in evaluation.methods}:
        return []
    bounds = evaluation.values(NOISE_FREE, "brain", "mae")
    sentences = []
    for method in evaluation.of_kind("model"):
        values = evaluation.values(method.name, "brain", "mae")
        mean = describe(values)["mean"]
        bound = describe(bounds[np.isfinite(values)])["mean"]
        if mean is None or bound is None:
            continue
        better = is_better("mae", mean, bound)
        sentences.append(
            f"{method.name} has a brain MAE of {_amount(mean, 'mae', evaluation.settings)}; the "
            "upper bound, the noise-free PET without what is chance, has "
            f"{_amount(bound, 'mae', evaluation.settings)}"
            + ("; a model below it points to a leak." if better else ".")
        )
    return sentences


def _equivalences(comparisons: list[ModelComparison]) -> list[str]:
    sentences = []
    for each in comparisons:
        if each.equivalence is None:
            continue
        finding = {
            "equivalent": "are equivalent",
            "different": "differ by more than the margin",
            "undecided": "cannot be told apart or equal",
        }[each.equivalence]
        low, high = each.difference.simultaneous_low, each.difference.simultaneous_high
        sentences.append(
            f"{each.first} and {each.second} {finding} on {DOMAIN_TITLES[each.domain]} "
            f"{METRIC_TITLES[each.metric]}: difference {each.difference.mean:.4g}, interval "
            f"{low:.4g} to {high:.4g} (95 % for all {each.difference.comparisons} comparisons "
            f"together), margin {each.margin:g} set beforehand."
        )
    return sentences


def list_cautions(
    evaluation: Evaluation,
    against_baselines: list[BaselineComparison],
    between_models: list[ModelComparison],
) -> list[str]:
    """Return what limits the conclusions: number of comparisons, runs, subjects, simulated PET."""
    sentences = []
    if against_baselines or between_models:
        sizes = [
            f"{len(family)} {name}"
            for family, name in (
                (against_baselines, "with baselines"),
                (between_models, "between models"),
            )
            if family
        ]
        sentences.append(
            "Beats, worse, equivalent and different are said only where the interval, corrected "
            f"for the number of comparisons ({', '.join(sizes)}), allows it; the rest is "
            "undecided."
        )
    external = [method.name for method in evaluation.of_kind("model") if method.is_external]
    once = [name for name in evaluation.groups("model") if _runs(evaluation, name) == 1]
    once = [name for name in once if name not in external]
    if once:
        sentences.append(
            f"{', '.join(once)}: one run each. The intervals hold for these runs; another seed "
            "may give another result."
        )
    sentences += [f"{line}." for line in evaluation.missing()]
    sentences += evaluation.audit.sentences() if evaluation.audit else []
    if external:
        sentences.append(
            f"{', '.join(external)}: images of another tool. petsynth cannot tell whether it was "
            f"trained on these {evaluation.split} subjects."
        )
    subjects = len(evaluation.subjects)
    if subjects == 1:
        sentences.append(f"Only 1 {evaluation.split} subject: there are no intervals.")
    elif subjects < _FEW_SUBJECTS:
        sentences.append(
            f"Only {subjects} {evaluation.split} subjects: intervals are wide, and means may "
            "change with another split."
        )
    if evaluation.data.simulated:
        sentences.append(
            "All scans' PET is simulated: these figures say how well a model learns the "
            "simulation, and nothing about patients."
        )
    return sentences


def _runs(evaluation: Evaluation, group: str) -> int:
    return sum(method.group == group for method in evaluation.of_kind("model"))


def _list(comparisons: list[BaselineComparison]) -> str:
    """Name metrics by domain: ``brain MAE, PSNR; whole volume SSIM``."""
    metrics: dict[str, list[str]] = {}
    for each in comparisons:
        metrics.setdefault(each.domain, []).append(METRIC_TITLES[each.metric])
    return "; ".join(f"{DOMAIN_TITLES[name]} {', '.join(each)}" for name, each in metrics.items())


def _list_with_amounts(comparisons: list[BaselineComparison], settings: MetricSettings) -> str:
    return "; ".join(f"{_where(each)} ({_amounts(each, settings)})" for each in comparisons)


def _where(comparison: BaselineComparison) -> str:
    return f"{DOMAIN_TITLES[comparison.domain]} {METRIC_TITLES[comparison.metric]}"


def _amounts(comparison: BaselineComparison, settings: MetricSettings) -> str:
    return (
        f"{_amount(comparison.mean, comparison.metric, settings)} against "
        f"{_amount(comparison.baseline_mean, comparison.metric, settings)}"
    )


def _amount(value: float, metric: str, settings: MetricSettings) -> str:
    shown = format_value(metric, value, settings.data_range)
    return f"{shown} {unit_of(metric, settings)}".strip()
