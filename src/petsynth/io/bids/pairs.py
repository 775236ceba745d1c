"""Which T1 and which PET of a subject are taken: rules, and a reason for each image that is not.

1. A PET needs a T1 within the longest allowed interval. The interval is the number of days
   between them; images of one session count as one visit where a date is unknown. An unknown
   interval between two sessions is none that can be allowed.
2. Of several PETs the earliest is taken: by day, else by session label (``bl`` first, numbers by
   size). Of one day or session: the reconstruction that suits (`STATIC_FIRST`, `DYNAMIC_FIRST`),
   the lowest run, the first name. Where every visit is wanted, one PET per session label is
   taken by the same order, and a T1 may serve several of them.
3. Of several T1s the one closest in time is taken; of equally close ones that of the PET's
   session, then one without contrast agent, the lowest run, the first name.

References
----------
Paper A, section 2.1: MRI within one year of the PET. The rest is ours (decision record 0062).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from petsynth.io.bids.images import Image

Days = dict[Image, datetime.date | None]

STATIC_FIRST = ("", "coregavg", "coregdyn", "coregstd", "coregiso")
"""Order of ``rec-`` labels (as clinica writes ADNI's processing levels) for one mean frame."""
DYNAMIC_FIRST = ("", "coregdyn", "coregavg", "coregstd", "coregiso")
"""The same where frames are wanted."""
_BASELINE = ("bl", "baseline")


@dataclass(frozen=True)
class Pair:
    """A T1 and a PET of one subject.

    Parameters
    ----------
    t1, pet : Image
        What is taken.
    interval_days : int or None
        Days between them; None if a date is unknown (one session, or no limit was set).
    """

    t1: Image
    pet: Image
    interval_days: int | None


@dataclass(frozen=True)
class Unused:
    """An image that is not taken, and why."""

    image: Image
    reason: str


def choose_pairs(
    t1s: Sequence[Image],
    pets: Sequence[Image],
    days: Days,
    max_interval: float | None,
    reconstructions: Sequence[str] = STATIC_FIRST,
    *,
    every_visit: bool = False,
) -> tuple[list[Pair], list[Unused]]:
    """Choose a subject's pair, or one per visit, by the rules above.

    Parameters
    ----------
    t1s, pets : sequence of Image
        At least one each.
    days : dict of Image to date or None
        When they were taken.
    max_interval : float or None
        Longest allowed interval in days; None allows any, unknown ones too.
    reconstructions : sequence of str
        Labels of ``rec-`` in the order of preference.
    every_visit : bool
        Whether a pair of each session is wanted, not the earliest alone.

    Returns
    -------
    pairs : list of Pair
        The earliest first; empty if no PET has a T1 in time.
    unused : list of Unused
        All other images.
    """
    allowed: dict[Image, list[Image]] = {}
    unused = []
    for pet in pets:
        allowed[pet] = [t1 for t1 in t1s if _allowed(t1, pet, days, max_interval)]
        if not allowed[pet]:
            reason = _no_t1_in_time(t1s, pet, days, max_interval)
            unused.append(Unused(pet, reason))
    ranked = sorted(
        (pet for pet in pets if allowed[pet]),
        key=lambda each: _pet_rank(each, days, reconstructions),
    )
    taken: dict[str | None, Pair] = {}
    for pet in ranked:
        visit = pet.session if every_visit else None
        if visit in taken:
            which = (
                "visit is taken (by rule)"
                if every_visit
                else ("subject is taken (the earliest, then by rule)")
            )
            unused.append(Unused(pet, f"{taken[visit].pet.path.name} of the same {which}"))
        else:
            t1 = min(allowed[pet], key=lambda each: _t1_rank(each, pet, days))
            taken[visit] = Pair(t1, pet, interval(t1, pet, days))
    pairs = list(taken.values())
    if pairs:
        used = {pair.t1 for pair in pairs}
        unused += [Unused(each, _why_not(each, pairs, days)) for each in t1s if each not in used]
    return pairs, unused


def interval(t1: Image, pet: Image, days: Days) -> int | None:
    """Return the days between two images, or None if a date is unknown."""
    first, second = days.get(t1), days.get(pet)
    if first is None or second is None:
        return None
    return abs((first - second).days)


def session_key(session: str | None) -> tuple[bool, list[tuple[int, int, str]]]:
    """Return by what sessions are sorted: baseline first, numbers by size.

    Examples
    --------
    >>> sorted(["m12", "m6", "bl"], key=session_key)
    ['bl', 'm6', 'm12']
    """
    label = (session or "").lower()
    parts = re.findall(r"\d+|\D+", label)
    natural = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]
    return label not in ("", *_BASELINE), natural


def _allowed(t1: Image, pet: Image, days: Days, longest: float | None) -> bool:
    if longest is None:
        return True
    between = interval(t1, pet, days)
    return t1.session == pet.session if between is None else between <= longest


def _pet_rank(pet: Image, days: Days, reconstructions: Sequence[str]) -> tuple[Any, ...]:
    label = pet.entities.get("rec", "")
    place = reconstructions.index(label) if label in reconstructions else len(reconstructions)
    day = days.get(pet)
    session = session_key(pet.session)
    return (day or datetime.date.max, session, place, pet.run, pet.path.name)


def _t1_rank(t1: Image, pet: Image, days: Days) -> tuple[Any, ...]:
    between = interval(t1, pet, days)
    same = t1.session == pet.session
    if between is None:
        between = 0 if same else 10**9
    return (between, not same, "ce" in t1.entities, t1.run, t1.path.name)


def _no_t1_in_time(t1s: Sequence[Image], pet: Image, days: Days, longest: float | None) -> str:
    known = [days_between for t1 in t1s if (days_between := interval(t1, pet, days)) is not None]
    if known:
        return f"the closest T1w is {min(known)} days away, --max-interval is {longest:g}"
    return (
        "the T1w is of another session and the days between them are unknown: give acq_time in "
        "scans.tsv or sessions.tsv, or --max-interval None to take it all the same"
    )


def _why_not(t1: Image, pairs: Sequence[Pair], days: Days) -> str:
    """Return why a T1 is in no pair, by the PET to which it is closest."""
    pair = min(pairs, key=lambda each: _t1_rank(t1, each.pet, days))
    between = interval(t1, pair.pet, days)
    taken = pair.t1.path.name
    if between is not None and pair.interval_days is not None and between > pair.interval_days:
        return f"{taken} is closer to the PET ({pair.interval_days} days, this one {between})"
    return f"{taken} is taken: as close in time, then session, no contrast agent, run, name"
