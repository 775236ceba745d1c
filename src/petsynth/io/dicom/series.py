"""Which files are one series, whether slices are missing in it, and where its slices lie.

Files belong together by ``SeriesInstanceUID``, never by the series' number, which two series may
share, nor by folder.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsynth.errors import InputError
from petsynth.io.dicom.files import (
    IMAGES,
    DicomFile,
    Frame,
    find_files,
    moment_of,
    number_of,
    read_file,
    text_of,
)

_CLOSE_MM, _CLOSE = 0.01, 1e-3
_UNEVEN = 1.5
"""From how many usual distances on, a slice is missing between two."""
_MOST_NAMED = 3
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Series:
    """One series of a patient.

    Parameters
    ----------
    uid, study : str
        ``SeriesInstanceUID`` and ``StudyInstanceUID``.
    patient : str
        By what patients are told apart; never written.
    number : int
        As scanner or user see it; 0 if there is none.
    modality : {"MR", "PT"}
        What kind of image it is.
    frames : tuple of Frame
        All slices, at all times.
    header : pydicom Dataset
        Of its first file.
    problem : str
        Why it cannot be used; empty if nothing was found.
    """

    uid: str
    study: str
    patient: str = field(repr=False)
    number: int
    modality: str
    frames: tuple[Frame, ...]
    header: Any = field(repr=False, compare=False)
    problem: str = ""

    @property
    def files(self) -> list[Path]:
        """Its files, each once."""
        return list(dict.fromkeys(frame.path for frame in self.frames))

    @property
    def description(self) -> str:
        """What the scanner calls it."""
        return text_of(self.header, "SeriesDescription") or text_of(self.header, "ProtocolName")

    @property
    def name(self) -> str:
        """How messages call it."""
        told = f" ({self.description})" if self.description else ""
        return f"series {self.number}{told}"

    @property
    def day(self) -> datetime.date | None:
        """When it was acquired."""
        start = self.start
        return None if start is None else start.date()

    @property
    def start(self) -> datetime.datetime | None:
        """When its first frame was acquired, else when the series or the study began."""
        known = [frame.acquired for frame in self.frames if frame.acquired is not None]
        others = (moment_of(self.header, stem) for stem in ("Series", "Content", "Study"))
        return min(known) if known else next(filter(None, others), None)


@dataclass(frozen=True)
class Layout:
    """Where the slices of a series lie.

    Parameters
    ----------
    affine : (4, 4) array
        From column, row and slice to RAS+ in mm.
    volumes : tuple of tuple of Frame
        For each time all slices, in the order of the affine.
    """

    affine: NDArray[np.float64]
    volumes: tuple[tuple[Frame, ...], ...]


def find_series(folder: Path, say: Callable[[str], None]) -> list[Series]:
    """Return the MR and PET series below a folder, by patient, time and number.

    Parameters
    ----------
    folder : Path
        Searched with all folders in it; or a single file.
    say : function of str
        Is told of each file that cannot be used.

    Raises
    ------
    InputError
        If the folder is missing or holds no DICOM.
    """
    if not folder.exists():
        raise InputError(f"{folder}: no such folder")
    paths = [folder] if folder.is_file() else find_files(folder)
    files = [found for path in paths if (found := read_file(path)) is not None]
    return group_files(files, folder, say)


def group_files(
    files: Iterable[DicomFile], folder: Path, say: Callable[[str], None]
) -> list[Series]:
    """Return the series that files belong to; see `find_series`."""
    whole: dict[str, list[DicomFile]] = {}
    unknown: dict[str, list[Path]] = {}
    for each in files:
        if each.header is None:
            unknown.setdefault(each.damage, []).append(each.path)
        else:
            whole.setdefault(text_of(each.header, "SeriesInstanceUID"), []).append(each)
    for damage, paths in unknown.items():
        for path in paths[:_MOST_NAMED]:
            say(f"{path}: {damage}; left out")
        if len(paths) > _MOST_NAMED:
            say(f"{folder}: {len(paths) - _MOST_NAMED} more files like it; left out")
    if not whole:
        raise InputError(f"{folder}: holds no DICOM image of MR or PET that can be read")
    found = [_one_series(uid, each) for uid, each in whole.items()]
    last = datetime.datetime.max
    return sorted(found, key=lambda each: (each.patient, each.start or last, each.number, each.uid))


def lay_out(series: Series) -> Layout:
    """Return where the slices of a series lie.

    Raises
    ------
    InputError
        If slices are missing, or do not lie side by side.
    """
    frames = series.frames
    places = [frame for frame in frames if frame.position and frame.orientation and frame.spacing]
    if len(places) < len(frames):
        raise InputError("its slices do not say where they lie")
    axes = np.array([frame.orientation for frame in frames], dtype=float)
    if np.abs(axes - axes[0]).max() > _CLOSE:
        raise InputError("its slices lie in different directions (a localizer?)")
    if len({(frame.shape, frame.spacing) for frame in frames}) > 1:
        raise InputError("its slices differ in size")
    normal = np.cross(axes[0, :3], axes[0, 3:])
    heights = np.array([frame.position for frame in frames], dtype=float) @ normal
    levels = _levels(heights)
    if len(levels) < 2:
        raise InputError("it is a single slice, a volume is needed")
    numbers = np.abs(heights[:, None] - levels[None]).argmin(axis=1)
    _check_gaps(series, levels, Counter(numbers.tolist()))
    columns: dict[int, list[Frame]] = {}
    for number, frame in sorted(zip(numbers.tolist(), frames, strict=True), key=_by_time):
        columns.setdefault(number, []).append(frame)
    volumes = tuple(zip(*(columns[number] for number in sorted(columns)), strict=True))
    return Layout(_affine(volumes[0]), volumes)


def _by_time(numbered: tuple[int, Frame]) -> tuple[Any, ...]:
    frame = numbered[1]
    last = datetime.datetime.max
    return (frame.acquired or last, frame.reference_s or 0.0, frame.index, str(frame.path))


def _levels(heights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the different heights, from below."""
    ordered = np.sort(heights)
    is_new = np.diff(ordered, prepend=-np.inf) > _CLOSE_MM
    return np.asarray(ordered[is_new])


def _check_gaps(series: Series, levels: NDArray[np.float64], counts: Counter[int]) -> None:
    steps = np.diff(levels)
    usual = float(np.median(steps))
    missing = int(sum(round(step / usual) - 1 for step in steps if step > _UNEVEN * usual))
    declared = number_of(series.header, "NumberOfSlices") if series.modality == "PT" else None
    if missing:
        raise InputError(f"{missing} of {len(levels) + missing} slices are missing")
    if np.abs(steps - usual).max() > 0.1 * usual:
        raise InputError(
            f"its slices are {steps.min():.2f} to {steps.max():.2f} mm apart, one distance is "
            "needed"
        )
    if declared and len(levels) < declared:
        raise InputError(f"{int(declared) - len(levels)} of {int(declared)} slices are missing")
    times = max(counts.values())
    lacking = times * len(levels) - sum(counts.values())
    if lacking:
        raise InputError(
            f"{lacking} slices are missing in its {times} volumes of {len(levels)} slices"
        )


def _affine(volume: tuple[Frame, ...]) -> NDArray[np.float64]:
    first, last = (np.array(frame.position, dtype=float) for frame in (volume[0], volume[-1]))
    axes = np.array(volume[0].orientation, dtype=float)
    between_rows, between_columns = np.array(volume[0].spacing, dtype=float)
    affine = np.eye(4)
    affine[:3, 0] = axes[:3] * between_columns
    affine[:3, 1] = axes[3:] * between_rows
    affine[:3, 2] = (last - first) / (len(volume) - 1)
    affine[:3, 3] = first
    return np.asarray(LPS_TO_RAS @ affine)


def _one_series(uid: str, files: list[DicomFile]) -> Series:
    once: dict[str, DicomFile] = {}
    for each in files:  # a copy of a file is no second slice
        once.setdefault(text_of(each.header, "SOPInstanceUID") or str(each.path), each)
    header = files[0].header
    patients = {_patient(each.header) for each in files}
    damaged = [each for each in once.values() if each.damage]
    problem = ""
    if len(patients) > 1:
        problem = f"its files are of {len(patients)} patients"
    elif damaged:
        others = f", and {len(damaged) - 1} more like it" if len(damaged) > 1 else ""
        problem = f"{damaged[0].path.name} {damaged[0].damage}{others}"
    return Series(
        uid,
        text_of(header, "StudyInstanceUID"),
        min(patients),
        int(number_of(header, "SeriesNumber") or 0),
        IMAGES[text_of(header, "SOPClassUID")],
        tuple(frame for each in once.values() for frame in each.frames),
        header,
        problem,
    )


def _patient(header: Any) -> str:
    """Return by what patients are told apart: the ID, else name and birth date, else the study."""
    identity = text_of(header, "PatientID")
    if identity:
        return f"{text_of(header, 'IssuerOfPatientID')}/{identity}"
    name = f"{text_of(header, 'PatientName')}/{text_of(header, 'PatientBirthDate')}"
    return name if name != "/" else text_of(header, "StudyInstanceUID")
