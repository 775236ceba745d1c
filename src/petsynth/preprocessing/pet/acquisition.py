"""What a PET sidecar tells of the acquisition, checked and in basic units.

References
----------
BIDS 1.10, "Positron Emission Tomography": names and units of the fields. Times count from
``TimeZero``, in seconds; ``FrameTimesStart`` and ``FrameDuration`` have one value per frame.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from petsynth.errors import InputError

HALF_LIFE_S = {"F18": 6586.2, "C11": 1221.8, "O15": 122.24, "N13": 597.9, "GA68": 4062.6}
"""Half-lives in seconds by radionuclide. Bailey et al., "Positron Emission Tomography: Basic
Sciences", 2005, table 2.2 (F18 109.77 min, C11 20.36 min, O15 2.04 min, N13 9.97 min, Ga68
67.71 min)."""

_BQ_PER = {"bq": 1.0, "kbq": 1e3, "mbq": 1e6, "gbq": 1e9, "mci": 3.7e7, "uci": 3.7e4, "µci": 3.7e4}
_UNITS = {
    "Bq/mL": ("bq/ml", "bqml", "bq/cc", "bq/cm3", "bq/cm^3"),
    "kBq/mL": ("kbq/ml", "kbqml", "kbq/cc", "kbq/cm3", "kbq/cm^3"),
    "SUV": ("suv", "g/ml", "gml", "suvbw"),
    "SUVR": ("suvr",),
}


@dataclass(frozen=True)
class Acquisition:
    """What is known of one PET.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    unit : str
        ``"Bq/mL"``, ``"kBq/mL"``, ``"SUV"``, ``"SUVR"``, or what the sidecar says.
    starts_s, durations_s : tuple of float
        One per frame; empty where unknown.
    decay_corrected : bool or None
        Whether decay is corrected; None if the sidecar does not say.
    decay_reference_s, injection_s : float or None
        To which time it is corrected, and when the dose was measured and injected.
    radionuclide : str
        Such as ``"F18"``; empty if unknown.
    dose_bq, weight_kg : float or None
        Injected radioactivity at injection, and body weight.
    """

    name: str
    unit: str
    starts_s: tuple[float, ...] = ()
    durations_s: tuple[float, ...] = ()
    decay_corrected: bool | None = None
    decay_reference_s: float | None = None
    injection_s: float | None = None
    radionuclide: str = ""
    dose_bq: float | None = None
    weight_kg: float | None = None

    @property
    def decay_per_s(self) -> float:
        """Decay constant of the radionuclide in 1/s.

        Raises
        ------
        InputError
            If the radionuclide is not known.
        """
        if self.radionuclide not in HALF_LIFE_S:
            known = ", ".join(HALF_LIFE_S)
            raise InputError(
                f"{self.name}: TracerRadionuclide is {self.radionuclide or 'missing'}, needed for "
                f"decay is one of {known}"
            )
        return math.log(2) / HALF_LIFE_S[self.radionuclide]


def read_acquisition(
    sidecar: Mapping[str, Any], frames: int, *, name: str, weight_kg: float | None = None
) -> Acquisition:
    """Check a sidecar and return what it tells.

    Parameters
    ----------
    sidecar : mapping
        All fields that apply to the PET.
    frames : int
        Frames of the image.
    name : str
        Of the file, for messages.
    weight_kg : float, optional
        From ``participants.tsv``; a weight in the sidecar (``PatientWeight``) comes first.

    Raises
    ------
    InputError
        If a field has a value that it cannot have, or frame times do not fit the image.
    """
    numbers = {
        field: _number(sidecar, field, name)
        for field in (
            "ImageDecayCorrectionTime",
            "InjectionStart",
            "InjectedRadioactivity",
            "PatientWeight",
        )
    }
    corrected = sidecar.get("ImageDecayCorrected")
    if corrected is not None and not isinstance(corrected, bool):
        raise InputError(f"{name}: ImageDecayCorrected is {corrected!r}, needed is true or false")
    weight = numbers["PatientWeight"] or weight_kg
    if weight is not None and not 1 <= weight <= 500:
        raise InputError(f"{name}: body weight is {weight:g} kg, plausible are 1 to 500")
    starts, durations = _frame_times(sidecar, frames, name)
    return Acquisition(
        name=name,
        unit=canonical_unit(str(sidecar.get("Units", "arbitrary"))),
        starts_s=starts,
        durations_s=durations,
        decay_corrected=corrected,
        decay_reference_s=numbers["ImageDecayCorrectionTime"],
        injection_s=numbers["InjectionStart"],
        radionuclide=_radionuclide(str(sidecar.get("TracerRadionuclide", ""))),
        dose_bq=_dose(sidecar, numbers["InjectedRadioactivity"], name),
        weight_kg=weight,
    )


def canonical_unit(text: str) -> str:
    """Return the usual spelling of a unit of PET; an unknown one stays as it is.

    Examples
    --------
    >>> canonical_unit("BQML"), canonical_unit("kBq/cc"), canonical_unit("arbitrary")
    ('Bq/mL', 'kBq/mL', 'arbitrary')
    """
    key = text.strip().lower().replace(" ", "")
    return next((unit for unit, spellings in _UNITS.items() if key in spellings), text.strip())


def _radionuclide(text: str) -> str:
    """Return ``"F18"`` for ``"F18"``, ``"18F"``, ``"[18F]"`` and ``"F-18"``."""
    letters = "".join(sign for sign in text if sign.isalpha()).upper()
    digits = "".join(sign for sign in text if sign.isdigit())
    return letters + digits


def _dose(sidecar: Mapping[str, Any], amount: float | None, name: str) -> float | None:
    if amount is None:
        return None
    unit = str(sidecar.get("InjectedRadioactivityUnits", "MBq"))
    if unit.strip().lower() not in _BQ_PER:
        raise InputError(f"{name}: InjectedRadioactivityUnits is {unit!r}, needed is MBq or Bq")
    if amount <= 0:
        raise InputError(f"{name}: InjectedRadioactivity is {amount:g}, needed is more than 0")
    return amount * _BQ_PER[unit.strip().lower()]


def _frame_times(
    sidecar: Mapping[str, Any], frames: int, name: str
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    lists = []
    for field in ("FrameTimesStart", "FrameDuration"):
        values = sidecar.get(field)
        if _is_missing(values):
            return (), ()
        values = values if isinstance(values, list) else [values]
        if not all(_is_number(value) for value in values):
            raise InputError(f"{name}: {field} must be a list of numbers in seconds")
        if frames > 1 and len(values) != frames:
            raise InputError(
                f"{name}: {field} has {len(values)} values, the image has {frames} frames"
            )
        lists.append(tuple(float(value) for value in values))
    starts, durations = lists
    if len(starts) != len(durations):
        raise InputError(f"{name}: FrameTimesStart and FrameDuration differ in length")
    if min(durations) <= 0:
        raise InputError(f"{name}: FrameDuration holds {min(durations):g} s, needed is more than 0")
    if any(later <= earlier for earlier, later in itertools.pairwise(starts)):
        raise InputError(f"{name}: FrameTimesStart does not grow from frame to frame")
    if frames == 1:  # an average of frames, whose times the sidecar still lists
        return starts[:1], (max(map(sum, zip(starts, durations, strict=True))) - starts[0],)
    return starts, durations


def _number(sidecar: Mapping[str, Any], field: str, name: str) -> float | None:
    value = sidecar.get(field)
    if _is_missing(value):
        return None
    if not _is_number(value):
        raise InputError(f"{name}: {field} is {value!r}, needed is a number")
    return float(value)


def _is_missing(value: Any) -> bool:
    return value is None or value in ("n/a", "", [])


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
