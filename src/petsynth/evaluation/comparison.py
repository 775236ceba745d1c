"""Which method is better: models against baselines, and models against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from petsynth.errors import ArgumentError
from petsynth.evaluation.domains import LOWER_IS_BETTER
from petsynth.evaluation.evaluate import Evaluation
from petsynth.evaluation.methods import BETWEEN_SUBJECTS
from petsynth.evaluation.statistics import Difference, Equivalence, describe, paired_difference

BASELINE_METRICS = (
    ("middle_slice", "mse"),
    ("middle_slice", "psnr"),
    ("middle_slice", "ssim"),
    ("brain", "mae"),
)
"""The metrics on which a model must beat the baselines."""

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


@dataclass(frozen=True)
class BaselineComparison:
    """A model or control against a baseline on one metric, by their means.

    Parameters
    ----------
    method, baseline : str
        Their names.
    domain, metric : str
        As in `petsynth.evaluation.domains.DOMAINS`.
    mean, baseline_mean : float
        Over subjects; over pairs for the between-subject baseline.
    better : bool
        Whether the model's mean is the better one; equal means are not better.
    wins : int or None
        Subjects in whom the model is better; None where the baseline is not measured on the
        same subjects.
    difference : Difference or None
        Model minus baseline with its interval; None as for ``wins``.
    """

    method: str
    baseline: str
    domain: str
    metric: str
    mean: float
    baseline_mean: float
    better: bool
    wins: int | None
    difference: Difference | None


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
        With its interval.
    margin : float or None
        What counts as equivalent, if it was set beforehand.
    equivalence : {"equivalent", "different", "undecided"} or None
        Against the margin.
    """

    first: str
    second: str
    domain: str
    metric: str
    difference: Difference
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
    """Compare every model and control with every baseline on `BASELINE_METRICS`."""
    return [
        comparison
        for method in evaluation.of_kind("model", "control")
        for baseline in evaluation.of_kind("baseline")
        for domain, metric in BASELINE_METRICS
        if (
            comparison := _compare_with_baseline(
                evaluation, method.name, baseline.name, domain, metric
            )
        )
    ]


def compare_models(
    evaluation: Evaluation, margins: Mapping[str, float] | None = None
) -> list[ModelComparison]:
    """Compare every two groups of models on `MODEL_METRICS`, with intervals over subjects.

    Parameters
    ----------
    evaluation : Evaluation
        What was measured.
    margins : mapping from str to float, optional
        Metric -> the largest difference that counts as equivalent, set beforehand.
    """
    groups = list(dict.fromkeys(method.group for method in evaluation.of_kind("model")))
    result = []
    for first, second in combinations(groups, 2):
        for domain, metric in MODEL_METRICS:
            one = _runs(evaluation, first, domain, metric)
            other = _runs(evaluation, second, domain, metric)
            if not np.isfinite(np.concatenate([one, other])).all(axis=0).any():
                continue
            difference = paired_difference(one, other, evaluation.seed)
            margin = (margins or {}).get(metric)
            equivalence = None if margin is None else difference.equivalence(margin)
            result.append(
                ModelComparison(first, second, domain, metric, difference, margin, equivalence)
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


def _compare_with_baseline(
    evaluation: Evaluation, method: str, baseline: str, domain: str, metric: str
) -> BaselineComparison | None:
    values = evaluation.values(method, domain, metric)
    baseline_values = evaluation.values(baseline, domain, metric)
    if baseline != BETWEEN_SUBJECTS:  # both means over the same subjects
        both = np.isfinite(values) & np.isfinite(baseline_values)
        values, baseline_values = values[both], baseline_values[both]
    mean, baseline_mean = describe(values)["mean"], describe(baseline_values)["mean"]
    if mean is None or baseline_mean is None:
        return None
    wins, difference = None, None
    if baseline != BETWEEN_SUBJECTS:
        pairs = zip(values.tolist(), baseline_values.tolist(), strict=True)
        wins = sum(is_better(metric, *pair) for pair in pairs)
        difference = paired_difference(values[None], baseline_values[None], evaluation.seed)
    return BaselineComparison(
        method,
        baseline,
        domain,
        metric,
        mean,
        baseline_mean,
        is_better(metric, mean, baseline_mean),
        wins,
        difference,
    )


def _runs(evaluation: Evaluation, group: str, domain: str, metric: str) -> NDArray[np.float64]:
    names = [method.name for method in evaluation.of_kind("model") if method.group == group]
    return np.stack([evaluation.values(name, domain, metric) for name in names])
