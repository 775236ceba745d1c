"""Measured pairs as text, table, JSON and LaTeX, of pairs made by hand."""

import dataclasses
import json

import numpy as np
import pytest

from petsynth.evaluation.measure import PAIR_DOMAINS, PAIR_METRICS, Measurement, summarise_metric
from petsynth.report.measurements import (
    describe_measurements,
    format_latex,
    format_number,
    format_text,
    groups,
    tabulate,
    write_measurements,
)


@pytest.fixture
def pairs():
    """Return two pairs of FDG and one of another unit; every metric is 0.5, 1.5, 2.5."""
    first = Measurement(
        name="sub-1",
        reference="r_1.nii",
        synthetic="s_1.nii",
        tracer="FDG",
        unit="SUVR",
        data_range=2.5,
        data_range_source="fixed for FDG in SUVR",
        brain="the given mask",
        slice_mm=4.0,
        values={domain: dict.fromkeys(PAIR_METRICS, 0.5) for domain in PAIR_DOMAINS},
        voxels=dict.fromkeys(PAIR_DOMAINS, 100),
        uncovered=dict.fromkeys(PAIR_DOMAINS, 0),
        notes=(),
        remarks=("resampled",),
    )

    def other(name, value, **changes):
        values = {domain: dict.fromkeys(PAIR_METRICS, value) for domain in PAIR_DOMAINS}
        return dataclasses.replace(first, name=name, values=values, **changes)

    return [first, other("sub-2", 1.5), other("sub-3", 2.5, unit="SUV", data_range=10.0)]


def test_only_pairs_of_one_unit_and_range_are_averaged(pairs):
    found = groups(pairs)
    assert [[each.name for each in members] for members in found.values()] == [
        ["sub-1", "sub-2"],
        ["sub-3"],
    ]
    text = format_text(pairs)
    assert "FDG PET, 2 pairs; data range 2.5 SUVR (fixed for FDG in SUVR)" in text
    assert "FDG PET, 1 pair; data range 10 SUV" in text
    assert "- resampled (all pairs)" in text


def test_means_stand_in_json_and_latex(pairs):
    content = describe_measurements(pairs[:2], ["sub-9: no partner"])
    (summary,) = content["summaries"]
    assert summary["domains"]["brain"]["mae"]["mean"] == 1
    assert content["failed"] == ["sub-9: no partner"]
    json.dumps(content, allow_nan=False)
    latex = format_latex(pairs)
    assert latex.count(r"\toprule") == latex.count(r"\end{tabular}") == 2
    assert r"1.0000 $\pm$ 0.7071" in latex
    assert (
        r"\multicolumn{4}{l}{FDG PET, 2 pairs; data range 2.5 SUVR (fixed for FDG in SUVR)}"
        in latex
    )


def test_a_row_per_pair(pairs, tmp_path):
    table = tabulate(pairs)
    assert table["name"].tolist() == ["sub-1", "sub-2", "sub-3"]
    assert table["volume_ssim"].tolist() == [0.5, 1.5, 2.5]
    write_measurements(pairs, [], tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "measure.tsv", "measure.json", "measure.tex",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "value", "shown"),
    [
        ("psnr", np.inf, "inf"),
        ("ssim", np.nan, "n/a"),
        ("pearson_r", 0.98765, "0.9877"),
        ("mae", 0.0, "0.0000"),
        ("mae", 0.15, "0.1500"),
    ],
)
def test_numbers(metric, value, shown):
    assert format_number(metric, value, 2.5) == shown


def test_no_interval_ends_where_no_value_can_be():
    assert summarise_metric("pearson_r", [0.5, 0.9])["high"] == 1
    assert summarise_metric("mae", [0.1, 0.9])["low"] == 0
