"""Which series are T1-weighted images of a head and which are its PETs, and why others are not.

Scanners do not say what a series is: the maker's and the user's words for it, what was done to the
image, and the sequence's times are looked at. A number of a series that is named by the user stands
over all of that.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from petsynth.errors import InputError
from petsynth.io.dicom.files import first_item, number_of, text_of, value_of
from petsynth.io.dicom.series import Layout, Series, lay_out

Kind = Literal["T1w", "pet"]

_T1 = re.compile(r"t1|mp.?rage|(?<![a-z])rage|spgr|bravo|3d.?tfe|tfe.?3d", re.IGNORECASE)
_NOT_T1 = re.compile(
    r"t2|flair|local|scout|survey|dwi|dti|diff|(?<![a-z])adc|swi|(?<![a-z])tof|angio|(?<![a-z])mra"
    r"|bold|fmri|rest|(?<![a-z])epi|field.?map|asl|perf|dixon|(?<![a-z])pd(?![a-z])|calib|phase",
    re.IGNORECASE,
)
_DERIVED = ("MPR", "MIP", "MINIP", "PROJECTION IMAGE", "SUBTRACTION", "ADC", "FA", "PHASE", "P")
_THICKEST_MM = 4.0
_ECHO_MS, _INVERSION_MS = 12.0, (400.0, 1400.0)
_TALLEST_MM = 450.0
_NO_AGENT = re.compile(r"^(no|none|without|n/a|0)?$", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """A series, and what it is taken for.

    Parameters
    ----------
    series : Series
        The series.
    kind : {"T1w", "pet"} or None
        What it is; None if it is left out.
    reason : str
        Why it is left out; empty otherwise.
    layout : Layout, optional
        Where its slices lie; of what is taken.
    is_unusable : bool
        Whether it would have been taken, and is damaged or lacks slices.
    """

    series: Series
    kind: Kind | None
    reason: str = ""
    layout: Layout | None = None
    is_unusable: bool = False


def recognise(
    series: Series, t1_numbers: Collection[int] = (), pet_numbers: Collection[int] = ()
) -> Found:
    """Return what a series is taken for.

    Parameters
    ----------
    series : Series
        From `petsynth.io.dicom.series.find_series`.
    t1_numbers, pet_numbers : collection of int
        Numbers of series that are taken for T1s and PETs, alone; what else there is of that
        modality is left out. By their headers if empty.
    """
    named = t1_numbers if series.modality == "MR" else pet_numbers
    kind: Kind = "T1w" if series.modality == "MR" else "pet"
    if is_synthetic(series):
        return Found(series, None, "it is synthetic")
    if named:
        reason = "" if series.number in named else "another series was named"
    else:
        reason = _why_no_t1(series) if kind == "T1w" else _why_no_pet(series)
    if reason:
        return Found(series, None, reason)
    if series.problem:
        return Found(series, None, series.problem, is_unusable=True)
    try:
        layout = lay_out(series)
    except InputError as error:
        return Found(series, None, str(error), is_unusable=True)
    if not named:
        reason = _why_unfit(kind, layout)
    return Found(series, None, reason) if reason else Found(series, kind, "", layout)


def has_contrast_agent(series: Series) -> bool:
    """Whether the header of an MRI says that a contrast agent was given."""
    return not _NO_AGENT.match(text_of(series.header, "ContrastBolusAgent"))


def is_synthetic(series: Series) -> bool:
    """Whether petsynth has made a series: no model may be trained on it."""
    made = text_of(series.header, "Manufacturer").lower() == "petsynth"
    return made or series.description.upper().startswith("SYNTHETIC")


def _why_no_t1(series: Series) -> str:
    """Return why an MRI is no T1-weighted volume; empty if it is one."""
    header = series.header
    words = " ".join(
        text_of(header, name) for name in ("SeriesDescription", "ProtocolName", "SequenceName")
    )
    kinds = _image_type(series)
    derived = [each for each in _DERIVED if each in kinds]
    if derived:
        return f"an image that was made of others or a phase image (ImageType {derived[0]})"
    if "mp2rage" in words.lower() and not re.search(r"uni.?den", words, re.IGNORECASE):
        return "a single inversion or the noisy ratio of an MP2RAGE"
    if text_of(header, "MRAcquisitionType") == "2D":
        return "acquired in slices (MRAcquisitionType 2D)"
    if re.sub(_T1, "", words) and _NOT_T1.search(words):
        return "no T1-weighted image by its name"
    if _T1.search(words) or _has_times_of_t1(header):
        return ""
    return "no T1-weighted image by its name or its sequence"


def _has_times_of_t1(header: object) -> bool:
    """Whether echo and inversion time are those of a magnetisation-prepared gradient echo."""
    shared = first_item(header, "SharedFunctionalGroupsSequence")
    echo = number_of(header, "EchoTime")
    if echo is None:
        echo = number_of(first_item(shared, "MREchoSequence"), "EffectiveEchoTime")
    inversion = number_of(header, "InversionTime")
    if inversion is None:
        inversion = number_of(first_item(shared, "MRModifierSequence"), "InversionTimes")
    if echo is None or inversion is None:
        return False
    return echo < _ECHO_MS and _INVERSION_MS[0] <= inversion <= _INVERSION_MS[1]


def _why_no_pet(series: Series) -> str:
    """Return why a PET series is no image of the tracer; empty if it is one."""
    corrected = text_of(series.header, "CorrectedImage").upper().split("\\")
    kinds = _image_type(series)
    if corrected != [""] and "ATTN" not in corrected:
        return "not corrected for attenuation"
    if {"MIP", "PROJECTION IMAGE", "REPROJECTION"} & kinds:
        return "a projection"
    if value_of(series.header, "SeriesType") is not None:
        kind = text_of(series.header, "SeriesType").upper()
        if "GATED" in kind or "REPROJECTION" in kind:
            return f"SeriesType is {kind}"
    return ""


def _why_unfit(kind: Kind, layout: Layout) -> str:
    """Return why the place of the slices speaks against a series."""
    step = float((layout.affine[:3, 2] ** 2).sum() ** 0.5)
    height = step * len(layout.volumes[0])
    if kind == "T1w" and step > _THICKEST_MM:
        return f"its slices are {step:.1f} mm apart, at most {_THICKEST_MM:g} mm are taken"
    if kind == "T1w" and len(layout.volumes) > 1:
        return f"it holds {len(layout.volumes)} volumes (echoes, times), needed is one"
    if kind == "pet" and height > _TALLEST_MM:
        return f"it covers {height:.0f} mm, more than a head"
    return ""


def _image_type(series: Series) -> set[str]:
    shared = first_item(series.header, "SharedFunctionalGroupsSequence")
    frame_type = text_of(first_item(shared, "MRImageFrameTypeSequence"), "FrameType")
    whole = f"{text_of(series.header, 'ImageType')}\\{frame_type}"
    return set(whole.upper().split("\\"))
