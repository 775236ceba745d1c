"""The rules of pairing, one by one."""

import datetime
from pathlib import Path

import pytest

from petsynth.io.bids.images import Image
from petsynth.io.bids.names import parse_entities
from petsynth.io.bids.pairs import DYNAMIC_FIRST, STATIC_FIRST, choose_pairs, session_key

START = datetime.date(2010, 1, 1)


def image(name: str) -> Image:
    return Image(Path(f"{name}.nii.gz"), parse_entities(f"{name}.nii.gz"))


def chosen(t1s: dict, pets: dict, longest: float | None = 365, order=STATIC_FIRST):
    """Return the names chosen; images are given as name -> days after the start, or None."""
    pairs, reasons = all_chosen(t1s, pets, longest, order, every_visit=False)
    return (pairs[0] if pairs else None), reasons


def all_chosen(t1s, pets, longest=365, order=STATIC_FIRST, *, every_visit=True):
    """Return the names of all pairs chosen, and the reasons for the other images."""
    days = {
        image(name): None if day is None else START + datetime.timedelta(days=day)
        for name, day in (t1s | pets).items()
    }
    t1_images, pet_images = [*map(image, t1s)], [*map(image, pets)]
    pairs, unused = choose_pairs(
        t1_images, pet_images, days, longest, order, every_visit=every_visit
    )
    reasons = {bare(each.image): each.reason for each in unused}
    return [(bare(each.t1), bare(each.pet), each.interval_days) for each in pairs], reasons


def bare(each: Image) -> str:
    return each.path.name.split(".")[0]


def test_the_t1_closest_in_time_whatever_its_session():
    t1s = {"sub-1_ses-a_T1w": 0, "sub-1_ses-b_T1w": 90, "sub-1_ses-c_T1w": 300}
    pair, reasons = chosen(t1s, {"sub-1_ses-a_pet": 100})
    assert pair == ("sub-1_ses-b_T1w", "sub-1_ses-a_pet", 10)
    assert reasons == {
        "sub-1_ses-a_T1w": "sub-1_ses-b_T1w.nii.gz is closer to the PET (10 days, this one 100)",
        "sub-1_ses-c_T1w": "sub-1_ses-b_T1w.nii.gz is closer to the PET (10 days, this one 200)",
    }


@pytest.mark.parametrize(("longest", "found"), [(99, False), (100, True), (None, True)])
def test_the_interval_may_be_as_long_as_allowed(longest, found):
    pair, reasons = chosen({"sub-1_ses-a_T1w": 0}, {"sub-1_ses-b_pet": 100}, longest)
    assert (pair is not None) == found
    if not found:
        reason = "the closest T1w is 100 days away, --max-interval is 99"
        assert reasons == {"sub-1_ses-b_pet": reason}


def test_the_earliest_pet_with_a_t1_in_time():
    """Sessions are out of order: b comes before a, and z, the first of all, has no T1 in time."""
    pets = {"sub-1_ses-a_pet": 700, "sub-1_ses-b_pet": 500, "sub-1_ses-z_pet": 0}
    pair, reasons = chosen({"sub-1_ses-a_T1w": 600}, pets)
    assert pair == ("sub-1_ses-a_T1w", "sub-1_ses-b_pet", 100)
    assert reasons["sub-1_ses-z_pet"].startswith("the closest T1w is 600 days away")
    assert reasons["sub-1_ses-a_pet"].startswith("sub-1_ses-b_pet.nii.gz of the same subject")


def test_without_dates_a_session_is_a_visit_and_baseline_comes_first():
    t1s = dict.fromkeys(["sub-1_ses-m6_T1w", "sub-1_ses-bl_T1w", "sub-1_ses-m12_T1w"])
    pets = dict.fromkeys(["sub-1_ses-m12_pet", "sub-1_ses-m6_pet"])
    assert chosen(t1s, pets)[0] == ("sub-1_ses-m6_T1w", "sub-1_ses-m6_pet", None)
    assert sorted(["m120", "m6", "m36", "bl"], key=session_key) == ["bl", "m6", "m36", "m120"]


def test_two_t1s_of_one_day():
    """The PET's session, then no contrast agent, the lowest run, the name decide."""
    pets = {"sub-1_ses-a_pet": 0}
    t1s = ["sub-1_ses-b_run-1_T1w", "sub-1_ses-a_ce-gd_run-1_T1w", "sub-1_ses-a_run-10_T1w",
           "sub-1_ses-a_run-2_T1w", "sub-1_ses-a_acq-x_run-2_T1w"]  # fmt: skip
    order = []
    left = dict.fromkeys(t1s, 3)
    while left:
        order.append(chosen(left, pets)[0][0])
        del left[order[-1]]
    assert order == [t1s[4], t1s[3], t1s[2], t1s[1], t1s[0]]


def test_of_one_day_the_reconstruction_that_suits():
    pets = dict.fromkeys(["sub-1_rec-coregdyn_pet", "sub-1_rec-coregavg_pet", "sub-1_rec-x_pet"])
    t1s = {"sub-1_T1w": None}
    assert chosen(t1s, pets)[0][1] == "sub-1_rec-coregavg_pet"
    assert chosen(t1s, pets, order=DYNAMIC_FIRST)[0][1] == "sub-1_rec-coregdyn_pet"
    assert chosen(t1s, pets | {"sub-1_run-1_pet": None})[0][1] == "sub-1_run-1_pet"


def test_a_pair_per_visit_where_all_are_wanted():
    t1s = {"sub-1_ses-bl_T1w": 0, "sub-1_ses-m12_T1w": 370, "sub-1_ses-m60_T1w": 1800}
    pets = {
        "sub-1_ses-m12_pet": 380,
        "sub-1_ses-bl_pet": 10,
        "sub-1_ses-bl_run-2_pet": 10,
        "sub-1_ses-m36_pet": 1100,
    }
    pairs, reasons = all_chosen(t1s, pets)
    assert pairs == [
        ("sub-1_ses-bl_T1w", "sub-1_ses-bl_pet", 10),
        ("sub-1_ses-m12_T1w", "sub-1_ses-m12_pet", 10),
    ]
    assert reasons == {
        "sub-1_ses-bl_run-2_pet": "sub-1_ses-bl_pet.nii.gz of the same visit is taken (by rule)",
        "sub-1_ses-m36_pet": "the closest T1w is 700 days away, --max-interval is 365",
        "sub-1_ses-m60_T1w": "sub-1_ses-m12_T1w.nii.gz is closer to the PET (10 days, this one "
        "1420)",
    }
    assert chosen(t1s, pets)[0] == pairs[0]


def test_a_t1_may_serve_several_visits():
    pets = {"sub-1_ses-a_pet": 0, "sub-1_ses-b_pet": 200}
    pairs, reasons = all_chosen({"sub-1_ses-a_T1w": 0}, pets)
    assert [(t1, days) for t1, _, days in pairs] == [
        ("sub-1_ses-a_T1w", 0),
        ("sub-1_ses-a_T1w", 200),
    ]
    assert reasons == {}


def test_without_sessions_there_is_one_visit():
    pairs, _ = all_chosen(
        {"sub-1_T1w": None}, dict.fromkeys(["sub-1_run-1_pet", "sub-1_run-2_pet"])
    )
    assert [pet for _, pet, _ in pairs] == ["sub-1_run-1_pet"]
