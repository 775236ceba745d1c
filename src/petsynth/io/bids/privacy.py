"""What may leave a raw dataset: fields of sidecars, and how files of it are named.

Sidecars hold whatever the scanner wrote, names and birth dates included, and paths hold names of
people and projects. So derivatives get the fields that BIDS defines for PET, without those that
tell who, where or on which day; and their sources by BIDS URIs, never by absolute paths.

References
----------
BIDS 1.10, "Positron Emission Tomography" (sidecar JSON: required, recommended and optional fields)
and "Common principles", "BIDS URI".
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ALLOWED_FIELDS = (
    # Scanner hardware, without institution, address and serial number
    "Manufacturer", "ManufacturersModelName", "BodyPart", "BodyPartDetails",
    "BodyPartDetailsOntology", "Modality",
    # Task
    "TaskName", "TaskDescription", "CogAtlasID", "CogPOID",
    # Radiochemistry
    "TracerName", "TracerRadionuclide", "TracerRadLex", "TracerSNOMED", "TracerMolecularWeight",
    "TracerMolecularWeightUnits", "InjectedRadioactivity", "InjectedRadioactivityUnits",
    "InjectedMass", "InjectedMassUnits", "InjectedMassPerWeight", "InjectedMassPerWeightUnits",
    "SpecificRadioactivity", "SpecificRadioactivityUnits", "SpecificRadioactivityMeasTime",
    "MolarActivity", "MolarActivityUnits", "MolarActivityMeasTime", "ModeOfAdministration",
    "InfusionRadioactivity", "InfusionStart", "InfusionSpeed", "InfusionSpeedUnits",
    "InjectedVolume", "Purity",
    # Pharmaceuticals
    "PharmaceuticalName", "PharmaceuticalDoseAmount", "PharmaceuticalDoseUnits",
    "PharmaceuticalDoseRegimen", "PharmaceuticalDoseTime", "Anaesthesia",
    # Time: of the day, never the date
    "TimeZero", "ScanStart", "InjectionStart", "InjectionEnd", "FrameTimesStart", "FrameDuration",
    # Reconstruction
    "AcquisitionMode", "ImageDecayCorrected", "ImageDecayCorrectionTime", "ReconMethodName",
    "ReconMethodParameterLabels", "ReconMethodParameterUnits", "ReconMethodParameterValues",
    "ReconFilterType", "ReconFilterSize", "AttenuationCorrection",
    "AttenuationCorrectionMethodReference", "ReconMethodImplementationVersion", "ScaleFactor",
    "ScatterFraction", "DecayCorrectionFactor", "DoseCalibrationFactor", "PromptRate",
    "RandomRate", "SinglesRate",
    # Values
    "Units", "ReferenceRegion",
)  # fmt: skip
"""Fields of a raw PET's sidecar that may stand in a derivative's."""

_CLOCK_FIELDS = (
    "TimeZero", "SpecificRadioactivityMeasTime", "MolarActivityMeasTime", "PharmaceuticalDoseTime",
)  # fmt: skip
_DATE = re.compile(r"\d{4}-?\d{2}-?\d{2}[T ]?")
_LEADING_FOLDERS = re.compile(r"(?<![\w/.:\\-])(?:[A-Za-z]:)?[/\\](?:[^/\\\s:;,'\"()]+[/\\])+")


def allowed_fields(sidecar: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a raw PET's sidecar that may stand in a derivative's.

    Examples
    --------
    >>> allowed_fields({"TracerName": "FDG", "PatientName": "Doe^Jane", "TimeZero": "09:30:00"})
    {'TracerName': 'FDG', 'TimeZero': '09:30:00'}
    >>> allowed_fields({"TimeZero": "2012-03-01T09:30:00"})
    {'TimeZero': '09:30:00'}
    """
    kept = {}
    for name in ALLOWED_FIELDS:
        value = sidecar.get(name)
        if name not in sidecar or not _is_plain(value):
            continue
        if name in _CLOCK_FIELDS and isinstance(value, str):
            value = _DATE.sub("", value)
        kept[name] = without_folders(value) if isinstance(value, str) else value
    return kept


def bids_uri(path: str | Path, dataset: str = "raw") -> str:
    """Return the BIDS URI of a dataset's file; of a file outside ``sub-*``, its name.

    Examples
    --------
    >>> bids_uri("/data/Jane Doe/sub-01/anat/sub-01_T1w.nii.gz")
    'bids:raw:sub-01/anat/sub-01_T1w.nii.gz'
    >>> bids_uri("/data/Jane Doe/scan.nii")
    'scan.nii'
    """
    path = Path(os.path.abspath(path))  # not resolved: a dataset's files may be links out of it
    for folder in path.parents:
        if folder.name.startswith("sub-"):
            return f"bids:{dataset}:{path.relative_to(folder.parent).as_posix()}"
    return path.name


def without_folders(text: str, roots: Iterable[str | Path] = ()) -> str:
    """Return a message in which files of some folders are named from there, others by name alone.

    Parameters
    ----------
    text : str
        Such as the message of an error.
    roots : iterable of str or Path
        Folders, as the user typed them.

    Examples
    --------
    >>> without_folders("/data/Jane Doe/sub-01/a.nii: damaged", ["/data/Jane Doe"])
    'sub-01/a.nii: damaged'
    >>> without_folders("/elsewhere/b.nii is larger than 5 kBq/mL")
    'b.nii is larger than 5 kBq/mL'
    """
    names = {str(each) for root in roots for each in (root, os.path.abspath(root))}
    names |= {os.path.realpath(root) for root in roots}
    for name in sorted(names - {".", "/", ""}, key=len, reverse=True):
        text = re.sub(rf"(?<![\w/.-]){re.escape(name)}/", "", text)
    return _LEADING_FOLDERS.sub("", text)


def sha256_of(content: Mapping[str, Any]) -> str:
    """Return by what the content of JSON files is compared without being kept."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _is_plain(value: Any) -> bool:
    """Whether a value is text, a number or a flat list of them, as all fields of BIDS-PET are."""
    values = value if isinstance(value, list) else [value]
    return all(each is None or isinstance(each, str | int | float) for each in values)
