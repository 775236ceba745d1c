"""The rules of pairing, one by one."""

import datetime
from pathlib import Path

import pytest

from petsynth.io.bids.images import Doubt, Image
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
    """No contrast agent, then the PET's session, the lowest run, the name decide."""
    pets = {"sub-1_ses-a_pet": 0}
    t1s = ["sub-1_ses-b_run-1_T1w", "sub-1_ses-a_ce-gd_run-1_T1w", "sub-1_ses-a_run-10_T1w",
           "sub-1_ses-a_run-2_T1w", "sub-1_ses-a_acq-x_run-2_T1w"]  # fmt: skip
    order = []
    left = dict.fromkeys(t1s, 3)
    while left:
        order.append(chosen(left, pets)[0][0])
        del left[order[-1]]
    assert order == [t1s[4], t1s[3], t1s[2], t1s[0], t1s[1]]


def test_of_one_day_the_reconstruction_that_suits():
    pets = dict.fromkeys(["sub-1_rec-coregdyn_pet", "sub-1_rec-coregavg_pet", "sub-1_rec-x_pet"])
    t1s = {"sub-1_T1w": None}
    assert chosen(t1s, pets)[0][1] == "sub-1_rec-coregavg_pet"
    assert chosen(t1s, pets, order=DYNAMIC_FIRST)[0][1] == "sub-1_rec-coregdyn_pet"
    assert chosen(t1s, pets | {"sub-1_run-1_pet": None})[0][1] == "sub-1_run-1_pet"


GADOLINIUM = ["acq-postgad", "acq-gad", "acq-mprageGd", "acq-postcontrast", "ce-gadolinium",
              "acq-T1c", "acq-contrast", "acq-POSTGAD"]  # fmt: skip


@pytest.mark.parametrize("label", GADOLINIUM)
def test_a_t1_with_contrast_agent_comes_last(label):
    t1s = {f"sub-1_ses-a_{label}_T1w": 0, "sub-1_ses-a_run-2_T1w": 0, "sub-1_ses-b_T1w": 30}
    order = (
        chosen(t1s, {"sub-1_ses-a_pet": 0})[0][0],
        chosen(
            {name: day for name, day in t1s.items() if "run-2" not in name}, {"sub-1_ses-a_pet": 0}
        )[0][0],
    )
    assert order == ("sub-1_ses-a_run-2_T1w", "sub-1_ses-b_T1w")


@pytest.mark.parametrize(
    "label", ["acq-pregad", "acq-nogad", "ce-none", "acq-precontrast", "acq-mprage"]
)
def test_a_label_that_says_no_contrast_agent_is_none(label):
    t1s = {f"sub-1_{label}_run-1_T1w": None, "sub-1_run-2_T1w": None}
    assert chosen(t1s, {"sub-1_pet": None})[0][0] == f"sub-1_{label}_run-1_T1w"


STATIC_LABELS = ("rec-acstat", "rec-acstatOSEM", "acq-static", "rec-ACSTAT", "acq-FDGstatic")
DYNAMIC_LABELS = ("rec-acdyn", "rec-acdyn2", "acq-dynamic", "rec-ACDYN", "acq-dyn")


@pytest.mark.parametrize(("static", "dynamic"), [*zip(STATIC_LABELS, DYNAMIC_LABELS, strict=True)])
def test_static_or_dynamic_as_the_request_wants(static, dynamic):
    pets = dict.fromkeys([f"sub-1_{dynamic}_pet", f"sub-1_{static}_pet", "sub-1_run-1_pet"])
    t1s = {"sub-1_T1w": None}
    assert chosen(t1s, pets)[0][1] == f"sub-1_{static}_pet"
    assert chosen(t1s, pets, order=DYNAMIC_FIRST)[0][1] == f"sub-1_{dynamic}_pet"
    del pets[f"sub-1_{static}_pet"]
    assert chosen(t1s, pets)[0][1] == "sub-1_run-1_pet"


def test_of_one_visit_the_pet_that_is_corrected_for_attenuation():
    pets = [image("sub-1_rec-acdyn_pet"), image("sub-1_rec-nacstat_pet")]
    t1s = [image("sub-1_T1w")]
    days = dict.fromkeys([*t1s, *pets])
    pairs, _ = choose_pairs(t1s, pets, days, 365, uncorrected=pets[1:])
    assert [bare(each.pet) for each in (pairs[0], *pairs[0].others)] == [
        "sub-1_rec-acdyn_pet",
        "sub-1_rec-nacstat_pet",
    ]


def test_all_other_pairs_follow_in_order():
    t1s = [image(name) for name in ("sub-1_run-1_T1w", "sub-1_run-2_T1w")]
    pets = [image(name) for name in ("sub-1_run-1_pet", "sub-1_run-2_pet")]
    (pair,), unused = choose_pairs(t1s, pets, dict.fromkeys([*t1s, *pets]), 365)
    names = [(bare(each.t1)[6:], bare(each.pet)[6:]) for each in (pair, *pair.others)]
    assert names == [
        ("run-1_T1w", "run-1_pet"),
        ("run-2_T1w", "run-1_pet"),
        ("run-1_T1w", "run-2_pet"),
        ("run-2_T1w", "run-2_pet"),
    ]
    assert len(unused) == 2


def test_doubts_come_before_closeness_and_are_told():
    t1s = [image("sub-1_ses-a_T1w"), image("sub-1_ses-b_T1w")]
    pet = image("sub-1_ses-a_pet")
    days = {t1s[0]: START, pet: START, t1s[1]: START + datetime.timedelta(days=200)}
    doubts = {t1s[0]: Doubt(2, "has voxels of 1 x 1 x 5 mm"), t1s[1]: Doubt()}
    (pair,), (unused,) = choose_pairs(t1s, [pet], days, 365, doubts=doubts)
    assert bare(pair.t1) == "sub-1_ses-b_T1w"
    assert unused.reason == "has voxels of 1 x 1 x 5 mm; sub-1_ses-b_T1w.nii.gz is taken"


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
