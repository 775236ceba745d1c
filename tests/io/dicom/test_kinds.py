"""Which series are T1s and PETs."""

import pytest
from tests.io.dicom.makers import Plan, changed, pet_values, t1_values, write, write_enhanced

from petsynth.io.dicom.kinds import recognise
from petsynth.io.dicom.series import find_series

pytest.importorskip("pydicom", reason="needs the extra dicom")
T1 = Plan(t1_values())
PET = Plan(pet_values(), modality="PT")
MUTE = {"SeriesDescription": "x", "ProtocolName": "", "SequenceName": ""}


def found(folder, plan, **numbers):
    write(plan, folder)
    (series,) = find_series(folder, print)
    return recognise(series, **numbers)


@pytest.mark.parametrize("vendor", ["siemens", "ge", "philips"])
def test_t1s_and_pets_of_three_makers(tmp_path, vendor):
    assert found(tmp_path / "t1", changed(T1, vendor=vendor)).kind == "T1w"
    assert found(tmp_path / "pet", changed(PET, vendor=vendor)).kind == "pet"


def test_a_t1_without_a_name_is_known_by_its_sequence(tmp_path):
    assert found(tmp_path / "a", changed(T1, more=MUTE)).kind == "T1w"
    write_enhanced(changed(T1, more=MUTE), tmp_path / "b")
    (series,) = find_series(tmp_path / "b", print)
    assert recognise(series).kind == "T1w"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"SeriesDescription": "t2_space", "ProtocolName": ""}, "no T1-weighted image by its name"),
        ({**MUTE, "EchoTime": 90.0}, "by its name or its sequence"),
        ({"ImageType": ["DERIVED", "SECONDARY", "MPR"]}, "made of others"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]}, "phase image"),
        ({"MRAcquisitionType": "2D"}, "acquired in slices"),
        ({"SeriesDescription": "t1_mp2rage_INV1"}, "MP2RAGE"),
        ({"SeriesDescription": "SYNTHETIC T1"}, "it is synthetic"),
        ({"Manufacturer": "petsynth"}, "it is synthetic"),
    ],
)
def test_other_mri_is_left_out_with_its_reason(tmp_path, more, reason):
    each = found(tmp_path, changed(T1, more=more))
    assert each.kind is None
    assert reason in each.reason
    assert not each.is_unusable


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"CorrectedImage": ["DECY", "NORM"]}, "not corrected for attenuation"),
        ({"ImageType": ["DERIVED", "SECONDARY", "MIP"]}, "a projection"),
        ({"SeriesType": ["GATED", "IMAGE"]}, "GATED"),
    ],
)
def test_other_pet_is_left_out_with_its_reason(tmp_path, more, reason):
    each = found(tmp_path, changed(PET, more=more))
    assert (each.kind, reason in each.reason) == (None, True)


def test_what_is_no_head_or_too_coarse(tmp_path):
    thick = found(tmp_path / "a", changed(T1, spacing=(5.0, 1.0, 1.0)))
    assert "its slices are 5.0 mm apart" in thick.reason
    tall = found(tmp_path / "b", changed(PET, spacing=(50.0, 2.0, 2.0)))
    assert "it covers 600 mm, more than a head" in tall.reason


def test_several_echoes_are_no_t1(tmp_path):
    each = found(tmp_path, Plan(t1_values().repeat(2, axis=0)))
    assert "it holds 2 volumes" in each.reason


def test_a_series_that_is_named_is_taken_alone(tmp_path):
    plan = changed(T1, more={"MRAcquisitionType": "2D"}, number=8)
    assert found(tmp_path, plan, t1_numbers=[8]).kind == "T1w"
    (series,) = find_series(tmp_path, print)
    assert recognise(series, t1_numbers=[9]).reason == "another series was named"
    assert recognise(series, pet_numbers=[9]).reason.startswith("acquired in slices")
