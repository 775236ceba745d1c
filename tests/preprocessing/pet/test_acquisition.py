"""Sidecars of PET: what is read and refused; decay and SUV by hand."""

import dataclasses
import math
import re

import numpy as np
import pytest

from petsynth.errors import InputError
from petsynth.preprocessing.pet.acquisition import (
    Acquisition,
    decay_factors,
    read_acquisition,
    suv_factors,
)

COMPLETE = {
    "Units": "Bq/ml",
    "FrameTimesStart": [0, 60],
    "FrameDuration": [60, 120],
    "ImageDecayCorrected": True,
    "ImageDecayCorrectionTime": 0,
    "InjectionStart": -30,
    "InjectedRadioactivity": 5,
    "InjectedRadioactivityUnits": "mCi",
    "TracerRadionuclide": "18F",
}

HALF_LIFE = 6586.2
PET = Acquisition(
    name="x",
    unit="Bq/mL",
    starts_s=(HALF_LIFE,),
    durations_s=(60.0,),
    decay_corrected=True,
    decay_reference_s=HALF_LIFE,
    injection_s=0.0,
    radionuclide="F18",
    dose_bq=200e6,
    weight_kg=80.0,
)


def read(frames=2, **changes):
    return read_acquisition(COMPLETE | changes, frames, name="x_pet.nii.gz", weight_kg=70)


def test_fields_come_in_basic_units():
    found = read()
    assert (found.unit, found.radionuclide, found.weight_kg) == ("Bq/mL", "F18", 70)
    assert found.dose_bq == pytest.approx(185e6)
    assert (found.starts_s, found.durations_s) == ((0, 60), (60, 120))
    assert read(PatientWeight=80.5).weight_kg == 80.5
    in_kbq = read(Units="kBq/cc")
    assert (in_kbq.unit, in_kbq.unit_factor, in_kbq.is_known_unit) == ("Bq/mL", 1000, True)
    unknown = read(Units="counts")
    assert (unknown.unit, unknown.unit_factor, unknown.is_known_unit) == ("counts", 1, False)


def test_an_average_of_frames_is_one_window():
    found = read(frames=1)
    assert (found.starts_s, found.durations_s) == ((0,), (180,))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"FrameDuration": [60]}, "FrameDuration has 1 values, the image has 2 frames"),
        ({"FrameDuration": [60, 0]}, "FrameDuration holds 0 s"),
        ({"FrameDuration": [60, "long"]}, "must be a list of numbers"),
        ({"FrameTimesStart": [60, 0]}, "does not increase"),
        ({"ImageDecayCorrected": "yes"}, "needed is true or false"),
    ],
)
def test_what_several_frames_need_must_be_right(changes, message):
    with pytest.raises(InputError, match=f"x_pet.nii.gz: .*{message}"):
        read(**changes)


@pytest.mark.parametrize(
    ("changes", "message", "field"),
    [
        ({"InjectedRadioactivity": "much"}, "InjectedRadioactivity is 'much'", "dose_bq"),
        ({"InjectedRadioactivity": -1}, "InjectedRadioactivity is -1", "dose_bq"),
        ({"InjectedRadioactivity": {}}, "InjectedRadioactivity is {}", "dose_bq"),
        ({"InjectedRadioactivityUnits": "spoons"}, "InjectedRadioactivityUnits is", "dose_bq"),
        ({"ImageDecayCorrected": "yes"}, "needed is true or false", "decay_corrected"),
        ({"InjectionStart": "noon"}, "InjectionStart is 'noon'", "injection_s"),
        ({"ImageDecayCorrectionTime": [0]}, "Time is .0., needed", "decay_reference_s"),
    ],
)
def test_what_suvr_of_one_frame_does_not_need_is_told_and_missing(changes, message, field):
    """SUV, which needs it, says so."""
    found = read(frames=1, **changes)
    assert getattr(found, field) is None
    (told,) = found.unread.values()
    assert re.search(message, told)
    assert decay_factors(found, 1).tolist() == [1]
    if field != "decay_corrected":
        with pytest.raises(InputError, match=f"x_pet.nii.gz: SUV needs .*{message}"):
            suv_factors(found, 1)


@pytest.mark.parametrize("times", [["a", "b"], [60, 0], {"a": 1}])
def test_times_of_one_frame_that_cannot_be_count_as_unknown(times):
    found = read(frames=1, FrameTimesStart=times)
    assert (found.starts_s, found.durations_s) == ((), ())
    assert list(found.unread) == ["FrameTimesStart"]


@pytest.mark.parametrize(
    ("weight", "kilograms"), [("70 kg", 70), ("80", 80), ("154 lb", 69.85), (90, 90), ("n/a", 70)]
)
def test_a_weight_may_have_its_unit(weight, kilograms):
    found = read(PatientWeight=weight)
    assert found.weight_kg == pytest.approx(kilograms, abs=0.01)
    assert not found.unread


@pytest.mark.parametrize("weight", ["heavy", 70000, 0, "70000 kg"])
def test_a_weight_that_cannot_be_leaves_that_of_the_table(weight):
    found = read(PatientWeight=weight)
    assert found.weight_kg == 70
    assert list(found.unread) == ["PatientWeight"]
    assert read_acquisition(COMPLETE, 2, name="x", weight_kg=0.07).weight_kg is None


@pytest.mark.parametrize(
    ("amount", "unit", "becquerels"),
    [("185 MBq", None, 185e6), ("5 mCi", "MBq", 185e6), ("185", "MBq", 185e6), (185, None, 185e6)],
)
def test_a_dose_may_have_its_unit(amount, unit, becquerels):
    found = read(InjectedRadioactivity=amount, InjectedRadioactivityUnits=unit)
    assert found.dose_bq == pytest.approx(becquerels)


@pytest.mark.parametrize(
    ("value", "truth"), [("True", True), ("false", False), (1, True), (0, False)]
)
def test_true_and_false_in_other_spellings(value, truth):
    assert read(ImageDecayCorrected=value).decay_corrected is truth
    assert read(FrameTimesStart=["0", "60"]).starts_s == (0, 60)


@pytest.mark.parametrize("nothing", [None, "n/a", "", []])
def test_values_that_say_nothing_are_missing(nothing):
    fields = ("FrameTimesStart", "FrameDuration", "InjectionStart", "InjectedRadioactivity")
    found = read(frames=1, **dict.fromkeys(fields, nothing))
    assert (found.starts_s, found.durations_s) == ((), ())
    assert (found.injection_s, found.dose_bq) == (None, None)


def test_a_sidecar_without_anything_is_arbitrary():
    found = read_acquisition({}, 1, name="x")
    assert (found.unit, found.starts_s, found.dose_bq, found.decay_corrected) == (
        ("arbitrary", (), None, None)
    )
    with pytest.raises(InputError, match="TracerRadionuclide is missing"):
        _ = found.decay_per_s


def test_suv_of_an_image_corrected_to_the_start_of_the_scan():
    """One half-life after injection, 1250 Bq/mL were 2500: 2500 x 80,000 g / 200 MBq = 1."""
    assert 1250 * suv_factors(PET, 1)[0] == pytest.approx(1)
    at_injection = dataclasses.replace(PET, decay_reference_s=0.0)
    assert 2500 * suv_factors(at_injection, 1)[0] == pytest.approx(1)


def test_suv_of_an_image_not_corrected():
    """A short frame one half-life after injection has lost half, and a little within itself."""
    raw = dataclasses.replace(PET, decay_corrected=False, decay_reference_s=None)
    rate = math.log(2) / HALF_LIFE
    mean_fraction = (1 - math.exp(-rate * 60)) / (rate * 60)
    assert 2500 * 0.5 * mean_fraction * suv_factors(raw, 1)[0] == pytest.approx(1)


def test_frames_that_are_not_corrected_are_corrected_to_one_time():
    times = {"starts_s": (0.0, HALF_LIFE), "durations_s": (1.0, 1.0)}
    raw = dataclasses.replace(PET, **times, decay_corrected=False)
    np.testing.assert_allclose(decay_factors(raw, 2), [1, 2], rtol=1e-4)
    assert decay_factors(dataclasses.replace(raw, decay_corrected=True), 2).tolist() == [1, 1]
    with pytest.raises(InputError, match="FrameTimesStart or FrameDuration is missing"):
        decay_factors(dataclasses.replace(raw, starts_s=(), durations_s=()), 2)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ({"dose_bq": None}, "SUV needs InjectedRadioactivity, which"),
        ({"weight_kg": None}, "body weight"),
        ({"injection_s": None}, "InjectionStart"),
        ({"decay_reference_s": None}, "ImageDecayCorrectionTime"),
        ({"unit": "arbitrary"}, "Units is arbitrary, SUV needs Bq/mL"),
        ({"radionuclide": "Z9"}, "TracerRadionuclide is Z9"),
    ],
)
def test_what_suv_lacks_is_named(missing, message):
    with pytest.raises(InputError, match=message):
        suv_factors(dataclasses.replace(PET, **missing), 1)
