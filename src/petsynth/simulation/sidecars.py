"""The JSON beside the images: every field that BIDS-PET requires, plausible, marked simulated.

References
----------
.. [1] Brain Imaging Data Structure 1.10, "Positron Emission Tomography", and Norgaard et al.,
   "PET-BIDS, an extension to the brain imaging data structure for positron emission
   tomography", Scientific Data 9, 2022.
.. [2] Jagust et al., "The ADNI PET core: 2015", Alzheimer's & Dementia 11, 2015: doses and
   times of `ACQUISITION`. Flortaucipir: ADNI 3 protocol, 75-105 minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from petsynth.io.bids.names import TRACER_LABELS
from petsynth.simulation.participants import Tracer

Units = Literal["suvr", "original"]

UNIT_NAMES: dict[Units, str] = {"suvr": "SUVR", "original": "arbitrary"}
"""What stands in the sidecar's Units."""

ORIGINAL_PER_SUVR = 430.0
"""Stored value per SUVR in the original units of paper B: about -100 to 1000."""

ACQUISITION: dict[Tracer, dict[str, Any]] = {
    "FDG": {"start_min": 30, "length_min": 30, "MBq": 185, "reference": "pons"},
    "AV45": {"start_min": 50, "length_min": 20, "MBq": 370, "reference": "whole cerebellum"},
    "AV1451": {"start_min": 75, "length_min": 30, "MBq": 370, "reference": "cerebellar cortex"},
}
"""Start and length of the scan in minutes after injection, dose, reference region of the SUVR."""

TRACER_NAMES: dict[Tracer, str] = {
    "FDG": "fluorodeoxyglucose",
    "AV45": "florbetapir",
    "AV1451": "flortaucipir",
}


def pet_sidecar(
    generator: np.random.Generator, tracer: Tracer, units: Units, frames: int, fwhm_mm: float
) -> dict[str, Any]:
    """Return the sidecar of a simulated raw PET.

    Parameters
    ----------
    generator : numpy Generator
        Samples the dose.
    tracer : {"FDG", "AV45", "AV1451"}
        What was injected.
    units : {"suvr", "original"}
        Of the voxels.
    frames : int
        Number of time points; they divide the scan evenly.
    fwhm_mm : float
        Full width at half maximum of the point spread function, in mm.
    """
    plan = ACQUISITION[tracer]
    start, length = plan["start_min"] * 60, plan["length_min"] * 60
    dose = round(float(plan["MBq"] * generator.uniform(0.9, 1.1)), 1)
    mass = round(float(generator.uniform(0.5, 2.0)), 2)
    return {
        "Simulated": True,
        "Manufacturer": "petsynth",
        "ManufacturersModelName": "simulated scanner",
        "Modality": "PET",
        "BodyPart": "brain",
        "Units": UNIT_NAMES[units],
        "ReferenceRegion": plan["reference"],
        "TracerName": TRACER_NAMES[tracer],
        "TracerRadionuclide": TRACER_LABELS[tracer][2:3] + TRACER_LABELS[tracer][:2],
        "InjectedRadioactivity": dose,
        "InjectedRadioactivityUnits": "MBq",
        "InjectedMass": mass,
        "InjectedMassUnits": "ug",
        "SpecificRadioactivity": round(dose / mass, 2),
        "SpecificRadioactivityUnits": "MBq/ug",
        "ModeOfAdministration": "bolus",
        "TimeZero": "12:00:00",
        "ScanStart": start,
        "InjectionStart": 0,
        "FrameTimesStart": [start + length / frames * frame for frame in range(frames)],
        "FrameDuration": [length / frames] * frames,
        "AcquisitionMode": "list mode",
        "ImageDecayCorrected": True,
        "ImageDecayCorrectionTime": 0,
        "ReconMethodName": "simulated: uptake, Gaussian point spread function, noise",
        "ReconMethodParameterLabels": ["PointSpreadFWHM"],
        "ReconMethodParameterUnits": ["mm"],
        "ReconMethodParameterValues": [round(fwhm_mm, 3)],
        "ReconFilterType": "none",
        "AttenuationCorrection": "none needed: simulated",
    }


def noise_free_sidecar(pet_name: str, tracer: Tracer, units: Units) -> dict[str, Any]:
    """Return the sidecar of the part of the PET that the T1 determines."""
    return {
        "Simulated": True,
        "Description": "Noise-free PET as far as T1, age, diagnosis and status determine it: "
        "mean uptake of such subjects, with this much visible atrophy, on this anatomy, blurred",
        "Units": UNIT_NAMES[units],
        "ReferenceRegion": ACQUISITION[tracer]["reference"],
        "SkullStripped": False,
        "SpatialReference": "orig",
        "Sources": [f"bids:raw:{pet_name}"],
    }


def t1_sidecar(anatomy_source: str) -> dict[str, Any]:
    """Return the T1's sidecar; ``anatomy_source`` says where the anatomy comes from."""
    return {
        "Simulated": True,
        "Modality": "MR",
        "Manufacturer": "petsynth",
        "AnatomySource": anatomy_source,
    }


def mask_sidecar(t1_name: str) -> dict[str, Any]:
    """Return the sidecar of the true brain mask."""
    return {
        "Simulated": True,
        "Type": "Brain",
        "RawSources": [f"bids:raw:{t1_name}"],
        "SpatialReference": "orig",
    }


def lesion_sidecar(t1_name: str, kind: str) -> dict[str, Any]:
    """Return the sidecar of the truth map of a lesion."""
    return {
        "Simulated": True,
        "Description": f"Where the lesion is: {kind}; labels in the TSV file of this name",
        "Manual": False,
        "RawSources": [f"bids:raw:{t1_name}"],
        "SpatialReference": "orig",
    }


def transform_content(
    pet_name: str, t1_name: str, matrix: np.ndarray, frames: Sequence[np.ndarray] = ()
) -> dict[str, Any]:
    """Return the true rigid transform as it is written beside the data, and each frame's."""
    of_frames = [np.asarray(each, dtype=float).tolist() for each in frames]
    return {
        "Simulated": True,
        "matrix": np.asarray(matrix, dtype=float).tolist(),
        "From": f"world of bids:raw:{pet_name} (mm, RAS+)",
        "To": f"world of bids:raw:{t1_name} (mm, RAS+)",
        **({"frame_matrices": of_frames} if of_frames else {}),
    }
