"""Alignment, intensities and regions of one subject: what the figures show."""

import numpy as np
from matplotlib.contour import ContourSet

from petsynth.figures.panels import SIMULATED_LABEL
from petsynth.figures.quality import draw_alignment, draw_intensities, draw_regions
from petsynth.figures.save import png_bytes


def brain():
    x, y, z = np.indices((20, 24, 20)) - np.array([10, 12, 10]).reshape(3, 1, 1, 1)
    radius = np.sqrt(x**2 + y**2 + z**2)
    return np.where(radius < 8, 0.5, -1), np.maximum(8 - radius, 0), radius < 8


def texts(figure):
    return [figure.get_suptitle(), figure.get_supxlabel()]


def test_a_row_of_three_planes_per_pet_with_contours():
    mri, pet, mask = brain()
    figure = draw_alignment(mri, {"before": pet, "after": pet}, mask, title="sub-01")
    assert len(figure.axes) == 6
    for ax in figure.axes:
        assert len([item for item in ax.collections if isinstance(item, ContourSet)]) == 2
    assert figure.axes[0].get_title() == "before, sagittal"
    assert texts(figure)[0] == "sub-01"


def test_simulated_data_and_warnings_are_written_on_it():
    mri, pet, mask = brain()
    figure = draw_alignment(mri, {"after": pet}, mask, warning="look here", simulated=True)
    assert "simulated data" in texts(figure)[1]
    assert "CHECK: look here" in texts(figure)[1]
    plain = draw_alignment(mri, {"after": pet}, mask)
    assert "simulated" not in texts(plain)[1]
    assert png_bytes(figure).startswith(b"\x89PNG")


def test_a_pet_out_of_sight_is_drawn_without_contours():
    mri, pet, mask = brain()
    figure = draw_alignment(mri, {"before": np.zeros_like(pet)}, mask)
    assert png_bytes(figure)


def cube(low: int, high: int) -> np.ndarray:
    inside = np.zeros((20, 20, 20), dtype=bool)
    inside[low:high, low:high, low:high] = True
    return inside


def test_a_line_per_frame_and_one_for_the_whole_image():
    pet = np.random.default_rng(0).random((20, 20, 20, 2))
    figure = draw_intensities(pet[..., 0], pet, cube(5, 15), unit="SUVR", simulated=True)
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
