"""Comparisons with baselines, and of models, by hand."""

import math

import pytest

from petsynth.errors import ArgumentError
from petsynth.evaluation.comparison import compare_models, compare_with_baselines, parse_margins
from petsynth.evaluation.methods import BETWEEN_SUBJECTS, MEAN_PET

SLICE = "middle_slice_ssim"


def test_wins_are_counted_subject_by_subject_and_the_interval_decides(make_evaluation):
    """Two of three win on MAE, and the mean is lost all the same; on SSIM more is better."""
    evaluation = make_evaluation(
        {
            "model": {"net": {"brain_mae": [1.0, 1.5, 9.5], SLICE: [0.9, 0.8, 0.1]}},
            "baseline": {MEAN_PET: {"brain_mae": [2.0, 2.0, 2.0], SLICE: [0.5, 0.5, 0.5]}},
        }
    )
    ssim, mae = compare_with_baselines(evaluation)

    assert (mae.domain, mae.metric) == ("brain", "mae")
    assert (mae.mean, mae.baseline_mean, mae.mean_is_better, mae.wins) == (4.0, 2.0, False, 2)
    assert mae.difference.mean == pytest.approx(2.0)
    assert mae.difference.low < 0 < mae.difference.high
    assert mae.conclusion == "undecided"
    assert (ssim.mean, ssim.mean_is_better, ssim.wins) == (pytest.approx(0.6), True, 2)
    assert ssim.conclusion == "undecided"
    assert ssim.difference.comparisons == mae.difference.comparisons == 2


def test_the_number_of_comparisons_can_undo_a_conclusion(make_evaluation):
    """Differences 1, 2, 3 and 4: t = 3.87 of 3 degrees of freedom, 3.18 alone, 4.18 of two."""
    values, zeros = [1.0, 2.0, 3.0, 4.0], [0.0] * 4
    alone = make_evaluation(
        {"model": {"net": {SLICE: values}}, "baseline": {MEAN_PET: {SLICE: zeros}}}
    )
    two = make_evaluation(
        {
            "model": {"net": {SLICE: values, "brain_mae": values}},
            "baseline": {MEAN_PET: {SLICE: zeros, "brain_mae": zeros}},
        }
    )

    assert [each.conclusion for each in compare_with_baselines(alone)] == ["better"]
    assert [each.conclusion for each in compare_with_baselines(two)] == ["undecided", "undecided"]
    assert compare_with_baselines(two)[0].difference.low > 0


def test_runs_that_differ_in_seed_are_one_method_against_a_baseline(make_evaluation):
    evaluation = make_evaluation(
        {
            "model": {
                "net-0": {SLICE: [0.8, 0.8, 0.8]},
                "net-1": {SLICE: [0.4, 0.4, 0.4]},
            },
            "baseline": {MEAN_PET: {SLICE: [0.5, 0.5, 0.5]}},
        },
        groups={"net-0": "net", "net-1": "net"},
    )
    (found,) = compare_with_baselines(evaluation)

    assert (found.method, found.mean, found.wins) == ("net", pytest.approx(0.6), 3)
    assert found.conclusion == "undecided"  # one seed beats the baseline, the other does not
    # Means of the runs 0.8 and 0.4: variance 0.08 over two runs, t of one degree of freedom 12.7.
    assert found.difference.high == pytest.approx(0.1 + 12.7062 * 0.2, rel=1e-4)


def test_nrmse_and_the_frames_of_static_pet_are_not_compared_twice(make_evaluation):
    columns = {each: [1.0, 2.0] for each in ("brain_nrmse", "brain_rmse", "frames_rmse")}
    values = {"model": {"net": columns}, "baseline": {MEAN_PET: columns}}
    evaluation = make_evaluation(values)
    assert [each.domain for each in compare_with_baselines(evaluation)] == ["brain"]
    evaluation.data.frames = 2
    assert [each.domain for each in compare_with_baselines(evaluation)] == ["brain", "frames"]


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

    assert (found.mean, found.baseline_mean, found.mean_is_better, found.wins) == (20, 15, True, 1)
    assert found.conclusion == "undecided"  # one subject
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


def test_the_between_subject_baseline_has_an_interval_too(make_evaluation):
    evaluation = make_evaluation(
        {
            "model": {"net": {"brain_mae": [1.0, 3.0]}},
            "baseline": {BETWEEN_SUBJECTS: {"brain_mae": [2.0, 3.0, 4.0, 5.0]}},
        }
    )
    (found,) = compare_with_baselines(evaluation)

    assert (found.mean, found.baseline_mean, found.mean_is_better) == (2.0, 3.5, True)
    assert found.wins is None
    assert found.difference.mean == pytest.approx(-1.5)
    assert found.difference.low < 0 < found.difference.high


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
    values = {SLICE: [0.50, 0.52, 0.54], "brain_mae": [1.0, 2.0, 3.0]}
    others = {SLICE: [0.50, 0.521, 0.541], "brain_mae": [1.0, 2.0, 3.0]}
    evaluation = make_evaluation({"model": {"a": values, "b": others}})
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
