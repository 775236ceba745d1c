import pandas as pd
import pytest

from petsynth.errors import InputError
from petsynth.reader_study.answers import save_answer
from petsynth.reader_study.order import presentations
from petsynth.reader_study.ratings import complete, first_time, pairs_within, read_ratings


@pytest.fixture
def ratings():
    """Return answers of two readers; case b was shown to ana twice, ben left c open."""
    rows = [
        ("ana", "a", False, 1),
        ("ana", "b", False, 2),
        ("ana", "c", False, 3),
        ("ana", "b", True, 4),
        ("ben", "a", False, 5),
        ("ben", "b", False, 3),
        ("ben", "c", False, None),
    ]
    return pd.DataFrame(rows, columns=["reader", "case", "is_repeat", "quality"])


def test_repeats_count_within_readers_alone(ratings):
    assert len(first_time(ratings)) == 6
    within = pairs_within(ratings, "ana", "quality")
    assert within.to_dict("list") == {"first": [2], "second": [4]}
    assert pairs_within(ratings, "ben", "quality").empty


def test_complete_cases_are_those_that_all_readers_answered(ratings):
    wide = complete(ratings, "quality")
    assert wide.to_dict() == {"ana": {"a": 1, "b": 2}, "ben": {"a": 5, "b": 3}}


def test_answers_stand_beside_the_truth(study, engine):
    with pytest.raises(InputError, match="no answer has been saved yet"):
        read_ratings(study, engine)
    shown = next(each for each in presentations(study, "ana") if each.case.truth == "synthetic")
    save_answer(engine, "ana", shown, {"real": "real", "quality": 4}, 0)
    (row,) = read_ratings(study, engine).to_dict("records")
    assert (row["case"], row["subject"]) == (shown.case.name, shown.case.subject)
    assert (row["truth"], row["real"], row["quality"]) == ("synthetic", "real", 4)
    assert row["reference_diagnosis"] == shown.case.diagnosis
