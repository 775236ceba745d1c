"""The figures of one prepared subject as they stand in ``qc.tsv``."""

from __future__ import annotations

from typing import Any

import numpy as np

from petsynth.io.bids.index import Scan
from petsynth.preprocessing.pet.registration import static
from petsynth.preprocessing.pet.suvr import profile_of
from petsynth.preprocessing.subject import PreparedSubject


def describe_uptake(subject: PreparedSubject) -> dict[str, Any]:
    """Return what the PET's values tell: brain mean, reference, target, Centiloids.

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
    """Return what a person should look at; empty if nothing."""
    flags = list(subject.quality.flags)
    if subject.uptake is not None:
        flags += subject.uptake.flags
    profile = profile_of(scan.tracer)
    if profile is not None and subject.pet.unit == "SUVR":
        (low, high), mean = profile.expected_suvr, _brain_mean(subject)
        if not low <= mean <= high:
            flags.append(f"mean of the brain is {mean:.2g} SUVR, plausible are {low:g} to {high:g}")
    return flags


def _brain_mean(subject: PreparedSubject) -> float:
    return float(np.mean(static(subject.pet).data[subject.mask]))


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
