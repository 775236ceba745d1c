"""T1s and PETs of a DICOM folder into a BIDS dataset, without what tells who somebody is.

Each series is converted by itself; one that cannot be used is said in one line, and the others go
on. An image that the dataset holds already is not written again, and tells whose the others are.
"""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

from petsynth.errors import ArgumentError, InputError, OutputError
from petsynth.io.atomic import write_json, write_text, written_together
from petsynth.io.bids.metadata import sidecar_path, write_dataset_description, write_table
from petsynth.io.bids.names import TRACER_LABELS, parse_entities
from petsynth.io.dicom.conversion import Converted, convert
from petsynth.io.dicom.kinds import Found, has_contrast_agent, recognise
from petsynth.io.dicom.lattice import follow_header
from petsynth.io.dicom.patients import Key, Patient, add_sessions, next_label, row_of
from petsynth.io.dicom.pet_sidecar import pet_fields
from petsynth.io.dicom.series import Series, find_series
from petsynth.io.lock import is_bookkeeping, lock_folder
from petsynth.io.text import exists, read_table

T1_FIELDS = (
    "Modality", "MagneticFieldStrength", "Manufacturer", "ManufacturersModelName", "BodyPart",
    "MRAcquisitionType", "ScanningSequence", "SequenceVariant", "ScanOptions", "PulseSequenceType",
    "SliceThickness", "EchoTime", "RepetitionTime", "RepetitionTimeExcitation",
    "RepetitionTimePreparation", "InversionTime", "FlipAngle", "ParallelReductionFactorInPlane",
    "PartialFourier", "PixelBandwidth", "NonlinearGradientCorrection", "DwellTime",
)  # fmt: skip
"""What dcm2niix writes of a T1 that says nothing of the patient, the place or the day."""
_README = """# T1 and PET, imported from DICOM

By petsynth import-dicom. Names, IDs, birth dates and UIDs were left out; labels are numbers. Days
were moved, for all scans of a participant by the same number. Faces were not removed: share the
images only as far as you may.
"""
_ABOUT = {
    "age": {"Description": "Age at the first scan that was imported; 90 stands for 90 and above",
            "Units": "year"},
    "sex": {"Description": "Sex", "Levels": {"F": "female", "M": "male", "O": "other"}},
    "weight": {"Description": "Body weight, for standardised uptake values", "Units": "kg"},
}  # fmt: skip
_CLOSE_MM = 1e-3


@dataclass(frozen=True)
class ImportSettings:
    """How a folder is imported.

    Parameters
    ----------
    label : str, optional
        Of the one participant; a number if left out.
    key : Path, optional
        Table of who is who.
    t1_numbers, pet_numbers : collection of int
        Numbers of the series that are taken; found by their headers if empty.
    """

    label: str | None = None
    key: Path | None = None
    t1_numbers: Collection[int] = ()
    pet_numbers: Collection[int] = ()


@dataclass
class Imported:
    """What came of a folder.

    Parameters
    ----------
    written, kept : list of Path
        Images that are new, and those that were there.
    failed : list of str
        T1s and PETs that could not be used.
    """

    written: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def list_series(folder: Path, settings: ImportSettings, say: Callable[[str], None]) -> list[Found]:
    """Return what each series of a folder is taken for; ``say`` is told of unusable files.

    Raises
    ------
    InputError
        If the folder holds no MR or PET image.
    ArgumentError
        If a series that is named is not there.
    """
    series = find_series(folder, say)
    for option, numbers, modality in (
        ("--t1-series", settings.t1_numbers, "MR"),
        ("--pet-series", settings.pet_numbers, "PT"),
    ):
        there = {each.number for each in series if each.modality == modality}
        for number in numbers:
            if number not in there:
                listed = ", ".join(map(str, sorted(there))) or "none"
                raise ArgumentError(f"{option} {number}: no such series; there are {listed}")
    return [recognise(each, settings.t1_numbers, settings.pet_numbers) for each in series]


def import_series(
    found: Iterable[Found],
    root: Path,
    settings: ImportSettings,
    say: Callable[[str], None],
    advance: Callable[[], None] = lambda: None,
) -> Imported:
    """Write the T1s and PETs of a folder into a BIDS dataset.

    Parameters
    ----------
    found : iterable of Found
        From `list_series`; what is left out there is left out.
    root : Path
        Of the dataset; made if missing.
    settings : ImportSettings
        Labels and table.
    say : function of str
        Is told of each image that is written, and of what cannot be used.
    advance : function
        Called after each series.

    Raises
    ------
    ArgumentError
        If one label is given for several patients.
    OutputError
        If the folder holds something else than a BIDS dataset, or cannot be written.
    """
    taken = [each for each in found if each.kind is not None]
    names = list(dict.fromkeys(each.series.patient for each in taken))
    if settings.label is not None and len(names) > 1:
        raise ArgumentError(
            f"--participant-label: is for one patient, and the folder holds {len(names)}; leave "
            "it out, and give --key to learn who is who"
        )
    _check_root(root)
    key = Key(settings.key, root)
    result = Imported()
    with lock_folder(root), tempfile.TemporaryDirectory(prefix="petsynth-") as scratch:
        _write_root(root)
        for number, name in enumerate(names):
            own = [each for each in taken if each.series.patient == name]
            images = []
            for place, each in enumerate(own):
                try:
                    images.append(_image(each, Path(scratch, f"{number}-{place}"), say))
                except InputError as error:
                    say(f"{each.series.name}: {error}; left out")
                    result.failed.append(each.series.name)
                advance()
            if images:
                _write_patient(images, root, name, key, settings, result, say)
    return result


@dataclass(frozen=True)
class _Image:
    series: Series
    converted: Converted
    folder: str
    middle: str
    sidecar: dict[str, Any]

    @property
    def suffix(self) -> str:
        return "T1w" if self.folder == "anat" else "pet"


def _image(found: Found, scratch: Path, say: Callable[[str], None]) -> _Image:
    """Convert a series, and say how BIDS names it."""
    series = found.series
    assert found.layout is not None

    def tell(message: str) -> None:
        say(f"{series.name}: {message}")

    converted = follow_header(convert(series, scratch), found.layout, tell)
    if found.kind == "T1w":
        if converted.values.ndim > 3:
            raise InputError(f"dcm2niix makes {converted.values.shape[3]} volumes of it")
        sidecar = {name: converted.fields[name] for name in T1_FIELDS if name in converted.fields}
        agent = "_ce-gadolinium" if has_contrast_agent(series) else ""
        return _Image(series, converted, "anat", agent, sidecar)
    frames = converted.values.shape[3] if converted.values.ndim > 3 else 1
    if frames != len(found.layout.volumes):
        raise InputError(
            f"dcm2niix makes {frames} frames of it, its header says {len(found.layout.volumes)}"
        )
    fields = pet_fields(series, found.layout, converted.fields, tell)
    if fields.factor != 1:
        values = (converted.values * np.float64(fields.factor)).astype(np.float32)
        converted = Converted(series, values, converted.affine, converted.fields)
    label = TRACER_LABELS.get(fields.tracer, fields.tracer)
    middle = f"_trc-{label}_rec-{'acdyn' if frames > 1 else 'acstat'}"
    return _Image(series, converted, "pet", middle, fields.sidecar)


def _write_patient(
    images: list[_Image],
    root: Path,
    name: str,
    key: Key,
    settings: ImportSettings,
    result: Imported,
    say: Callable[[str], None],
) -> None:
    """Write the images of a patient, their tables and their line among the participants."""
    earlier = {number: _find_same(image, root) for number, image in enumerate(images)}
    patient = key.patient(name) or _known_by_image(images, earlier, root)
    if settings.label is not None:
        if patient is not None and patient.label != settings.label and not patient.is_new:
            raise ArgumentError(
                f"--participant-label {settings.label}: this patient is sub-{patient.label} already"
            )
        is_there = (root / f"sub-{settings.label}").is_dir()
        patient = patient or Patient(settings.label, is_new=not is_there)
    patient = patient or Patient(next_label(root, key.labels()))
    days = {image.series.day or datetime.date.min for image in images}
    add_sessions(patient, root, days - {datetime.date.min})
    times: dict[Path, str] = {}
    for number, image in enumerate(images):
        path = earlier[number]
        if path is not None:
            say(f"{image.series.name} -> {path.relative_to(root)} (kept: the same image)")
            result.kept.append(path)
            continue
        path = _free_path(image, patient, root)
        with written_together():
            write_json(sidecar_path(path), image.sidecar)
            image.converted.save(path)
        times[path] = patient.moved(image.series.start)
        say(f"{image.series.name} -> {path.relative_to(root)}")
        result.written.append(path)
    _add_scans(times)
    _add_participant(root, f"sub-{patient.label}", images)
    key.add(name, patient)


def _known_by_image(
    images: list[_Image], earlier: dict[int, Path | None], root: Path
) -> Patient | None:
    """Return whose images these are, by those that the dataset holds already."""
    for number, path in earlier.items():
        if path is None:
            continue
        entities = parse_entities(path.name)
        found = Patient(entities["sub"], is_new=False)
        start = images[number].series.start
        for other, place in earlier.items():
            day = images[other].series.day
            if place is not None and day is not None:
                found.sessions[day] = parse_entities(place.name).get("ses", "01")
        moved = _acquired(path)
        if start is not None and moved is not None:
            found.moved_by = moved.date() - start.date()
        return found
    return None


def _acquired(path: Path) -> datetime.datetime | None:
    """Return when an image of the dataset was acquired, as its table says it."""
    table = _scans_path(path)
    if not exists(table):
        return None
    name = f"{path.parent.name}/{path.name}"
    for _, row in read_table(table).iterrows():
        if row.get("filename") == name:
            try:
                return datetime.datetime.fromisoformat(str(row.get("acq_time")))
            except ValueError:
                return None
    return None


def _find_same(image: _Image, root: Path) -> Path | None:
    """Return the image of the dataset with the same voxels at the same place."""
    converted = image.converted
    for path in sorted(root.glob(f"sub-*/ses-*/{image.folder}/*_{image.suffix}.nii.gz")):
        try:
            other: Any = nib.load(path)
            is_same = (
                other.shape == converted.values.shape
                and np.allclose(other.affine, converted.affine, atol=_CLOSE_MM)
                and np.array_equal(np.asanyarray(other.dataobj), converted.values)
            )
        except (OSError, EOFError, ValueError, nib.filebasedimages.ImageFileError):
            continue
        if is_same:
            return path
    return None


def _free_path(image: _Image, patient: Patient, root: Path) -> Path:
    day = image.series.day
    session = patient.sessions.get(day, "01") if day else "01"
    folder = root / f"sub-{patient.label}" / f"ses-{session}" / image.folder
    stem = f"sub-{patient.label}_ses-{session}{image.middle}"
    run = 1
    while True:
        middle = f"_run-{run}" if run > 1 else ""
        path = folder / f"{stem}{middle}_{image.suffix}.nii.gz"
        if not path.exists():
            return path
        run += 1


def _scans_path(path: Path) -> Path:
    session = path.parent.parent
    return session / f"{session.parent.name}_{session.name}_scans.tsv"


def _add_scans(times: dict[Path, str]) -> None:
    """Add images to the tables of their sessions."""
    for table in sorted({_scans_path(path) for path in times}):
        rows = [
            {"filename": f"{path.parent.name}/{path.name}", "acq_time": time}
            for path, time in times.items()
            if _scans_path(path) == table
        ]
        before = read_table(table) if exists(table) else pd.DataFrame()
        write_table(table, pd.concat([before, pd.DataFrame(rows)], ignore_index=True))


def _add_participant(root: Path, name: str, images: list[_Image]) -> None:
    """Add a participant to the table, or fill in what it lacks of them."""
    path = root / "participants.tsv"
    table = read_table(path) if exists(path) else pd.DataFrame({"participant_id": []}, dtype=str)
    table = table.astype(object)
    told: dict[str, str] = {}
    for image in sorted(images, key=lambda each: each.series.start or datetime.datetime.max):
        told |= {k: v for k, v in row_of(image.series).items() if told.get(k, "n/a") == "n/a"}
    if name not in set(table["participant_id"]):
        table.loc[len(table), "participant_id"] = name
    place = table.index[table["participant_id"] == name][0]
    for column, value in told.items():
        if column not in table:
            table[column] = "n/a"
        if pd.isna(table.loc[place, column]) or table.loc[place, column] in ("", "n/a"):
            table.loc[place, column] = value
    write_table(path, table.fillna("n/a"))


def _check_root(root: Path) -> None:
    if root.exists() and not root.is_dir():
        raise OutputError(f"{root}: is a file; name a folder")
    if not root.is_dir() or exists(root / "dataset_description.json"):
        return
    held = sorted(path.name for path in root.iterdir() if not is_bookkeeping(path.name))
    if held and not any(name.startswith("sub-") for name in held):
        raise OutputError(f"{root}: holds {held[0]}, and is no BIDS dataset; name another folder")


def _write_root(root: Path) -> None:
    if not exists(root / "dataset_description.json"):
        write_dataset_description(root, "T1 and PET imported from DICOM", derivative=False)
    if not any(root.glob("README*")):
        write_text(root / "README.md", _README)
    if not exists(root / "participants.json"):
        write_json(root / "participants.json", _ABOUT)
