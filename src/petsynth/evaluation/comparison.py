"""Which method is better: models against baselines, and models against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from petsynth.errors import ArgumentError
from petsynth.evaluation.cohort import Evaluation
from petsynth.evaluation.measures import LOWER_IS_BETTER
from petsynth.evaluation.methods import BETWEEN_SUBJECTS
from petsynth.evaluation.statistics import Difference, Judgement, describe, paired_difference

JUDGED = (
    ("middle_slice", "mse"),
    ("middle_slice", "psnr"),
    ("middle_slice", "ssim"),
    ("brain", "mae"),
)
"""The measures on which a model must beat the baselines."""

COMPARED = (
    *JUDGED,
    ("axial_slices", "mse"),
    ("axial_slices", "psnr"),
    ("axial_slices", "ssim"),
    ("frames", "psnr"),
    ("frames", "ssim"),
    ("frames", "rmse"),
)
"""The measures on which models are compared with each other."""


@dataclass(frozen=True)
class Verdict:
    """A model against a baseline on one measure, by their means.

    Parameters
    ----------
    method, baseline : str
        Their names.
    region, measure : str
        As in `petsynth.evaluation.measures.REGIONS`.
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
    region: str
    measure: str
    mean: float
    baseline_mean: float
    better: bool
    wins: int | None
    difference: Difference | None


@dataclass(frozen=True)
class Comparison:
    """Two models on one measure, first minus second.

    Parameters
    ----------
    first, second : str
        Names of the groups: runs that differ only in their seed are one.
    region, measure : str
        As in `Verdict`.
    difference : Difference
        With its interval.
    margin : float or None
        What counts as equivalent, if it was set beforehand.
    judgement : {"equivalent", "different", "undecided"} or None
        Against the margin.
    """

    first: str
    second: str
    region: str
    measure: str
    difference: Difference
    margin: float | None
    judgement: Judgement | None


def is_better(measure: str, value: float, other: float) -> bool:
    """Whether ``value`` is better than ``other``.

    Examples
    --------
    >>> is_better("mae", 1.0, 2.0), is_better("ssim", 0.9, 0.9)
    (True, False)
    """
    return value < other if measure in LOWER_IS_BETTER else value > other


def judge_all(evaluation: Evaluation) -> list[Verdict]:
    """Hold every model and control against every baseline on `JUDGED`."""
    return [
        verdict
        for method in evaluation.of_kind("model", "control")
        for baseline in evaluation.of_kind("baseline")
        for region, measure in JUDGED
        if (verdict := _judge(evaluation, method.name, baseline.name, region, measure))
    ]


def compare_models(
    evaluation: Evaluation, margins: Mapping[str, float] | None = None
) -> list[Comparison]:
    """Compare every two groups of models on `COMPARED`, with intervals over subjects.

    Parameters
    ----------
    evaluation : Evaluation
        What was measured.
    margins : mapping from str to float, optional
        Measure -> the largest difference that counts as equivalent, set beforehand.
    """
    groups = list(dict.fromkeys(method.group for method in evaluation.of_kind("model")))
    result = []
    for first, second in combinations(groups, 2):
        for region, measure in COMPARED:
            one = _runs(evaluation, first, region, measure)
            other = _runs(evaluation, second, region, measure)
            if not np.isfinite(np.concatenate([one, other])).all(axis=0).any():
                continue
            difference = paired_difference(one, other, evaluation.seed)
            margin = (margins or {}).get(measure)
            judgement = None if margin is None else difference.judge(margin)
            result.append(Comparison(first, second, region, measure, difference, margin, judgement))
    return result


def parse_margins(words: tuple[str, ...]) -> dict[str, float]:
    """Read margins such as ``("ssim=0.01", "psnr=0.5")``.

    Raises
    ------
    ArgumentError
        If one is not MEASURE=VALUE with a known measure and a positive value.

    Examples
    --------
    >>> parse_margins(("ssim=0.01", "mse=20"))
    {'ssim': 0.01, 'mse': 20.0}
    """
    known = sorted({measure for _, measure in COMPARED})
    margins = {}
    for word in words:
        measure, _, value = word.partition("=")
        try:
            margins[measure] = float(value)
        except ValueError:
            margins[measure] = float("nan")
        if measure not in known or not 0 < margins[measure] < float("inf"):
            raise ArgumentError(
                f"--margin {word}: must be MEASURE=VALUE with a positive value, for example "
                f"ssim=0.01; measures: {', '.join(known)}"
            )
    return margins


def _judge(
    evaluation: Evaluation, method: str, baseline: str, region: str, measure: str
) -> Verdict | None:
    values = evaluation.values(method, region, measure)
    baseline_values = evaluation.values(baseline, region, measure)
    if baseline != BETWEEN_SUBJECTS:  # both means over the same subjects
        both = np.isfinite(values) & np.isfinite(baseline_values)
        values, baseline_values = values[both], baseline_values[both]
    mean, baseline_mean = describe(values)["mean"], describe(baseline_values)["mean"]
    if mean is None or baseline_mean is None:
        return None
    wins, difference = None, None
    if baseline != BETWEEN_SUBJECTS:
        pairs = zip(values.tolist(), baseline_values.tolist(), strict=True)
        wins = sum(is_better(measure, *pair) for pair in pairs)
        difference = paired_difference(values[None], baseline_values[None], evaluation.seed)
    return Verdict(
        method,
        baseline,
        region,
        measure,
        mean,
        baseline_mean,
        is_better(measure, mean, baseline_mean),
        wins,
        difference,
    )


def _runs(evaluation: Evaluation, group: str, region: str, measure: str) -> NDArray[np.float64]:
    names = [method.name for method in evaluation.of_kind("model") if method.group == group]
    return np.stack([evaluation.values(name, region, measure) for name in names])
