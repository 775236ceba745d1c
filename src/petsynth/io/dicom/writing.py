"""A synthetic PET as a DICOM series in its T1's study, for an archive that knows the patient.

Patient, study and frame of reference are the T1's, since the series goes where the T1 came from.
Series and images have UIDs of their own, which follow from what is written: the same image once
more has the same UIDs, and an archive keeps it once. Every slice says that it is synthetic.

References
----------
DICOM PS3.3, A.21 "PET Image", C.8.9 (its modules; Rescale Intercept is 0), C.7.6.1 "General Image"
(DERIVED, Source Image Sequence). PS3.5, B.2: UIDs below 2.25 are UUIDs.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsynth.errors import InputError
from petsynth.io.atomic import refusals_named, temporary_prefix
from petsynth.io.dicom.files import PET, Frame, moment_of, read_file, text_of
from petsynth.io.dicom.libraries import library, tolerant
from petsynth.io.dicom.series import Layout, Series
from petsynth.version import __version__

KEPT = (
    "SpecificCharacterSet", "TimezoneOffsetFromUTC",
    # Patient
    "PatientName", "PatientID", "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence",
    "OtherPatientIDsSequence", "PatientBirthDate", "PatientSex", "EthnicGroup", "PatientComments",
    "PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence",
    "ClinicalTrialSponsorName", "ClinicalTrialProtocolID", "ClinicalTrialProtocolName",
    "ClinicalTrialSiteID", "ClinicalTrialSiteName", "ClinicalTrialSubjectID",
    "ClinicalTrialSubjectReadingID", "ClinicalTrialTimePointID",
    # Study
    "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber",
    "IssuerOfAccessionNumberSequence", "ReferringPhysicianName", "StudyDescription",
    "PhysiciansOfRecord", "ProcedureCodeSequence", "ReferencedStudySequence",
    "PatientAge", "PatientSize", "PatientWeight", "AdmissionID",
    # Where it lies
    "FrameOfReferenceUID", "PositionReferenceIndicator", "BodyPartExamined",
    "AnatomicRegionSequence", "LossyImageCompression", "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
)  # fmt: skip
"""Attributes that are the T1's."""
_NEEDED = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
    "StudyID", "AccessionNumber", "ReferringPhysicianName", "PositionReferenceIndicator",
)  # fmt: skip
"""Of these, the ones that must be there, if only empty."""
_UNITS = {"SUVR": "NONE", "SUV": "GML", "Bq/mL": "BQML"}
_HIGHEST = 32767
_LONGEST_TEXT, _LONGEST_COMMENT = 64, 1024
_SERIES_AFTER = 1000
_SPACE = uuid.UUID("5ba4b8a0-53a9-4a5c-8a4e-7e7b1de4fb2e")
NOT_FOR_DIAGNOSIS = "SYNTHETIC PET, NOT FOR DIAGNOSIS"


@dataclass(frozen=True)
class PetDescription:
    """What the headers say of a synthetic PET.

    Parameters
    ----------
    tracer, unit, reference : str
        Short name of the tracer, unit, and reference region if there is one.
    model : str
        What made it.
    simulated : bool
        Whether the model was trained on simulated PET.
    frame : str
        Such as ``"frame 1 of 2"``, of a dynamic one.
    """

    tracer: str
    unit: str
    model: str
    reference: str = ""
    simulated: bool = False
    frame: str = ""

    @property
    def title(self) -> str:
        """What the series is called."""
        unit = f"{self.unit} ({self.reference})" if self.reference else self.unit
        frame = f"{self.frame}, " if self.frame else ""
        return f"SYNTHETIC {self.tracer} PET, {frame}{unit}, not for diagnosis"[:_LONGEST_TEXT]

    @property
    def comment(self) -> str:
        """What each image says of itself."""
        source = ", trained on simulated PET" if self.simulated else ""
        return (
            f"{NOT_FOR_DIAGNOSIS}. Inferred from a T1-weighted MRI by petsynth {__version__} "
            f"({self.model}{source}): a guess from anatomy, no measurement. Research use."
        )[:_LONGEST_COMMENT]


def series_uid(values: NDArray[Any], series: Series, about: PetDescription) -> str:
    """Return the UID of the series that `write_pet` writes: it follows from what is written."""
    digest = hashlib.sha256(np.ascontiguousarray(values, dtype=np.float32).tobytes())
    digest.update(repr((series.study, series.uid, about, __version__)).encode())
    return _uid(digest.hexdigest())


def is_written(folder: Path, uid: str, count: int) -> bool:
    """Whether a folder holds a whole series of this UID."""
    paths = sorted(folder.glob("*.dcm"))
    if len(paths) != count:
        return False
    first = read_file(paths[0])
    return (
        first is not None
        and first.header is not None
        and text_of(first.header, "SeriesInstanceUID") == uid
    )


def write_pet(
    values: NDArray[Any], series: Series, layout: Layout, folder: Path, about: PetDescription
) -> list[Path]:
    """Write a synthetic PET as a series of its T1's study.

    Parameters
    ----------
    values : (columns, rows, slices) array
        In the order of the T1's slices; see `petsynth.io.dicom.lattice.on_slices`.
    series, layout : Series, Layout
        The T1.
    folder : Path
        For the files; replaced as a whole if it is there.
    about : PetDescription
        What the headers say.

    Returns
    -------
    list of Path
        A file per slice.

    Raises
    ------
    InputError
        If the T1 lacks what an archive needs.
    OutputError
        If the folder cannot be written.
    """
    if not series.study:
        raise InputError(f"{series.name}: has no StudyInstanceUID")
    uid = series_uid(values, series, about)
    slope = _slope(values)
    now = datetime.datetime.now()
    frames = layout.volumes[0]
    with tolerant(), refusals_named(folder), _folder_as_a_whole(folder) as made:
        for number, frame in enumerate(frames):
            dataset = _common(series, about, uid, now)
            _place(dataset, frame, layout, number)
            _pixels(dataset, values[:, :, number], slope)
            dataset.save_as(made / f"IM{number + 1:05}.dcm", enforce_file_format=True)
    return sorted(folder.glob("*.dcm"))


def _uid(text: str) -> str:
    return f"2.25.{uuid.uuid5(_SPACE, text).int}"


def _slope(values: NDArray[Any]) -> float:
    """Return the step between two stored values, in few enough digits for a header."""
    step = float(np.abs(values).max()) / _HIGHEST
    return float(f"{step * (1 + 1e-8):.9e}") if step > 0 else 1.0


@contextlib.contextmanager
def _folder_as_a_whole(folder: Path) -> Iterator[Path]:
    """Give a temporary folder that takes the place of ``folder`` when the block ends well."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=temporary_prefix(), dir=folder.parent))
    try:
        made.chmod(0o755)
        yield made
        if folder.exists():
            before = Path(tempfile.mkdtemp(prefix=temporary_prefix(), dir=folder.parent))
            os.replace(folder, before / "before")
            os.replace(made, folder)
            shutil.rmtree(before, ignore_errors=True)
        else:
            os.replace(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _common(series: Series, about: PetDescription, uid: str, now: datetime.datetime) -> Any:
    """Return what all slices say."""
    pydicom = library("pydicom")
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = PET
    dataset.file_meta.ImplementationVersionName = f"PETSYNTH {__version__}"[:16]
    for name in KEPT:
        if name in series.header:
            dataset[name] = series.header[name]
    for name in _NEEDED:
        if name not in dataset:
            setattr(dataset, name, "")
    if "FrameOfReferenceUID" not in dataset:
        dataset.FrameOfReferenceUID = _uid(f"place of {series.uid}")
    if not text_of(dataset, "BodyPartExamined"):
        dataset.BodyPartExamined = "HEAD"
    dataset.SOPClassUID, dataset.Modality = PET, "PT"
    dataset.SeriesInstanceUID = uid
    dataset.SeriesNumber = series.number + _SERIES_AFTER
    dataset.SeriesDescription = about.title
    dataset.Manufacturer, dataset.ManufacturerModelName = "petsynth", about.model[:_LONGEST_TEXT]
    dataset.SoftwareVersions = __version__
    for stem in ("Series", "Content", "InstanceCreation"):
        setattr(dataset, f"{stem}Date", f"{now:%Y%m%d}")
        setattr(dataset, f"{stem}Time", f"{now:%H%M%S}")
    acquired = moment_of(series.header, "Acquisition") or series.start
    dataset.AcquisitionDate = f"{acquired:%Y%m%d}" if acquired else ""
    dataset.AcquisitionTime = f"{acquired:%H%M%S}" if acquired else ""
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.ImageComments = about.comment
    dataset.DerivationDescription = about.comment[:_LONGEST_COMMENT]
    dataset.BurnedInAnnotation = "NO"
    _pet_modules(dataset, about)
    return dataset


def _pet_modules(dataset: Any, about: PetDescription) -> None:
    """Set what a PET must say: nothing was injected, counted or corrected."""
    dataset.Units = _UNITS.get(about.unit, "PROPCNTS")
    if dataset.Units == "GML":
        dataset.SUVType = "BW"
    dataset.CountsSource, dataset.SeriesType = "EMISSION", ["STATIC", "IMAGE"]
    dataset.CorrectedImage, dataset.DecayCorrection = None, "NONE"
    dataset.CollimatorType = ""
    dataset.FrameReferenceTime, dataset.ActualFrameDuration = 0, None
    for name in (
        "RadiopharmaceuticalInformationSequence",
        "PatientOrientationCodeSequence",
        "PatientGantryRelationshipCodeSequence",
    ):
        setattr(dataset, name, [])


def _place(dataset: Any, frame: Frame, layout: Layout, number: int) -> None:
    """Set which slice it is, where it lies, and which image of the T1 it was made from."""
    pydicom = library("pydicom")

    def decimals(values: Any) -> list[Any]:
        return [pydicom.valuerep.DSfloat(each, auto_format=True) for each in values]

    dataset.SOPInstanceUID = _uid(f"{dataset.SeriesInstanceUID}/{number}")
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.InstanceNumber = dataset.ImageIndex = number + 1
    dataset.NumberOfSlices = len(layout.volumes[0])
    dataset.ImagePositionPatient = decimals(frame.position)
    dataset.ImageOrientationPatient = decimals(frame.orientation)
    dataset.PixelSpacing = decimals(frame.spacing)
    found = read_file(frame.path)
    source = pydicom.Dataset()
    if found is not None and found.header is not None:
        source.ReferencedSOPClassUID = text_of(found.header, "SOPClassUID")
        source.ReferencedSOPInstanceUID = text_of(found.header, "SOPInstanceUID")
        if "NumberOfFrames" in found.header:
            source.ReferencedFrameNumber = frame.index + 1
        dataset.SourceImageSequence = [source]
    step = float(np.linalg.norm(layout.affine[:3, 2]))
    (dataset.SliceThickness,) = decimals([round(step, 6)])


def _pixels(dataset: Any, values_XY: NDArray[Any], slope: float) -> None:
    """Store a slice in 16 bits with sign; a PET's intercept is always 0."""
    stored = np.clip(np.rint(values_XY.T / slope), -_HIGHEST - 1, _HIGHEST).astype("<i2")
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 1
    dataset.RescaleSlope = f"{slope:.9e}"
    dataset.RescaleIntercept = "0"
    highest = float(np.abs(stored).max()) * slope
    dataset.WindowCenter, dataset.WindowWidth = f"{highest / 2:.6g}", f"{max(highest, slope):.6g}"
    dataset.PixelData = stored.tobytes()
