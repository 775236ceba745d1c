import numpy as np
import pytest

from petsynth.figures.histograms import HistogramPanel, draw_histograms
from petsynth.figures.panels import SIMULATED_LABEL, SYNTHETIC_LABEL


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


def test_without_panels_there_is_nothing_to_draw():
    with pytest.raises(ValueError, match="no distributions"):
        draw_histograms([])
