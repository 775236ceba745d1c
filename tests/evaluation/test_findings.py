"""Verdicts and statements follow the numbers, whichever way they fall."""

import dataclasses

import numpy as np
import pytest

from petsynth.errors import ArgumentError
from petsynth.evaluation.comparison import JUDGED, compare_models, judge_all, parse_margins
from petsynth.evaluation.methods import MEAN_PET, ORACLE, OTHER_T1
from petsynth.evaluation.statements import state

MODEL = "pix2pix-augmented"


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
    verdicts = judge_all(evaluation)
    return state(evaluation, verdicts, compare_models(evaluation, margins))


def everything(method, better):
    """Return values of `JUDGED` that beat, or lose to, everyone else."""
    best = {"mse": 0.5, "psnr": 90.0, "ssim": 0.999, "mae": 1e-6}
    worst = {"mse": 6e4, "psnr": 0.1, "ssim": -0.9, "mae": 99.0}
    return {
        (method, f"{region}_{measure}"): (best if better else worst)[measure]
        for region, measure in JUDGED
    }


def test_a_model_that_is_worse_everywhere_is_called_so(rigged):
    sentences = findings(rigged(everything(MODEL, better=False)))
    defeats = [each for each in sentences if each.startswith(f"{MODEL} does NOT beat")]
    assert len(defeats) == 3
    for baseline in ("between-subjects", "mean-pet", "tissue-regression"):
        assert any(f"baseline-{baseline} on" in each and "99 SUVR" in each for each in defeats)
    assert not any(each.startswith(f"{MODEL} beats") for each in sentences)


def test_a_model_that_is_better_everywhere_is_called_so(rigged):
    sentences = findings(rigged(everything(MODEL, better=True)))
    assert f"{MODEL} beats {MEAN_PET} in the mean on all 4 measures." in sentences
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
    (verdict,) = (
        each
        for each in judge_all(rigged(values))
        if (each.method, each.baseline, each.measure) == (MODEL, MEAN_PET, "mae")
    )
    assert (verdict.better, verdict.wins, verdict.difference.mean) == (False, 0, 0.0)


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


def test_better_than_the_oracle_points_to_a_leak(rigged):
    sentences = findings(rigged({(MODEL, "brain_mae"): 0.01, (ORACLE, "brain_mae"): 0.02}))
    assert any(each.startswith(MODEL) and "leak" in each for each in sentences)
    sentences = findings(rigged({(MODEL, "brain_mae"): 0.03, (ORACLE, "brain_mae"): 0.02}))
    assert not any(each.startswith(MODEL) and "leak" in each for each in sentences)


def test_the_between_subject_baseline_is_not_paired(tiny_evaluation):
    for verdict in judge_all(tiny_evaluation):
        paired = verdict.baseline != "baseline-between-subjects"
        assert (verdict.difference is not None) == (verdict.wins is not None) == paired


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
        if (each.region, each.measure) == ("middle_slice", "ssim")
    )
    assert comparison.first == "pix2pix-axial (axial-0, axial-1)"
    assert comparison.second == MODEL
    assert comparison.difference.mean == pytest.approx(0.15)
    # The seeds alone give means of 0.80 to 0.90.
    assert comparison.difference.low == pytest.approx(0.10)
    assert comparison.difference.high == pytest.approx(0.20)
    assert comparison.judgement == "different"


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
    assert all(each.judgement is None for each in compare_models(tiny_evaluation))
    assert not any("equivalent" in each for each in findings(tiny_evaluation))


def test_measures_without_finite_values_are_left_out(rigged):
    values = {(MODEL, "middle_slice_psnr"): np.inf}
    evaluation = rigged(values)
    assert not any(
        (each.region, each.measure) == ("middle_slice", "psnr")
        for each in compare_models(evaluation)
    )
    assert not any((each.method, each.measure) == (MODEL, "psnr") for each in judge_all(evaluation))


def test_few_subjects_and_simulation_are_owned(tiny_evaluation):
    sentences = findings(tiny_evaluation)
    assert any(each.startswith("Only 2 test subjects") for each in sentences)
    assert any("simulated" in each and "nothing about patients" in each for each in sentences)


@pytest.mark.parametrize("word", ["ssim", "ssim=", "ssim=-1", "ssim=nan", "=3", "dice=0.1"])
def test_margins_that_are_none(word):
    with pytest.raises(ArgumentError, match="must be MEASURE=VALUE"):
        parse_margins((word,))
