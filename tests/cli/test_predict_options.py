"""Options of predict: which values are refused, before anything is read or computed."""

import pytest

from petsynth.cli.predict_options import MOST_SAMPLES, check_arguments, given_covariates, parse
from petsynth.errors import ArgumentError


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--samples", "0"], "--samples 0: must be 1 or more"),
        (["--samples", str(MOST_SAMPLES + 1)], f"must be {MOST_SAMPLES} or fewer"),
        (["--batch-size", "-2"], "--batch-size -2: must be 1 or more"),
        (["--seed", "-1"], "--seed -1: must be 0 or more"),
        (["--masks", "a.nii", "b.nii"], "2 masks for 1 T1s; give one file per T1"),
        (["--age", "72", "--participants", "people.tsv"], "--age: is for one T1"),
        (["--amyloid", "maybe"], "amyloid"),
    ],
)
def test_values_that_make_no_sense_are_refused(words, message):
    with pytest.raises(ArgumentError, match=message):
        check_arguments(parse(["T1.nii.gz", "--out", "out", *words]))


def test_covariates_are_those_that_were_typed():
    args = parse(["T1.nii.gz", "--out", "out", "--age", "72", "--sex", "F"])
    check_arguments(args)
    assert given_covariates(args) == {"age": "72", "sex": "F"}
    with pytest.raises(ArgumentError, match="--age: is for one T1"):
        check_arguments(parse(["A.nii", "B.nii", "--out", "out", "--age", "72"]))
