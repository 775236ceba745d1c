"""What else may be known of a subject: spellings, ranges, and what a network is told."""

import numpy as np
import pytest

from petsynth.covariates import COVARIATES, encode, parse_covariate, parse_covariates
from petsynth.errors import ArgumentError


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("age", "85", 1.0),
        ("age", " 55.0 ", -0.5),
        ("sex", "F", -1.0),
        ("sex", "male", 1.0),
        ("diagnosis", "CN", -1.0),
        ("diagnosis", "LMCI", 0.0),
        ("diagnosis", "Dementia", 1.0),
        ("mmse", "20", -1.0),
        ("amyloid", "negative", -1.0),
        ("amyloid", "1", 1.0),
        ("tau", "T+", 1.0),
        ("apoe", "0", -1.0),
        ("apoe", "E3/E4", 0.0),
        ("apoe", "44", 1.0),
        ("apoe", "ε2ε3", -1.0),
    ],
)
def test_spellings(name, text, value):
    assert parse_covariate(name, text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["n/a", "", "NaN", "unknown", " N/A "])
@pytest.mark.parametrize("name", COVARIATES)
def test_what_is_unknown_is_no_value(name, text):
    assert parse_covariate(name, text) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("age", "7"),
        ("age", "1e400"),
        ("age", "old"),
        ("sex", "X"),
        ("diagnosis", "flu"),
        ("mmse", "31"),
        ("mmse", "-1"),
        ("amyloid", "maybe"),
        ("amyloid", "-"),
        ("tau", "2"),
        ("apoe", "3"),
        ("apoe", "e5/e4"),
    ],
)
def test_what_says_nothing_is_refused_with_what_is_needed(name, text):
    with pytest.raises(ArgumentError, match=rf"^{name} '.*': needed is .+, or n/a$"):
        parse_covariate(name, text)


def test_an_unknown_covariate_is_refused():
    with pytest.raises(ArgumentError, match="shoe_size: no such covariate; there are age, sex"):
        parse_covariates({"shoe_size": 42})


def test_a_network_sees_whether_a_value_is_known():
    told = encode({"amyloid": -1.0, "age": 0.0}, ("age", "sex", "amyloid"))
    np.testing.assert_array_equal(told, [0, 1, 0, 0, -1, 1])
    assert encode({}, ()).shape == (0,)
