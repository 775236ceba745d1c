"""The header of each DICOM file: what it belongs to, where its frames lie, whether it is whole.

References
----------
DICOM PS3.3, C.7.6.2 "Image Plane", C.7.6.16 "Multi-frame Functional Groups"; PS3.5, A.4
"Encapsulated Pixel Data".
"""

from __future__ import annotations

import datetime
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from petsynth.io.dicom.libraries import library, tolerant

MR, PET = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.128"
"""SOP classes of images of one frame; those of enhanced images begin with the same."""
IMAGES = {
    MR: "MR",
    f"{MR}.1": "MR",  # enhanced
    f"{MR}.4": "MR",  # legacy converted enhanced
    PET: "PT",
    f"{PET}.1": "PT",  # legacy converted enhanced
    "1.2.840.10008.5.1.4.1.1.130": "PT",  # enhanced
}
"""Modality by SOP class of MR and PET images."""
DEFLATED, BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
_IMPLICIT = "1.2.840.10008.1.2"
_NAMES = (".dcm", ".ima", ".dicom")
_UNDEFINED = 0xFFFFFFFF
_ITEM, _END = 0xFFFEE000, 0xFFFEE0DD
Vector = tuple[float, ...]


@dataclass(frozen=True)
class Frame:
    """One slice of an image at one time.

    Parameters
    ----------
    path : Path
        The file.
    index : int
        Which frame of the file it is, from 0 on.
    position : (3,) tuple of float, optional
        Middle of its first pixel in mm; x to the left, y to the back, z upwards.
    orientation : (6,) tuple of float, optional
        Direction along a row, then along a column.
    spacing : (2,) tuple of float, optional
        Distance of rows, then of columns, in mm.
    shape : (int, int)
        Rows and columns.
    acquired : datetime, optional
        When its acquisition began.
    duration_s, reference_s : float, optional
        How long it took, and its reference time in the series (PET).
    """

    path: Path
    index: int
    position: Vector | None
    orientation: Vector | None
    spacing: Vector | None
    shape: tuple[int, int]
    acquired: datetime.datetime | None = None
    duration_s: float | None = None
    reference_s: float | None = None


@dataclass(frozen=True)
class DicomFile:
    """One file.

    Parameters
    ----------
    path : Path
        Where it is.
    header : pydicom Dataset
        Without the pixels.
    frames : tuple of Frame
        Its slices.
    damage : str
        What is wrong with it; empty if it is whole.
    """

    path: Path
    header: Any = field(repr=False, compare=False)
    frames: tuple[Frame, ...] = ()
    damage: str = ""


def find_files(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder that may be DICOM, sorted; hidden ones are left out."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(root, name)
            if not name.startswith(".") and name != "DICOMDIR" and path.is_file():
                yield path


def holds_dicom(folder: Path, most: int = 200) -> bool:
    """Whether one of the first files below a folder is DICOM."""
    for number, path in enumerate(find_files(folder)):
        if is_dicom(path):
            return True
        if number >= most:
            break
    return False


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM, by its name or its first bytes."""
    try:
        with open(path, "rb") as file:
            start = file.read(132)
    except OSError:
        return False
    return start[128:] == b"DICM" or path.suffix.lower() in _NAMES


def read_file(path: Path) -> DicomFile | None:
    """Read the header of a file; None if it is neither DICOM nor an MR or PET image.

    Whatever is wrong with the file is said by `DicomFile.damage`.
    """
    if not is_dicom(path):
        return None
    pydicom = library("pydicom")
    with tolerant():
        try:
            with open(path, "rb") as file:
                header = pydicom.dcmread(file, stop_before_pixels=True, force=True)
                return _checked(path, header, file)
        except Exception as error:  # a damaged file may make pydicom raise anything
            told = " ".join(str(error).split())[:80] or type(error).__name__
            return DicomFile(path, None, damage=f"cannot be read ({told})")


def value_of(dataset: Any, name: str) -> Any:
    """Return an attribute of a header; None if it is missing, empty or unreadable."""
    with tolerant():
        try:
            value = dataset.get(name)
        except Exception:  # a value that its type does not allow
            return None
    return None if value is None or value == "" else value


def text_of(dataset: Any, name: str) -> str:
    """Return an attribute as one line of text; several values are joined by a backslash."""
    value = value_of(dataset, name)
    if value is None:
        return ""
    several = not isinstance(value, str) and hasattr(value, "__iter__") and name != "PatientName"
    text = "\\".join(map(str, value)) if several else str(value)
    return " ".join(text.split())


def number_of(dataset: Any, name: str) -> float | None:
    """Return an attribute as a number, the first of several."""
    value = value_of(dataset, name)
    if not isinstance(value, str) and hasattr(value, "__iter__"):
        value = next(iter(value), None)
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None


def first_item(dataset: Any, *names: str) -> Any:
    """Return the first item of nested sequences; an empty header if one of them is missing."""
    for name in names:
        items = value_of(dataset, name)
        dataset = items[0] if items else library("pydicom").Dataset()
    return dataset


def moment_of(dataset: Any, stem: str) -> datetime.datetime | None:
    """Return when something was, by its ``DateTime``, or by its ``Date`` and ``Time``."""
    found = parse_moment(text_of(dataset, f"{stem}DateTime"))
    return found or parse_moment(text_of(dataset, f"{stem}Date") + text_of(dataset, f"{stem}Time"))


def parse_moment(text: str) -> datetime.datetime | None:
    """Return the moment that a DICOM date and time say; None if it lacks the time.

    Examples
    --------
    >>> parse_moment("20240305103000.25").isoformat(), parse_moment("20240305")
    ('2024-03-05T10:30:00.250000', None)
    """
    text = text.strip().split("+")[0].split("&")[0]
    if len(text) > 15 and text[-5] == "-":
        text = text[:-5]
    digits, _, fraction = text.partition(".")
    try:
        moment = datetime.datetime.strptime(digits.ljust(14, "0"), "%Y%m%d%H%M%S")
        parts = int(fraction[:6].ljust(6, "0")) if fraction else 0
        return moment.replace(microsecond=parts) if len(digits) >= 10 else None
    except ValueError:
        return None


def _checked(path: Path, header: Any, file: BinaryIO) -> DicomFile | None:
    meta = getattr(header, "file_meta", None)
    sop_class = text_of(header, "SOPClassUID")
    if not sop_class and meta is not None:
        sop_class = text_of(meta, "MediaStorageSOPClassUID")  # a DICOMDIR of any name has no other
    if not sop_class:
        return DicomFile(path, None, damage="cannot be read (no SOPClassUID)")
    if sop_class not in IMAGES:
        return None  # a report, a screenshot, raw data
    if not text_of(header, "SeriesInstanceUID") or not text_of(header, "StudyInstanceUID"):
        return DicomFile(path, None, damage="does not say which series it belongs to")
    damage = _damage(header, file)
    return DicomFile(path, header, tuple(_frames(path, header)), damage)


def _damage(header: Any, file: BinaryIO) -> str:
    """Return what is wrong with the pixels that follow the header."""
    syntax = text_of(header.file_meta, "TransferSyntaxUID") if hasattr(header, "file_meta") else ""
    if syntax == DEFLATED:
        return ""  # whoever inflates it will see
    size, start = os.fstat(file.fileno()).st_size, file.tell()
    order = ">" if syntax == BIG_ENDIAN else "<"
    head = file.read(8 if syntax in (_IMPLICIT, "") else 12)
    if len(head) < 8:
        return "holds no pixels"
    length = struct.unpack(f"{order}I", head[-4:])[0]
    if length == _UNDEFINED:
        return "" if _ends_well(file, size) else "is truncated"
    if start + len(head) + length > size:
        return "is truncated"
    count = int(number_of(header, "NumberOfFrames") or 1)
    bits = int(number_of(header, "BitsAllocated") or 0)
    rows, columns = (int(number_of(header, name) or 0) for name in ("Rows", "Columns"))
    needed = rows * columns * count * bits // 8
    return "holds fewer pixels than its header says" if length < needed or not needed else ""


def _ends_well(file: BinaryIO, size: int) -> bool:
    """Whether compressed pixels go on to their end."""
    while len(head := file.read(8)) == 8:
        group, element, length = struct.unpack("<HHI", head)
        tag = (group << 16) | element
        if tag != _ITEM:
            return bool(tag == _END)
        if file.tell() + length > size:
            return False
        file.seek(length, os.SEEK_CUR)
    return False


def _frames(path: Path, header: Any) -> Iterator[Frame]:
    shape = (int(number_of(header, "Rows") or 0), int(number_of(header, "Columns") or 0))
    groups = value_of(header, "PerFrameFunctionalGroupsSequence")
    if not groups:
        yield Frame(
            path,
            0,
            _vector(header, "ImagePositionPatient", 3),
            _vector(header, "ImageOrientationPatient", 6),
            _vector(header, "PixelSpacing", 2),
            shape,
            moment_of(header, "Acquisition"),
            _seconds(header, "ActualFrameDuration"),
            _seconds(header, "FrameReferenceTime"),
        )
        return
    shared = first_item(header, "SharedFunctionalGroupsSequence")
    for index, group in enumerate(groups):
        content = first_item(group, "FrameContentSequence")
        place = _group(group, shared, "PlaneOrientationSequence")
        yield Frame(
            path,
            index,
            _vector(_group(group, shared, "PlanePositionSequence"), "ImagePositionPatient", 3),
            _vector(place, "ImageOrientationPatient", 6),
            _vector(_group(group, shared, "PixelMeasuresSequence"), "PixelSpacing", 2),
            shape,
            parse_moment(text_of(content, "FrameAcquisitionDateTime")),
            _seconds(content, "FrameAcquisitionDuration"),
        )


def _group(own: Any, shared: Any, name: str) -> Any:
    return first_item(own if value_of(own, name) else shared, name)


def _vector(dataset: Any, name: str, count: int) -> Vector | None:
    value = value_of(dataset, name)
    try:
        found = tuple(float(each) for each in value)
    except (TypeError, ValueError):
        return None
    return found if len(found) == count else None


def _seconds(dataset: Any, name: str) -> float | None:
    milliseconds = number_of(dataset, name)
    return None if milliseconds is None else milliseconds / 1000
