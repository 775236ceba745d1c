"""The form of summary.json and comparisons.json."""

import json

from petsynth.evaluation.comparison import compare_models, compare_with_baselines
from petsynth.evaluation.domains import DOMAINS
from petsynth.evaluation.summary import build_comparisons, build_definitions, build_summary

STATISTICS = {"mean", "std", "min", "max", "n"}


def test_the_form(tiny_evaluation):
    summary = json.loads(json.dumps(build_summary(tiny_evaluation), allow_nan=False))
    about = {"missing", "audit", "external", "covariates"}
    assert set(summary) == {"methods", "definitions", "simulated"} | about
    assert summary["simulated"] is True
    model = summary["methods"]["pix2pix-augmented"]
    measured = {domain: names for domain, names in DOMAINS.items() if domain != "lesion"}
    assert {domain: tuple(metrics) for domain, metrics in model.items()} == measured
    for metrics in model.values():
        for statistics in metrics.values():
            assert set(statistics) == STATISTICS
            assert statistics["n"] == 2
            assert statistics["min"] <= statistics["mean"] <= statistics["max"]


def test_the_between_subject_baseline_counts_pairs(tiny_evaluation):
    baseline = build_summary(tiny_evaluation)["methods"]["baseline-between-subjects"]
    assert set(baseline) == {"middle_slice", "volume", "brain"}
    assert baseline["middle_slice"]["ssim"]["n"] == 12
    assert baseline["brain"]["mae"]["n"] == 4


def test_everything_that_is_named_is_defined(tiny_evaluation):
    definitions = build_definitions(tiny_evaluation)
    metrics = {name for names in DOMAINS.values() for name in names}
    assert metrics | set(DOMAINS) | {"std", "n", "interval", "p_holm", "families"} <= set(
        definitions
    )
    assert set(definitions["methods"]) == {method.name for method in tiny_evaluation.methods}


def test_the_definitions_name_range_slice_and_scales(tiny_evaluation):
    definitions = build_definitions(tiny_evaluation)
    assert "25 x 21 pixels" in definitions["middle_slice"]
    assert "2 SUVR is 255" in definitions["middle_slice"]
    assert "clipped" in definitions["middle_slice"]
    assert "data range 2.5 SUVR, fixed for FDG" in definitions["brain"]
    assert "with 2 of 5 scales" in definitions["ms_ssim"]
    assert "n - 1" in definitions["std"]


def test_comparisons_are_plain_values(tiny_evaluation):
    content = build_comparisons(
        compare_with_baselines(tiny_evaluation), compare_models(tiny_evaluation), ["a finding"]
    )
    again = json.loads(json.dumps(content, allow_nan=False))
    assert again["findings"] == ["a finding"]
    assert set(again["families"]) == {"against_baselines", "controls", "between_models"}
    difference = again["between_models"][0]["difference"]
    assert set(difference) == {
        *("mean", "low", "high", "simultaneous_low", "simultaneous_high"),
        *("p", "p_holm", "comparisons", "subjects"),
    }
    assert difference["comparisons"] == len(again["between_models"])


def test_an_interval_without_ends_is_null(make_evaluation):
    values = {"brain_mae": [1.0]}
    evaluation = make_evaluation({"model": {"net": values}, "baseline": {"mean": values}})
    content = build_comparisons(compare_with_baselines(evaluation), [], [])
    (found,) = json.loads(json.dumps(content, allow_nan=False))["against_baselines"]
    assert (found["conclusion"], found["difference"]["low"]) == ("undecided", None)
