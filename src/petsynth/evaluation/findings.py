"""Findings: what the numbers say, in sentences that are true whichever way they fall."""

from __future__ import annotations

from petsynth.evaluation.comparison import BaselineComparison, ModelComparison, is_better
from petsynth.evaluation.domains import DOMAIN_TITLES, METRIC_TITLES, MetricSettings, unit_of
from petsynth.evaluation.evaluate import Evaluation
from petsynth.evaluation.methods import MEAN_PET, NOISE_FREE, OTHER_T1
from petsynth.evaluation.statistics import describe

_FEW_SUBJECTS = 10


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
        Where a model is not better than a baseline comes first, then where it is better,
        controls, the upper bound, equivalence of models, and cautions.
    """
    settings = evaluation.settings
    models = {method.name for method in evaluation.of_kind("model")}
    of_models = [each for each in against_baselines if each.method in models]
    return [
        *_not_better(of_models, settings),
        *_better(of_models),
        *_controls(evaluation, against_baselines),
        *_upper_bound(evaluation),
        *_equivalences(between_models),
        *_cautions(evaluation),
    ]


def _not_better(comparisons: list[BaselineComparison], settings: MetricSettings) -> list[str]:
    sentences = []
    for name, baseline in dict.fromkeys((each.method, each.baseline) for each in comparisons):
        lost = [
            f"{_where(each)} ({_amounts(each, settings)})"
            for each in comparisons
            if (each.method, each.baseline) == (name, baseline) and not each.better
        ]
        if lost:
            sentences.append(f"{name} does NOT beat {baseline} on {'; '.join(lost)}.")
    return sentences


def _better(comparisons: list[BaselineComparison]) -> list[str]:
    sentences = []
    for name, baseline in dict.fromkeys((each.method, each.baseline) for each in comparisons):
        these = [each for each in comparisons if (each.method, each.baseline) == (name, baseline)]
        won = [each for each in these if each.better]
        if len(won) == len(these):
            sentences.append(f"{name} beats {baseline} in the mean on all {len(these)} metrics.")
        elif won:
            where = "; ".join(_where(each) for each in won)
            sentences.append(f"{name} beats {baseline} in the mean on {where}.")
    return sentences


def _controls(evaluation: Evaluation, comparisons: list[BaselineComparison]) -> list[str]:
    sentences = []
    for method in evaluation.of_kind("model"):
        name = OTHER_T1.format(method.name)
        for comparison in comparisons:
            if (comparison.method, comparison.baseline, comparison.domain) != (
                name,
                MEAN_PET,
                "brain",
            ):
                continue
            amounts = _amounts(comparison, evaluation.settings)
            if comparison.better:
                sentences.append(
                    f"Caution: {method.name} given another subject's T1 still beats the mean "
                    f"training PET on {_where(comparison)} ({amounts}), so its figures are not due "
                    "to the subject's own T1 alone."
                )
            else:
                sentences.append(
                    f"{method.name} given another subject's T1 is no better than the mean training "
                    f"PET on {_where(comparison)} ({amounts})."
                )
    return sentences


def _upper_bound(evaluation: Evaluation) -> list[str]:
    if NOISE_FREE not in {method.name for method in evaluation.methods}:
        return []
    bound = describe(evaluation.values(NOISE_FREE, "brain", "mae"))["mean"]
    sentences = []
    for method in evaluation.of_kind("model"):
        mean = describe(evaluation.values(method.name, "brain", "mae"))["mean"]
        if mean is None or bound is None:
            continue
        better = is_better("mae", mean, bound)
        sentences.append(
            f"{method.name} has a brain MAE of {_amount(mean, 'mae', evaluation.settings)}; the "
            "upper bound, the noise-free PET that the T1 determines, has "
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
        sentences.append(
            f"{each.first} and {each.second} {finding} on {DOMAIN_TITLES[each.domain]} "
            f"{METRIC_TITLES[each.metric]}: difference {each.difference.mean:.4g}, 95 % interval "
            f"{each.difference.low:.4g} to {each.difference.high:.4g}, margin "
            f"{each.margin:g} set beforehand."
        )
    return sentences


def _cautions(evaluation: Evaluation) -> list[str]:
    sentences = []
    subjects = len(evaluation.subjects)
    if subjects < _FEW_SUBJECTS:
        sentences.append(
            f"Only {subjects} {evaluation.split} subject{'s' * (subjects > 1)}: intervals over "
            "subjects are rough, and means may change with another split."
        )
    if evaluation.data.simulated:
        sentences.append(
            "All scans' PET is simulated: these figures say how well a model learns the "
            "simulation, and nothing about patients."
        )
    return sentences


def _where(comparison: BaselineComparison) -> str:
    return f"{DOMAIN_TITLES[comparison.domain]} {METRIC_TITLES[comparison.metric]}"


def _amounts(comparison: BaselineComparison, settings: MetricSettings) -> str:
    return (
        f"{_amount(comparison.mean, comparison.metric, settings)} against "
        f"{_amount(comparison.baseline_mean, comparison.metric, settings)}"
    )


def _amount(value: float, metric: str, settings: MetricSettings) -> str:
    return f"{value:.4g} {unit_of(metric, settings)}".strip()
