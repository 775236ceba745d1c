from collections import Counter

import pytest

from petsynth.errors import ConfigError
from petsynth.reader_study.order import presentations
from petsynth.reader_study.study import Case, Study


def make(subjects: int, kinds: int, repeats: int, readers: int = 6) -> Study:
    cases = [
        Case(name=f"s{s}k{k}", subject=f"s{s}", kind=f"k{k}", pet="x.nii")
        for s in range(subjects)
        for k in range(kinds)
    ]
    return Study(
        title="t", readers=[f"r{n}" for n in range(readers)], repeats=repeats, cases=cases, seed=1
    )


def test_every_case_comes_once_and_some_twice():
    study = make(10, 3, 5)
    for reader in study.readers:
        order = presentations(study, reader)
        assert [each.position for each in order] == list(range(1, 36))
        assert Counter(each.case.name for each in order if not each.is_repeat) == Counter(
            each.name for each in study.cases
        )
        repeats = [each for each in order if each.is_repeat]
        assert len(repeats) == 5
        for each in repeats:
            first = next(e for e in order if e.case == each.case and not e.is_repeat)
            assert first.position < each.position


def test_the_order_is_the_readers_own_and_stays():
    study = make(10, 1, 0)
    orders = [[each.case.name for each in presentations(study, r)] for r in study.readers]
    assert orders == [[each.case.name for each in presentations(study, r)] for r in study.readers]
    assert len({tuple(order) for order in orders}) == len(orders)


def test_kinds_of_a_subject_are_spread_and_balanced():
    """Each block shows each subject once; over readers each kind comes first equally often."""
    study = make(9, 3, 0)
    first_kinds = Counter()
    for reader in study.readers:
        order = presentations(study, reader)
        for block in range(3):
            part = order[9 * block : 9 * block + 9]
            assert len({each.case.subject for each in part}) == 9
            assert Counter(each.case.kind for each in part) == {"k0": 3, "k1": 3, "k2": 3}
        first_kinds.update((each.case.subject, each.case.kind) for each in order[:9])
    assert set(first_kinds.values()) == {2}


def test_one_case_twice_in_a_row_is_possible():
    order = presentations(make(1, 1, 1), "r0")
    assert [each.is_repeat for each in order] == [False, True]


def test_strangers_have_no_order():
    with pytest.raises(ConfigError, match="zoe: is no reader"):
        presentations(make(2, 1, 0), "zoe")
