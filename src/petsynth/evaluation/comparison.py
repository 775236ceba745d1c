"""Which method is better: models against baselines, and models against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from petsynth.errors import ArgumentError
from petsynth.evaluation.domains import DOMAINS, LOWER_IS_BETTER
from petsynth.evaluation.evaluate import Evaluation
from petsynth.evaluation.methods import BETWEEN_SUBJECTS
from petsynth.evaluation.statistics import (
    Conclusion,
    Difference,
    Equivalence,
    Estimate,
    adjust_family,
    describe,
    estimate_paired,
    estimate_unpaired,
)

BASELINE_METRICS = (
    ("middle_slice", "mse"),
    ("middle_slice", "psnr"),
    ("middle_slice", "ssim"),
    ("brain", "mae"),
)
"""The metrics on which the report's table shows a model beside the baselines."""

MODEL_METRICS = (
    *BASELINE_METRICS,
    ("axial_slices", "mse"),
    ("axial_slices", "psnr"),
    ("axial_slices", "ssim"),
    ("frames", "psnr"),
    ("frames", "ssim"),
    ("frames", "rmse"),
)
"""The metrics on which models are compared with each other."""

FAMILIES = {
    "against_baselines": "every model (runs that differ only in seed are one) against every "
    "baseline, on every metric of every domain that the report shows",
    "controls": "every control (a model given another subject's T1) against every baseline, "
    "likewise",
    "between_models": "every two models, on the metrics of the table",
}
"""The families of comparisons: conclusions in one of them hold together with 95 % confidence."""

_DERIVED = ("nrmse",)
"""RMSE divided by a constant, so its comparison would be that of RMSE again."""


@dataclass(frozen=True)
class BaselineComparison:
    """A model or control against a baseline on one metric.

    Parameters
    ----------
    method : str
        Name of the group: runs that differ only in their seed are one.
    baseline : str
        Its name.
    domain, metric : str
        As in `petsynth.evaluation.domains.DOMAINS`.
    mean, baseline_mean : float
        Over runs and subjects; over pairs for the between-subject baseline.
    mean_is_better : bool
        Whether the model's mean is the better one, however large the chance; equal means are not
        better.
    conclusion : {"better", "worse", "undecided"}
        By the simultaneous interval of ``difference``.
    wins : int or None
        Subjects in whom the model, averaged over its runs, is better; None where the baseline is
        not measured on the same subjects.
    difference : Difference
        Model minus baseline with its intervals.
    """

    method: str
    baseline: str
    domain: str
    metric: str
    mean: float
    baseline_mean: float
    mean_is_better: bool
    conclusion: Conclusion
    wins: int | None
    difference: Difference


@dataclass(frozen=True)
class ModelComparison:
    """Two models on one metric, first minus second.

    Parameters
    ----------
    first, second : str
        Names of the groups: runs that differ only in their seed are one.
    domain, metric : str
        As in `BaselineComparison`.
    difference : Difference
        With its intervals.
    conclusion : {"better", "worse", "undecided"}
        Whether the first is better, by the simultaneous interval.
    margin : float or None
        What counts as equivalent, if it was set beforehand.
    equivalence : {"equivalent", "different", "undecided"} or None
        Against the margin, by the simultaneous interval.
    """

    first: str
    second: str
    domain: str
    metric: str
    difference: Difference
    conclusion: Conclusion
    margin: float | None
    equivalence: Equivalence | None


def is_better(metric: str, value: float, other: float) -> bool:
    """Whether ``value`` is better than ``other``.

    Examples
    --------
    >>> is_better("mae", 1.0, 2.0), is_better("ssim", 0.9, 0.9)
    (True, False)
    """
    return value < other if metric in LOWER_IS_BETTER else value > other


def compare_with_baselines(evaluation: Evaluation) -> list[BaselineComparison]:
    """Compare every model and control with every baseline on every metric.

    Models are one family of comparisons, controls another; see `FAMILIES`. Left out are metrics
    that were not measured, NRMSE (RMSE divided by a constant) and, of static PET, the domain
    ``frames`` (the whole volume again).
    """
    return [
        comparison
        for kind in ("model", "control")
        for comparison in _compare_family(evaluation, evaluation.groups(kind))
    ]


def compare_models(
    evaluation: Evaluation,
    margins: Mapping[str, float] | None = None,
    metrics: Sequence[tuple[str, str]] = MODEL_METRICS,
) -> list[ModelComparison]:
    """Compare every two groups of models; all of it is one family.

    Parameters
    ----------
    evaluation : Evaluation
        What was measured.
    margins : mapping from str to float, optional
        Metric -> the largest difference that counts as equivalent, set beforehand.
    metrics : sequence of (str, str)
        Domains and metrics.
    """
    found, estimates = [], []
    for first, second in combinations(evaluation.groups("model"), 2):
        for domain, metric in metrics:
            one = evaluation.runs(first, domain, metric)
            other = evaluation.runs(second, domain, metric)
            if np.isfinite(np.concatenate([one, other])).all(axis=0).any():
                found.append((first, second, domain, metric))
                estimates.append(estimate_paired(one, other))
    result = []
    for (first, second, domain, metric), difference in zip(
        found, adjust_family(estimates), strict=True
    ):
        conclusion = difference.conclusion(lower_is_better=metric in LOWER_IS_BETTER)
        margin = (margins or {}).get(metric)
        equivalence = None if margin is None else difference.equivalence(margin)
        result.append(
            ModelComparison(
                first, second, domain, metric, difference, conclusion, margin, equivalence
            )
        )
    return result


def parse_margins(words: tuple[str, ...]) -> dict[str, float]:
    """Read margins such as ``("ssim=0.01", "psnr=0.5")``.

    Raises
    ------
    ArgumentError
        If one is not METRIC=VALUE with a known metric and a positive value.

    Examples
    --------
    >>> parse_margins(("ssim=0.01", "mse=20"))
    {'ssim': 0.01, 'mse': 20.0}
    """
    known = sorted({metric for _, metric in MODEL_METRICS})
    margins = {}
    for word in words:
        metric, _, value = word.partition("=")
        try:
            margins[metric] = float(value)
        except ValueError:
            margins[metric] = float("nan")
        if metric not in known or not 0 < margins[metric] < float("inf"):
            raise ArgumentError(
                f"--margin {word}: must be METRIC=VALUE with a positive value, for example "
                f"ssim=0.01; metrics: {', '.join(known)}"
            )
    return margins


@dataclass(frozen=True)
class _Measured:
    """What a comparison with a baseline is made of, before the size of its family is known."""

    method: str
    baseline: str
    domain: str
    metric: str
    mean: float
    baseline_mean: float
    wins: int | None
    estimate: Estimate


def _compare_family(evaluation: Evaluation, groups: list[str]) -> list[BaselineComparison]:
    measured = [
        found
        for group in groups
        for baseline in evaluation.of_kind("baseline")
        for domain, metric in _compared(evaluation)
        if (found := _measure(evaluation, group, baseline.name, domain, metric))
    ]
    differences = adjust_family([each.estimate for each in measured])
    return [
        BaselineComparison(
            each.method,
            each.baseline,
            each.domain,
            each.metric,
            each.mean,
            each.baseline_mean,
            is_better(each.metric, each.mean, each.baseline_mean),
            difference.conclusion(lower_is_better=each.metric in LOWER_IS_BETTER),
            each.wins,
            difference,
        )
        for each, difference in zip(measured, differences, strict=True)
    ]


def _compared(evaluation: Evaluation) -> list[tuple[str, str]]:
    return [
        (domain, metric)
        for domain, metrics in DOMAINS.items()
        for metric in metrics
        if metric not in _DERIVED and not (domain == "frames" and evaluation.data.frames == 1)
    ]


def _measure(
    evaluation: Evaluation, group: str, baseline: str, domain: str, metric: str
) -> _Measured | None:
    values_RS = evaluation.runs(group, domain, metric)
    pairs = evaluation.pairs(baseline, domain, metric)
    others = np.array(list(pairs.values()), dtype=np.float64)
    paired = baseline != BETWEEN_SUBJECTS
    both = np.isfinite(values_RS).all(axis=0)
    if paired:  # both means over the same subjects
        both &= np.isfinite(others)
        others = others[both]
    values_RS = values_RS[:, both]
    baseline_mean = describe(others)["mean"]
    if not values_RS.size or baseline_mean is None:
        return None
    wins = None
    if paired:
        means = values_RS.mean(axis=0).tolist()
        wins = sum(is_better(metric, *pair) for pair in zip(means, others.tolist(), strict=True))
        estimate = estimate_paired(values_RS, others[None])
    else:
        estimate = estimate_unpaired(values_RS, list(pairs), others)
    mean = float(values_RS.mean())
    return _Measured(group, baseline, domain, metric, mean, baseline_mean, wins, estimate)
