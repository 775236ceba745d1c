"""Sidecars of PET: what is read, and what is refused."""

import pytest

from petsynth.errors import InputError
from petsynth.preprocessing.pet.acquisition import canonical_unit, read_acquisition

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


def read(frames=2, **changes):
    return read_acquisition(COMPLETE | changes, frames, name="x_pet.nii.gz", weight_kg=70)


def test_fields_come_in_basic_units():
    found = read()
    assert (found.unit, found.radionuclide, found.weight_kg) == ("Bq/mL", "F18", 70)
    assert found.dose_bq == pytest.approx(185e6)
    assert (found.starts_s, found.durations_s) == ((0, 60), (60, 120))
    assert read(PatientWeight=80.5).weight_kg == 80.5


def test_an_average_of_frames_is_one_window():
    found = read(frames=1)
    assert (found.starts_s, found.durations_s) == ((0,), (180,))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"FrameDuration": [60]}, "FrameDuration has 1 values, the image has 2 frames"),
        ({"FrameDuration": [60, 0]}, "FrameDuration holds 0 s"),
        ({"FrameDuration": [60, "long"]}, "must be a list of numbers"),
        ({"FrameTimesStart": [60, 0]}, "does not grow"),
        ({"InjectedRadioactivity": "much"}, "InjectedRadioactivity is 'much'"),
        ({"InjectedRadioactivity": -1}, "InjectedRadioactivity is -1"),
        ({"InjectedRadioactivityUnits": "spoons"}, "InjectedRadioactivityUnits is 'spoons'"),
        ({"ImageDecayCorrected": "yes"}, "needed is true or false"),
        ({"PatientWeight": 70000}, "body weight is 70000 kg"),
    ],
)
def test_impossible_values_are_named(changes, message):
    with pytest.raises(InputError, match=f"x_pet.nii.gz: .*{message}"):
        read(**changes)


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
    assert canonical_unit("SUVr") == "SUVR"
    with pytest.raises(InputError, match="TracerRadionuclide is missing"):
        _ = found.decay_per_s
