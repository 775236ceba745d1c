"""Bars, scatter and Bland-Altman plots: values, limits, labels."""

import numpy as np
import pytest

from petsynth.figures.agreement import AgreementPanel, Spread, draw_agreement, draw_regions
from petsynth.figures.panels import SIMULATED_LABEL, SYNTHETIC_LABEL

REFERENCE = np.array([1.0, 2.0, 3.0, np.nan])
SYNTHETIC = {"net": np.array([1.5, 2.0, 4.0, 5.0])}


def test_bias_and_limits_of_agreement_by_hand():
    """Differences 0.5, 0, 1: mean 0.5, standard deviation 0.5, limits 0.5 -/+ 0.98."""
    panel = AgreementPanel("meta-ROI", REFERENCE, SYNTHETIC, {"net": "r 0.97"}, threshold=1.5)
    figure = draw_agreement([panel], unit="SUVR", simulated=True)
    scatter, bland_altman = figure.axes
    lines = [line for line in bland_altman.lines if len(set(line.get_ydata())) == 1]
    levels = {(line.get_linestyle(), round(float(line.get_ydata()[0]), 6)) for line in lines}
    assert {("-", 0.5), ("--", -0.48), ("--", 1.48)} <= levels
    assert scatter.get_xlim() == scatter.get_ylim()
    assert [text.get_text() for text in scatter.get_legend().get_texts()] == ["net: r 0.97"]
    dotted = [line for line in scatter.lines if line.get_linestyle() == ":"]
    assert len(dotted) == 2
    assert figure.get_supxlabel() == f"{SIMULATED_LABEL} · {SYNTHETIC_LABEL}"


def test_regions_have_a_bar_and_a_point_with_its_spread():
    spread = {"cuneus": Spread(1.0, 0.8, 1.2), "insula": Spread(2.0, 1.5, 2.5)}
    correlations = {"net": {"cuneus": Spread(0.5, -0.1, 0.8)}}
    figure = draw_regions(spread, {"net": spread}, correlations, unit="SUVR")
    bars, points = figure.axes
    assert [patch.get_width() for patch in bars.patches] == [1.0, 2.0]
    assert [text.get_text() for text in bars.get_yticklabels()] == ["cuneus", "insula"]
    assert points.get_xlim() == (-1.05, 1.05)


def test_nothing_to_draw():
    with pytest.raises(ValueError, match="no agreement"):
        draw_agreement([], unit="SUVR")
    with pytest.raises(ValueError, match="no regions"):
        draw_regions({}, {}, {}, unit="SUVR")
