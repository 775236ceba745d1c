"""Splits by subject, stratified, repeatable, extendable, or read from a file."""

from collections import Counter

import pytest

from petsynth.data.split import check_distinct, check_split, draw_split, read_split
from petsynth.errors import InputError, SplitError

DIAGNOSES = {f"sub-{number:03}": "AD" if number % 2 else "CN" for number in range(1, 17)}


def counts(split, diagnoses=None):
    return Counter((part, (diagnoses or DIAGNOSES)[name]) for name, part in split.items())


def test_paper_a_12_for_training_and_4_for_test():
    assert counts(draw_split(DIAGNOSES)) == {
        ("train", "AD"): 6,
        ("train", "CN"): 6,
        ("test", "AD"): 2,
        ("test", "CN"): 2,
    }


def test_a_number_and_a_share_mean_the_same():
    assert draw_split(DIAGNOSES, test=4, seed=3) == draw_split(DIAGNOSES, test=0.25, seed=3)


def test_validation_is_stratified_too():
    split = draw_split(DIAGNOSES, test=4, validation=2)
    assert counts(split)["validation", "AD"] == counts(split)["validation", "CN"] == 1
    assert counts(split)["train", "AD"] == 5


def test_the_seed_decides_and_the_order_does_not():
    backwards = dict(reversed(DIAGNOSES.items()))
    assert draw_split(DIAGNOSES, seed=1) == draw_split(backwards, seed=1)
    assert draw_split(DIAGNOSES, seed=1) != draw_split(DIAGNOSES, seed=2)


def test_uneven_groups_get_their_share():
    diagnoses = {f"sub-{n}": "AD" if n < 4 else "MCI" if n < 8 else "CN" for n in range(20)}
    split = draw_split(diagnoses, test=5)
    assert [counts(split, diagnoses)["test", label] for label in ("AD", "MCI", "CN")] == [1, 1, 3]


def test_a_grown_cohort_keeps_the_earlier_parts():
    before = draw_split(DIAGNOSES, seed=5)
    grown = DIAGNOSES | {f"sub-{number:03}": "CN" for number in range(17, 25)}
    after = draw_split(grown, seed=5, settled=before)
    assert {name: after[name] for name in before} == before
    assert Counter(after.values()) == {"train": 18, "test": 6}


def test_nobody_left_for_training_is_refused():
    with pytest.raises(SplitError, match="nobody would be left"):
        draw_split({"sub-1": "CN", "sub-2": "AD"}, test=2)
    with pytest.raises(SplitError, match="give a fraction"):
        draw_split(DIAGNOSES, test=-1)


def write(path, rows, header=("participant_id", "split")):
    path.write_text("\n".join("\t".join(row) for row in [header, *rows]) + "\n")
    return path


def test_a_file_may_use_other_spellings(tmp_path):
    table = write(
        tmp_path / "split.tsv",
        [("IXI012-HH-1211", "train"), ("sub-02", "test"), ("ADNI_7", "validation"), ("x", "test")],
    )
    aliases = {"sub-IXI012HH1211": [], "sub-2": ["n/a"], "sub-003": ["adni7"], "sub-9": []}
    assert read_split(table, aliases) == {
        "sub-IXI012HH1211": "train",
        "sub-2": "test",
        "sub-003": "validation",
    }


@pytest.mark.parametrize("other", ["sub-0731", "731", "sub-731", "SUB-0731"])
def test_a_subject_in_train_and_test_is_refused(tmp_path, other):
    table = write(tmp_path / "split.tsv", [("0731", "train"), (other, "test")])
    with pytest.raises(SplitError, match="are the same subject"):
        read_split(table, {})


def test_a_participant_under_two_names_in_two_parts_is_refused(tmp_path):
    table = write(tmp_path / "split.tsv", [("001", "train"), ("IXI012", "test")])
    with pytest.raises(SplitError, match="under two names"):
        read_split(table, {"sub-001": ["IXI012"]})


def test_the_same_row_twice_is_harmless():
    check_split([("sub-1", "test"), ("01", "test")])


def test_bad_tables_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_split(tmp_path / "missing.tsv", {})
    with pytest.raises(SplitError, match="no column split; it must be tab-separated"):
        read_split(write(tmp_path / "a.tsv", [("1", "x")], ("participant_id", "part")), {})
    with pytest.raises(SplitError, match="unknown part 'training'; known are train"):
        read_split(write(tmp_path / "b.tsv", [("1", "training")]), {})


def test_two_spellings_in_one_dataset_are_refused():
    check_distinct(["sub-073", "sub-0731", "sub-A1", "sub-A01"])
    with pytest.raises(SplitError, match=r"sub-0731 and sub-731 may be the same subject"):
        check_distinct(["sub-0731", "sub-731"])


def test_two_sessions_of_a_subject_stand_in_one_part():
    with pytest.raises(SplitError, match=r"sub-1_ses-b \(test\) and sub-1_ses-a \(train\)"):
        check_split([("sub-1_ses-a", "train"), ("sub-1_ses-b", "test")])
    check_split([("002_S_0295", "train"), ("002_S_0413", "test")])  # ADNI's: site and subject
