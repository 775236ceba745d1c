"""Synthetic DICOM series as scanners of three makers write them, made by pydicom."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

MR, ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"
PET, ENHANCED_PET = "1.2.840.10008.5.1.4.1.1.128", "1.2.840.10008.5.1.4.1.1.130"
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
NAME, PATIENT, BIRTH = "Müller^Änne", "HOSP-4711", "19480229"
"""What must be found nowhere in a dataset."""

ELSEWHERE = (
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness",
    "SpacingBetweenSlices", "RescaleSlope", "RescaleIntercept", "EchoTime", "RepetitionTime",
    "InversionTime", "FlipAngle", "ImageIndex", "FrameReferenceTime", "ActualFrameDuration",
    "DecayCorrection", "Units",
)  # fmt: skip
"""Attributes that an enhanced image has in its sequences."""
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
OBLIQUE = (0.9950042, 0.0998334, 0.0, -0.0978434, 0.9751703, -0.1986693)


@dataclass(frozen=True)
class Plan:
    """A series: its voxels, where they lie and what its headers say.

    Parameters
    ----------
    values : (frames, slices, rows, columns) array
        What the voxels mean, after the rescale slope.
    vendor : {"siemens", "ge", "philips"}
        Whose headers it has.
    """

    values: np.ndarray
    vendor: str = "siemens"
    modality: str = "MR"
    orientation: tuple[float, ...] = AXIAL
    origin: tuple[float, float, float] = (-20.0, -25.0, -15.0)
    spacing: tuple[float, float, float] = (3.0, 2.5, 2.0)
    """Between slices, rows and columns, in mm."""
    number: int = 3
    study: int = 1
    series: int = 1
    day: str = "20240305"
    patient: str = PATIENT
    syntax: str = EXPLICIT
    more: dict[str, Any] = field(default_factory=dict)


def uid(*numbers: int) -> str:
    return ".".join(["1.2.826.0.1.3680043.8.498.99", *map(str, numbers)])


def t1_values(slices: int = 12, rows: int = 20, columns: int = 24) -> np.ndarray:
    """Return something that no flip and no exchange of axes leaves as it is."""
    z, y, x = np.indices((slices, rows, columns))
    return (100 + 7 * x + 3 * y * y + 11 * z + (x > 15) * (z > 6) * 400)[None].astype(float)


def pet_values(frames: int = 1, slices: int = 12, rows: int = 16, columns: int = 18) -> np.ndarray:
    z, y, x = np.indices((slices, rows, columns))
    one = 500.0 * (1 + z) + 40 * x + 13 * y + 3000 * (x > 10) * (y < 6)
    return np.stack([one * (1 + 0.5 * number) for number in range(frames)])


def write(plan: Plan, folder: Path, *, suffix: str = ".dcm") -> list[Path]:
    """Write the slices of a series, a file each; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    frames, slices = plan.values.shape[:2]
    paths = []
    for frame in range(frames):
        for number in range(slices):
            dataset = _slice(plan, frame, number)
            path = folder / f"{plan.series:02}-{len(paths) + 1:04}{suffix}"
            dataset.save_as(path, enforce_file_format=True)
            paths.append(path)
    return paths


def write_enhanced(
    plan: Plan, folder: Path, *, name: str = "enhanced.dcm", with_dimensions: bool = True
) -> Path:
    """Write a series as one enhanced multi-frame file; its dimensions are optional."""
    import pydicom
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    folder.mkdir(parents=True, exist_ok=True)
    frames, slices = plan.values.shape[:2]
    is_pet = plan.modality == "PT"
    dataset = _slice(plan, 0, 0)
    sop_class = ENHANCED_PET if is_pet else ENHANCED_MR
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
    slope = float(plan.values.max() / 30000) if is_pet else 1.0
    dataset.NumberOfFrames = frames * slices
    dataset.PixelData = np.round(plan.values / slope).astype("<u2").tobytes()
    for name_of_old in ELSEWHERE:
        if name_of_old in dataset:
            delattr(dataset, name_of_old)

    def item(**values: Any) -> Sequence:
        one = Dataset()
        for key, value in values.items():
            setattr(one, key, value)
        return Sequence([one])

    shared = Dataset()
    shared.PlaneOrientationSequence = item(ImageOrientationPatient=list(plan.orientation))
    shared.PixelMeasuresSequence = item(
        PixelSpacing=list(plan.spacing[1:]),
        SliceThickness=plan.spacing[0],
        SpacingBetweenSlices=plan.spacing[0],
    )
    shared.PixelValueTransformationSequence = item(
        RescaleIntercept=0, RescaleSlope=slope, RescaleType="US"
    )
    if is_pet:
        dataset.DecayCorrected = "YES"
        dataset.DecayCorrectionDateTime = f"{plan.day}103000"
        shared.RealWorldValueMappingSequence = item(
            MeasurementUnitsCodeSequence=item(
                CodeValue="Bq/ml", CodingSchemeDesignator="UCUM", CodeMeaning="Bq/ml"
            ),
            RealWorldValueSlope=slope,
            RealWorldValueIntercept=0.0,
        )
    else:
        shared.MREchoSequence = item(EffectiveEchoTime=3.0)
        shared.MRTimingAndRelatedParametersSequence = item(RepetitionTime=2300.0, FlipAngle=9.0)
        shared.MRModifierSequence = item(InversionRecovery="YES", InversionTimes=[900.0])
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    if with_dimensions:
        pointers = ("StackID", "InStackPositionNumber", "TemporalPositionIndex")
        dataset.DimensionIndexSequence = Sequence(
            [
                item(
                    DimensionIndexPointer=pydicom.datadict.tag_for_keyword(pointer),
                    FunctionalGroupPointer=pydicom.datadict.tag_for_keyword("FrameContentSequence"),
                )[0]
                for pointer in pointers
            ]
        )
    per_frame = []
    for frame in range(frames):
        for number in range(slices):
            one = Dataset()
            one.PlanePositionSequence = item(ImagePositionPatient=_position(plan, number))
            content = item(
                StackID="1",
                InStackPositionNumber=number + 1,
                TemporalPositionIndex=frame + 1,
                DimensionIndexValues=[1, number + 1, frame + 1],
                FrameAcquisitionDateTime=f"{plan.day}{103000 + 500 * frame}",
                FrameReferenceDateTime=f"{plan.day}{103000 + 500 * frame}",
                FrameAcquisitionDuration=300000.0,
            )
            one.FrameContentSequence = content
            per_frame.append(one)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(per_frame)
    path = folder / name
    dataset.save_as(path, enforce_file_format=True)
    return path


def without_slices(paths: list[Path], *numbers: int) -> None:
    for number in numbers:
        paths[number].unlink()


def _normal(plan: Plan) -> np.ndarray:
    return np.cross(plan.orientation[:3], plan.orientation[3:])


def _position(plan: Plan, number: int) -> list[float]:
    place = np.asarray(plan.origin) + _normal(plan) * plan.spacing[0] * number
    return [round(float(each), 6) for each in place]


def ras_affine(plan: Plan) -> np.ndarray:
    """Return the affine from (column, row, slice) to RAS+, in mm."""
    slices, rows, columns = plan.spacing
    affine = np.eye(4)
    affine[:3, 0] = np.asarray(plan.orientation[:3]) * columns
    affine[:3, 1] = np.asarray(plan.orientation[3:]) * rows
    affine[:3, 2] = _normal(plan) * slices
    affine[:3, 3] = plan.origin
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def _slice(plan: Plan, frame: int, number: int) -> Any:
    from pydicom.dataset import Dataset, FileMetaDataset

    is_pet = plan.modality == "PT"
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = plan.syntax
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID = PET if is_pet else MR
    instance = frame * plan.values.shape[1] + number + 1
    dataset.SOPInstanceUID = uid(plan.study, plan.series, instance)
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    _patient_and_study(dataset, plan)
    dataset.Modality = plan.modality
    dataset.SeriesInstanceUID = uid(plan.study, plan.series)
    dataset.SeriesNumber, dataset.InstanceNumber = plan.number, instance
    dataset.SeriesDate = dataset.AcquisitionDate = dataset.ContentDate = plan.day
    dataset.SeriesTime = dataset.AcquisitionTime = dataset.ContentTime = "103000.000000"
    dataset.FrameOfReferenceUID = uid(plan.study, 900)
    dataset.PositionReferenceIndicator = ""
    dataset.PatientPosition = "HFS"
    dataset.ImageOrientationPatient = list(plan.orientation)
    dataset.ImagePositionPatient = _position(plan, number)
    dataset.PixelSpacing = list(plan.spacing[1:])
    dataset.SliceThickness = plan.spacing[0]
    dataset.Rows, dataset.Columns = plan.values.shape[2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, int(is_pet)
    (_pet if is_pet else _t1)(dataset, plan, frame, number)
    for key, value in plan.more.items():
        setattr(dataset, key, value)
    return dataset


def _patient_and_study(dataset: Any, plan: Plan) -> None:
    dataset.PatientName = NAME if plan.patient == PATIENT else f"Other^{plan.patient}"
    dataset.PatientID, dataset.PatientBirthDate = plan.patient, BIRTH
    dataset.PatientSex, dataset.PatientAge, dataset.PatientWeight = "F", "076Y", 61.5
    dataset.OtherPatientIDs = f"{plan.patient}-other"
    dataset.StudyInstanceUID = uid(plan.study)
    dataset.StudyDate, dataset.StudyTime, dataset.StudyID = plan.day, "102500", "S77"
    dataset.AccessionNumber = "ACC-998877"
    dataset.ReferringPhysicianName = "Doctor^Strange"
    dataset.InstitutionName = "Hospital of Somewhere"


_MAKERS = {
    "siemens": ("SIEMENS", "Biograph_mMR"),
    "ge": ("GE MEDICAL SYSTEMS", "SIGNA PET/MR"),
    "philips": ("Philips Medical Systems", "Ingenuity TF PET/MR"),
}


def _t1(dataset: Any, plan: Plan, frame: int, number: int) -> None:
    dataset.Manufacturer, dataset.ManufacturerModelName = _MAKERS[plan.vendor]
    dataset.MRAcquisitionType, dataset.ScanningSequence = "3D", ["GR", "IR"]
    dataset.EchoTime, dataset.RepetitionTime, dataset.InversionTime = 2.98, 2300.0, 900.0
    dataset.FlipAngle, dataset.MagneticFieldStrength, dataset.EchoTrainLength = 9.0, 3.0, 1
    if plan.vendor == "siemens":
        dataset.SeriesDescription = dataset.ProtocolName = "t1_mprage_sag_p2_iso"
        dataset.SequenceName, dataset.SequenceVariant = "*tfl3d1_16ns", ["SK", "SP", "MP"]
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "NORM", "DIS3D", "DIS2D"]
    elif plan.vendor == "ge":
        dataset.SeriesDescription, dataset.ProtocolName = "Sag 3D BRAVO", "Brain"
        dataset.SequenceVariant, dataset.InversionTime = ["SS", "SP"], 450.0
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
        dataset.add_new((0x0019, 0x0010), "LO", "GEMS_ACQU_01")
        dataset.add_new((0x0019, 0x109C), "LO", "EFGRE3D")
    else:
        dataset.SeriesDescription = dataset.ProtocolName = "sT1W_3D_TFE"
        dataset.SequenceVariant, dataset.ScanningSequence = "MP", "GR"
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE"]
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
    dataset.PixelData = plan.values[frame, number].round().astype("<u2").tobytes()


def _pet(dataset: Any, plan: Plan, frame: int, number: int) -> None:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    def code(value: str, meaning: str) -> Sequence:
        one = Dataset()
        one.CodeValue, one.CodingSchemeDesignator, one.CodeMeaning = value, "SRT", meaning
        return Sequence([one])

    frames, slices = plan.values.shape[:2]
    dataset.Manufacturer, dataset.ManufacturerModelName = _MAKERS[plan.vendor]
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.SeriesDescription = "PET_Brain_FDG_AC"
    dataset.SeriesType = ["DYNAMIC" if frames > 1 else "STATIC", "IMAGE"]
    dataset.NumberOfSlices, dataset.CountsSource = slices, "EMISSION"
    if frames > 1:
        dataset.NumberOfTimeSlices = frames
    dataset.ImageIndex = frame * slices + number + 1
    dataset.AcquisitionTime = f"{103000 + 500 * frame}.000000"
    dataset.ActualFrameDuration = 300000
    dataset.FrameReferenceTime = 300000.0 * frame + 149000.0
    dataset.CorrectedImage = ["NORM", "DTIM", "ATTN", "SCAT", "DECY", "RADL"]
    dataset.DecayCorrection, dataset.DecayFactor = "START", 1.0
    dataset.AttenuationCorrectionMethod = "measured,AC CT"
    dataset.Units = "BQML"
    drug = Dataset()
    drug.RadiopharmaceuticalStartTime = "094500.000000"
    drug.RadionuclideTotalDose, drug.RadionuclideHalfLife = 185000000.0, 6586.2
    drug.RadionuclidePositronFraction = 0.97
    image = plan.values[frame, number]
    if plan.vendor == "siemens":
        drug.Radiopharmaceutical = "Fluorodeoxyglucose"
        drug.RadiopharmaceuticalStartDateTime = f"{plan.day}094500.000000"
        drug.RadionuclideCodeSequence = code("C-111A1", "^18^Fluorine")
        drug.RadiopharmaceuticalCodeSequence = code("C-B1031", "Fluorodeoxyglucose F^18^")
        dataset.ReconstructionMethod, dataset.ConvolutionKernel = "PSF+TOF 3i21s", "XYZ Gauss2.00"
        slope = float(f"{image.max() / 32000:.8g}")
    elif plan.vendor == "ge":
        drug.Radiopharmaceutical = "FDG -- fluorodeoxyglucose"
        drug.RadionuclideCodeSequence = code("C-111A1", "18F")
        dataset.ReconstructionMethod, dataset.ConvolutionKernel = "VPFX", "Gaussian"
        dataset.add_new((0x0009, 0x0010), "LO", "GEMS_PETD_01")
        dataset.add_new((0x0009, 0x100D), "DT", f"{plan.day}103000.00")
        slope = float(f"{image.max() / 32767:.8g}")
    else:
        drug.Radiopharmaceutical = "FDG"
        drug.RadionuclideCodeSequence = code("C-111A1", "Fluorine^18^")
        dataset.ReconstructionMethod = "BLOB-OS-TF"
        dataset.Units = "CNTS"
        dataset.add_new((0x7053, 0x0010), "LO", "Philips PET Private Group")
        dataset.add_new((0x7053, 0x1000), "DS", "0.00035")
        dataset.add_new((0x7053, 0x1009), "DS", "2.5")
        slope = float(f"{plan.values.max() / 2.5 / 32000:.8g}")
        image = image / 2.5
    dataset.RadiopharmaceuticalInformationSequence = Sequence([drug])
    dataset.RescaleSlope, dataset.RescaleIntercept = slope, 0
    dataset.PixelData = np.round(image / slope).astype("<i2").tobytes()


def changed(plan: Plan, **values: Any) -> Plan:
    return dataclasses.replace(plan, **values)


def compress(path: Path, syntax: str) -> None:
    """Store a slice's pixels in a compressed transfer syntax: by pydicom, or by ITK's GDCM."""
    import pydicom
    import SimpleITK

    dataset = pydicom.dcmread(path)
    if syntax == pydicom.uid.RLELossless:
        dataset.compress(syntax, generate_instance_uid=False)
    elif syntax == pydicom.uid.DeflatedExplicitVRLittleEndian:
        dataset.file_meta.TransferSyntaxUID = syntax
    else:
        shape = (dataset.Rows, dataset.Columns)
        pixels = np.frombuffer(dataset.PixelData, "<u2").reshape(shape)
        writer = SimpleITK.ImageFileWriter()
        writer.SetImageIO("GDCMImageIO")
        writer.UseCompressionOn()
        writer.SetCompressor({"1.2.840.10008.1.2.4.90": "JPEG2000"}.get(syntax, "JPEG"))
        other = path.with_suffix(".tmp.dcm")
        writer.SetFileName(str(other))
        writer.Execute(SimpleITK.GetImageFromArray(pixels.copy()))
        made = pydicom.dcmread(other)
        other.unlink()
        assert made.file_meta.TransferSyntaxUID == syntax
        dataset.PixelData = made.PixelData
        dataset["PixelData"].is_undefined_length = True
        dataset["PixelData"].VR = "OB"
        dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(path)


def assert_same(found: Any, plan: Plan, rtol: float = 1e-6) -> None:
    """Look up every voxel of the DICOM in the NIfTI, by its place."""
    frames, slices, rows, columns = plan.values.shape
    to_nifti = np.linalg.inv(found.affine) @ ras_affine(plan)
    z, y, x = np.indices((slices, rows, columns)).reshape(3, -1)
    places = to_nifti @ np.stack([x, y, z, np.ones_like(x)])
    np.testing.assert_allclose(places, places.round(), atol=1e-3)
    i, j, k = places[:3].round().astype(int)
    values = found.values.reshape(*found.values.shape[:3], -1)
    for frame in range(frames):
        np.testing.assert_allclose(values[i, j, k, frame], plan.values[frame].ravel(), rtol=rtol)


def plan_of(t1: Any, **values: Any) -> Plan:
    """Return a NIfTI as a sagittal T1 series, as dcm2niix will turn it back."""
    import nibabel as nib

    image = nib.as_closest_canonical(t1)
    data = image.get_fdata()
    stored = np.round(data / data.max() * 4000)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
    # slices to the left, columns to the back, rows downwards: the patient's x, y and -z
    turned = stored[::-1, ::-1, ::-1].transpose(0, 2, 1)
    corner = affine @ [data.shape[0] - 1, data.shape[1] - 1, data.shape[2] - 1, 1]
    edges = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    return Plan(
        turned[None],
        orientation=SAGITTAL,
        origin=tuple(float(each) for each in corner[:3]),
        spacing=(float(edges[0]), float(edges[2]), float(edges[1])),
        **values,
    )
