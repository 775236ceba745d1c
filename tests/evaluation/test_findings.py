"""Findings follow the numbers, whichever way they fall: word for word, and of an evaluation."""

import dataclasses

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
from petsynth.evaluation.findings import list_findings
from petsynth.evaluation.methods import MEAN_PET, NOISE_FREE, OTHER_T1
from petsynth.evaluation.statistics import Difference

MODEL = "pix2pix-augmented"


def sentences_of(evaluation, comparisons=None):
    compared = compare_models(evaluation) if comparisons is None else comparisons
    return list_findings(evaluation, compare_with_baselines(evaluation), compared)


def test_what_is_not_better_comes_first_with_amounts_and_units(make_evaluation):
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

    assert sentences_of(evaluation) == [
        "net does NOT beat baseline-mean-pet on middle axial slice PSNR (20 dB against 21.5 dB); "
        "brain MAE (3 SUVR against 2 SUVR).",
        "net beats baseline-mean-pet in the mean on middle axial slice SSIM.",
        "net beats poor in the mean on all 2 metrics.",
    ]


def test_a_control_that_is_not_better_says_nothing_of_the_model(make_evaluation):
    control = OTHER_T1.format("net")
    evaluation = make_evaluation(
        {
            "model": {"net": {"brain_mae": [1.0] * 10, "middle_slice_mse": [1.0] * 10}},
            "control": {control: {"brain_mae": [3.0] * 10, "middle_slice_mse": [0.0] * 10}},
            "baseline": {MEAN_PET: {"brain_mae": [2.0] * 10, "middle_slice_mse": [2.0] * 10}},
        }
    )

    assert sentences_of(evaluation) == [
        "net beats baseline-mean-pet in the mean on all 2 metrics.",
        "net given another subject's T1 is no better than the mean training PET on brain MAE "
        "(3 SUVR against 2 SUVR).",
    ]


@pytest.mark.parametrize(("mae", "leaks"), [(0.3, False), (0.2, False), (0.1, True)])
def test_a_model_at_the_upper_bound_is_no_leak(make_evaluation, mae, leaks):
    evaluation = make_evaluation(
        {
            "model": {"net": {"brain_mae": [mae] * 10}},
            "upper-bound": {NOISE_FREE: {"brain_mae": [0.2] * 10}},
        }
    )
    (sentence,) = sentences_of(evaluation)

    assert sentence.startswith(f"net has a brain MAE of {mae} SUVR; the upper bound")
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
    difference = Difference(0.012346, -0.01, 0.03, 10)
    told = ModelComparison("a", "b", "volume", "ssim", difference, 0.05, equivalence)
    silent = ModelComparison("a", "b", "volume", "psnr", difference, None, None)

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


@pytest.fixture
def rigged(tiny_evaluation):
    """Return a function that gives methods other brain errors or other values."""

    def rig(values):
        table = tiny_evaluation.table.copy()
        for (method, column), value in values.items():
            table.loc[table["method"] == method, column] = value
        return dataclasses.replace(tiny_evaluation, table=table)

    return rig


def findings(evaluation, margins=None):
    return list_findings(
        evaluation, compare_with_baselines(evaluation), compare_models(evaluation, margins)
    )


def everything(method, better):
    """Return values of `BASELINE_METRICS` that beat, or lose to, everyone else."""
    best = {"mse": 0.5, "psnr": 90.0, "ssim": 0.999, "mae": 1e-6}
    worst = {"mse": 6e4, "psnr": 0.1, "ssim": -0.9, "mae": 99.0}
    return {
        (method, f"{domain}_{metric}"): (best if better else worst)[metric]
        for domain, metric in BASELINE_METRICS
    }


def test_a_model_that_is_worse_everywhere_is_called_so(rigged):
    sentences = findings(rigged(everything(MODEL, better=False)))
    worse = [each for each in sentences if each.startswith(f"{MODEL} does NOT beat")]
    assert len(worse) == 3
    for baseline in ("between-subjects", "mean-pet", "tissue-regression"):
        assert any(f"baseline-{baseline} on" in each and "99 SUVR" in each for each in worse)
    assert not any(each.startswith(f"{MODEL} beats") for each in sentences)


def test_a_model_that_is_better_everywhere_is_called_so(rigged):
    sentences = findings(rigged(everything(MODEL, better=True)))
    assert f"{MODEL} beats {MEAN_PET} in the mean on all 4 metrics." in sentences
    assert not any(each.startswith(f"{MODEL} does NOT") for each in sentences)


def test_a_mixed_result_is_told_in_both_directions(rigged):
    values = everything(MODEL, better=True) | {(MODEL, "brain_mae"): 99.0}
    sentences = findings(rigged(values))
    assert any(
        each.startswith(f"{MODEL} does NOT beat {MEAN_PET} on brain MAE") for each in sentences
    )
    assert any(
        each.startswith(f"{MODEL} beats {MEAN_PET}") and "brain MAE" not in each
        for each in sentences
    )


def test_equal_is_not_better(rigged):
    values = {(name, "brain_mae"): 0.25 for name in (MODEL, MEAN_PET)}
    (found,) = (
        each
        for each in compare_with_baselines(rigged(values))
        if (each.method, each.baseline, each.metric) == (MODEL, MEAN_PET, "mae")
    )
    assert (found.better, found.wins, found.difference.mean) == (False, 0, 0.0)


def test_a_model_that_does_not_need_the_t1_is_warned_of(rigged):
    control = OTHER_T1.format(MODEL)
    sentences = findings(rigged(everything(control, better=True)))
    assert any(
        each.startswith(f"Caution: {MODEL} given another subject's T1") for each in sentences
    )
    sentences = findings(rigged(everything(control, better=False)))
    assert any(
        f"{MODEL} given another subject's T1 is no better than the mean" in each
        for each in sentences
    )


def test_better_than_the_upper_bound_points_to_a_leak(rigged):
    sentences = findings(rigged({(MODEL, "brain_mae"): 0.01, (NOISE_FREE, "brain_mae"): 0.02}))
    assert any(each.startswith(MODEL) and "leak" in each for each in sentences)
    sentences = findings(rigged({(MODEL, "brain_mae"): 0.03, (NOISE_FREE, "brain_mae"): 0.02}))
    assert not any(each.startswith(MODEL) and "leak" in each for each in sentences)


def test_the_between_subject_baseline_is_not_paired(tiny_evaluation):
    for comparison in compare_with_baselines(tiny_evaluation):
        paired = comparison.baseline != "baseline-between-subjects"
        assert (comparison.difference is not None) == (comparison.wins is not None) == paired


def test_models_are_compared_by_group_with_seeds_averaged(rigged):
    column = "middle_slice_ssim"
    values = {
        ("pix2pix-axial (axial-0)", column): 0.80,
        ("pix2pix-axial (axial-1)", column): 0.90,
        (MODEL, column): 0.70,
    }
    (comparison,) = (
        each
        for each in compare_models(rigged(values), {"ssim": 0.05})
        if (each.domain, each.metric) == ("middle_slice", "ssim")
    )
    assert comparison.first == "pix2pix-axial (axial-0, axial-1)"
    assert comparison.second == MODEL
    assert comparison.difference.mean == pytest.approx(0.15)
    # The seeds alone give means of 0.80 to 0.90.
    assert comparison.difference.low == pytest.approx(0.10)
    assert comparison.difference.high == pytest.approx(0.20)
    assert comparison.equivalence == "different"


@pytest.mark.parametrize(
    ("ssim", "finding"), [(0.70, "are equivalent"), (0.74, "cannot be told"), (0.9, "differ by")]
)
def test_equivalence_is_stated_against_the_margin(rigged, ssim, finding):
    column = "middle_slice_ssim"
    values = {
        ("pix2pix-axial (axial-0)", column): ssim - 0.01,
        ("pix2pix-axial (axial-1)", column): ssim + 0.01,
        (MODEL, column): 0.70,
    }
    sentences = findings(rigged(values), {"ssim": 0.035})
    assert any(finding in each and "middle axial slice SSIM" in each for each in sentences)


def test_without_a_margin_nothing_is_called_equivalent(tiny_evaluation):
    assert all(each.equivalence is None for each in compare_models(tiny_evaluation))
    assert not any("equivalent" in each for each in findings(tiny_evaluation))


def test_measures_without_finite_values_are_left_out(rigged):
    values = {(MODEL, "middle_slice_psnr"): np.inf}
    evaluation = rigged(values)
    assert not any(
        (each.domain, each.metric) == ("middle_slice", "psnr")
        for each in compare_models(evaluation)
    )
    assert not any(
        (each.method, each.metric) == (MODEL, "psnr") for each in compare_with_baselines(evaluation)
    )


def test_few_subjects_and_simulation_are_owned(tiny_evaluation):
    sentences = findings(tiny_evaluation)
    assert any(each.startswith("Only 2 test subjects") for each in sentences)
    assert any("simulated" in each and "nothing about patients" in each for each in sentences)


@pytest.mark.parametrize("word", ["ssim", "ssim=", "ssim=-1", "ssim=nan", "=3", "dice=0.1"])
def test_margins_that_are_none(word):
    with pytest.raises(ArgumentError, match="must be METRIC=VALUE"):
        parse_margins((word,))
