"""Which subjects the figures show."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from petsynth.evaluation.examples import choose_examples
from petsynth.evaluation.methods import Method

ERRORS = {"sub-1": 0.3, "sub-2": 0.1, "sub-3": 0.4, "sub-4": 0.2}


def chosen(names):
    """Return who is chosen of subjects whose two models err equally far to both sides."""
    rows = [
        {"participant_id": name, "kind": kind, "brain_mae": ERRORS[name] + shift}
        for name in names
        for kind, shift in (("model", 0.05), ("model", -0.05), ("baseline", 9 - 2 * ERRORS[name]))
    ]
    image = np.ones((2, 2, 2), np.float32)
    data = SimpleNamespace(
        mri=lambda name: image,
        static_pet=lambda name: image,
        pet=lambda name: image,
        frame_durations=None,
    )
    model = Method("model", "model", "By hand.", "model", lambda name: image * ERRORS[name])
    return choose_examples(pd.DataFrame(rows), [model], data)


def test_best_median_and_worst_by_the_error_over_models():
    found = chosen(ERRORS)
    assert {rank: each.participant for rank, each in found.items()} == {
        "best": "sub-2",
        "median": "sub-4",  # of the two middle ones the better
        "worst": "sub-3",
    }
    assert found["worst"].synthetic_pets["model"].max() == np.float32(0.4)


def test_one_subject_is_neither_best_nor_worst():
    assert list(chosen(["sub-1"])) == ["median"]


def test_of_two_the_better_is_the_median_too():
    found = chosen(["sub-1", "sub-2"])
    assert [each.participant for each in found.values()] == ["sub-2", "sub-2", "sub-1"]


def test_subjects_that_a_tool_lacks_are_not_chosen():
    image = np.ones((2, 2, 2), np.float32)
    rows = [
        {"participant_id": name, "kind": "model", "brain_mae": error}
        for name, error in ERRORS.items()
        for _ in range(2)
    ]
    data = SimpleNamespace(
        mri=lambda name: image,
        static_pet=lambda name: image,
        pet=lambda name: image,
        frame_durations=None,
    )
    models = [
        Method("model", "model", "By hand.", "model", lambda name: image),
        Method("tool", "model", "By hand.", "tool", lambda name: image, {"sub-3": "no file"}),
    ]
    found = choose_examples(pd.DataFrame(rows), models, data)
    assert [each.participant for each in found.values()] == ["sub-2", "sub-4", "sub-1"]
