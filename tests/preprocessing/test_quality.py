"""What quality control says of figures that are written by hand."""

import dataclasses

import pytest

from petsynth.preprocessing.quality import Quality, min_template_information

GOOD = Quality(1400, 0.45, 0.5, 0.30, 0.10, 3, 2, 1.0)


def test_a_small_brain_needs_a_lower_mutual_information_with_the_template():
    """0.475 nats per litre less 0.29: 0.2325 at 1.1 litres; never more than 0.36."""
    assert min_template_information(1100) == pytest.approx(0.2325)
    assert min_template_information(1800) == 0.36
    small, large = (Quality(ml, 0.3, 0.5, 0.3, 0.1, 3, 2, 1.0) for ml in (1100, 1500))
    assert small.flags == []
    assert large.flags == ["T1 may not be aligned to MNI axes"]


def test_flags_name_what_to_look_at():
    bad = Quality(1400, 0.1, 0.5, 0.30, 0.25, 3, 2, 0.9)
    assert bad.flags == [
        "T1 and PET may show different people or be misaligned",
        "T1 may not be aligned to MNI axes",
        "PET covers 90% of the brain",
    ]


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"t1_reproducible": False}, "registration of the T1 is not reproducible"),
        ({"pet_reproducible": False}, "registration of the PET is not reproducible"),
        ({"motion_mm": 12.3}, "head moved 12 mm between the PET's frames"),
        ({"pet_coverage": 0.97}, "PET covers 97% of the brain"),
    ],
)
def test_each_figure_has_its_flag(changes, flag):
    assert GOOD.flags == []
    (found,) = dataclasses.replace(GOOD, **changes).flags
    assert found.startswith(flag)


def test_a_failure_needs_two_witnesses():
    """Neither a lone initialisation nor unmatched detail is enough to refuse a subject."""
    lonely = dataclasses.replace(GOOD, pet_reproducible=False)
    strange = dataclasses.replace(GOOD, local_correlation_ratio_flipped=0.27)
    assert (GOOD.failure, lonely.failure, strange.failure) == ("", "", "")
    both = dataclasses.replace(lonely, local_correlation_ratio_flipped=0.27)
    assert "no two initialisations led to one position" in both.failure
    assert "(correlation ratio 0.30, flipped 0.27)" in both.failure


def test_detail_that_matches_no_better_than_chance_is_a_failure():
    for flipped in (0.29, 0.35):
        chance = dataclasses.replace(GOOD, local_correlation_ratio_flipped=flipped)
        assert "agrees no better than with the PET flipped" in chance.failure
        assert f"(correlation ratio 0.30, flipped {flipped})" in chance.failure
