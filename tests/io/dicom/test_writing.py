"""A synthetic PET as a series of its T1's study."""

import dataclasses
import shutil

import numpy as np
import pytest
from tests.io.dicom.makers import (
    NAME,
    OBLIQUE,
    SAGITTAL,
    Plan,
    assert_same,
    changed,
    ras_affine,
    t1_values,
    uid,
    write,
    write_enhanced,
)

from petsynth.io.dicom.conversion import convert
from petsynth.io.dicom.kinds import recognise
from petsynth.io.dicom.lattice import on_slices, stored_values
from petsynth.io.dicom.series import find_series, lay_out
from petsynth.io.dicom.writing import PetDescription, is_written, series_uid, write_pet

pydicom = pytest.importorskip("pydicom", reason="needs the extra dicom")
T1 = Plan(t1_values(slices=6), orientation=SAGITTAL)
ABOUT = PetDescription("FDG", "SUVR", "petsynth-fdg", "pons", simulated=True)


def made_from(plan, folder, about=ABOUT, make=write):
    """Write a T1 and a synthetic PET of it; returns the PET's plan, its files and the T1's."""
    make(plan, folder / "t1")
    (series,) = find_series(folder / "t1", print)
    rng = np.random.default_rng(0)
    values = rng.uniform(-0.1, 2.5, plan.values.shape[1:]).astype(np.float32)
    layout = lay_out(series)
    paths = write_pet(values.transpose(2, 1, 0), series, layout, folder / "pet", about)
    return changed(plan, values=values[None].astype(float)), paths, series


@pytest.mark.parametrize("orientation", [SAGITTAL, OBLIQUE])
def test_pydicom_and_dcm2niix_read_the_same_numbers(tmp_path, orientation):
    expected, paths, _ = made_from(changed(T1, orientation=orientation), tmp_path)
    step = 2.6 / 32767
    for number, path in enumerate(paths):
        slice_ = pydicom.dcmread(path)
        values = slice_.pixel_array * float(slice_.RescaleSlope) + float(slice_.RescaleIntercept)
        np.testing.assert_allclose(values, expected.values[0, number], atol=step / 2)
    (series,) = find_series(tmp_path / "pet", print)
    np.testing.assert_allclose(lay_out(series).affine, ras_affine(expected), atol=1e-5)
    read = convert(series, tmp_path / "scratch")
    shifted = dataclasses.replace(read, values=read.values + 10)  # so that rtol speaks of steps
    assert_same(shifted, changed(expected, values=expected.values + 10), rtol=step / 10)


def test_it_is_the_patients_and_says_that_it_is_synthetic(tmp_path):
    _, paths, series = made_from(T1, tmp_path)
    slices = [pydicom.dcmread(path) for path in paths]
    first, source = slices[0], pydicom.dcmread(series.files[0])
    for name in (
        "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID",
        "StudyID", "AccessionNumber", "ReferringPhysicianName", "FrameOfReferenceUID",
        "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness",
    ):  # fmt: skip
        assert first[name].value == source[name].value, name
    assert str(first.PatientName) == NAME
    assert first.SOPClassUID == pydicom.uid.PositronEmissionTomographyImageStorage
    assert (first.Modality, first.Units, list(first.ImageType)) == (
        "PT",
        "NONE",
        ["DERIVED", "SECONDARY"],
    )
    assert first.SeriesDescription == "SYNTHETIC FDG PET, SUVR (pons), not for diagnosis"
    assert first.ImageComments.startswith("SYNTHETIC PET, NOT FOR DIAGNOSIS. Inferred from a T1")
    assert "(petsynth-fdg, trained on simulated PET): a guess" in first.ImageComments
    assert "(x): a guess" in PetDescription("FDG", "SUVR", "x").comment
    assert first.RescaleIntercept == 0
    assert not first.RadiopharmaceuticalInformationSequence  # nothing was injected
    sources = [each.SourceImageSequence[0].ReferencedSOPInstanceUID for each in slices]
    assert sources == [uid(1, 1, number) for number in range(1, 7)]
    assert [each.InstanceNumber for each in slices] == list(range(1, 7))
    assert first.SeriesNumber == 1003


def test_uids_are_new_and_follow_from_what_is_written(tmp_path):
    _, first, series = made_from(T1, tmp_path / "a")
    _, again, _ = made_from(T1, tmp_path / "b")
    _, other, _ = made_from(T1, tmp_path / "c", dataclasses.replace(ABOUT, tracer="AV45"))
    uids = [
        [pydicom.dcmread(path).SOPInstanceUID for path in paths] for paths in (first, again, other)
    ]
    assert uids[0] == uids[1]
    assert len({*uids[0], *uids[2]}) == 12
    assert all(each.startswith("2.25.") and len(each) <= 64 for each in uids[0])
    assert series.uid != pydicom.dcmread(first[0]).SeriesInstanceUID


def test_a_finished_series_is_known_again(tmp_path):
    expected, paths, series = made_from(T1, tmp_path)
    values = expected.values[0].astype(np.float32).transpose(2, 1, 0)
    uid_of = series_uid(values, series, ABOUT)
    assert is_written(tmp_path / "pet", uid_of, 6)
    assert not is_written(tmp_path / "pet", series_uid(values + 1, series, ABOUT), 6)
    paths[3].unlink()
    assert not is_written(tmp_path / "pet", uid_of, 6)
    shutil.copy(paths[0], tmp_path / "pet" / "IM09999.dcm")
    write_pet(values, series, lay_out(series), tmp_path / "pet", ABOUT)
    assert is_written(tmp_path / "pet", uid_of, 6)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pet", "t1"]


def test_from_an_enhanced_t1(tmp_path):
    expected, paths, _ = made_from(T1, tmp_path, make=write_enhanced)
    (series,) = find_series(tmp_path / "pet", print)
    found = stored_values(lay_out(series))[..., 0]
    np.testing.assert_allclose(found, expected.values[0].transpose(2, 1, 0), atol=1e-4)
    reference = pydicom.dcmread(paths[2]).SourceImageSequence[0]
    assert reference.ReferencedFrameNumber == 3


def test_a_t1_without_most_attributes(tmp_path):
    bare = {
        "SpecificCharacterSet": None,
        "PatientName": "Plain^Name",
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "BodyPartExamined": "",
    }
    _, paths, _ = made_from(changed(T1, more=bare), tmp_path)
    assert pydicom.dcmread(paths[0]).BodyPartExamined == "HEAD"


def test_it_is_never_imported_as_a_pet(tmp_path):
    made_from(T1, tmp_path)
    (series,) = find_series(tmp_path / "pet", print)
    assert recognise(series).reason == "it is synthetic"


def test_an_image_of_zeros(tmp_path):
    write(T1, tmp_path / "t1")
    (series,) = find_series(tmp_path / "t1", print)
    layout = lay_out(series)
    zeros = np.zeros((24, 20, 6), np.float32)
    paths = write_pet(zeros, series, layout, tmp_path / "pet", ABOUT)
    assert not pydicom.dcmread(paths[0]).pixel_array.any()
    assert on_slices(zeros, layout.affine, layout).shape == (24, 20, 6)
