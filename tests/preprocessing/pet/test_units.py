"""Decay and SUV by hand."""

import dataclasses
import math

import numpy as np
import pytest

from petsynth.errors import InputError
from petsynth.preprocessing.pet.acquisition import Acquisition
from petsynth.preprocessing.pet.units import decay_factors, suv_factors

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


def test_suv_of_an_image_corrected_to_the_start_of_the_scan():
    """One half-life after injection, 1250 Bq/mL were 2500: 2500 x 80,000 g / 200 MBq = 1."""
    assert 1250 * suv_factors(PET, 1)[0] == pytest.approx(1)
    at_injection = dataclasses.replace(PET, decay_reference_s=0.0)
    assert 2500 * suv_factors(at_injection, 1)[0] == pytest.approx(1)
    assert 2.5 * suv_factors(dataclasses.replace(at_injection, unit="kBq/mL"), 1)[0] == (
        pytest.approx(1)
    )


def test_suv_of_an_image_not_corrected():
    """A short frame one half-life after injection has lost half, and a little within itself."""
    raw = dataclasses.replace(PET, decay_corrected=False, decay_reference_s=None)
    rate = math.log(2) / HALF_LIFE
    mean_share = (1 - math.exp(-rate * 60)) / (rate * 60)
    assert 2500 * 0.5 * mean_share * suv_factors(raw, 1)[0] == pytest.approx(1)


def test_frames_that_are_not_corrected_are_brought_to_one_time():
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
