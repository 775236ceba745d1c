"""What the numbers say, in sentences that are true whichever way they fall."""

from __future__ import annotations

from petsynth.evaluation.cohort import Evaluation
from petsynth.evaluation.comparison import Comparison, Verdict, is_better
from petsynth.evaluation.measures import REGION_TITLES, TITLES, Ruler, unit_of
from petsynth.evaluation.methods import MEAN_PET, ORACLE, OTHER_T1
from petsynth.evaluation.statistics import describe

_FEW_SUBJECTS = 10


def state(
    evaluation: Evaluation, verdicts: list[Verdict], comparisons: list[Comparison]
) -> list[str]:
    """Return the findings: defeats first, then victories, controls, ceiling and cautions."""
    ruler = evaluation.ruler
    models = {method.name for method in evaluation.of_kind("model")}
    of_models = [verdict for verdict in verdicts if verdict.method in models]
    return [
        *_defeats(of_models, ruler),
        *_victories(of_models),
        *_controls(evaluation, verdicts),
        *_ceiling(evaluation),
        *_equivalences(comparisons),
        *_cautions(evaluation),
    ]


def _defeats(verdicts: list[Verdict], ruler: Ruler) -> list[str]:
    sentences = []
    for name, baseline in dict.fromkeys((each.method, each.baseline) for each in verdicts):
        lost = [
            f"{_where(each)} ({_amounts(each, ruler)})"
            for each in verdicts
            if (each.method, each.baseline) == (name, baseline) and not each.better
        ]
        if lost:
            sentences.append(f"{name} does NOT beat {baseline} on {'; '.join(lost)}.")
    return sentences


def _victories(verdicts: list[Verdict]) -> list[str]:
    sentences = []
    for name, baseline in dict.fromkeys((each.method, each.baseline) for each in verdicts):
        these = [each for each in verdicts if (each.method, each.baseline) == (name, baseline)]
        won = [each for each in these if each.better]
        if len(won) == len(these):
            sentences.append(f"{name} beats {baseline} in the mean on all {len(these)} measures.")
        elif won:
            where = "; ".join(_where(verdict) for verdict in won)
            sentences.append(f"{name} beats {baseline} in the mean on {where}.")
    return sentences


def _controls(evaluation: Evaluation, verdicts: list[Verdict]) -> list[str]:
    sentences = []
    for method in evaluation.of_kind("model"):
        name = OTHER_T1.format(method.name)
        for verdict in verdicts:
            if (verdict.method, verdict.baseline, verdict.region) != (name, MEAN_PET, "brain"):
                continue
            amounts = _amounts(verdict, evaluation.ruler)
            if verdict.better:
                sentences.append(
                    f"Caution: {method.name} given another subject's T1 still beats the mean "
                    f"training PET on {_where(verdict)} ({amounts}), so its figures are not due "
                    "to the subject's own T1 alone."
                )
            else:
                sentences.append(
                    f"{method.name} given another subject's T1 is no better than the mean training "
                    f"PET on {_where(verdict)} ({amounts})."
                )
    return sentences


def _ceiling(evaluation: Evaluation) -> list[str]:
    if ORACLE not in {method.name for method in evaluation.methods}:
        return []
    ceiling = describe(evaluation.values(ORACLE, "brain", "mae"))["mean"]
    sentences = []
    for method in evaluation.of_kind("model"):
        mean = describe(evaluation.values(method.name, "brain", "mae"))["mean"]
        if mean is None or ceiling is None:
            continue
        better = is_better("mae", mean, ceiling)
        sentences.append(
            f"{method.name} has a brain MAE of {_amount(mean, 'mae', evaluation.ruler)}; the "
            "simulation's oracle, the part of the PET that the T1 determines, has "
            f"{_amount(ceiling, 'mae', evaluation.ruler)}"
            + ("; a model below it points to a leak." if better else ".")
        )
    return sentences


def _equivalences(comparisons: list[Comparison]) -> list[str]:
    sentences = []
    for each in comparisons:
        if each.judgement is None:
            continue
        finding = {
            "equivalent": "are equivalent",
            "different": "differ by more than the margin",
            "undecided": "cannot be told apart or equal",
        }[each.judgement]
        sentences.append(
            f"{each.first} and {each.second} {finding} on {REGION_TITLES[each.region]} "
            f"{TITLES[each.measure]}: difference {each.difference.mean:.4g}, 95 % interval "
            f"{each.difference.low:.4g} to {each.difference.high:.4g}, margin "
            f"{each.margin:g} set beforehand."
        )
    return sentences


def _cautions(evaluation: Evaluation) -> list[str]:
    sentences = []
    subjects = len(evaluation.people)
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


def _where(verdict: Verdict) -> str:
    return f"{REGION_TITLES[verdict.region]} {TITLES[verdict.measure]}"


def _amounts(verdict: Verdict, ruler: Ruler) -> str:
    return (
        f"{_amount(verdict.mean, verdict.measure, ruler)} against "
        f"{_amount(verdict.baseline_mean, verdict.measure, ruler)}"
    )


def _amount(value: float, measure: str, ruler: Ruler) -> str:
    return f"{value:.4g} {unit_of(measure, ruler)}".strip()
