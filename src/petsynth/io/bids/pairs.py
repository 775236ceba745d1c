"""Which T1 and which PET of a subject are taken: rules, and a reason for each image that is not.

1. A PET needs a T1 within the longest allowed interval. The interval is the number of days
   between them; images of one session count as one visit where a date is unknown. An unknown
   interval between two sessions is none that can be allowed.
2. Of several PETs the earliest is taken: by day, else by session label (``bl`` first, numbers by
   size). Of one day or session: one that is corrected for attenuation, the reconstruction that
   suits (`STATIC_FIRST`, `DYNAMIC_FIRST`), the lowest run, the first name. Where every visit is
   wanted, one PET per session label is taken by the same order, and a T1 may serve several of them.
3. Of several T1s the one is taken that a model can use best (`petsynth.io.bids.images`: one volume,
   not acquired in slices, without contrast agent), of these the one closest in time; of equally
   close ones that of the PET's session, the lowest run, the first name. A T1 of another session
   whose date is unknown comes last.

All other pairs that are allowed follow in the same order: the next is tried where an image turns
out to be unusable.

References
----------
Paper A, section 2.1: MRI within one year of the PET. The rest is ours (decision record 0062).
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from petsynth.io.bids.images import Doubt, Image, has_contrast_agent, reconstruction

Days = dict[Image, datetime.date | None]

STATIC_FIRST = ("acstat", "", "coregavg", "coregdyn", "coregstd", "coregiso", "acdyn")
"""Order of `petsynth.io.bids.images.reconstruction` (BIDS's reserved labels, and ADNI's processing
levels as clinica writes them) for one mean frame."""
DYNAMIC_FIRST = ("acdyn", "", "coregdyn", "coregavg", "coregstd", "coregiso", "acstat")
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
    others : tuple of Pair
        What is tried where one of the images cannot be used, in this order.
    """

    t1: Image
    pet: Image
    interval_days: int | None
    others: tuple[Pair, ...] = ()


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
    doubts: Mapping[Image, Doubt] | None = None,
    uncorrected: Collection[Image] = (),
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
        In the order of preference.
    every_visit : bool
        Whether a pair of each session is wanted, not the earliest alone.
    doubts : mapping of Image to Doubt, optional
        What speaks against a T1.
    uncorrected : collection of Image
        PETs that are not corrected for attenuation.

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
    doubts = doubts or {}
    ranked = sorted(
        (pet for pet in pets if allowed[pet]),
        key=lambda each: _pet_rank(each, days, reconstructions, uncorrected),
    )
    taken: dict[str | None, list[Pair]] = {}
    for pet in ranked:
        visit = pet.session if every_visit else None
        if visit in taken:
            which = (
                "visit is taken (by rule)"
                if every_visit
                else ("subject is taken (the earliest, then by rule)")
            )
            unused.append(Unused(pet, f"{taken[visit][0].pet.path.name} of the same {which}"))
        t1_order = sorted(allowed[pet], key=lambda each: _t1_rank(each, pet, days, doubts))
        taken.setdefault(visit, []).extend(
            Pair(t1, pet, interval(t1, pet, days)) for t1 in t1_order
        )
    pairs = [dataclasses.replace(first, others=tuple(rest)) for first, *rest in taken.values()]
    if pairs:
        used = {pair.t1 for pair in pairs}
        unused += [
            Unused(each, _why_not(each, pairs, days, doubts)) for each in t1s if each not in used
        ]
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
    natural = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
    return label not in ("", *_BASELINE), natural


def _allowed(t1: Image, pet: Image, days: Days, longest: float | None) -> bool:
    if longest is None:
        return True
    between = interval(t1, pet, days)
    return t1.session == pet.session if between is None else between <= longest


def _pet_rank(
    pet: Image, days: Days, reconstructions: Sequence[str], uncorrected: Collection[Image]
) -> tuple[Any, ...]:
    label = reconstruction(pet)
    place = reconstructions.index(label) if label in reconstructions else len(reconstructions)
    day = days.get(pet)
    visit = (day or datetime.date.max, session_key(pet.session))
    return (*visit, pet in uncorrected, place, pet.run, pet.path.name)


def _t1_rank(t1: Image, pet: Image, days: Days, doubts: Mapping[Image, Doubt]) -> tuple[Any, ...]:
    between = interval(t1, pet, days)
    same = t1.session == pet.session
    is_unknown = between is None and not same
    weight = doubts[t1].weight if t1 in doubts else int(has_contrast_agent(t1))
    return (is_unknown, weight, between or 0, not same, t1.run, t1.path.name)


def _no_t1_in_time(t1s: Sequence[Image], pet: Image, days: Days, longest: float | None) -> str:
    known = [days_between for t1 in t1s if (days_between := interval(t1, pet, days)) is not None]
    if known:
        return f"the closest T1w is {min(known)} days away, --max-interval is {longest:g}"
    return (
        "the T1w is of another session and the days between them are unknown: give acq_time in "
        "scans.tsv or sessions.tsv, or --max-interval None to take it all the same"
    )


def _why_not(t1: Image, pairs: Sequence[Pair], days: Days, doubts: Mapping[Image, Doubt]) -> str:
    """Return why a T1 is in no pair, by the PET to which it is closest."""
    pair = min(pairs, key=lambda each: _t1_rank(t1, each.pet, days, doubts))
    between = interval(t1, pair.pet, days)
    taken = pair.t1.path.name
    doubt, other = (doubts.get(each, Doubt()) for each in (t1, pair.t1))
    if doubt.weight > other.weight:
        return f"{doubt.reason}; {taken} is taken"
    if between is not None and pair.interval_days is not None and between > pair.interval_days:
        return f"{taken} is closer to the PET ({pair.interval_days} days, this one {between})"
    if between is not None and between == pair.interval_days:
        return f"{taken} is as close in time, and comes first by session, run and name"
    return f"{taken} comes first by the rules: days between, session, run, name"
