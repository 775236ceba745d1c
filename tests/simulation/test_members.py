"""Who belongs to a cohort, with and without real T1s."""

import math

import numpy as np
import pytest

from petsynth.errors import InputError
from petsynth.io.nifti import write_volume
from petsynth.simulation.members import DEFAULT_SUBJECTS, sample_members, select_members
from petsynth.volume import Volume


@pytest.fixture
def t1s(tmp_path):
    """Return a maker of folders of tiny T1s with labels."""

    def make(*names, table=None):
        for name in names:
            for ending in ("T1w", "dseg"):
                image = Volume(np.ones((2, 2, 2), np.float32), np.eye(4))
                write_volume(tmp_path / f"{name}_{ending}.nii.gz", image)
        if table is not None:
            (tmp_path / "participants.tsv").write_text(table)
        return tmp_path

    return make


def test_an_embedded_cohort_is_numbered_from_one():
    members = sample_members(0, "FDG", None, None)
    labels = [participant.label for participant, _ in members]

    assert len(members) == DEFAULT_SUBJECTS
    assert (labels[0], labels[-1]) == ("sub-001", "sub-016")
    assert all(scan is None for _, scan in members)
    assert [participant.index for participant, _ in members] == list(range(16))


def test_large_cohorts_have_labels_of_one_length():
    labels = [participant.label for participant, _ in sample_members(0, "FDG", 1000, None)]

    assert (labels[0], labels[-1]) == ("sub-0001", "sub-1000")
    assert labels == sorted(labels)


def test_a_subject_is_the_same_in_a_larger_cohort():
    assert sample_members(3, "AV45", 5, None) == sample_members(3, "AV45", 9, None)[:5]
    assert sample_members(3, "AV45", 5, None) != sample_members(4, "AV45", 5, None)


def test_what_is_known_of_a_real_subject_is_kept_and_nothing_else_invented(t1s):
    table = "participant_id\tage\tsex\nA\t61.26\tF\nB\tunknown\tother\nC\t70\tM\n"
    members = sample_members(0, "FDG", None, t1s("A", "B", "D", table=table))
    known = {
        participant.original_id: (participant.age, participant.sex) for participant, _ in members
    }

    assert known["A"] == (61.3, "F")
    for name in ("B", "D"):
        assert math.isnan(known[name][0])
        assert known[name][1] == "n/a"
    assert [scan.name for _, scan in members] == ["A", "B", "D"]


def test_a_table_without_ages_is_one(t1s):
    folder = t1s("A", table="participant_id\tsex\nA\tM\n")
    ((participant, _),) = sample_members(0, "FDG", None, folder)

    assert math.isnan(participant.age)
    assert participant.sex == "M"


def test_a_table_without_names_is_refused(t1s):
    with pytest.raises(InputError, match=r"participants\.tsv: has no column participant_id"):
        sample_members(0, "FDG", None, t1s("A", table="subject\tage\nA\t61\n"))


def test_names_that_would_become_one_label_are_refused(t1s):
    with pytest.raises(InputError, match="two T1s would get the same subject label"):
        sample_members(0, "FDG", None, t1s("A-1", "A1"))


def test_the_first_of_the_real_subjects_are_taken(t1s):
    ages = "participant_id\tage\nA\t60\nB\t61\nC\t62\n"
    folder = t1s("C", "A", "B", table=ages)
    members = sample_members(0, "FDG", 2, folder)

    assert [participant.label for participant, _ in members] == ["sub-A", "sub-B"]
    assert members == sample_members(0, "FDG", None, folder)[:2]


def test_subjects_are_chosen_by_label_or_by_their_t1_in_the_cohorts_order(t1s):
    members = sample_members(0, "FDG", None, t1s("A-1", "B-2", "C-3"))

    chosen = select_members(members, ["sub-C3", "A-1", "A1"])
    assert [participant.label for participant, _ in chosen] == ["sub-A1", "sub-C3"]


def test_everybody_who_is_not_there_is_named():
    members = sample_members(0, "FDG", 3, None)
    with pytest.raises(InputError, match=r"no such participants in the cohort: 004, 99$"):
        select_members(members, ["sub-99", "001", "004"])


def test_an_unknown_t1s_name_is_nobodys():
    with pytest.raises(InputError, match="no such participants in the cohort: n/a"):
        select_members(sample_members(0, "FDG", 3, None), ["n/a"])
