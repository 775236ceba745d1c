"""What a file says of itself."""

import math

import pytest

from petsynth.io.checks import check_positive, check_text
from petsynth.volume import check_tracer


def test_what_is_usual_is_accepted():
    check_tracer("AV1451")
    check_text("unit", "SUVR")
    check_text("unit", "Bq/mL")
    check_positive("pet_scale", 2)


@pytest.mark.parametrize("name", ["../../x", "a/b", "a b", "", "é", None, 3, "x" * 41, "a\n"])
def test_tracers_that_could_not_stand_in_a_file_name(name):
    with pytest.raises(ValueError, match="not letters and digits"):
        check_tracer(name)


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, True, "2", None, [1]])
def test_no_positive_numbers(value):
    with pytest.raises(ValueError, match=r"pet_scale is .* not a positive number"):
        check_positive("pet_scale", value)


@pytest.mark.parametrize("value", ["", "two\nlines", "x" * 101, None, b"SUVR"])
def test_no_line_of_text(value):
    with pytest.raises(ValueError, match=r"unit is .* not one line of text"):
        check_text("unit", value)
