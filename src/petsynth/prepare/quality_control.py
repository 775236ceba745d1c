"""Figures of quality control: a row of ``qc.tsv`` per subject, flags, and outliers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from petsynth.io.atomic import write_json
from petsynth.io.bids.index import Scan
from petsynth.io.bids.metadata import write_table
from petsynth.preprocessing.pet.registration import static
from petsynth.preprocessing.pet.suvr import profile_of
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
    "pet_mean": "Mean of the PET in the brain, in its unit",
    "unit": "Unit of the PET",
    "reference_region": "Region whose mean the PET was divided by; n/a if it came as it is",
    "reference_value": "That mean, in the unit that the PET had",
    "reference_ml": "Volume of the reference region in this subject, in mL",
    "warp_correlation": "Correlation of the brain and the template after deformation (-1 to 1)",
    "target_suvr": "Mean SUVR of the tracer's target region",
    "centiloid_like": "By the tracer's equation, which holds for another pipeline",
    "abnormal": "Whether the target passes the tracer's published threshold",
    "flags": "What to look at",
}
"""Columns of ``qc.tsv``, and what they mean."""

OUTLIER = 3.5
"""Distance from the median, in units of 1.4826 times the median absolute deviation, from which a
figure is marked (Iglewicz and Hoaglin, 1993)."""


def qc_row(scan: Scan, subject: PreparedSubject) -> dict[str, Any]:
    """Return a subject's row of ``qc.tsv``.

    Returns
    -------
    dict
        The columns ``participant_id`` and `QC_COLUMNS`; None where a figure does not apply.
    """
    return {
        "participant_id": scan.participant,
        "session_id": f"ses-{scan.session}" if scan.session else None,
        "interval_days": scan.interval_days,
        "mask_source": subject.mask_source,
        **{name: _plain(value) for name, value in dataclasses.asdict(subject.quality).items()},
        **uptake_figures(subject),
        "flags": "; ".join(flags_of(scan, subject)) or "none",
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
        "warp_correlation": None if uptake is None else _round(uptake.warp_correlation),
        "target_suvr": None if target is None else _round(target.mean),
        "centiloid_like": None if uptake is None else _round(uptake.centiloid_like),
        "abnormal": None if uptake is None or uptake.abnormal is None else str(uptake.abnormal),
    }


def flags_of(scan: Scan, subject: PreparedSubject) -> list[str]:
    """Return what to look at; empty if nothing."""
    flags = list(subject.quality.flags)
    if subject.uptake is not None:
        flags += subject.uptake.flags
    profile = profile_of(scan.tracer)
    if profile is not None and subject.pet.unit == "SUVR":
        (low, high), mean = profile.expected_suvr, _brain_mean(subject)
        if not low <= mean <= high:
            flags.append(f"mean of the brain is {mean:.2g} SUVR, plausible are {low:g} to {high:g}")
    return flags


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


def _brain_mean(subject: PreparedSubject) -> float:
    return float(np.mean(static(subject.pet).data[subject.mask]))


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _plain(value: float | bool) -> float | str:
    return ("yes" if value else "no") if isinstance(value, bool) else round(value, 4)
