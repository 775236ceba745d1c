import threading

import pytest
from sqlalchemy import func, select

from petsynth.errors import ArgumentError
from petsynth.reader_study.answers import (
    answered,
    check_answer,
    fields_of,
    is_submitted,
    last_saved,
    read_answer,
    save_answer,
    submit,
)
from petsynth.reader_study.database import ANSWERS, sqlite_url
from petsynth.reader_study.database import open_database as open_again
from petsynth.reader_study.order import presentations

FULL = {
    "real": "real", "real_certainty": 3, "quality": 4, "diagnosis": "AD", "diagnosis_certainty": 5,
}  # fmt: skip


@pytest.fixture
def shown(study):
    return next(each for each in presentations(study, "ana") if each.case.pet is not None)


def test_an_answer_grows_field_by_field(engine, shown):
    assert read_answer(engine, "ana", shown.position).revision == 0
    assert save_answer(engine, "ana", shown, {"quality": 2}, 0).revision == 1
    saved = save_answer(engine, "ana", shown, {"comment": "blurred"}, 1)
    assert (saved.revision, saved.values["quality"], saved.values["comment"]) == (2, 2, "blurred")


def test_a_request_that_comes_twice_changes_nothing(engine, shown):
    first = save_answer(engine, "ana", shown, {"quality": 2}, 0)
    assert save_answer(engine, "ana", shown, {"quality": 2}, 0) == first
    second = save_answer(engine, "ana", shown, {"quality": 3}, 1)
    assert save_answer(engine, "ana", shown, {"quality": 3}, 1) == second


def test_of_two_tabs_the_later_one_is_told(engine, shown):
    save_answer(engine, "ana", shown, {"quality": 2}, 0)
    late = save_answer(engine, "ana", shown, {"quality": 5}, 0)
    assert late.is_newer
    assert (late.values["quality"], late.revision) == (2, 1)
    assert save_answer(engine, "ana", shown, {"quality": 5}, 1).values["quality"] == 5


def test_nothing_changes_after_submission(engine, shown, tokens):
    save_answer(engine, "ana", shown, {"quality": 2}, 0)
    submit(engine, "ana")
    assert is_submitted(engine, "ana")
    assert not is_submitted(engine, "ben")
    late = save_answer(engine, "ana", shown, {"quality": 5}, 1)
    assert late.is_closed
    assert late.values["quality"] == 2
    other = presentations_beside(shown)
    assert save_answer(engine, "ana", other, {"quality": 5}, 0).is_closed
    assert read_answer(engine, "ana", other.position).revision == 0


def presentations_beside(shown):
    from dataclasses import replace

    return replace(shown, position=shown.position + 1)


def test_many_at_once_lose_nothing_and_double_nothing(tmp_path, study, tokens, engine):
    """Two readers, each in four windows, answer everything at the same time."""
    orders = {reader: presentations(study, reader) for reader in study.readers}
    failures = []

    def answer(reader):
        try:
            for each in orders[reader]:
                known = read_answer(engine, reader, each.position)
                save_answer(engine, reader, each, {"quality": 3}, known.revision)
        except Exception as error:  # told by the test
            failures.append(error)

    threads = [threading.Thread(target=answer, args=(r,)) for r in study.readers for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(ANSWERS)) == 28
        assert connection.scalar(select(func.sum(ANSWERS.c.quality))) == 3 * 28


def test_answers_are_there_after_a_restart(tmp_path, study, shown, engine):
    save_answer(engine, "ana", shown, {"quality": 2}, 0)
    engine.dispose()
    again = open_again(sqlite_url(tmp_path / "answers.sqlite"), study.fingerprint)
    assert read_answer(again, "ana", shown.position).values["quality"] == 2
    assert list(last_saved(again)) == ["ana"]
    again.dispose()


def test_what_is_answered(engine, study):
    order = presentations(study, "ana")
    for each in order[:3]:
        fields = (
            FULL if each.case.pet is not None else {**FULL, "real": None, "real_certainty": None}
        )
        save_answer(engine, "ana", each, fields, 0)
    save_answer(engine, "ana", order[3], {"quality": 1}, 0)
    assert answered(engine, study, "ana", order) == [1, 2, 3]


@pytest.mark.parametrize(
    "fields",
    [
        {"real": "fake"}, {"quality": 6}, {"quality": 0}, {"quality": True}, {"quality": "3"},
        {"diagnosis": "flu"}, {"comment": "x" * 5000}, {"comment": "\0"}, {"case_name": "x"},
        {"revision": 9}, {"reader": "ben"}, {"quality": [1]}, {"comment": {"a": 1}},
    ],
)  # fmt: skip
def test_what_no_form_sends_is_refused(study, fields):
    with pytest.raises(ArgumentError):
        check_answer(study, fields)


def test_a_case_without_pet_is_not_asked_whether_it_is_real(study):
    assert "real" not in fields_of(study, case_has_pet=False)
    check_answer(study, FULL)
    with pytest.raises(ArgumentError, match="real: is not asked"):
        check_answer(study, FULL, case_has_pet=False)
