"""Figures 1 to 3 of paper A, and those of paper B."""

import numpy as np
import pytest

from petsynth.figures.panels import SIMULATED_LABEL, SYNTHETIC_LABEL
from petsynth.report.figures import draw_paper_a_figures
from petsynth.report.folder import make_folder, write_evaluation
from petsynth.slicing import middle_slice


def test_three_figures_with_captions(tiny_evaluation):
    figures = draw_paper_a_figures(tiny_evaluation)
    assert [drawn.name for drawn in figures] == [
        "figure1_boxplots.png",
        "figure2_axial.png",
        "figure3_sagittal.png",
    ]
    for drawn in figures:
        assert SIMULATED_LABEL in drawn.figure.get_supxlabel()
    assert "data range 255 = 2 SUVR" in figures[0].caption


def test_t1_and_reference_once_and_three_panels_per_model(tiny_evaluation):
    for drawn, plane in zip(
        draw_paper_a_figures(tiny_evaluation)[1:], ("axial", "sagittal"), strict=True
    ):
        panels = [ax for ax in drawn.figure.axes if ax.images and ax.get_title()]
        assert len(panels) == 2 + 3 * 3
        titles = [ax.get_title() for ax in panels]
        assert titles.count("MRI") == titles.count("Reference PET (simulated)") == 1
        example = tiny_evaluation.example
        synthetic_pet = middle_slice(example.synthetic_pets["pix2pix-augmented"], plane)
        shown = [np.asarray(ax.images[0].get_array()) for ax in panels]
        assert np.array_equal(shown[0], middle_slice(example.mri, plane))
        assert np.array_equal(shown[1], middle_slice(example.pet, plane))
        assert np.array_equal(shown[8], synthetic_pet)
        assert np.allclose(shown[9], synthetic_pet - shown[1])
        assert np.allclose(shown[10], np.abs(shown[1] - synthetic_pet))
        for ax in panels:
            marks = [text.get_text() for text in ax.texts]
            sides = ["L", "R"] if plane == "axial" else ["P", "A"]
            assert [mark for mark in marks if mark in "LRPA"] == sides
            assert any(mark.endswith(" mm") for mark in marks)
        assert SYNTHETIC_LABEL in [text.get_text() for text in panels[8].texts]


@pytest.fixture(scope="module")
def folder(volumes_evaluation, tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "evaluation"
    make_folder(out, overwrite=False)
    write_evaluation(volumes_evaluation, out)
    return out


def test_the_papers_figures_are_drawn_beside_those_of_paper_a(folder):
    names = {path.name for path in (folder / "figures").iterdir()}
    assert {
        "figure2_axial.png",
        "paper-b_figure2_intensities.png",
        "paper-b_figures4-5_frames.png",
        "paper-b_figure7_distributions.png",
        "paper-b_depth.png",
    } <= names
    page = (folder / "report.html").read_text()
    assert "Paper B, figure 7." in page
    assert "tables 1 and 2 of Shin et al." in page


def test_models_of_both_papers_are_measured_on_the_same_subjects(volumes_evaluation):
    for domain in ("volume", "brain", "intensities", "depth"):
        for model in ("ganbert", "pix2pix-axial"):
            name = {"volume": "rmse", "brain": "rmse", "intensities": "distance", "depth": "middle"}
            values = volumes_evaluation.values(model, domain, name[domain])
            assert len(values) == 2
            assert np.isfinite(values).all()
