"""Figures of regions: which values they show, and what they say where there are few."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from petsynth.report.regional_figures import draw_regional_figures

MODELS = ("pix2pix-axial (axial-0)", "pix2pix-augmented")
UPTAKE = np.array([1.0, 1.2, 1.4, 1.6, 1.8])


def row(number, method, kind, region, reference, synthetic):
    return {
        "participant_id": f"sub-{number}",
        "method": method,
        "kind": kind,
        "region": region,
        "reference": reference,
        "synthetic": synthetic,
    }


@pytest.fixture
def regions():
    """Return two regions with sides and a composite; the first model follows, the second not."""
    rows = []
    for number, uptake in enumerate(UPTAKE):
        for method, synthetic in zip(MODELS, (uptake + 0.1, 1.5), strict=True):
            for region, shift in (("left hippocampus", 0.0), ("right hippocampus", 0.2)):
                rows.append(
                    row(number, method, "region", region, uptake + shift, synthetic + shift)
                )
            rows.append(row(number, method, "composite", "fdg-meta-roi", uptake, synthetic))
    return pd.DataFrame(rows)


def test_bars_are_means_over_subjects_and_sides(tiny_evaluation, regions):
    bars, _ = draw_regional_figures(dataclasses.replace(tiny_evaluation, regions=regions))
    ax = bars.figure.axes[0]
    assert [patch.get_width() for patch in ax.patches] == pytest.approx([1.5])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["hippocampus"]


def test_a_panel_per_composite_with_correlation_and_limits(tiny_evaluation, regions):
    _, agreement = draw_regional_figures(dataclasses.replace(tiny_evaluation, regions=regions))
    scatter, bland_altman = agreement.figure.axes
    assert scatter.get_title() == "fdg-meta-roi"
    notes = [text.get_text() for text in scatter.get_legend().get_texts()]
    assert notes[0].startswith(f"{MODELS[0]}: r 1.00")
    assert notes[1] == f"{MODELS[1]}: r n/a"  # the same for everyone
    bias = {round(float(line.get_ydata()[0]), 6) for line in bland_altman.lines}
    assert 0.1 in bias
    assert "composites of the tracer" in agreement.caption


def test_without_composites_the_regions_that_vary_most_are_shown(tiny_evaluation, regions):
    some = regions[regions["kind"] == "region"]
    _, agreement = draw_regional_figures(dataclasses.replace(tiny_evaluation, regions=some))
    assert len(agreement.figure.axes) == 4
    assert "has no composite with a value here" in agreement.caption


def test_no_regions_no_figures(tiny_evaluation):
    assert draw_regional_figures(dataclasses.replace(tiny_evaluation, regions=None)) == []
