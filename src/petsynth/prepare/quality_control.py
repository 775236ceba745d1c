"""Figures of quality control: a row of ``qc.tsv`` per subject, flags, and outliers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from petsynth.io.atomic import write_json
from petsynth.io.bids.index import Scan
from petsynth.io.bids.metadata import write_table
from petsynth.preprocessing.flags import Flag
from petsynth.preprocessing.pet.suvr import profile_of
from petsynth.preprocessing.resampling import covered_mean
from petsynth.preprocessing.subject import PreparedSubject

QC_COLUMNS = {
    "session_id": "Session of the PET",
    "interval_days": "Days between T1 and PET, where both dates are known",
    "mask_source": "How the brain was found: given, segmentation (given labels), skull-stripped "
    "(nonzero voxels) or deepbet",
    "brain_volume_ml": "Volume of the brain mask in mL",
    "template_mutual_information": "Mutual information of the T1's brain and the template, in nats",
    "mutual_information": "Mutual information of the locally normalised T1 and PET after "
    "registration, in nats",
    "local_correlation_ratio": "Fraction of the variance of the PET's local detail that the T1's "
    "explains (0 to 1)",
    "local_correlation_ratio_flipped": "The same with the PET flipped left to right: chance level",
    "pet_shift_mm": "How far registration moved the brain's centre, in mm",
    "pet_rotation_deg": "By what angle registration rotated the PET, in degrees",
    "pet_coverage": "Fraction of the brain inside the PET's field of view (0 to 1)",
    "motion_mm": "How far a point of the head moved between the PET's frames, in mm",
    "t1_reproducible": "Whether two independent initialisations led to the same alignment of the "
    "T1",
    "pet_reproducible": "Whether two independent initialisations led to the same registration of "
    "the PET",
    "pet_frames": "Frames of the PET as it was acquired",
    "time_window_min": "Start and end in minutes after injection of the mean over frames that was "
    "wanted",
    "time_window_covered": "Fraction of that time in which the PET has data (0 to 1)",
    "pet_mean": "Mean of the PET in the brain as far as its field of view covers it, in its unit",
    "unit": "Unit of the PET",
    "reference_region": "Region whose mean the PET was divided by; n/a if it came as it is",
    "reference_value": "That mean over the part inside the PET's field of view, in the unit that "
    "the PET had",
    "reference_ml": "Volume of the reference region in this subject, in mL",
    "reference_covered_fraction": "Fraction of the reference region inside the PET's field of view "
    "(0 to 1)",
    "warp_correlation": "Correlation of the brain and the template after deformation (-1 to 1)",
    "target_suvr": "Mean SUVR of the tracer's target region, over the part inside the PET's field "
    "of view",
    "target_covered_fraction": "Fraction of the target region inside the PET's field of view (0 to "
    "1)",
    "centiloid_like": "By the tracer's equation, which holds for another pipeline",
    "abnormal": "Whether the target passes the tracer's published threshold",
    "flags": "What to look at",
    "flagged_checks": "Checks that raised the flags, as --exclude-flagged takes them",
}
"""Columns of ``qc.tsv``, and what they mean."""

OUTLIER = 3.5
"""Distance from the median, in units of 1.4826 times the median absolute deviation, from which a
figure is marked (Iglewicz and Hoaglin, 1993)."""


def qc_row(
    scan: Scan, subject: PreparedSubject, replaced: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return a subject's row of ``qc.tsv``.

    Parameters
    ----------
    scan : Scan
        The raw images.
    subject : PreparedSubject
        The same, prepared.
    replaced : mapping of str to str, optional
        Names of images that could not be used, in whose place the scan's are -> why.

    Returns
    -------
    dict
        The columns ``participant_id`` and `QC_COLUMNS`; None where a figure does not apply.
    """
    flags = flags_of(scan, subject, replaced)
    return {
        "participant_id": scan.participant,
        "session_id": f"ses-{scan.session}" if scan.session else None,
        "interval_days": scan.interval_days,
        "mask_source": subject.mask_source,
        **{name: _plain(value) for name, value in dataclasses.asdict(subject.quality).items()},
        **_time_window(subject),
        **uptake_figures(subject),
        "flags": "; ".join(flag.text for flag in flags) or "none",
        "flagged_checks": " ".join(dict.fromkeys(flag.check for flag in flags)) or "none",
    }


def uptake_figures(subject: PreparedSubject) -> dict[str, Any]:
    """Return the figures of the PET's values: brain mean, reference, target, Centiloids.

    Returns
    -------
    dict
        None where a figure does not apply.
    """
    uptake = subject.uptake
    reference = None if uptake is None else uptake.reference
    target = None if uptake is None else uptake.target
    return {
        "pet_mean": _round(_brain_mean(subject)),
        "unit": subject.pet.unit,
        "reference_region": None if reference is None else reference.name,
        "reference_value": None if reference is None else _round(reference.mean),
        "reference_ml": None if reference is None else _round(reference.ml),
        "reference_covered_fraction": None
        if reference is None
        else _round(reference.covered_fraction),
        "warp_correlation": None if uptake is None else _round(uptake.warp_correlation),
        "target_suvr": None if target is None else _round(target.mean),
        "target_covered_fraction": None if target is None else _round(target.covered_fraction),
        "centiloid_like": None if uptake is None else _round(uptake.centiloid_like),
        "abnormal": None if uptake is None or uptake.abnormal is None else str(uptake.abnormal),
    }


def flags_of(
    scan: Scan, subject: PreparedSubject, replaced: Mapping[str, str] | None = None
) -> list[Flag]:
    """Return what to look at; empty if nothing. Parameters as of `qc_row`."""
    flags = [Flag("input", replacement(scan, name)) for name in replaced or ()]
    if scan.is_uncorrected:
        flags.append(Flag("input", f"{scan.pet.name} is not corrected for attenuation"))
    flags += subject.quality.flags
    if subject.uptake is not None:
        flags += subject.uptake.flags
    if subject.time_window is not None and subject.time_window.flag:
        flags.append(Flag("time-window", subject.time_window.flag))
    profile = profile_of(scan.tracer)
    mean = _brain_mean(subject)
    if profile is not None and subject.pet.unit == "SUVR" and mean is not None:
        low, high = profile.expected_suvr
        if not low <= mean <= high:
            text = f"mean of the brain is {mean:.2g} SUVR, plausible are {low:g} to {high:g}"
            flags.append(Flag("uptake", text))
    return flags


def replacement(scan: Scan, name: str) -> str:
    """Return in words that an image could not be used, and what was taken in its place.

    Examples
    --------
    >>> scan = Scan("sub-1", Path("sub-1_run-2_T1w.nii"), Path("sub-1_pet.nii"), "FDG")
    >>> replacement(scan, "sub-1_run-1_T1w.nii")
    'sub-1_run-1_T1w.nii could not be used: sub-1_run-2_T1w.nii was taken'
    """
    taken = scan.t1 if name.split(".")[0].endswith("_T1w") else scan.pet
    return f"{name} could not be used: {taken.name} was taken"


def write_qc(folder: str | Path, rows: list[dict[str, Any]]) -> None:
    """Write ``qc.tsv``, a row per subject, and ``qc.json`` with what its columns mean.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    write_table(Path(folder) / "qc.tsv", pd.DataFrame(rows))
    meaning = {name: {"Description": text} for name, text in QC_COLUMNS.items()}
    write_json(Path(folder) / "qc.json", meaning)


def outliers(values: Sequence[float | None]) -> list[bool]:
    """Return which values are outliers; of fewer than five values, none.

    Examples
    --------
    >>> outliers([1.0, 1.1, 0.9, 1.0, 5.0, None])
    [False, False, False, False, True, False]
    """
    numbers = np.array([np.nan if value is None else value for value in values], dtype=float)
    if np.isfinite(numbers).sum() < 5:
        return [False] * len(values)
    middle = np.nanmedian(numbers)
    spread = 1.4826 * np.nanmedian(np.abs(numbers - middle))
    far = np.abs(numbers - middle) > OUTLIER * max(spread, 1e-6 * abs(middle) + 1e-12)
    return [bool(each) for each in far]


def _time_window(subject: PreparedSubject) -> dict[str, Any]:
    window = subject.time_window
    if window is None:
        return {"time_window_min": None, "time_window_covered": None}
    start, end = window.wanted_min
    return {
        "time_window_min": f"{start:g}-{end:g}",
        "time_window_covered": _round(window.covered_fraction),
    }


def _brain_mean(subject: PreparedSubject) -> float | None:
    """Return the PET's mean in the brain; None where the mask is not aligned to the PET."""
    inside = subject.mask & subject.covered
    if not subject.aligned or not inside.any():
        return None
    return covered_mean(subject.static_pet().data[inside])[0]


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _plain(value: float | bool | None) -> float | str | None:
    if value is None:
        return None
    return ("yes" if value else "no") if isinstance(value, bool) else round(value, 4)


def figures_line(name: str, qc: Mapping[str, Any], unit: str, seconds: float) -> str:
    """Return one line with a subject's figures; their meaning is that of ``qc.tsv``."""
    told = f"{name}: {seconds:.1f} s; brain {qc['brain_volume_ml']:.0f} mL ({qc['mask_source']}); "
    if qc["pet_shift_mm"] is None:
        return f"{told}T1 and PET centred, not aligned"
    ratio, flipped = qc["local_correlation_ratio"], qc["local_correlation_ratio_flipped"]
    return (
        f"{told}mutual information with the template {qc['template_mutual_information']:.2f}; "
        f"local correlation ratio {ratio:.2f}, flipped {flipped:.2f}; "
        f"PET moved {qc['pet_shift_mm']:.1f} mm and rotated {qc['pet_rotation_deg']:.1f} degrees, "
        f"mean {qc['pet_mean']:.3g} {unit}"
    )
