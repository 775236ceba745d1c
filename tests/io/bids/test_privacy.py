"""What may leave a raw dataset."""

import numpy as np
import pytest

from petsynth.io.bids.privacy import ALLOWED_FIELDS, allowed_fields, bids_uri, without_folders
from petsynth.simulation.sidecars import pet_sidecar

IDENTIFYING = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge", "PatientWeight",
    "PatientAddress", "OtherPatientIDs", "InstitutionName", "InstitutionAddress",
    "InstitutionalDepartmentName", "StationName", "DeviceSerialNumber", "OperatorsName",
    "PerformingPhysicianName", "ReferringPhysicianName", "StudyInstanceUID", "SeriesInstanceUID",
    "SOPInstanceUID", "FrameOfReferenceUID", "StudyID", "AccessionNumber", "AcquisitionDateTime",
    "AcquisitionDate", "AcquisitionTime", "SeriesDate", "SeriesTime", "StudyDate", "StudyTime",
    "ContentDate", "ScanDate", "ProtocolName", "SeriesDescription", "StudyDescription",
    "ImageComments", "RequestedProcedureDescription", "PatientComments",
)  # fmt: skip
REQUIRED = (
    "Manufacturer", "ManufacturersModelName", "Units", "TracerName", "TracerRadionuclide",
    "InjectedRadioactivity", "InjectedRadioactivityUnits", "InjectedMass", "InjectedMassUnits",
    "SpecificRadioactivity", "SpecificRadioactivityUnits", "ModeOfAdministration", "TimeZero",
    "ScanStart", "InjectionStart", "FrameTimesStart", "FrameDuration", "AcquisitionMode",
    "ImageDecayCorrected", "ImageDecayCorrectionTime", "ReconMethodName", "ReconFilterType",
    "ReconMethodParameterLabels", "ReconMethodParameterUnits", "ReconMethodParameterValues",
    "AttenuationCorrection",
)  # fmt: skip


def test_identifying_fields_stay_behind_and_required_ones_are_kept():
    found = allowed_fields(dict.fromkeys((*IDENTIFYING, *REQUIRED, "Anything"), "Doe"))
    assert set(found) == set(REQUIRED)
    assert len(set(ALLOWED_FIELDS)) == len(ALLOWED_FIELDS)


def test_lists_of_numbers_are_kept_and_objects_are_not():
    sidecar = {"FrameDuration": [60, 120], "TracerName": {"PatientName": "Doe"},
               "ReconMethodParameterValues": [[1, "Doe"]]}  # fmt: skip
    assert allowed_fields(sidecar) == {"FrameDuration": [60, 120]}


@pytest.mark.parametrize(
    ("value", "kept"),
    [("09:30:00", "09:30:00"), ("2012-03-01T09:30:00", "09:30:00"),
     ("20120301 09:30:00", "09:30:00")],
)  # fmt: skip
def test_a_time_of_the_day_has_no_date(value, kept):
    assert allowed_fields({"TimeZero": value}) == {"TimeZero": kept}


def test_no_value_holds_a_path():
    found = allowed_fields({"ReconMethodName": "OSEM /home/doe/recon/run.par", "Units": "kBq/mL"})
    assert found == {"ReconMethodName": "OSEM run.par", "Units": "kBq/mL"}


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("/a/sub-1/ses-a/pet/sub-1_ses-a_pet.nii", "bids:raw:sub-1/ses-a/pet/sub-1_ses-a_pet.nii"),
        ("/a/sub-9/b/sub-1/anat/sub-1_T1w.nii", "bids:raw:sub-1/anat/sub-1_T1w.nii"),
        ("/a/Doe/sub-1_T1w.nii", "sub-1_T1w.nii"),
        ("x.nii", "x.nii"),
    ],
)
def test_files_are_named_from_their_dataset(path, uri):
    assert bids_uri(path) == uri


def test_a_relative_path_is_named_from_its_dataset_too(tmp_path, monkeypatch):
    folder = tmp_path / "sub-1" / "anat"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    assert bids_uri("sub-1_T1w.nii") == "bids:raw:sub-1/anat/sub-1_T1w.nii"


@pytest.mark.parametrize(
    ("text", "roots", "plain"),
    [
        ("/a b/c/sub-1/x.nii: bad", ["/a b/c"], "sub-1/x.nii: bad"),
        ("my_bids/sub-1/x.nii: bad", ["my_bids"], "sub-1/x.nii: bad"),
        ("sub-1/x.nii: bad", ["."], "sub-1/x.nii: bad"),
        ("give --bids-filter-file/x", ["bids"], "give --bids-filter-file/x"),
        ("(/opt/masks/m.nii) and /data/x.nii.gz", [], "(m.nii) and x.nii.gz"),
        (r"C:\data\Doe\x.nii: bad", [], "x.nii: bad"),
        ("kBq/mL, n/a, 1/2 and and/or", [], "kBq/mL, n/a, 1/2 and and/or"),
    ],
)
def test_messages_name_no_folders(text, roots, plain):
    assert without_folders(text, roots) == plain


def test_messages_name_no_folder_by_its_link_either(tmp_path, monkeypatch):
    real, link = tmp_path / "Jane Doe", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    monkeypatch.chdir(tmp_path)
    for root, names in (("link", ("link", link, real)), (link, (link, real))):
        for name in names:
            assert without_folders(f"{name}/sub-1/x.nii: bad", [root]) == "sub-1/x.nii: bad"


def test_a_simulated_sidecar_is_allowed_but_for_what_it_says_of_itself():
    sidecar = pet_sidecar(np.random.default_rng(0), "FDG", "suvr", 1, 6.0)
    assert set(sidecar) - set(allowed_fields(sidecar)) == {"Simulated"}
