"""What quality control says of figures that are written by hand."""

import dataclasses

import numpy as np
import pytest

from petsynth.errors import RegistrationError
from petsynth.preprocessing.quality import (
    Quality,
    assess,
    assess_unaligned,
    min_template_information,
)
from petsynth.preprocessing.registration.rigid import Alignment
from petsynth.volume import Volume

GOOD = Quality(1400, 0.45, 0.5, 0.30, 0.10, 3, 2, 1.0)


def test_a_small_brain_needs_a_lower_mutual_information_with_the_template():
    """0.475 nats per litre less 0.29: 0.2325 at 1.1 litres; never more than 0.36."""
    assert min_template_information(1100) == pytest.approx(0.2325)
    assert min_template_information(1800) == 0.36
    small, large = (Quality(ml, 0.3, 0.5, 0.3, 0.1, 3, 2, 1.0) for ml in (1100, 1500))
    assert small.flags == []
    assert [flag.text for flag in large.flags] == ["T1 may not be aligned to MNI axes"]


def test_no_brain_is_so_small_that_an_upside_down_head_passes():
    assert min_template_information(800) == 0.22


def test_flags_name_what_to_look_at():
    bad = Quality(1400, 0.1, 0.5, 0.30, 0.25, 3, 2, 0.9)
    assert [flag.text for flag in bad.flags] == [
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
    assert found.text.startswith(flag)


@pytest.mark.parametrize("flipped", [0.27, 0.29, 0.35])
def test_detail_that_does_not_match_is_flagged_and_nothing_is_left_out(flipped):
    """Limits that were found on simulated scans exclude nobody by themselves."""
    strange = dataclasses.replace(
        GOOD, local_correlation_ratio_flipped=flipped, pet_reproducible=False
    )
    assert [flag.check for flag in strange.flags] == ["pair", "registration"]


def test_checks_that_need_aligned_scans_do_not_run_without_registration():
    mask = np.ones((10, 10, 10), dtype=bool)
    quality = assess_unaligned(mask, voxel_mm=10.0, motion_mm=12.0)
    assert quality.brain_volume_ml == 1000
    assert [flag.check for flag in quality.flags] == ["motion"]
    figures = dataclasses.asdict(quality)
    known = {"brain_volume_ml", "motion_mm", "pet_frames"}
    assert {figures[name] for name in set(figures) - known} == {None}


def test_a_pet_that_covers_nothing_of_the_brain_cannot_be_used():
    mask = np.ones((4, 4, 4), dtype=bool)
    t1 = Volume(np.ones((4, 4, 4), np.float32), np.eye(4))
    nothing = t1.with_data(np.full((4, 4, 4), np.nan, np.float32))
    with pytest.raises(RegistrationError, match="do not overlap"):
        assess(t1, nothing, mask, np.eye(4), Alignment(np.eye(4), 0.5), 0.4)
