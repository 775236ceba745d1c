"""Curves over training steps."""

import numpy as np
import pytest

from petsynth.figures.curves import CurvePanel, draw_curves
from petsynth.figures.panels import SIMULATED_LABEL
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
