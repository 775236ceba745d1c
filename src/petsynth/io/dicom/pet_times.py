"""When a PET was injected and acquired, in seconds after its ``TimeZero``.

Clocks are trusted more than dates: a date may have been moved for anonymity in one attribute and
not in another, so the injection is that time of the day that comes last before the scan.

References
----------
BIDS 1.10, "Positron Emission Tomography", "Time". DICOM PS3.3, C.8.9.1 "PET Series" (Decay
Correction: START is the start of the acquisition, ADMIN the time of administration), C.8.9.2 "PET
Isotope", C.8.9.4 "PET Image". Time that START refers to: QIBA, "Vendor-neutral pseudo-code for SUV
calculation" (the series' time, where it is not later than the first acquisition; else GE's private
time of the scan).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass

from petsynth.io.dicom.files import first_item, moment_of, parse_moment, text_of
from petsynth.io.dicom.series import Layout, Series

_DAY = datetime.timedelta(days=1)
_EARLIEST_S = -1800.0
"""How long before an injection a dynamic scan may begin."""
_LONGEST_S = 6 * 3600.0
_GE_SCAN = (0x0009, 0x100D)


@dataclass(frozen=True)
class PetTimes:
    """When a PET was injected and acquired.

    Parameters
    ----------
    zero : str
        Time of the day of ``TimeZero``: of the injection, else of the first frame.
    starts_s, durations_s : tuple of float
        Of each frame; empty if the header does not say them.
    injection_s : float, optional
        Of the injection; None if unknown.
    corrected : bool, optional
        Whether decay is corrected.
    corrected_to_s : float, optional
        To which time.
    """

    zero: str
    starts_s: tuple[float, ...]
    durations_s: tuple[float, ...]
    injection_s: float | None
    corrected: bool | None
    corrected_to_s: float | None


def pet_times(series: Series, layout: Layout, say: Callable[[str], None]) -> PetTimes:
    """Return when a PET was injected and acquired.

    Parameters
    ----------
    series, layout : Series, Layout
        The PET.
    say : function of str
        Is told what is missing or was assumed.
    """
    starts = _starts(layout)
    durations = [volume[0].duration_s for volume in layout.volumes]
    if not starts or any(each is None for each in durations):
        say("its header does not say when its frames were acquired and how long they took")
    begin = starts[0] if starts else series.start
    injection = None if begin is None else _injection(series, begin)
    if begin is not None and injection is None:
        say("its header does not say when the tracer was injected; times count from the scan")
    zero = injection or begin
    if begin is None or zero is None:
        return PetTimes("n/a", (), (), None, _is_corrected(series), None)

    def seconds(moment: datetime.datetime) -> float:
        return round((moment - zero).total_seconds(), 3)

    corrected = _is_corrected(series)
    if corrected is None:
        say("its header does not say whether decay is corrected")
    reference = _decay_reference(series, begin, injection) if corrected else None
    known = [each for each in durations if each is not None]
    is_complete = len(starts) == len(known) == len(layout.volumes)
    return PetTimes(
        zero.strftime("%H:%M:%S"),
        tuple(map(seconds, starts)) if is_complete else (),
        tuple(known) if is_complete else (),
        None if injection is None else 0.0,
        corrected,
        None if reference is None else seconds(reference),
    )


def _starts(layout: Layout) -> list[datetime.datetime]:
    """Return when each frame began; empty if that is unknown.

    Of slices that were acquired one bed position after the other the first counts. Frames that all
    have the time of the series, as some archives have them, are told apart by reference times.
    """
    starts = []
    for volume in layout.volumes:
        known = [frame.acquired for frame in volume if frame.acquired is not None]
        if not known:
            return []
        starts.append(min(known))
    firsts = [volume[0] for volume in layout.volumes]
    if len(starts) == 1 or len(set(starts)) == len(starts):
        return starts
    begin, found = starts[0], []
    for frame in firsts:
        if frame.reference_s is None or frame.duration_s is None:
            return []
        offset = frame.reference_s - frame.duration_s / 2
        found.append(begin + datetime.timedelta(seconds=round(max(offset, 0.0))))
    return found


def _injection(series: Series, begin: datetime.datetime) -> datetime.datetime | None:
    drug = first_item(series.header, "RadiopharmaceuticalInformationSequence")
    told = parse_moment(text_of(drug, "RadiopharmaceuticalStartDateTime"))
    if told is not None and _EARLIEST_S <= (begin - told).total_seconds() <= _LONGEST_S:
        return told
    clock = told or parse_moment(f"{begin:%Y%m%d}{text_of(drug, 'RadiopharmaceuticalStartTime')}")
    if clock is None:
        return None
    same_day = datetime.datetime.combine(begin.date(), clock.time())
    for moment in (same_day, same_day - _DAY):
        if _EARLIEST_S <= (begin - moment).total_seconds() <= _LONGEST_S:
            return moment
    return None


def _is_corrected(series: Series) -> bool | None:
    old, new = (text_of(series.header, name) for name in ("DecayCorrection", "DecayCorrected"))
    if old:
        return old.upper() != "NONE"
    return {"YES": True, "NO": False}.get(new.upper())


def _decay_reference(
    series: Series, begin: datetime.datetime, injection: datetime.datetime | None
) -> datetime.datetime | None:
    if text_of(series.header, "DecayCorrection").upper() == "ADMIN":
        return injection
    told = parse_moment(text_of(series.header, "DecayCorrectionDateTime"))
    if told is not None:
        return told
    of_series = moment_of(series.header, "Series")
    if of_series is not None and 0 <= (begin - of_series).total_seconds() <= _LONGEST_S:
        return of_series
    private = series.header.get(_GE_SCAN)
    of_scan = None if private is None else parse_moment(str(private.value))
    if of_scan is not None and 0 <= (begin - of_scan).total_seconds() <= _LONGEST_S:
        return of_scan
    return begin
