"""Spellings of units, and what they are in Bq/mL."""

import pytest

from petsynth.preprocessing.pet.units import Unit, parse_unit, radioactivity_bq


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("Bq/mL", 1),
        ("BQML", 1),
        ("Bq/ml ", 1),
        ("Bq mL^-1", 1),
        ("Bq.mL-1", 1),
        ("Bq/cm^3", 1),
        ("Bq/cm³", 1),
        ("Bq/cm**3", 1),
        ("bq/cc", 1),
        ("Becquerel/mL", 1),
        ("kBq/mL", 1e3),
        ("kBq/cc", 1e3),
        ("KBQML", 1e3),
        ("kBq/L", 1),
        ("MBq/mL", 1e6),
        ("MBQ/ML", 1e6),
        ("GBq/L", 1e6),
        ("nCi/cc", 37),
        ("nCi/mL", 37),
        ("NCI/CC", 37),
        ("uCi/mL", 37e3),
        ("µCi/mL", 37e3),
        ("μCi/cc", 37e3),
        ("mCi/mL", 37e6),
        ("pCi/mL", 0.037),
    ],
)
def test_activity_is_converted_to_becquerels_per_ml(text, factor):
    found = parse_unit(text)
    assert (found.name, found.is_known) == ("Bq/mL", True)
    assert found.factor == pytest.approx(factor)


@pytest.mark.parametrize("text", ["SUV", "suvbw", "SUV_bw", "g/mL", "GML", "SUV [g/mL]"])
def test_spellings_of_suv(text):
    assert parse_unit(text) == Unit("SUV")


@pytest.mark.parametrize("text", ["SUVR", "SUVr", "suv-r", "SUV ratio"])
def test_spellings_of_suvr(text):
    assert parse_unit(text) == Unit("SUVR")


@pytest.mark.parametrize("text", ["counts", "CNTS", "%ID/mL", "mBq/mL", "Bq", "suvlbm", "kCi/mL"])
def test_what_is_not_known_stays_as_it_is(text):
    assert parse_unit(f" {text} ") == Unit(text, is_known=False)


@pytest.mark.parametrize("text", ["arbitrary", "a.u.", ""])
def test_arbitrary_values_say_so(text):
    assert parse_unit(text) == Unit("arbitrary")


def test_units_of_the_dose():
    assert radioactivity_bq("MBq") == radioactivity_bq("mBq") == 1e6
    assert radioactivity_bq("uCi") == radioactivity_bq("μCi") == 37e3
    assert radioactivity_bq("Bq/mL") is None


def test_an_unknown_unit_is_one_short_line():
    name = parse_unit("a strange\n unit " * 100).name
    assert name == "a strange unit a strange unit a strange "
    assert name.isprintable()
