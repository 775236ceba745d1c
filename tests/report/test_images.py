"""The best, the median and the worst subject, and errors in MNI space."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from petsynth.evaluation.mni_space import ErrorMap
from petsynth.preprocessing.grids import model_grid
from petsynth.report.images import draw_error_maps, draw_subjects, name_models
from petsynth.volume import Volume


def panels(figure):
    return [ax for ax in figure.axes if ax.images and ax.get_title()]


def test_each_subject_once_with_t1_reference_and_each_models_pet_and_difference(tiny_evaluation):
    """Of two subjects the better one has the median error, too."""
    (drawn,) = draw_subjects(tiny_evaluation)
    rows = [ax.get_ylabel() for ax in panels(drawn.figure) if ax.get_ylabel()]
    best, worst = (tiny_evaluation.examples[rank].participant for rank in ("best", "worst"))
    assert rows == [f"smallest and median error\n{best}", f"largest error\n{worst}"]
    assert len(panels(drawn.figure)) == 2 * (2 + 2 * 3)
    assert "PET of 2 subjects" in drawn.figure.get_suptitle()


def test_three_subjects_have_a_rank_each(tiny_evaluation):
    examples = dict(tiny_evaluation.examples)
    examples["median"] = dataclasses.replace(examples["median"], participant="sub-9")
    (drawn,) = draw_subjects(dataclasses.replace(tiny_evaluation, examples=examples))
    rows = [ax.get_ylabel() for ax in panels(drawn.figure) if ax.get_ylabel()]
    assert [row.partition("\n")[0] for row in rows] == [
        "smallest error",
        "median error",
        "largest error",
    ]


def test_a_subject_that_another_tool_lacks_has_free_places(tiny_evaluation):
    lacking = dict(tiny_evaluation.examples)
    left = dict(lacking["worst"].synthetic_pets)
    left.pop("pix2pix-augmented")
    lacking["worst"] = dataclasses.replace(lacking["worst"], synthetic_pets=left)
    (drawn,) = draw_subjects(dataclasses.replace(tiny_evaluation, examples=lacking))
    assert len(panels(drawn.figure)) == 2 * (2 + 2 * 3) - 2


def test_one_subject_has_no_such_figure(tiny_evaluation):
    one = {"median": tiny_evaluation.example}
    assert draw_subjects(dataclasses.replace(tiny_evaluation, examples=one)) == []


@pytest.fixture
def mapped(tiny_evaluation):
    grid = model_grid(9.0)
    error = np.full(grid.shape, np.nan, np.float32)
    error[5:16, 5:20, 5:16] = -0.25
    volumes = [Volume(each, grid.affine, "SUVR") for each in (error, np.abs(error))]
    found = ErrorMap(*volumes, Volume(np.zeros(grid.shape, np.float32), grid.affine), 7)
    return dataclasses.replace(tiny_evaluation, error_maps={"pix2pix-augmented": found})


def test_error_maps_show_three_planes_with_and_without_sign(mapped):
    (drawn,) = draw_error_maps(mapped)
    shown = panels(drawn.figure)
    assert [ax.get_title() for ax in shown] == [
        f"{kind}\n{plane}"
        for kind in ("Mean error", "Mean absolute error")
        for plane in ("axial", "coronal", "sagittal")
    ]
    assert np.nanmin(shown[0].images[0].get_array()) == np.float32(-0.25)
    assert np.nanmax(shown[3].images[0].get_array()) == np.float32(0.25)
    assert "mean over 7 scans" in drawn.caption


def test_without_maps_there_is_no_figure(tiny_evaluation):
    assert draw_error_maps(tiny_evaluation) == []


def test_a_caption_says_how_many_models_are_not_shown():
    evaluation = SimpleNamespace(of_kind=lambda kind: [SimpleNamespace(name=n) for n in "abcdef"])
    assert name_models(["a", "b"], evaluation) == "a, b (the first 2 of 6 models)"
    assert name_models(list("abcdef"), evaluation) == "a, b, c, d, e, f"
