"""The quality-control picture."""

import numpy as np
from matplotlib.contour import ContourSet

from petsynth.figures.overlay import draw_alignment
from petsynth.figures.save import png_bytes


def _brain():
    x, y, z = np.indices((20, 24, 20)) - np.array([10, 12, 10]).reshape(3, 1, 1, 1)
    radius = np.sqrt(x**2 + y**2 + z**2)
    return np.where(radius < 8, 0.5, -1), np.maximum(8 - radius, 0), radius < 8


def _texts(figure):
    return [figure.get_suptitle(), figure.get_supxlabel()]


def test_a_row_of_three_planes_per_pet_with_contours():
    mri, pet, mask = _brain()
    figure = draw_alignment(mri, {"before": pet, "after": pet}, mask, title="sub-01")
    assert len(figure.axes) == 6
    for ax in figure.axes:
        assert len([item for item in ax.collections if isinstance(item, ContourSet)]) == 2
    assert figure.axes[0].get_title() == "before, sagittal"
    assert _texts(figure)[0] == "sub-01"


def test_simulated_data_and_warnings_are_written_on_it():
    mri, pet, mask = _brain()
    figure = draw_alignment(mri, {"after": pet}, mask, warning="look here", simulated=True)
    assert "simulated data" in _texts(figure)[1]
    assert "CHECK: look here" in _texts(figure)[1]
    plain = draw_alignment(mri, {"after": pet}, mask)
    assert "simulated" not in _texts(plain)[1]
    assert png_bytes(figure).startswith(b"\x89PNG")


def test_a_pet_out_of_sight_is_drawn_without_contours():
    mri, pet, mask = _brain()
    figure = draw_alignment(mri, {"before": np.zeros_like(pet)}, mask)
    assert png_bytes(figure)
