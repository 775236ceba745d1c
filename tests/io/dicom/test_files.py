"""The header of each file, and whether the file is whole."""

import datetime

import pytest
from tests.io.dicom.makers import IMPLICIT, Plan, changed, pet_values, t1_values, write
from tests.io.dicom.makers import write_enhanced as enhanced

from petsynth.io.dicom.files import find_files, holds_dicom, parse_moment, read_file

pydicom = pytest.importorskip("pydicom", reason="needs the extra dicom")


@pytest.fixture
def path(tmp_path):
    return write(Plan(t1_values(slices=1)), tmp_path)[0]


def test_a_whole_file(path):
    found = read_file(path)
    assert found.damage == ""
    (frame,) = found.frames
    assert (frame.position, frame.spacing, frame.shape) == (
        (-20.0, -25.0, -15.0),
        (2.5, 2.0),
        (20, 24),
    )
    assert frame.acquired == datetime.datetime(2024, 3, 5, 10, 30)


@pytest.mark.parametrize("syntax", [IMPLICIT, "1.2.840.10008.1.2.1"])
@pytest.mark.parametrize("lost", [1, 300, 960])
def test_a_truncated_file(tmp_path, syntax, lost):
    (path,) = write(changed(Plan(t1_values(slices=1)), syntax=syntax), tmp_path)
    path.write_bytes(path.read_bytes()[:-lost])
    assert read_file(path).damage == "is truncated"


def test_a_file_that_ends_within_its_header(path):
    path.write_bytes(path.read_bytes()[:500])
    found = read_file(path)
    assert found.header is None or found.damage


def test_a_file_without_pixels(path):
    dataset = pydicom.dcmread(path)
    del dataset.PixelData
    dataset.save_as(path)
    assert read_file(path).damage == "holds no pixels"


def test_fewer_pixels_than_the_header_says(path):
    dataset = pydicom.dcmread(path)
    dataset.Rows = 21
    dataset.save_as(path)
    assert read_file(path).damage == "holds fewer pixels than its header says"


def test_compressed_pixels_that_end_early(path):
    dataset = pydicom.dcmread(path)
    dataset.compress(pydicom.uid.RLELossless)
    dataset.save_as(path)
    assert read_file(path).damage == ""
    path.write_bytes(path.read_bytes()[:-20])
    assert read_file(path).damage == "is truncated"


def test_what_is_no_image_of_mr_or_pet(tmp_path, path):
    (tmp_path / "notes.txt").write_text("no DICOM")
    dataset = pydicom.dcmread(path)
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"  # a report
    dataset.save_as(tmp_path / "report.dcm")
    assert read_file(tmp_path / "notes.txt") is None
    assert read_file(tmp_path / "report.dcm") is None
    (tmp_path / "noise.dcm").write_bytes(b"\x08\x00\x16\x00XX" * 40)
    assert read_file(tmp_path / "noise.dcm").damage.startswith("cannot be read")


def test_the_frames_of_an_enhanced_image(tmp_path):
    path = enhanced(changed(Plan(pet_values(2)), modality="PT"), tmp_path)
    frames = read_file(path).frames
    assert len(frames) == 24
    assert frames[13].position == (-20.0, -25.0, -12.0)
    assert frames[13].acquired == datetime.datetime(2024, 3, 5, 10, 35)
    assert frames[13].duration_s == 300.0


def test_files_of_a_folder(tmp_path, path):
    (tmp_path / "more").mkdir()
    path.rename(tmp_path / "more" / "IM0001")
    (tmp_path / ".hidden").write_text("")
    assert [each.name for each in find_files(tmp_path)] == ["IM0001"]
    assert holds_dicom(tmp_path)
    assert not holds_dicom(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "2024", "20241399101010", "2024030510.1.2", "x" * 20])
def test_what_is_no_moment(text):
    assert parse_moment(text) in (None, datetime.datetime(2024, 3, 5, 10, 0, 0, 100000))
