"""Flags: their checks are those that may exclude, and their text is what is shown."""

from petsynth.cli.prepare import parse
from petsynth.preprocessing.flags import CHECKS, Flag


def test_a_flag_reads_as_its_text():
    assert str(Flag("coverage", "PET covers 80% of the brain")) == "PET covers 80% of the brain"


def test_every_check_is_a_choice_of_the_command_line():
    words = ["bids", "out", "--exclude-flagged", *CHECKS]
    assert set(parse(words).exclude_flagged) == set(CHECKS)
