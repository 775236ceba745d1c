"""Histograms and regions: what the figures show."""

import numpy as np

from petsynth.figures.panels import SIMULATED_LABEL
from petsynth.figures.quality import draw_histograms, draw_regions


def cube(low: int, high: int) -> np.ndarray:
    inside = np.zeros((20, 20, 20), dtype=bool)
    inside[low:high, low:high, low:high] = True
    return inside


def test_a_line_per_frame_and_one_for_the_whole_image():
    pet = np.random.default_rng(0).random((20, 20, 20, 2))
    figure = draw_histograms(pet[..., 0], pet, cube(5, 15), unit="SUVR", simulated=True)
    labels = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert labels == ["brain, frame 1", "brain, frame 2", "whole image"]
    assert figure.axes[1].get_xlabel() == "PET (SUVR)"
    assert figure.get_suptitle() == SIMULATED_LABEL


def test_regions_are_drawn_through_their_middle_and_empty_ones_left_out():
    pet = np.arange(8000.0).reshape(20, 20, 20)
    regions = {"pons": cube(3, 8), "nothing": cube(0, 0)}
    figure = draw_regions(pet, regions, unit="SUVR")
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["pons, sagittal", "pons, coronal", "pons, axial"]
    shown = figure.axes[2].images[0].get_array()
    np.testing.assert_array_equal(shown, pet[:, :, 5].T[::-1])
