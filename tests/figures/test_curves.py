"""Curves over training steps."""

import numpy as np
import pytest

from petsynth.figures.curves import Bar, CurvePanel, RocPanel, draw_curves, draw_roc, draw_values
from petsynth.figures.panels import SIMULATED_LABEL, SYNTHETIC_LABEL
from petsynth.figures.save import png_bytes

STEPS = np.array([10.0, 20.0, 30.0])


def test_positive_values_are_logarithmic_and_labels_are_plain_numbers():
    losses = CurvePanel("net", {"l1": (STEPS, np.array([1.0, 0.1, 0.01]))}, "loss")
    signed = CurvePanel("critic", {"score": (STEPS, np.array([1.0, -1.0, 0.0]))}, "score")
    figure = draw_curves([losses, signed], simulated=True)
    one, two = figure.axes
    assert (one.get_yscale(), two.get_yscale()) == ("log", "linear")
    assert figure.get_supxlabel() == SIMULATED_LABEL
    assert png_bytes(figure, dots_per_inch=40).startswith(b"\x89PNG")
    assert not [text for text in one.get_yticklabels() if "$" in text.get_text()]


def test_nothing_to_draw():
    with pytest.raises(ValueError, match="no curves"):
        draw_curves([])


RATES = np.linspace(0, 1, 11)


def panel(title):
    return RocPanel(title, "AUC 0.5", RATES, RATES, RATES / 2, np.sqrt(RATES))


def test_the_first_curve_is_dashed_in_the_others():
    figure = draw_roc([panel(name) for name in "abcd"], title="Curves")
    axes = [ax for ax in figure.axes if ax.axison]
    assert [ax.get_title() for ax in axes] == list("abcd")
    assert [len(ax.lines) for ax in axes] == [2, 3, 3, 3]
    assert len(figure.axes) == 6  # two places stay free
    assert figure.get_supxlabel() == SYNTHETIC_LABEL


def test_values_stand_in_groups_below_each_other():
    bars = [Bar("one", 0.7, 0.6, 0.9), Bar("two", 0.5, 0.4, 0.6)]
    figure = draw_values({"area": bars, "added": [], "more": bars[:1]}, reference=0.5, title="",
                         simulated=True)  # fmt: skip
    assert [ax.get_xlabel() for ax in figure.axes] == ["area", "more"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["one", "two"]
    assert SIMULATED_LABEL in figure.get_supxlabel()


def test_no_roc_curves_to_draw():
    with pytest.raises(ValueError, match="no ROC curves"):
        draw_roc([], title="")
    with pytest.raises(ValueError, match="no values"):
        draw_values({"area": []}, reference=0.5, title="")
