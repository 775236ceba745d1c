"""What stands beside simulated images: complete, consistent, marked."""

import itertools
import json

import numpy as np
import pytest

from petsynth.simulation.sidecars import (
    ACQUISITION,
    mask_sidecar,
    noise_free_sidecar,
    pet_sidecar,
    t1_sidecar,
    transform_content,
)

REQUIRED = (
    "Manufacturer", "ManufacturersModelName", "Units", "TracerName", "TracerRadionuclide",
    "InjectedRadioactivity", "InjectedRadioactivityUnits", "InjectedMass", "InjectedMassUnits",
    "SpecificRadioactivity", "SpecificRadioactivityUnits", "ModeOfAdministration", "TimeZero",
    "ScanStart", "InjectionStart", "FrameTimesStart", "FrameDuration", "AcquisitionMode",
    "ImageDecayCorrected", "ImageDecayCorrectionTime", "ReconMethodName",
    "ReconMethodParameterLabels", "ReconFilterType", "AttenuationCorrection",
)  # fmt: skip
"""By the PET part of BIDS 1.10."""


def sidecar(tracer="FDG", units="suvr", frames=1, seed=0):
    return pet_sidecar(np.random.default_rng(seed), tracer, units, frames, 6.54321)


@pytest.mark.parametrize("tracer", ACQUISITION)
def test_every_field_that_bids_requires_is_there(tracer):
    content = sidecar(tracer)

    assert not [name for name in REQUIRED if content.get(name) is None]
    assert content["TracerRadionuclide"] == "F18"
    assert json.loads(json.dumps(content)) == content


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 6])
@pytest.mark.parametrize(("tracer", "start", "end"), [("FDG", 30, 60), ("AV1451", 75, 105)])
def test_frames_follow_each_other_from_start_to_end(tracer, start, end, frames):
    content = sidecar(tracer, frames=frames)
    starts, lengths = content["FrameTimesStart"], content["FrameDuration"]

    assert len(starts) == len(lengths) == frames
    assert starts[0] == content["ScanStart"] == 60 * start
    assert starts[-1] + lengths[-1] == pytest.approx(60 * end)
    for (one, length), (other, _) in itertools.pairwise(zip(starts, lengths, strict=True)):
        assert one + length == pytest.approx(other)


@pytest.mark.parametrize(("tracer", "dose"), [("FDG", 185), ("AV45", 370), ("AV1451", 370)])
def test_doses_lie_around_the_protocols_and_agree_with_the_mass(tracer, dose):
    contents = [sidecar(tracer, seed=seed) for seed in range(30)]

    doses = [content["InjectedRadioactivity"] for content in contents]
    assert 0.9 * dose - 0.1 <= min(doses) < dose < max(doses) <= 1.1 * dose + 0.1
    for content in contents:
        specific = content["InjectedRadioactivity"] / content["InjectedMass"]
        assert content["SpecificRadioactivity"] == pytest.approx(specific, abs=0.01)


def test_units_and_resolution_are_those_of_the_image():
    assert sidecar()["Units"] == "SUVR"
    assert sidecar(units="original")["Units"] == "arbitrary"
    content = sidecar()
    names = ("ReconMethodParameterLabels", "ReconMethodParameterUnits")
    names += ("ReconMethodParameterValues",)
    assert [content[name] for name in names] == [["PointSpreadFWHM"], ["mm"], [6.543]]


def test_everything_says_that_it_is_simulated():
    contents = (
        sidecar(),
        noise_free_sidecar("pet.nii.gz", "AV45", "suvr"),
        t1_sidecar("template"),
        mask_sidecar("t1.nii.gz"),
        transform_content("pet.nii.gz", "t1.nii.gz", np.eye(4)),
    )
    assert all(content["Simulated"] is True for content in contents)


def test_the_expected_uptake_is_of_its_pets_units_region_and_source():
    expected = noise_free_sidecar("sub-1/pet/sub-1_pet.nii.gz", "AV45", "original")
    pet = sidecar("AV45", "original")

    assert (expected["Units"], expected["ReferenceRegion"]) == (
        pet["Units"],
        pet["ReferenceRegion"],
    )
    assert expected["Sources"] == ["bids:raw:sub-1/pet/sub-1_pet.nii.gz"]


def test_a_transform_is_plain_numbers_with_a_direction():
    matrix = np.eye(4, dtype=np.float32)
    matrix[0, 3] = 2.5
    content = transform_content("pet.nii.gz", "t1.nii.gz", matrix)

    assert json.loads(json.dumps(content))["matrix"][0] == [1.0, 0.0, 0.0, 2.5]
    assert "pet.nii.gz" in content["From"]
    assert "t1.nii.gz" in content["To"]
