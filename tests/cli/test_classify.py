"""``petsynth classify`` from the command line: what is checked before anything is read."""

import pytest

from petsynth.cli import classify
from petsynth.errors import ArgumentError, InputError, UsageError


def test_defaults_are_ad_against_cn():
    args = classify.parse(["fold-1", "fold-2", "--out", "classes"])
    assert [path.name for path in args.evaluations] == ["fold-1", "fold-2"]
    assert args.groups == ("AD", "CN")
    assert (args.folds, args.repeats, args.permutations) == (5, 5, 1000)


def test_impossible_words():
    with pytest.raises(UsageError, match="missing: EVALUATION"):
        classify.parse(["--out", "o"])
    with pytest.raises(ArgumentError, match="name two different diagnoses"):
        classify.run(classify.parse(["e", "--out", "o", "--groups", "AD", "AD"]))


def test_a_folder_that_is_no_evaluation_leaves_no_output(tmp_path):
    args = classify.parse([str(tmp_path), "--out", str(tmp_path / "out")])
    with pytest.raises(InputError, match=r"metrics\.tsv is missing"):
        classify.run(args)
    assert not (tmp_path / "out").exists()
