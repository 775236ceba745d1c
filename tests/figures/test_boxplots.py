"""Box plots show every value they are given."""

import numpy as np
import pytest

from petsynth.figures.boxplots import BoxPanel, draw_boxplots
from petsynth.figures.panels import SIMULATED_LABEL

VALUES = {"model": np.array([1.0, 2.0, 4.0]), "baseline": np.array([3.0, np.inf, np.nan, 5.0])}
KINDS = {"model": "model", "baseline": "baseline"}


def test_rows_dots_and_medians():
    figure = draw_boxplots([BoxPanel("MSE", VALUES), BoxPanel("SSIM", VALUES)], KINDS)
    assert [ax.get_title() for ax in figure.axes] == ["MSE", "SSIM"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(VALUES)
    dots = [line.get_xdata().tolist() for line in figure.axes[0].lines if line.get_marker() == "."]
    assert dots == [[1, 2, 4], [3, 5]]
    lines = [sorted(set(line.get_xdata().tolist())) for line in figure.axes[0].lines]
    assert [2.0] in lines
    assert [4.0] in lines
    assert figure.get_supxlabel() == ""


def test_simulated_data_say_so():
    figure = draw_boxplots([BoxPanel("MSE", VALUES)], KINDS, simulated=True)
    assert figure.get_supxlabel() == SIMULATED_LABEL


def test_many_values_have_no_dots():
    values = {"pairs": np.arange(132.0)}
    figure = draw_boxplots([BoxPanel("MSE", values)], {"pairs": "baseline"})
    assert not [line for line in figure.axes[0].lines if line.get_marker() == "."]


@pytest.mark.parametrize("panels", [[], [BoxPanel("MSE", {})]])
def test_nothing_to_draw(panels):
    with pytest.raises(ValueError, match="no boxes"):
        draw_boxplots(panels, {})
