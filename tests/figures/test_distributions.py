"""Box plots show every value they are given, histograms count every voxel."""

import numpy as np
import pytest

from petsynth.figures.distributions import (
    BoxPanel,
    HistogramPanel,
    draw_boxplots,
    draw_histograms,
)
from petsynth.figures.panels import SIMULATED_LABEL, SYNTHETIC_LABEL

VALUES = {
    "model": np.array([1.0, 2.0, 4.0, 5.0, 7.0]),
    "baseline": np.array([3.0, np.inf, np.nan, 5.0]),
}
KINDS = {"model": "model", "baseline": "baseline"}


def test_box_plots_have_rows_dots_and_medians():
    figure = draw_boxplots([BoxPanel("MSE", VALUES), BoxPanel("SSIM", VALUES)], KINDS)
    assert [ax.get_title() for ax in figure.axes] == ["MSE", "SSIM"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(VALUES)
    lines = [(line.get_marker(), line.get_xdata().tolist()) for line in figure.axes[0].lines]
    assert (".", [1, 2, 4, 5, 7]) in lines
    assert any(sorted(set(values)) == [4.0] for _, values in lines)  # the median
    assert figure.get_supxlabel() == ""


def test_fewer_than_five_values_are_points_without_a_box():
    """Quartiles of four are four points."""
    values = {"five": np.arange(5.0), "four": np.arange(4.0), "two": np.array([3.0, 5.0])}
    figure = draw_boxplots([BoxPanel("MSE", values)], dict.fromkeys(values, "model"))
    (ax,) = figure.axes
    drawn = [np.isfinite(box.get_path().vertices).all() for box in ax.patches]
    assert drawn == [True, False, False]
    points = [line.get_xdata().tolist() for line in ax.lines if line.get_marker() == "o"]
    assert [0, 1, 2, 3] in points
    assert [3, 5] in points
    assert [label.get_text() for label in ax.get_yticklabels()] == list(values)


def test_box_plots_of_simulated_data_say_so():
    figure = draw_boxplots([BoxPanel("MSE", VALUES)], KINDS, simulated=True)
    assert figure.get_supxlabel() == SIMULATED_LABEL


def test_many_values_have_no_dots():
    values = {"pairs": np.arange(132.0)}
    figure = draw_boxplots([BoxPanel("MSE", values)], {"pairs": "baseline"})
    assert not [line for line in figure.axes[0].lines if line.get_marker() == "."]


@pytest.mark.parametrize("panels", [[], [BoxPanel("MSE", {})]])
def test_no_boxes_to_draw(panels):
    with pytest.raises(ValueError, match="no boxes"):
        draw_boxplots(panels, {})


def test_curves_of_a_panel_share_their_bins_and_count_every_voxel():
    values = {"real": np.array([-1.0, 0.0, 4.0]), "synthetic": np.zeros((2, 2))}
    panels = [HistogramPanel("PET", values, "SUVR", synthetic=True)]
    figure = draw_histograms(panels, title="Intensities", simulated=True)
    (ax,) = figure.axes
    counts, edges = zip(*[(patch.get_data()[0], patch.get_data()[1]) for patch in ax.patches],
                        strict=True)  # fmt: skip
    assert [count.sum() for count in counts] == [3, 4]
    assert np.array_equal(edges[0], edges[1])
    assert (edges[0][0], edges[0][-1]) == (-1.0, 4.0)
    assert ax.get_xlabel() == "SUVR"
    assert SYNTHETIC_LABEL in figure.get_supxlabel()
    assert SIMULATED_LABEL in figure.get_supxlabel()


def test_equal_values_still_have_a_bin():
    draw_histograms([HistogramPanel("T1", {"one": np.zeros(3)}, "0 to 255")])


def test_no_histograms_to_draw():
    with pytest.raises(ValueError, match="no distributions"):
        draw_histograms([])
