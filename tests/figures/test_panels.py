"""Where a slice lies, and what is left and right of it."""

import numpy as np
import pytest

from petsynth.figures.panels import (
    SIMULATED_LABEL,
    SYNTHETIC_LABEL,
    View,
    difference_panel,
    draw_panels,
    mri_panel,
    pet_panel,
    signed_panel,
    uncertainty_panel,
)
from petsynth.slicing import middle_slice
from petsynth.volume import Grid

AFFINE = np.array([[2.0, 0, 0, -10], [0, 3, 0, -20], [0, 0, 4, -30], [0, 0, 0, 1]])
GRID = Grid((5, 7, 9), AFFINE)


@pytest.mark.parametrize(
    ("plane", "index", "position", "sides", "pixel_mm"),
    [
        ("axial", None, "z = -14 mm", ("L", "R"), (3, 2)),  # -30 + 4 * 4
        ("coronal", None, "y = -11 mm", ("L", "R"), (4, 2)),  # -20 + 3 * 3
        ("sagittal", 5, "x = 0 mm", ("P", "A"), (4, 3)),  # -10 + 2 * 5
    ],
)
def test_position_sides_and_proportions(plane, index, position, sides, pixel_mm):
    view = View(plane, GRID, index)
    assert (view.position, view.sides, view.pixel_mm) == (position, sides, pixel_mm)


def test_the_slice_is_the_middle_one():
    volume = np.arange(5 * 7 * 9).reshape(GRID.shape)
    np.testing.assert_array_equal(View("axial", GRID).cut(volume), middle_slice(volume))
    np.testing.assert_array_equal(View("axial", GRID, 0).cut(volume), volume[:, ::-1, 0].T)


def test_left_is_on_the_left_and_front_on_the_right():
    """The smallest x is the subject's left, the largest y the front."""
    volume = np.indices(GRID.shape)
    assert View("axial", GRID).cut(volume[0])[0].tolist() == [0, 1, 2, 3, 4]
    assert View("sagittal", GRID).cut(volume[1])[0].tolist() == [0, 1, 2, 3, 4, 5, 6]


PET = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])


def texts(figure):
    words = [text.get_text() for ax in figure.axes for text in ax.texts]
    return words, figure.get_supxlabel()


def test_difference_is_absolute():
    panel = difference_panel(np.array([[1.0, 4.0]]), np.array([[3.0, 3.0]]), 2, "SUVR")
    assert panel.image.tolist() == [[2.0, 1.0]]


def test_the_signed_difference_is_positive_where_the_synthetic_pet_is_too_high():
    panel = signed_panel(np.array([[1.0, 4.0]]), np.array([[3.0, 3.0]]), 2, "SUVR")
    assert panel.image.tolist() == [[2.0, -1.0]]
    assert panel.limits == (-2, 2)
    assert panel.title == "Synthetic − reference"


def test_a_panel_with_a_view_marks_sides_and_place_and_has_the_grids_pixels():
    grid = Grid((3, 2, 5), np.diag([1.0, 2, 4, 1]))
    panel = pet_panel(PET, 5, "SUVR", view=View("axial", grid))
    figure = draw_panels([("row", [panel])])
    assert [text.get_text() for text in figure.axes[0].texts] == ["L", "R", "z = 8 mm"]
    assert figure.axes[0].get_aspect() == 2.0


@pytest.mark.parametrize(("outside", "colour"), [(0.0, "black"), (np.nan, "white")])
def test_marks_are_read_on_light_and_on_dark_backgrounds(outside, colour):
    """Signed differences are white at 0; where there is no value the background is dark."""
    pet = np.ones((5, 5))
    pet[0] = outside
    view = View("axial", Grid((5, 5, 5), np.eye(4)))
    ax = draw_panels([("row", [signed_panel(pet, np.ones((5, 5)), 2, "SUVR", view=view)])]).axes[0]
    marks = [text for text in ax.texts if text.get_text() != SYNTHETIC_LABEL]
    assert {text.get_color() for text in marks} == {colour}


def test_a_place_may_stay_free():
    figure = draw_panels([("a", [mri_panel(PET), mri_panel(PET)]), ("b", [None, mri_panel(PET)])])
    shown = [ax for ax in figure.axes if ax.images]
    assert len(shown) == 3
    assert [ax.get_ylabel() for ax in shown] == ["a", "", "b"]


def test_synthetic_panels_are_labelled_in_the_picture_and_below():
    row = [mri_panel(PET), pet_panel(PET, 5, "SUVR"), pet_panel(PET, 5, "SUVR", synthetic=True)]
    words, below = texts(draw_panels([("model", row)], simulated=True))
    assert words == [SYNTHETIC_LABEL]
    assert below == f"{SIMULATED_LABEL} · {SYNTHETIC_LABEL}"


def test_reference_panels_are_not_labelled():
    assert texts(draw_panels([("", [mri_panel(PET), pet_panel(PET, 5, "SUVR")])])) == ([], "")


def test_a_simulations_pet_is_called_simulated():
    assert pet_panel(PET, 5, "SUVR").title == "Reference PET"
    assert pet_panel(PET, 5, "SUVR", simulated=True).title == "Reference PET (simulated)"


def test_whatever_a_model_made_is_labelled():
    for panel in (
        difference_panel(PET, PET, 1, "SUVR"),
        signed_panel(PET, PET, 1, "SUVR"),
        uncertainty_panel(PET, 1, "SUVR"),
        pet_panel(PET, 1, "SUVR", synthetic=True),
    ):
        assert panel.label == SYNTHETIC_LABEL


def test_titles_and_units_can_be_chosen_and_pixels_keep_their_shape():
    panel = pet_panel(PET, 5, "Bq/mL", title="Frame 1", voxel_mm=(2.0, 1.0))
    figure = draw_panels([("row", [panel])])
    assert figure.axes[0].get_title() == "Frame 1"
    assert figure.axes[0].get_aspect() == 2.0
    assert figure.axes[1].get_xlabel() == "Bq/mL"


def test_rows_of_different_length():
    figure = draw_panels([("a", [mri_panel(PET)] * 3), ("b", [mri_panel(PET)])])
    assert sum(len(ax.images) for ax in figure.axes) == 4


def test_nothing_to_draw():
    with pytest.raises(ValueError, match="no panels"):
        draw_panels([])
    with pytest.raises(ValueError, match="no panels"):
        draw_panels([("row", [None])])
