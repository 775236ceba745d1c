"""The sidecar of a PET: what BIDS asks for, from its DICOM header.

Nothing is copied as it stands: each field is read for what it means, so that no name, date or
number of the patient can slip through. Kernel, reconstruction and attenuation correction come from
dcm2niix, which knows the makers' words for them.

References
----------
BIDS 1.10, "Positron Emission Tomography". DICOM PS3.3, C.8.9.1.1.3 "Units", C.8.9.2 "PET Isotope".
Philips' private attributes (7053,1000) and (7053,1009) turn counts into SUV and Bq/mL: QIBA,
"Vendor-neutral pseudo-code for SUV calculation".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from petsynth.io.bids.privacy import allowed_fields
from petsynth.io.bids.tracers import UNKNOWN, known_tracer, tracer_of
from petsynth.io.dicom.files import first_item, number_of, text_of
from petsynth.io.dicom.pet_times import pet_times
from petsynth.io.dicom.series import Layout, Series

_UNITS = {
    "BQML": "Bq/mL", "GML": "g/mL", "CNTS": "counts", "CPS": "counts/s", "PCNT": "%",
    "UMOLMINML": "umol/min/mL", "MGMINML": "mg/min/mL", "MLMING": "mL/min/g", "MLG": "mL/g",
    "1CM": "1/cm", "NONE": "arbitrary", "PROPCNTS": "arbitrary", "PROPCPS": "arbitrary",
}  # fmt: skip
"""DICOM's units -> what BIDS calls them; others stay as they are."""
_PHILIPS_SUV, _PHILIPS_ACTIVITY = (0x7053, 0x1000), (0x7053, 0x1009)
_FROM_DCM2NIIX = (
    "ReconMethodName", "ReconMethodParameterLabels", "ReconMethodParameterUnits",
    "ReconMethodParameterValues", "ReconFilterType", "ReconFilterSize", "DecayCorrectionFactor",
    "AttenuationCorrection",
)  # fmt: skip
_HALF_LIVES = {"F18": 6586.2, "C11": 1221.8, "O15": 122.24, "N13": 597.9, "Ga68": 4062.6}
_ELEMENTS = {"fluorine": "F", "carbon": "C", "oxygen": "O", "nitrogen": "N", "gallium": "Ga"}
_LEAST_DOSE_BQ = 1e5
"""Below that a dose is one in MBq, as some scanners write it against the rule."""


@dataclass(frozen=True)
class PetFields:
    """What a header tells of a PET.

    Parameters
    ----------
    sidecar : dict
        Fields of BIDS.
    factor : float
        What the converted voxels are multiplied by to be in ``Units``.
    tracer : str
        Short name; ``"unknown"`` if the header does not say it.
    """

    sidecar: dict[str, Any]
    factor: float
    tracer: str


def pet_fields(
    series: Series, layout: Layout, converted: Mapping[str, Any], say: Callable[[str], None]
) -> PetFields:
    """Return the sidecar of a PET.

    Parameters
    ----------
    series, layout : Series, Layout
        The PET.
    converted : mapping
        What dcm2niix writes of it.
    say : function of str
        Is told what is missing or was assumed.
    """
    header = series.header
    unit, factor = _unit(series, say)
    tracer, nuclide = _tracer(header, say)
    times = pet_times(series, layout, say)
    kind = text_of(header, "SeriesType").partition("\\")[0].lower()
    sidecar: dict[str, Any] = {
        "Modality": "PET",
        "Manufacturer": text_of(header, "Manufacturer") or "n/a",
        "ManufacturersModelName": text_of(header, "ManufacturerModelName") or "n/a",
        "BodyPart": "brain",
        "Units": unit,
        "TracerName": tracer,
        "TracerRadionuclide": nuclide,
        **_dose(header, say),
        "InjectedMass": "n/a",
        "InjectedMassUnits": "n/a",
        "SpecificRadioactivity": "n/a",
        "SpecificRadioactivityUnits": "n/a",
        "ModeOfAdministration": "n/a",
        "TimeZero": times.zero,
        **({"ScanStart": times.starts_s[0]} if times.starts_s else {}),
        **({} if times.injection_s is None else {"InjectionStart": times.injection_s}),
        "FrameTimesStart": list(times.starts_s),
        "FrameDuration": list(times.durations_s),
        "AcquisitionMode": kind or ("dynamic" if len(layout.volumes) > 1 else "static"),
        **({} if times.corrected is None else {"ImageDecayCorrected": times.corrected}),
        **({} if times.corrected_to_s is None
           else {"ImageDecayCorrectionTime": times.corrected_to_s}),
        **_reconstruction(header, converted),
    }  # fmt: skip
    return PetFields(allowed_fields(sidecar), factor, tracer)


def _unit(series: Series, say: Callable[[str], None]) -> tuple[str, float]:
    """Return the unit, and what stored values are multiplied by to be in it."""
    header = series.header
    told = text_of(header, "Units").upper() or _mapped_unit(header)
    if told == "CNTS":
        for private, unit in ((_PHILIPS_ACTIVITY, "Bq/mL"), (_PHILIPS_SUV, "g/mL")):
            factor = _private_number(header, private)
            if factor is not None and factor > 0:
                say(f"its counts became {unit} by Philips' factor {factor:g}")
                return unit, factor
    if not told:
        say("its header does not say its unit")
        return "arbitrary", 1.0
    if told == "GML" and text_of(header, "SUVType").upper() not in ("", "BW"):
        return f"SUV by {text_of(header, 'SUVType').upper()}", 1.0
    return _UNITS.get(told, told), 1.0


def _mapped_unit(header: Any) -> str:
    """Return the unit of an enhanced image as the others say it."""
    for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        codes = first_item(
            header, name, "RealWorldValueMappingSequence", "MeasurementUnitsCodeSequence"
        )
        code = text_of(codes, "CodeValue").lower()
        if code:
            return {"bq/ml": "BQML", "{suvbw}g/ml": "GML", "{counts}": "CNTS"}.get(code, code)
    return ""


def _private_number(header: Any, tag: tuple[int, int]) -> float | None:
    element = header.get(tag)
    value = None if element is None else element.value
    if isinstance(value, bytes):
        value = value.decode("ascii", "ignore")
    try:
        return None if value is None else float(str(value).strip("\0 "))
    except ValueError:
        return None


def _tracer(header: Any, say: Callable[[str], None]) -> tuple[str, str]:
    """Return short names of tracer and radionuclide."""
    drug = first_item(header, "RadiopharmaceuticalInformationSequence")
    names = [
        text_of(drug, "Radiopharmaceutical"),
        text_of(first_item(drug, "RadiopharmaceuticalCodeSequence"), "CodeMeaning"),
    ]
    names = [re.sub(r"\^", "", name) for name in names if name]
    known = [short for short in map(known_tracer, names) if short]
    tracer = next(iter(known + [tracer_of(name) for name in names]), UNKNOWN) or UNKNOWN
    if tracer == UNKNOWN:
        say("its header does not say the tracer")
    meaning = text_of(first_item(drug, "RadionuclideCodeSequence"), "CodeMeaning")
    nuclide = _nuclide(meaning) or _by_half_life(number_of(drug, "RadionuclideHalfLife"))
    if not nuclide:
        say("its header does not say the radionuclide")
    return tracer, nuclide or "n/a"


def _nuclide(text: str) -> str:
    """Return ``F18`` of any spelling of it; empty if a text is none.

    Examples
    --------
    >>> [_nuclide(each) for each in ("^18^Fluorine", "18F", "F-18", "Carbon^11^", "none")]
    ['F18', 'F18', 'F18', 'C11', '']
    """
    digits = "".join(re.findall(r"\d+", text))
    letters = "".join(re.findall(r"[A-Za-z]+", text)).lower()
    element = _ELEMENTS.get(letters, letters.capitalize())
    return f"{element}{digits}" if len(element) in (1, 2) and digits else ""


def _by_half_life(seconds: float | None) -> str:
    for nuclide, half_life in _HALF_LIVES.items():
        if seconds is not None and abs(seconds - half_life) < 0.01 * half_life:
            return nuclide
    return ""


def _dose(header: Any, say: Callable[[str], None]) -> dict[str, Any]:
    drug = first_item(header, "RadiopharmaceuticalInformationSequence")
    dose = number_of(drug, "RadionuclideTotalDose")
    found: dict[str, Any] = {}
    if dose is None or dose <= 0:
        say("its header does not say the dose")
        found["InjectedRadioactivity"] = "n/a"
    elif dose < _LEAST_DOSE_BQ:
        say(f"its dose of {dose:g} is taken for MBq, not Bq")
        found["InjectedRadioactivity"] = round(dose, 6)
    else:
        found["InjectedRadioactivity"] = round(dose / 1e6, 6)
    found["InjectedRadioactivityUnits"] = "MBq"
    volume = number_of(drug, "RadiopharmaceuticalVolume")
    return found | ({"InjectedVolume": volume} if volume else {})


def _reconstruction(header: Any, converted: Mapping[str, Any]) -> dict[str, Any]:
    method = text_of(header, "ReconstructionMethod") or "n/a"
    corrected = "ATTN" in text_of(header, "CorrectedImage").upper()
    attenuation = text_of(header, "AttenuationCorrectionMethod")
    found: dict[str, Any] = {
        "ReconMethodName": method,
        "ReconMethodParameterLabels": [],
        "ReconMethodParameterUnits": [],
        "ReconMethodParameterValues": [],
        "ReconFilterType": text_of(header, "ConvolutionKernel") or "n/a",
        "ReconFilterSize": [],
        "AttenuationCorrection": attenuation or ("measured" if corrected else "n/a"),
    }
    found |= {name: converted[name] for name in _FROM_DCM2NIIX if name in converted}
    labels = found["ReconMethodParameterLabels"]
    if len(found["ReconMethodParameterUnits"]) != len(labels):
        found["ReconMethodParameterUnits"] = ["none"] * len(labels)
    return found
