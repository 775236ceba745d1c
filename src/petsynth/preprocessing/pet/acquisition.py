"""What a PET sidecar tells of the acquisition, and the factors to decay-corrected units and SUV.

References
----------
BIDS 1.10, "Positron Emission Tomography": names and units of the fields. Times count from
``TimeZero``, in seconds; ``FrameTimesStart`` and ``FrameDuration`` have one value per frame.

Boellaard et al., "FDG PET/CT: EANM procedure guidelines for tumour imaging: version 2.0", Eur J
Nucl Med Mol Imaging 42, 2015 (SUV by body weight, with the dose decayed to one time).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from petsynth.errors import InputError
from petsynth.io.bids.participants import parse_kilograms
from petsynth.preprocessing.pet.units import ACTIVITY, parse_unit, radioactivity_bq
from petsynth.volume import FloatArray

HALF_LIFE_S = {"F18": 6586.2, "C11": 1221.8, "O15": 122.24, "N13": 597.9, "GA68": 4062.6}
"""Half-lives in seconds by radionuclide. Bailey et al., "Positron Emission Tomography: Basic
Sciences", 2005, table 2.2 (F18 109.77 min, C11 20.36 min, O15 2.04 min, N13 9.97 min, Ga68
67.71 min)."""

_TRUTH = {"true": True, "1": True, "false": False, "0": False}
_T = TypeVar("_T")


@dataclass(frozen=True)
class Acquisition:
    """What is known of one PET.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    unit : str
        Of the values after multiplication by ``unit_factor``: ``"Bq/mL"``, ``"SUV"``,
        ``"SUVR"``, or what the sidecar says.
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
    unit_factor : float
        What stored values are multiplied by to give ``unit``; 1000 for an image in kBq/mL.
    is_known_unit : bool
        Whether the sidecar's unit is one whose meaning is known; see
        `petsynth.preprocessing.pet.units.parse_unit`.
    unread : mapping of str to str
        Fields whose values say nothing, and what is wrong with them. They count as missing, so
        that nobody is left out for what is not needed.
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
    unit_factor: float = 1.0
    is_known_unit: bool = True
    unread: Mapping[str, str] = field(default_factory=dict)

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
    """Return what a sidecar tells.

    Values that cannot be are `Acquisition.unread`; but times and decay of several frames are needed
    for whatever is made of them, so these must be right.

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
        If the image has several frames, and their times or their decay correction have values
        that they cannot have.
    """
    unread: dict[str, str] = {}

    def read(what: str, how: Callable[..., _T], *arguments: Any) -> _T | None:
        try:
            return how(*arguments)
        except ValueError as error:
            unread[what] = str(error)
            return None

    times = read("FrameTimesStart", _frame_times, sidecar, frames)
    corrected = read("ImageDecayCorrected", _is_corrected, sidecar)
    if frames > 1 and unread:
        raise InputError(f"{name}: {next(iter(unread.values()))}")
    starts, durations = times or ((), ())
    weight = read("PatientWeight", _weight, sidecar)
    if weight is None:
        weight = read("weight", _plausible, weight_kg)
    unit = parse_unit(str(sidecar.get("Units") or "arbitrary"))
    return Acquisition(
        name=name,
        unit=unit.name,
        starts_s=starts,
        durations_s=durations,
        decay_corrected=corrected,
        decay_reference_s=read(
            "ImageDecayCorrectionTime", _number, sidecar, "ImageDecayCorrectionTime"
        ),
        injection_s=read("InjectionStart", _number, sidecar, "InjectionStart"),
        radionuclide=_radionuclide(str(sidecar.get("TracerRadionuclide", ""))),
        dose_bq=read("InjectedRadioactivity", _dose, sidecar),
        weight_kg=weight,
        unit_factor=unit.factor,
        is_known_unit=unit.is_known,
        unread=unread,
    )


def decay_factors(acquisition: Acquisition, frames: int) -> FloatArray:
    """Return what each frame is multiplied by so that frames may be averaged, shape (T,).

    A frame that is not corrected for decay holds the mean activity over its duration; it is
    corrected to the start of the first frame. Frames that are corrected, or whose sidecar does not
    say, are left as they are.

    Raises
    ------
    InputError
        If decay is not corrected and frame times or radionuclide are unknown.

    Examples
    --------
    Two frames of one half-life each: the mean over a half-life is 0.5 / ln 2 of its start.

    >>> pet = Acquisition("x", "Bq/mL", (0, 6586.2), (6586.2, 6586.2), False, radionuclide="F18")
    >>> (decay_factors(pet, 2) * 0.5 / math.log(2)).round(6).tolist()
    [1.0, 2.0]
    """
    if acquisition.decay_corrected is not False or frames == 1:
        return np.ones(frames)
    return _to_time(acquisition, _times(acquisition)[0][0])


def suv_factors(acquisition: Acquisition, frames: int) -> FloatArray:
    """Return what each frame in Bq/mL is multiplied by to give SUV, shape (T,).

    SUV = activity x weight / dose, activity and dose both as they would be at injection; in g/mL.

    Raises
    ------
    InputError
        If dose, weight, times or radionuclide are missing, or the unit is none of activity.

    Examples
    --------
    70 kg, 350 MBq: 5000 Bq/mL at injection are 1.

    >>> pet = Acquisition("x", "Bq/mL", (0,), (60,), True, 0.0, 0.0, "F18", 350e6, 70.0)
    >>> (5000 * suv_factors(pet, 1)).round(6).tolist()
    [1.0]
    """
    name = acquisition.name
    if acquisition.unit != ACTIVITY:
        raise InputError(
            f"{name}: Units is {acquisition.unit}, SUV needs Bq/mL or another unit of activity"
        )
    missing = [
        field
        for field, value in (
            ("InjectedRadioactivity", acquisition.dose_bq),
            ("body weight (weight in participants.tsv, or PatientWeight)", acquisition.weight_kg),
            ("InjectionStart", acquisition.injection_s),
            ("ImageDecayCorrected", acquisition.decay_corrected),
        )
        if value is None
    ]
    if acquisition.decay_corrected and acquisition.decay_reference_s is None:
        missing.append("ImageDecayCorrectionTime")
    if missing:
        told = "; ".join(acquisition.unread.values())
        reason = f" ({told})" if told else ""
        raise InputError(
            f"{name}: SUV needs {' and '.join(missing)}, which the dataset lacks{reason}"
        )
    assert acquisition.weight_kg is not None
    assert acquisition.dose_bq is not None
    assert acquisition.injection_s is not None
    if acquisition.decay_corrected:
        assert acquisition.decay_reference_s is not None
        since = acquisition.decay_reference_s - acquisition.injection_s
        decay = np.full(frames, math.exp(acquisition.decay_per_s * since) if since else 1.0)
    else:
        decay = _to_time(acquisition, acquisition.injection_s)
    grams_per_bq = 1000 * acquisition.weight_kg / acquisition.dose_bq
    return np.asarray(decay * grams_per_bq)


def _radionuclide(text: str) -> str:
    """Return ``"F18"`` for ``"F18"``, ``"18F"``, ``"[18F]"`` and ``"F-18"``."""
    letters = "".join(sign for sign in text if sign.isalpha()).upper()
    digits = "".join(sign for sign in text if sign.isdecimal())
    return letters + digits


def _is_corrected(sidecar: Mapping[str, Any]) -> bool | None:
    value = sidecar.get("ImageDecayCorrected")
    if _is_missing(value):
        return None
    found = _TRUTH.get(str(value).strip().lower())
    if found is None:
        raise ValueError(f"ImageDecayCorrected is {value!r}, needed is true or false")
    return found


def _weight(sidecar: Mapping[str, Any]) -> float | None:
    value = sidecar.get("PatientWeight")
    if isinstance(value, str) and not _is_missing(value):
        kilograms = parse_kilograms(value)
        if kilograms is None:
            raise ValueError(f"PatientWeight is {value!r}, needed is a number")
        return _plausible(kilograms)
    return _plausible(_number(sidecar, "PatientWeight"))


def _plausible(weight_kg: float | None) -> float | None:
    if weight_kg is not None and not 1 <= weight_kg <= 500:
        raise ValueError(f"body weight is {weight_kg:g} kg, plausible are 1 to 500")
    return weight_kg


def _dose(sidecar: Mapping[str, Any]) -> float | None:
    """Return the dose in Bq; a text may hold its unit, as in ``"185 MBq"``."""
    value, unit = sidecar.get("InjectedRadioactivity"), sidecar.get("InjectedRadioactivityUnits")
    if isinstance(value, str):
        number, _, behind = value.strip().partition(" ")
        if behind and radioactivity_bq(behind) is not None:
            value, unit = number, behind
    amount = _number({"InjectedRadioactivity": value}, "InjectedRadioactivity")
    if amount is None:
        return None
    unit = "MBq" if _is_missing(unit) else str(unit)
    becquerels = radioactivity_bq(unit)
    if becquerels is None:
        raise ValueError(f"InjectedRadioactivityUnits is {unit!r}, needed is MBq or Bq")
    if amount <= 0:
        raise ValueError(f"InjectedRadioactivity is {amount:g}, needed is more than 0")
    return amount * becquerels


def _frame_times(
    sidecar: Mapping[str, Any], frames: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return starts and durations; durations alone where starts are missing, else both or none."""
    lists: list[tuple[float, ...]] = []
    for name in ("FrameTimesStart", "FrameDuration"):
        values = sidecar.get(name)
        if _is_missing(values):
            lists.append(())
            continue
        found = [_as_number(value) for value in (values if isinstance(values, list) else [values])]
        numbers = tuple(value for value in found if value is not None)
        if len(numbers) < len(found):
            raise ValueError(f"{name} must be a list of numbers in seconds")
        if frames > 1 and len(numbers) != frames:
            raise ValueError(f"{name} has {len(numbers)} values, the image has {frames} frames")
        lists.append(numbers)
    starts, durations = lists
    if durations and min(durations) <= 0:
        raise ValueError(f"FrameDuration holds {min(durations):g} s, needed is more than 0")
    if not starts or not durations:
        return (), durations if frames > 1 else ()
    if len(starts) != len(durations):
        raise ValueError("FrameTimesStart and FrameDuration differ in length")
    if any(later <= earlier for earlier, later in itertools.pairwise(starts)):
        raise ValueError("FrameTimesStart does not increase from frame to frame")
    if frames == 1:  # an average of frames, whose times the sidecar still lists
        return starts[:1], (max(map(sum, zip(starts, durations, strict=True))) - starts[0],)
    return starts, durations


def _number(sidecar: Mapping[str, Any], name: str) -> float | None:
    value = sidecar.get(name)
    if _is_missing(value):
        return None
    number = _as_number(value)
    if number is None:
        raise ValueError(f"{name} is {value!r}, needed is a number")
    return number


def _as_number(value: Any) -> float | None:
    """Return a finite number, also one that is written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _is_missing(value: Any) -> bool:
    return value is None or value in ("n/a", "N/A", "", [])


def _to_time(acquisition: Acquisition, time_s: float) -> FloatArray:
    """Return the factors from mean activity over each frame to that at one time."""
    starts, durations = (np.array(values) for values in _times(acquisition))
    decay = acquisition.decay_per_s
    within = decay * durations / -np.expm1(-decay * durations)
    return np.asarray(np.exp(decay * (starts - time_s)) * within)


def _times(acquisition: Acquisition) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if not acquisition.starts_s:
        raise InputError(
            f"{acquisition.name}: not corrected for decay, and FrameTimesStart or FrameDuration "
            "is missing from its sidecar"
        )
    return acquisition.starts_s, acquisition.durations_s
