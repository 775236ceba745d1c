"""Findings follow the numbers, whichever way they fall: word for word, and of an evaluation."""

import numpy as np
import pytest

from petsynth.errors import ArgumentError
from petsynth.evaluation.comparison import (
    BASELINE_METRICS,
    ModelComparison,
    compare_models,
    compare_with_baselines,
    parse_margins,
)
from petsynth.evaluation.findings import list_findings, list_losses
from petsynth.evaluation.methods import MEAN_PET, NOISE_FREE, OTHER_T1
from petsynth.evaluation.statistics import Difference

CORRECTED = (
    "Beats, worse, equivalent and different are said only where the interval, corrected for the "
    "number of comparisons ({} with baselines), allows it; the rest is undecided."
)
ONE_RUN = (
    "{}: one run each. The intervals hold for these runs; another seed may give another result."
)


def sentences_of(evaluation, comparisons=None):
    """Return the findings but the last ones, on corrections and on models of one run."""
    compared = compare_models(evaluation) if comparisons is None else comparisons
    found = list_findings(evaluation, compare_with_baselines(evaluation), compared)
    return [
        each for each in found if not each.startswith("Beats, worse") and "one run each" not in each
    ]


def test_worse_comes_first_with_amounts_and_a_winner_owns_what_it_loses(make_evaluation):
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
            "upper-bound": {"another": {"brain_mae": [1.0] * 10}},
        }
    )

    assert list_findings(evaluation, compare_with_baselines(evaluation), []) == [
        "net is WORSE than baseline-mean-pet on middle axial slice PSNR (20.00 dB against 21.50 "
        "dB); brain MAE (3.0000 SUVR against 2.0000 SUVR).",
        "net beats baseline-mean-pet in the mean on 1 of 3 metrics: middle axial slice SSIM; but "
        "it is worse on middle axial slice PSNR; brain MAE.",
        "net beats poor in the mean on all 2 metrics.",
        CORRECTED.format(5),
        ONE_RUN.format("net"),
    ]


def test_a_model_that_loses_one_metric_of_any_domain_is_told_so(make_evaluation):
    """The regression has the better SSIM over all slices, which is none of the four compared."""
    better, worse = [1.0, 1.1, 1.0, 1.1] * 3, [2.0, 2.1, 2.1, 2.0] * 3
    columns = [f"{domain}_{metric}" for domain, metric in BASELINE_METRICS]
    lower = {column: "mse" in column or "mae" in column for column in columns}
    evaluation = make_evaluation(
        {
            "model": {
                "net": {each: better if lower[each] else worse for each in columns}
                | {"axial_slices_ssim": better}
            },
            "baseline": {
                "regression": {each: worse if lower[each] else better for each in columns}
                | {"axial_slices_ssim": worse}
            },
        }
    )
    lost, won = sentences_of(evaluation)

    assert lost == (
        "net is WORSE than regression on all axial slices with brain SSIM (1.0500 against 2.0500)."
    )
    assert won.startswith("net beats regression in the mean on 4 of 5 metrics: ")
    assert won.endswith("; but it is worse on all axial slices with brain SSIM.")


def test_a_better_mean_alone_is_undecided(make_evaluation):
    ahead, behind = [1.0, 3.0, 2.0, 1.5], [2.0, 1.0, 3.0, 2.0]
    evaluation = make_evaluation(
        {
            "model": {"net": {"brain_mae": ahead, "brain_ssim": ahead}},
            "baseline": {MEAN_PET: {"brain_mae": behind, "brain_ssim": behind}},
        }
    )
    told, few = sentences_of(evaluation)

    assert told == (
        "net against baseline-mean-pet is undecided on 2 of 2 metrics: its mean is NOT the better "
        "one on brain SSIM, and its mean is the better one on brain MAE."
    )
    assert few.startswith("Only 4 test subjects")


def test_what_is_won_and_what_is_undecided_stands_in_one_sentence(make_evaluation):
    ahead, behind = [1.0, 3.0, 2.0, 1.5] * 3, [2.0, 1.0, 3.0, 2.0] * 3
    evaluation = make_evaluation(
        {
            "model": {"net": {"brain_mae": [1.0] * 12, "brain_ssim": ahead}},
            "baseline": {MEAN_PET: {"brain_mae": [2.0] * 12, "brain_ssim": behind}},
        }
    )
    (told,) = sentences_of(evaluation)

    assert told == (
        "net beats baseline-mean-pet in the mean on 1 of 2 metrics: brain MAE; but it is undecided "
        "on brain SSIM (its mean is NOT the better one there)."
    )


def test_equal_is_not_better(make_evaluation):
    values = {"brain_mae": [1.0, 2.0, 3.0] * 4}
    evaluation = make_evaluation({"model": {"net": values}, "baseline": {MEAN_PET: values}})
    (told,) = sentences_of(evaluation)
    assert "undecided on 1 of 1 metrics: its mean is NOT the better one on any." in told


@pytest.mark.parametrize(
    ("control", "words"),
    [
        (3.0, "net given another subject's T1 is worse than the mean training PET on brain MAE"),
        (2.0, "net given another subject's T1 cannot be told from the mean training PET on brain"),
        (1.5, "Caution: net given another subject's T1 still beats the mean training PET on brain"),
    ],
)
def test_controls_tell_whether_the_t1_is_needed(make_evaluation, control, words):
    evaluation = make_evaluation(
        {
            "model": {"net": {"brain_mae": [1.0] * 10, "middle_slice_mse": [1.0] * 10}},
            "control": {
                OTHER_T1.format("net"): {
                    "brain_mae": [control] * 10,
                    "middle_slice_mse": [0.0] * 10,
                }
            },
            "baseline": {MEAN_PET: {"brain_mae": [2.0] * 10, "middle_slice_mse": [2.0] * 10}},
        }
    )
    won, told = sentences_of(evaluation)

    assert won == "net beats baseline-mean-pet in the mean on all 2 metrics."
    assert told.startswith(words)


@pytest.mark.parametrize(("mae", "leaks"), [(0.3, False), (0.2, False), (0.1, True)])
def test_a_model_at_the_upper_bound_is_no_leak(make_evaluation, mae, leaks):
    evaluation = make_evaluation(
        {
            "model": {"net": {"brain_mae": [mae] * 10}},
            "upper-bound": {NOISE_FREE: {"brain_mae": [0.2] * 10}},
        }
    )
    (sentence,) = sentences_of(evaluation)

    assert sentence.startswith(f"net has a brain MAE of {mae:.4f} SUVR; the upper bound")
    assert ("a leak" in sentence) is leaks


@pytest.mark.parametrize(
    ("equivalence", "words"),
    [
        ("equivalent", "are equivalent"),
        ("different", "differ by more than the margin"),
        ("undecided", "cannot be told apart or equal"),
    ],
)
def test_equivalence_is_told_with_interval_and_margin(make_evaluation, equivalence, words):
    evaluation = make_evaluation({"model": {"a": {"brain_mae": [1.0] * 10}}})
    difference = Difference(0.012346, 0.0, 0.02, -0.01, 0.03, 0.04, 0.08, 2, 10)
    told = ModelComparison("a", "b", "volume", "ssim", difference, "undecided", 0.05, equivalence)
    silent = ModelComparison("a", "b", "volume", "psnr", difference, "undecided", None, None)

    assert sentences_of(evaluation, [silent, told]) == [
        f"a and b {words} on whole volume SSIM: difference 0.01235, interval -0.01 to 0.03 (95 % "
        "for all 2 comparisons together), margin 0.05 set beforehand."
    ]


@pytest.mark.parametrize(
    ("subjects", "words"),
    [(1, "Only 1 test subject:"), (9, "Only 9 test subjects:"), (10, None)],
)
def test_few_subjects_are_owned(make_evaluation, subjects, words):
    evaluation = make_evaluation({"model": {"net": {"brain_mae": [1.0] * subjects}}})
    sentences = sentences_of(evaluation)

    assert [each.startswith(words) for each in sentences] == ([True] if words else [])


@pytest.mark.parametrize(("other", "owned"), [("b", "a, b: one run each"), ("a", None)])
def test_models_of_one_run_are_owned(make_evaluation, other, owned):
    values = {"brain_mae": [1.0] * 10}
    evaluation = make_evaluation({"model": {"a": values, "b": values}}, groups={"b": other})
    found = list_findings(evaluation, [], [])

    assert [each[: len(owned)] for each in found] == [owned] if owned else not found


def test_real_scans_are_not_called_simulated(make_evaluation):
    values = {"model": {"net": {"brain_mae": [1.0] * 10}}}

    assert sentences_of(make_evaluation(values)) == []
    (sentence,) = sentences_of(make_evaluation(values, simulated=True))
    assert "nothing about patients" in sentence


@pytest.mark.parametrize(
    ("ssim", "finding"), [(0.70, "are equivalent"), (0.733, "cannot be told"), (0.9, "differ by")]
)
def test_equivalence_is_stated_against_the_margin(make_evaluation, ssim, finding):
    column, noise = "middle_slice_ssim", np.linspace(-0.01, 0.01, 10)
    evaluation = make_evaluation(
        {"model": {"a": {column: ssim + noise}, "b": {column: np.full(10, 0.70)}}}
    )
    sentences = sentences_of(evaluation, compare_models(evaluation, {"ssim": 0.035}))
    assert [finding in each and "middle axial slice SSIM" in each for each in sentences] == [True]


def test_without_a_margin_nothing_is_called_equivalent(make_evaluation):
    values = {"middle_slice_ssim": [0.5] * 10}
    evaluation = make_evaluation({"model": {"a": values, "b": values}})
    assert all(each.equivalence is None for each in compare_models(evaluation))
    assert sentences_of(evaluation) == []


def test_measures_without_finite_values_are_left_out(make_evaluation):
    column = "middle_slice_psnr"
    evaluation = make_evaluation(
        {
            "model": {"a": {column: [np.inf] * 3}, "b": {column: [20.0] * 3}},
            "baseline": {MEAN_PET: {column: [20.0] * 3}},
        }
    )
    assert compare_models(evaluation) == []
    assert [each.method for each in compare_with_baselines(evaluation)] == ["b"]


def test_two_subjects_of_a_simulation_are_owned(tiny_evaluation):
    sentences = list_findings(
        tiny_evaluation,
        compare_with_baselines(tiny_evaluation),
        compare_models(tiny_evaluation),
    )
    assert any(each.startswith("Only 2 test subjects") for each in sentences)
    assert any("simulated" in each and "nothing about patients" in each for each in sentences)
    assert any(each.startswith("pix2pix-axial (axial-0, axial-1) against") for each in sentences)


@pytest.mark.parametrize("word", ["ssim", "ssim=", "ssim=-1", "ssim=nan", "=3", "dice=0.1"])
def test_margins_that_are_none(word):
    with pytest.raises(ArgumentError, match="must be METRIC=VALUE"):
        parse_margins((word,))


def test_losses_name_the_metrics_and_a_baseline_that_is_ahead_in_most(make_evaluation):
    values = {"brain_mae": [3.0] * 10, "middle_slice_ssim": [0.9] * 10}
    ahead = {"brain_mae": [2.0, 4.5] * 5, "middle_slice_ssim": [0.91, 0.88, 0.93, 0.9, 0.89] * 2}
    poor = {"brain_mae": [9.0] * 10, "middle_slice_ssim": [0.1] * 10}
    best = {"brain_mae": [1.0, 3.5] * 5, "middle_slice_ssim": [0.95] * 10}
    baselines = {"poor": poor, "ahead": ahead, "best": best}
    evaluation = make_evaluation({"model": {"net": values}, "baseline": baselines})
    found = list_losses(compare_with_baselines(evaluation), evaluation.settings)
    assert found[0].startswith("net is WORSE than best on ")
    assert found[1:] == ["best has the better mean on all 2 metrics, not net."]
