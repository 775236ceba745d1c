"""The same numbers at the same places, in every style and every transfer syntax."""

import pytest
from tests.io.dicom.makers import (
    OBLIQUE,
    SAGITTAL,
    Plan,
    assert_same,
    changed,
    compress,
    pet_values,
    t1_values,
    write,
    write_enhanced,
)

from petsynth.errors import InputError
from petsynth.io.dicom.conversion import convert
from petsynth.io.dicom.series import find_series

pydicom = pytest.importorskip("pydicom", reason="needs the extra dicom")
T1 = Plan(t1_values(slices=6))
PET = Plan(pet_values(2, slices=6), modality="PT")


def converted(folder):
    (series,) = find_series(folder / "dicom", print)
    return convert(series, folder / "scratch")


@pytest.mark.parametrize("orientation", [SAGITTAL, OBLIQUE])
@pytest.mark.parametrize("vendor", ["siemens", "ge", "philips"])
def test_t1s(tmp_path, vendor, orientation):
    plan = changed(T1, vendor=vendor, orientation=orientation)
    write(plan, tmp_path / "dicom")
    found = converted(tmp_path)
    assert_same(found, plan)
    assert found.fields["EchoTime"] == pytest.approx(0.00298)


@pytest.mark.parametrize(("vendor", "factor"), [("siemens", 1), ("ge", 1), ("philips", 2.5)])
def test_pets(tmp_path, vendor, factor):
    """Siemens and GE scale each slice by itself; Philips stores counts."""
    write(changed(PET, vendor=vendor), tmp_path / "dicom")
    # half a step of 16 bits, of values down to a tenth of the highest
    assert_same(converted(tmp_path), changed(PET, values=PET.values / factor), rtol=1e-3)


@pytest.mark.parametrize("plan", [T1, changed(PET, values=PET.values[:1])])
def test_enhanced_images(tmp_path, plan):
    write_enhanced(plan, tmp_path / "dicom")
    assert_same(converted(tmp_path), plan, rtol=1e-3)


@pytest.mark.parametrize(
    "syntax",
    [
        "1.2.840.10008.1.2",  # implicit
        "1.2.840.10008.1.2.1.99",  # deflated
        "1.2.840.10008.1.2.4.70",  # lossless JPEG
        "1.2.840.10008.1.2.4.90",  # JPEG 2000
        "1.2.840.10008.1.2.5",  # run lengths
    ],
)
def test_transfer_syntaxes(tmp_path, syntax):
    plain = changed(T1, syntax=syntax) if syntax == "1.2.840.10008.1.2" else T1
    paths = write(plain, tmp_path / "dicom")
    if plain is T1:
        for path in paths:
            compress(path, syntax)
    assert_same(converted(tmp_path), T1)


def test_the_header_tells_nothing_of_the_patient(tmp_path):
    write(T1, tmp_path / "dicom")
    converted(tmp_path).save(tmp_path / "t1.nii")
    text = (tmp_path / "t1.nii").read_bytes()[:352]
    assert b"Time" not in text
    assert b"4711" not in text


def test_what_dcm2niix_cannot_read_is_one_line(tmp_path):
    paths = write(T1, tmp_path / "dicom")
    for path in paths:
        dataset = pydicom.dcmread(path)
        dataset.compress(pydicom.uid.RLELossless)
        dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"  # a film
        dataset.save_as(path)
    with pytest.raises(InputError, match="dcm2niix cannot read it") as refusal:
        converted(tmp_path)
    assert "/" not in str(refusal.value)


def test_without_the_extra_one_line_names_it(tmp_path, monkeypatch):
    import sys

    write(T1, tmp_path / "dicom")
    (series,) = find_series(tmp_path / "dicom", print)
    monkeypatch.setitem(sys.modules, "dcm2niix", None)
    with pytest.raises(InputError, match=r"needs dcm2niix.*pip install 'petsynth\[dicom\]'"):
        convert(series, tmp_path / "scratch")
