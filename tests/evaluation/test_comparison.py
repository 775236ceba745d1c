"""Comparisons with baselines, and of models, by hand."""

import math

import pytest

from petsynth.errors import ArgumentError
from petsynth.evaluation.comparison import compare_models, compare_with_baselines, parse_margins
from petsynth.evaluation.methods import BETWEEN_SUBJECTS, MEAN_PET

SLICE = "middle_slice_ssim"


def test_means_decide_and_wins_are_counted_subject_by_subject(make_evaluation):
    """Two of three win on MAE, and the mean is lost all the same; on SSIM more is better."""
    evaluation = make_evaluation(
        {
            "model": {"net": {"brain_mae": [1.0, 1.5, 9.5], SLICE: [0.9, 0.8, 0.1]}},
            "baseline": {MEAN_PET: {"brain_mae": [2.0, 2.0, 2.0], SLICE: [0.5, 0.5, 0.5]}},
        }
    )
    ssim, mae = compare_with_baselines(evaluation)

    assert (mae.domain, mae.metric) == ("brain", "mae")
    assert (mae.mean, mae.baseline_mean, mae.better, mae.wins) == (4.0, 2.0, False, 2)
    assert mae.difference.mean == pytest.approx(2.0)
    assert mae.difference.low < 0 < mae.difference.high
    assert (ssim.mean, ssim.better, ssim.wins) == (pytest.approx(0.6), True, 2)


def test_both_means_are_over_those_whom_both_can_be_measured_on(make_evaluation):
    column = "middle_slice_psnr"  # infinite where nothing differs
    evaluation = make_evaluation(
        {
            "model": {"net": {column: [math.inf, 20.0]}, "other": {column: [math.inf, 30.0]}},
            "baseline": {MEAN_PET: {column: [30.0, 15.0]}, "constant": {column: [30.0, math.inf]}},
        }
    )
    compared = {(each.method, each.baseline): each for each in compare_with_baselines(evaluation)}
    found = compared["net", MEAN_PET]

    assert (found.mean, found.baseline_mean, found.better, found.wins) == (20, 15, True, 1)
    assert ("other", "constant") not in compared


def test_models_and_controls_are_compared_and_upper_bounds_are_not(make_evaluation):
    values = {"brain_mae": [1.0, 2.0]}
    evaluation = make_evaluation(
        {
            "model": {"net": values},
            "baseline": {MEAN_PET: values, "other": values},
            "control": {"net (other T1)": values},
            "upper-bound": {"noise-free": values},
        }
    )
    compared = [(each.method, each.baseline) for each in compare_with_baselines(evaluation)]

    assert compared == [
        ("net", MEAN_PET),
        ("net", "other"),
        ("net (other T1)", MEAN_PET),
        ("net (other T1)", "other"),
    ]


def test_pairs_of_subjects_may_be_more_than_subjects(make_evaluation):
    evaluation = make_evaluation(
        {
            "model": {"net": {"brain_mae": [1.0, 3.0]}},
            "baseline": {BETWEEN_SUBJECTS: {"brain_mae": [2.0, 3.0, 4.0, 5.0]}},
        }
    )
    (found,) = compare_with_baselines(evaluation)

    assert (found.mean, found.baseline_mean, found.better) == (2.0, 3.5, True)
    assert (found.wins, found.difference) == (None, None)


def test_groups_are_compared_in_order_the_first_minus_the_second(make_evaluation):
    evaluation = make_evaluation(
        {
            "model": {
                "a": {SLICE: [0.5, 0.7]},
                "b-0": {SLICE: [0.4, 0.4]},
                "b-1": {SLICE: [0.6, 0.6]},
                "c": {SLICE: [0.9, 0.9]},
            },
            "baseline": {MEAN_PET: {SLICE: [0.1, 0.1]}},
        },
        groups={"b-0": "b", "b-1": "b"},
    )
    found = {(each.first, each.second): each.difference for each in compare_models(evaluation)}

    assert list(found) == [("a", "b"), ("a", "c"), ("b", "c")]
    means = [difference.mean for difference in found.values()]
    assert means == pytest.approx([0.1, -0.3, -0.4])
    assert all(difference.subjects == 2 for difference in found.values())


def test_a_margin_holds_for_its_metric_alone(make_evaluation):
    evaluation = make_evaluation(
        {
            "model": {
                "a": {SLICE: [0.50, 0.52], "brain_mae": [1.0, 2.0]},
                "b": {SLICE: [0.50, 0.51], "brain_mae": [1.0, 2.0]},
            }
        }
    )
    found = {each.metric: each for each in compare_models(evaluation, {"ssim": 0.05})}

    assert (found["ssim"].margin, found["ssim"].equivalence) == (0.05, "equivalent")
    assert (found["mae"].margin, found["mae"].equivalence) == (None, None)


def test_one_model_is_compared_with_nobody(make_evaluation):
    assert compare_models(make_evaluation({"model": {"a": {SLICE: [0.5]}}})) == []


def test_margins_are_numbers_and_the_last_one_counts():
    assert parse_margins(()) == {}
    assert parse_margins(("mae=1e-3", "rmse=2", "mae=0.5")) == {"mae": 0.5, "rmse": 2.0}
    with pytest.raises(ArgumentError, match="--margin ssim=inf: must be"):
        parse_margins(("rmse=2", "ssim=inf"))
