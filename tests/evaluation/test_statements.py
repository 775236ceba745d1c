"""The sentences themselves, word for word."""

import pytest

from petsynth.evaluation.comparison import Comparison, compare_models, judge_all
from petsynth.evaluation.methods import MEAN_PET, ORACLE, OTHER_T1
from petsynth.evaluation.statements import state
from petsynth.evaluation.statistics import Difference


def sentences_of(evaluation, comparisons=None):
    compared = compare_models(evaluation) if comparisons is None else comparisons
    return state(evaluation, judge_all(evaluation), compared)


def test_defeats_come_before_victories_with_amounts_and_units(make_evaluation):
    evaluation = make_evaluation(
        {
            "model": {
                "net": {
                    "brain_mae": [3.0] * 10,
                    "middle_slice_ssim": [0.9] * 10,
                    "middle_slice_psnr": [20.0] * 10,
                }
            },
            "baseline": {
                MEAN_PET: {
                    "brain_mae": [2.0] * 10,
                    "middle_slice_ssim": [0.8] * 10,
                    "middle_slice_psnr": [21.5] * 10,
                },
                "poor": {"brain_mae": [9.0] * 10, "middle_slice_ssim": [0.1] * 10},
            },
            "ceiling": {"another": {"brain_mae": [1.0] * 10}},
        }
    )

    assert sentences_of(evaluation) == [
        "net does NOT beat baseline-mean-pet on middle axial slice PSNR (20 dB against 21.5 dB); "
        "brain MAE (3 SUVR against 2 SUVR).",
        "net beats baseline-mean-pet in the mean on middle axial slice SSIM.",
        "net beats poor in the mean on all 2 measures.",
    ]


def test_a_controls_defeat_is_not_the_models(make_evaluation):
    control = OTHER_T1.format("net")
    evaluation = make_evaluation(
        {
            "model": {"net": {"brain_mae": [1.0] * 10, "middle_slice_mse": [1.0] * 10}},
            "control": {control: {"brain_mae": [3.0] * 10, "middle_slice_mse": [0.0] * 10}},
            "baseline": {MEAN_PET: {"brain_mae": [2.0] * 10, "middle_slice_mse": [2.0] * 10}},
        }
    )

    assert sentences_of(evaluation) == [
        "net beats baseline-mean-pet in the mean on all 2 measures.",
        "net given another subject's T1 is no better than the mean training PET on brain MAE "
        "(3 SUVR against 2 SUVR).",
    ]


@pytest.mark.parametrize(("mae", "leaks"), [(0.3, False), (0.2, False), (0.1, True)])
def test_a_model_at_the_ceiling_is_no_leak(make_evaluation, mae, leaks):
    evaluation = make_evaluation(
        {
            "model": {"net": {"brain_mae": [mae] * 10}},
            "ceiling": {ORACLE: {"brain_mae": [0.2] * 10}},
        }
    )
    (sentence,) = sentences_of(evaluation)

    assert sentence.startswith(f"net has a brain MAE of {mae} SUVR; the simulation's oracle")
    assert ("a leak" in sentence) is leaks


@pytest.mark.parametrize(
    ("judgement", "words"),
    [
        ("equivalent", "are equivalent"),
        ("different", "differ by more than the margin"),
        ("undecided", "cannot be told apart or equal"),
    ],
)
def test_a_judgement_is_told_with_interval_and_margin(make_evaluation, judgement, words):
    evaluation = make_evaluation({"model": {"a": {"brain_mae": [1.0] * 10}}})
    difference = Difference(0.012346, -0.01, 0.03, 10)
    told = Comparison("a", "b", "volume", "ssim", difference, 0.05, judgement)
    silent = Comparison("a", "b", "volume", "psnr", difference, None, None)

    assert sentences_of(evaluation, [silent, told]) == [
        f"a and b {words} on whole volume SSIM: difference 0.01235, 95 % interval "
        "-0.01 to 0.03, margin 0.05 set beforehand."
    ]


@pytest.mark.parametrize(
    ("subjects", "words"),
    [(1, "Only 1 test subject:"), (9, "Only 9 test subjects:"), (10, None)],
)
def test_few_subjects_are_owned(make_evaluation, subjects, words):
    evaluation = make_evaluation({"model": {"net": {"brain_mae": [1.0] * subjects}}})
    sentences = sentences_of(evaluation)

    assert [each.startswith(words) for each in sentences] == ([True] if words else [])


def test_real_scans_are_not_called_simulated(make_evaluation):
    values = {"model": {"net": {"brain_mae": [1.0] * 10}}}

    assert sentences_of(make_evaluation(values)) == []
    (sentence,) = sentences_of(make_evaluation(values, simulated=True))
    assert "nothing about patients" in sentence
