"""Leakage: does what a model is tested on stand in what it was trained on?

`audit_names` reads tables alone and runs before every evaluation; `audit_images` compares all scans
with each other. A leak makes test results worthless; a remark is to be looked at.

References
----------
Yagis et al., Effect of data leakage in brain MRI classification using 2D convolutional neural
networks. Scientific Reports 11, 2021.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from petsynth.data.prepared import PreparedData, Split
from petsynth.errors import InputError, SplitError
from petsynth.inference.run import WEIGHTS
from petsynth.io.bids.names import participant_key, participant_of
from petsynth.io.bids.participants import read_participants
from petsynth.io.text import read_json
from petsynth.volume import BoolArray, FloatArray

NEAR_IDENTICAL = 0.85
"""Correlation of two fingerprints from which on the scans count as the same.

Measured on T1s of IXI, aligned to MNI axes at 2 mm. Of different people (861 pairs of 42) it is
0.57 on average and 0.735 at most. Copies of one T1 (of 4 people) that were moved by 1 mm, given
20 % noise, a bias field of ±20 % or another contrast (power of 0.7) reach 0.976 or more; moved by
2.1 mm, 0.906.
"""
_SAME_VALUES = 0.99
"""Correlation of T1 and PET over the brain's voxels from which on one is the other, rescaled.

Of 12 simulated subjects with FDG at 4 mm it is 0.41 at most, and 0.49 averaged to 12 mm.
"""
_FINE_MM, _COARSE_MM = 2.0, 8.0
_COARSEST_VOXEL_MM = 3.0
"""Of larger voxels, the detail that is compared is not there."""
_SLICE_NAME = re.compile(r"[_-]?(slice|slc|z)[_-]?\d+$", re.IGNORECASE)
_UNKNOWN = ("", "n/a")


@dataclass(frozen=True)
class AuditFinding:
    """Something that was found.

    Parameters
    ----------
    is_leak : bool
        Whether it makes test results worthless; else it is a remark.
    message : str
        One line.
    """

    is_leak: bool
    message: str


@dataclass(frozen=True)
class Audit:
    """What was looked at before an evaluation, and what was found.

    Parameters
    ----------
    scans : int
        How many there are.
    with_images : bool
        Whether the images were compared, beside labels and ``participants.tsv``.
    findings : tuple of AuditFinding
        Leaks and remarks.
    """

    scans: int
    with_images: bool
    findings: tuple[AuditFinding, ...] = ()

    @property
    def leaks(self) -> list[str]:
        """What makes test results worthless."""
        return [each.message for each in self.findings if each.is_leak]

    @property
    def remarks(self) -> list[str]:
        """What is to be looked at."""
        return [each.message for each in self.findings if not each.is_leak]

    def sentences(self) -> list[str]:
        """Return what was compared and what is remarked on, for the findings.

        Examples
        --------
        >>> Audit(5, with_images=True).sentences()
        ['Leakage audit of 5 scans (labels, participants.tsv, images): no leak found.']
        """
        found = f"{len(self.leaks)} leak(s), named first" if self.leaks else "no leak found"
        looked = "labels, participants.tsv" + (", images" if self.with_images else "")
        more = "" if self.with_images else "; images were not compared (--audit images)"
        return [
            f"Leakage audit of {self.scans} scans ({looked}): {found}{more}.",
            *(f"Leakage audit: {each}." for each in self.remarks),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values for JSON."""
        return {
            "scans": self.scans,
            "with_images": self.with_images,
            "leaks": self.leaks,
            "remarks": self.remarks,
        }


def audit_names(data: PreparedData) -> list[AuditFinding]:
    """Look for one subject in two parts of the split, and for slices in place of volumes.

    Subjects are compared by label however it is written, and by the identifiers that they had
    before (``original_id`` of ``participants.tsv``).
    """
    try:
        subjects = {name: data.split(_first(data, name)) for name in data.subjects()}
    except SplitError as error:
        return [AuditFinding(True, str(error))]
    found = []
    known = read_participants(data.folder)
    holder: dict[str, str] = {}
    for name, part in subjects.items():
        if _SLICE_NAME.search(name):
            message = f"{name}: is named like a slice; the split must hold whole subjects"
            found.append(AuditFinding(True, message))
        ids = {participant_key(name), participant_key(known[name].original_id)}
        for key in sorted(ids - {participant_key(each) for each in _UNKNOWN}):
            other = holder.setdefault(key, name)
            if other != name:
                leak = subjects[other] != part
                message = (
                    f"{other} ({subjects[other]}) and {name} ({part}) are the same subject by "
                    "participants.tsv (original_id)"
                )
                found.append(AuditFinding(leak, message))
    return found


def audit_images(
    data: PreparedData, on_scan: Callable[[], None] = lambda: None
) -> list[AuditFinding]:
    """Look for the same scan under two names, and for T1s that were made from the PET.

    Scans are the same where T1 or PET are equal to the last bit, or the fingerprints of the T1s
    correlate by `NEAR_IDENTICAL` or more: see `fingerprint`.
    """
    found: list[AuditFinding] = []
    prints: dict[str, FloatArray] = {}
    holder: dict[str, str] = {}
    is_fine = max(data.grid.voxel_mm) <= _COARSEST_VOXEL_MM
    if not is_fine:
        message = f"voxels of {max(data.grid.voxel_mm):g} mm: too coarse to tell people apart, so "
        found.append(AuditFinding(False, message + "only scans equal to the last bit were found"))
    for name in data.participants():
        mri, pet = np.asarray(data.mri(name)), np.asarray(data.static_pet(name))
        for kind, array in (("T1", mri), ("PET", pet)):
            digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
            other = holder.setdefault(f"{kind} {digest}", name)
            if other != name:
                message = f"the {kind} of {_with_part(data, name)} is that of "
                message += f"{_with_part(data, other)}, to the last bit"
                found.append(AuditFinding(_is_leak(data, name, other), message))
        mask = np.asarray(data.mask(name))
        alike = abs(_correlation(mri[mask], pet[mask]))
        if alike >= _SAME_VALUES:
            message = f"{name}: its T1 has the values of its PET (|r| = {alike:.3f}): "
            found.append(AuditFinding(True, message + "was one made from the other?"))
        if is_fine:
            prints[name] = fingerprint(mri, mask, data.grid.voxel_mm)
            alike = _correlation(prints[name], fingerprint(pet, mask, data.grid.voxel_mm))
            if alike >= NEAR_IDENTICAL:
                message = f"{name}: its T1 and its PET have the same detail (r = {alike:.3f}): "
                found.append(AuditFinding(True, message + "was one made from the other?"))
        on_scan()
    for first, second in combinations(prints, 2):
        if participant_of(first) == participant_of(second):
            continue
        alike = _correlation(prints[first], prints[second])
        if alike >= NEAR_IDENTICAL:
            pair = f"{_with_part(data, first)} and {_with_part(data, second)}"
            message = f"the T1s of {pair} are nearly the same image (r = {alike:.3f})"
            found.append(AuditFinding(_is_leak(data, first, second), message))
    return found


def audit_run(
    run: Path, data: PreparedData, split: Split = "test", called: str | None = None
) -> list[AuditFinding]:
    """Look for subjects of a split among those that a run was trained on (its ``data.json``).

    Parameters
    ----------
    run : Path
        Run folder.
    data : PreparedData
        Whose subjects are looked for.
    split : {"train", "validation", "test"}
        Which of them.
    called : str, optional
        What findings call the run, such as a pretrained model's name; its folder if left out.
    """
    called = called or str(run)
    path = run / "data.json"
    if not path.is_file():
        if not (run / WEIGHTS).is_file():
            raise InputError(f"{run}: is no run folder, {WEIGHTS} is missing")
        message = f"{called}: data.json is missing, so nobody can tell on whom it was trained"
        return [AuditFinding(False, message)]
    try:
        names = list(map(str, read_json(path)["training_participants"]))
    except (KeyError, TypeError):
        raise InputError(f"{path}: has no list training_participants; copy the run again") from None
    trained = {participant_key(participant_of(name)) for name in names}
    known = read_participants(data.folder)
    return [
        AuditFinding(
            True, f"{called}: was trained on {name}, which {data.folder} holds for {split}"
        )
        for name in data.subjects(split)
        if {participant_key(name), participant_key(known[name].original_id)} & trained
    ]


def fingerprint(
    image: NDArray[Any], mask: BoolArray, voxel_mm: tuple[float, float, float]
) -> FloatArray:
    """Return the detail of a brain between 2 and 8 mm, at voxels 4 mm apart; NaN outside.

    What all brains have in common (their outline, grey and white matter) is mostly coarser.
    """
    edges = np.array(voxel_mm)
    inside = mask.astype(np.float32)
    values = np.where(mask, image, 0).astype(np.float32)

    def smoothed(sigma_mm: float) -> FloatArray:
        weight = gaussian_filter(inside, sigma_mm / edges)
        blurred = gaussian_filter(values, sigma_mm / edges)
        return np.asarray(blurred / np.maximum(weight, 1e-3))

    detail = smoothed(_FINE_MM) - smoothed(_COARSE_MM)
    detail[~mask] = np.nan
    steps = np.maximum(1, np.round(2 * _FINE_MM / edges)).astype(int)
    return np.asarray(detail[tuple(slice(None, None, step) for step in steps)])


def _correlation(first: FloatArray, second: FloatArray) -> float:
    """Return the correlation where both are known; 0 where nothing can be said."""
    both = np.isfinite(first) & np.isfinite(second)
    if both.sum() < 2:
        return 0.0
    a, b = first[both] - first[both].mean(), second[both] - second[both].mean()
    spread = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / spread if spread > 0 else 0.0


def _first(data: PreparedData, subject: str) -> str:
    return next(name for name in data.participants() if participant_of(name) == subject)


def _with_part(data: PreparedData, name: str) -> str:
    return f"{name} ({data.split(name)})"


def _is_leak(data: PreparedData, first: str, second: str) -> bool:
    return data.split(first) != data.split(second)
