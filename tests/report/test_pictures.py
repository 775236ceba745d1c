"""Figures 1 to 3."""

import numpy as np

from petsynth.figures.panels import SIMULATED_LABEL, SYNTHETIC_LABEL
from petsynth.report.pictures import draw_pictures
from petsynth.slicing import middle_slice


def test_three_figures_with_captions(tiny_evaluation):
    pictures = draw_pictures(tiny_evaluation)
    assert [picture.name for picture in pictures] == [
        "figure1_boxplots.png",
        "figure2_axial.png",
        "figure3_sagittal.png",
    ]
    for picture in pictures:
        assert SIMULATED_LABEL in picture.figure.get_supxlabel()
    assert "data range 255 = 2 SUVR" in pictures[0].caption


def test_a_row_of_four_panels_per_model(tiny_evaluation):
    for picture, plane in zip(
        draw_pictures(tiny_evaluation)[1:], ("axial", "sagittal"), strict=True
    ):
        images = [image for ax in picture.figure.axes for image in ax.images]
        panels = [ax for ax in picture.figure.axes if ax.images and ax.get_title()]
        assert len(panels) == 4 * 3
        assert len(images) == 4 * 3
        example = tiny_evaluation.example
        synthetic_pet = middle_slice(example.synthetic_pets["pix2pix-augmented"], plane)
        row = [np.asarray(ax.images[0].get_array()) for ax in panels[8:]]
        assert np.array_equal(row[0], middle_slice(example.mri, plane))
        assert np.array_equal(row[1], middle_slice(example.pet, plane))
        assert np.array_equal(row[2], synthetic_pet)
        assert np.allclose(row[3], np.abs(row[1] - row[2]))
        assert [text.get_text() for text in panels[10].texts] == [SYNTHETIC_LABEL]
