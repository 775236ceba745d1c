"""What the header of a PET tells: unit, tracer, dose, times, decay correction."""

import pytest
from tests.io.dicom.makers import Plan, changed, pet_values, write, write_enhanced

from petsynth.io.dicom.pet_sidecar import pet_fields
from petsynth.io.dicom.series import find_series, lay_out

pydicom = pytest.importorskip("pydicom", reason="needs the extra dicom")
PET = Plan(pet_values(2, slices=4, rows=4, columns=4), modality="PT")


@pytest.fixture
def read(tmp_path):
    """Return a function that returns the fields of a series and what was said of it."""

    def fields(plan=PET, change=lambda dataset: None):
        for path in write(plan, tmp_path):
            dataset = pydicom.dcmread(path)
            change(dataset)
            dataset.save_as(path)
        return fields_of(tmp_path)

    return fields


def fields_of(folder):
    (series,) = find_series(folder, print)
    said = []
    return pet_fields(series, lay_out(series), {}, said.append), said


def drug(dataset):
    return dataset.RadiopharmaceuticalInformationSequence[0]


@pytest.mark.parametrize(("vendor", "factor"), [("siemens", 1), ("ge", 1), ("philips", 2.5)])
def test_three_makers_tell_the_same(read, vendor, factor):
    found, said = read(changed(PET, vendor=vendor))
    assert (found.tracer, found.factor) == ("FDG", factor)
    expected = {
        "Units": "Bq/mL",
        "TracerName": "FDG",
        "TracerRadionuclide": "F18",
        "InjectedRadioactivity": 185.0,
        "InjectedRadioactivityUnits": "MBq",
        "TimeZero": "09:45:00",
        "InjectionStart": 0.0,
        "ScanStart": 2700.0,
        "FrameTimesStart": [2700.0, 3000.0],
        "FrameDuration": [300.0, 300.0],
        "ImageDecayCorrected": True,
        "ImageDecayCorrectionTime": 2700.0,
        "AcquisitionMode": "dynamic",
    }
    assert {name: found.sidecar.get(name) for name in expected} == expected
    assert said == (
        ["its counts became Bq/mL by Philips' factor 2.5"] if vendor == "philips" else []
    )


def test_an_enhanced_pet_tells_the_same(tmp_path):
    write_enhanced(PET, tmp_path)
    found, said = fields_of(tmp_path)
    assert said == []
    assert found.sidecar["Units"] == "Bq/mL"
    assert found.sidecar["FrameTimesStart"] == [2700.0, 3000.0]
    assert found.sidecar["ImageDecayCorrectionTime"] == 2700.0


def test_philips_suv_factor_where_the_other_is_missing(read):
    def change(dataset):
        del dataset[0x7053, 0x1009]

    found, _ = read(changed(PET, vendor="philips"), change)
    assert (found.sidecar["Units"], found.factor) == ("g/mL", 0.00035)


@pytest.mark.parametrize(
    ("values", "name", "expected"),
    [
        ({"Units": "GML"}, "Units", "g/mL"),
        ({"Units": "GML", "SUVType": "LBM"}, "Units", "SUV by LBM"),
        ({"Units": "CNTS"}, "Units", "counts"),
        ({"Units": ""}, "Units", "arbitrary"),
        ({"DecayCorrection": "NONE"}, "ImageDecayCorrected", False),
        ({"DecayCorrection": "ADMIN"}, "ImageDecayCorrectionTime", 0.0),
        ({"DecayCorrection": ""}, "ImageDecayCorrected", None),
        ({"SeriesTime": "102900"}, "ImageDecayCorrectionTime", 2640.0),
        ({"SeriesTime": "154500"}, "ImageDecayCorrectionTime", 2700.0),
    ],
)
def test_units_and_decay(read, values, name, expected):
    found, _ = read(changed(PET, more=values))
    assert found.sidecar.get(name) == expected


@pytest.mark.parametrize(
    ("values", "name", "expected"),
    [
        ({"RadionuclideTotalDose": "185.5"}, "InjectedRadioactivity", 185.5),
        ({"RadionuclideTotalDose": ""}, "InjectedRadioactivity", "n/a"),
        ({"Radiopharmaceutical": "Florbetapir"}, "TracerName", "AV45"),
        ({"Radiopharmaceutical": "[11C]PIB"}, "TracerName", "PIB"),
        ({"Radiopharmaceutical": "XYZ 12"}, "TracerName", "FDG"),  # its code says so
        ({"RadiopharmaceuticalStartDateTime": "19010101094500"}, "TimeZero", "09:45:00"),
        ({"RadiopharmaceuticalStartDateTime": "20240304235000"}, "ScanStart", 0.0),
        ({"RadiopharmaceuticalVolume": 4.5}, "InjectedVolume", 4.5),
    ],
)
def test_the_tracer_and_its_injection(read, values, name, expected):
    def change(dataset):
        for key, value in values.items():
            setattr(drug(dataset), key, value)

    found, _ = read(PET, change)
    assert found.sidecar.get(name) == expected


def test_an_injection_before_midnight(read):
    def change(dataset):
        drug(dataset).RadiopharmaceuticalStartTime = "235000"
        del drug(dataset).RadiopharmaceuticalStartDateTime
        dataset.AcquisitionTime = f"00{dataset.AcquisitionTime[2:4]}00"

    found, _ = read(PET, change)
    assert found.sidecar["TimeZero"] == "23:50:00"
    assert found.sidecar["FrameTimesStart"] == [2400.0, 2700.0]


def test_frames_of_one_time_are_told_apart_by_their_reference_time(read):
    def change(dataset):
        dataset.AcquisitionTime = "103000"

    found, _ = read(PET, change)
    assert found.sidecar["FrameTimesStart"] == [2700.0, 2999.0]


def test_a_header_that_tells_nothing(read):
    def change(dataset):
        del dataset.RadiopharmaceuticalInformationSequence
        del dataset.DecayCorrection
        del dataset.ActualFrameDuration

    found, said = read(PET, change)
    assert found.sidecar["TracerRadionuclide"] == "n/a"
    assert found.sidecar["FrameTimesStart"] == []
    assert found.tracer == "unknown"
    for part in ("tracer", "radionuclide", "dose", "injected", "decay", "how long they took"):
        assert any(part in line for line in said)
