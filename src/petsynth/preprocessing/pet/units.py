"""Factors that bring PET frames to one unit: decay and standardised uptake values.

References
----------
Boellaard et al., "FDG PET/CT: EANM procedure guidelines for tumour imaging: version 2.0", Eur J
Nucl Med Mol Imaging 42, 2015 (SUV by body weight, with the dose decayed to one time).
"""

from __future__ import annotations

import math

import numpy as np

from petsynth.errors import InputError
from petsynth.preprocessing.pet.acquisition import Acquisition
from petsynth.volume import FloatArray

BQ_PER_ML = {"Bq/mL": 1.0, "kBq/mL": 1000.0}


def decay_factors(acquisition: Acquisition, frames: int) -> FloatArray:
    """Return what each frame is multiplied by so that frames may be averaged, shape (T,).

    A frame that is not corrected for decay holds the mean activity over its duration; it is
    brought to the start of the first frame. Frames that are corrected, or whose sidecar does not
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
    """Return what each frame in Bq/mL (or kBq/mL) is multiplied by to give SUV, shape (T,).

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
    if acquisition.unit not in BQ_PER_ML:
        raise InputError(f"{name}: Units is {acquisition.unit}, SUV needs Bq/mL or kBq/mL")
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
        raise InputError(f"{name}: SUV needs {' and '.join(missing)}, which the dataset lacks")
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
    return decay * BQ_PER_ML[acquisition.unit] * grams_per_bq


def _to_time(acquisition: Acquisition, time_s: float) -> FloatArray:
    """Return the factors from mean activity over each frame to that at one time."""
    starts, durations = (np.array(values) for values in _times(acquisition))
    decay = acquisition.decay_per_s
    within = decay * durations / -np.expm1(-decay * durations)
    return np.exp(decay * (starts - time_s)) * within


def _times(acquisition: Acquisition) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if not acquisition.starts_s:
        raise InputError(
            f"{acquisition.name}: not corrected for decay, and FrameTimesStart or FrameDuration "
            "is missing from its sidecar"
        )
    return acquisition.starts_s, acquisition.durations_s
