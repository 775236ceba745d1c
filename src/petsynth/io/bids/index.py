"""Which T1 belongs to which PET in a BIDS dataset."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from petsynth.errors import InputError, PetsynthWarning
from petsynth.io.bids import tracers
from petsynth.io.bids.dates import day_of, read_days
from petsynth.io.bids.filters import ImageFilter
from petsynth.io.bids.images import (
    Doubt,
    Image,
    ParticipantImages,
    doubt_of_t1,
    find_images,
    find_participants,
    is_uncorrected,
    uncorrected_entity,
)
from petsynth.io.bids.metadata import read_metadata
from petsynth.io.bids.names import parse_entities
from petsynth.io.bids.pairs import DYNAMIC_FIRST, STATIC_FIRST, Days, Pair, Unused, choose_pairs
from petsynth.io.bids.tracers import UNKNOWN, tracer_key, tracer_of

ONE_YEAR = 365.0
"""Days that T1 and PET may be apart by default (paper A, section 2.1)."""
Listed = dict[Path, list[Path]]
"""JSON files of folders that were listed already; see `petsynth.io.bids.metadata.read_metadata`."""


@dataclass(frozen=True)
class Scan:
    """One T1 and one PET of one subject.

    Parameters
    ----------
    participant : str
        Folder name, with ``sub-``.
    t1, pet : Path
        Image files.
    tracer : str
        ``"FDG"``, ``"AV45"``, ``"AV1451"`` or a BIDS ``trc-`` label.
    session : str, optional
        Of the PET, without ``ses-``.
    interval_days : int, optional
        Between T1 and PET, where both dates are known.
    one_of_many : bool
        Whether a subject may have several pairs, so that the name must hold the session.
    others : tuple of Scan
        What is tried where one of the images cannot be used, in this order.
    is_uncorrected : bool
        Whether the PET is not corrected for attenuation.
    """

    participant: str
    t1: Path
    pet: Path
    tracer: str
    session: str | None = None
    interval_days: int | None = None
    one_of_many: bool = False
    others: tuple[Scan, ...] = ()
    is_uncorrected: bool = False

    @property
    def name(self) -> str:
        """What it goes by among prepared data: ``sub-01``; ``sub-01_ses-bl`` if one of many."""
        return self.stem if self.one_of_many else self.participant

    @property
    def stem(self) -> str:
        """Start of the names of everything that is made from it: ``sub-01[_ses-bl]``."""
        return self.participant + (f"_ses-{self.session}" if self.session else "")

    @property
    def folder(self) -> Path:
        """Where its derivatives are, below their root: ``sub-01[/ses-bl]``."""
        place = Path(self.participant)
        return place / f"ses-{self.session}" if self.session else place


@dataclass(frozen=True)
class Exclusion:
    """Who or what is left out, and why.

    Parameters
    ----------
    participant : str
        With ``sub-``.
    reason : str
        In one line.
    image : str
        File name; ``"n/a"`` if the participant, or a whole visit, is left out.
    """

    participant: str
    reason: str
    image: str = "n/a"


@dataclass(frozen=True)
class Index:
    """What a dataset holds.

    Parameters
    ----------
    scans : list of Scan
        One per participant that has both images, or one per visit; sorted by participant, then
        the earliest first.
    excluded : dict of str to str
        Participant -> why not.
    unused : list of Exclusion
        Images that are not taken, of participants that are and that are not.
    notes : dict of str to str
        Participant -> the choice that was made where a participant has several images.
    """

    scans: list[Scan]
    excluded: dict[str, str] = field(default_factory=dict)
    unused: list[Exclusion] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """What is wanted of a dataset.

    Parameters
    ----------
    tracer : str, optional
        In any spelling; needed if the dataset has several.
    session : str, optional
        Label with or without ``ses-``; any if left out.
    max_interval : float, optional
        Longest interval between T1 and PET in days; None for any.
    dynamic : bool
        Whether reconstructions with frames are preferred.
    every_visit : bool
        Whether a pair of each session is wanted, not the earliest alone.
    """

    tracer: str | None = None
    session: str | None = None
    max_interval: float | None = ONE_YEAR
    dynamic: bool = False
    every_visit: bool = False


def index_dataset(
    folder: str | Path,
    choice: Choice | None = None,
    *,
    participants: Iterable[str] = (),
    keep: ImageFilter | None = None,
) -> Index:
    """Find a T1 and a PET per participant, or per visit, by the rules of `petsynth.io.bids.pairs`.

    Parameters
    ----------
    folder : str or Path
        Root of a BIDS dataset; its derivatives are not considered.
    choice : Choice, optional
        What is wanted; by default the only tracer, any session, T1 within a year.
    participants : iterable of str
        Labels with or without ``sub-``; all if empty.
    keep : ImageFilter, optional
        Which images are considered.

    Raises
    ------
    InputError
        If the folder is missing or no dataset, two of its participants may be the same
        subject, a named participant is not in it, there is no PET (of this tracer), several tracers
        without a choice, or no participant has both images.
    """
    root, choice = Path(folder), choice or Choice()
    session = None if choice.session is None else choice.session.removeprefix("ses-")
    index = Index([])
    found: list[ParticipantImages] = []
    listed: Listed = {}
    sidecars: dict[Image, dict[str, Any]] = {}
    for participant_folder in find_participants(root, participants):
        try:
            images = find_images(participant_folder, session, keep)
            sidecars |= {pet: read_metadata(pet.path, listed) for pet in images.pets}
            found.append(images)
        except InputError as error:
            index.excluded[participant_folder.name] = str(error)
    by_pet = _tracers(sidecars)
    tracer = _choose_tracer(root, sorted(set(by_pet.values())), choice.tracer)
    for images in found:
        pets = [pet for pet in images.pets if by_pet[pet] == tracer]
        uncorrected = [pet for pet in pets if is_uncorrected(pet, sidecars[pet])]
        try:
            named = keep or ImageFilter()
            refused = [
                pet
                for pet in uncorrected
                if (entity := uncorrected_entity(pet)) is not None and not named.names(pet, entity)
            ]
            usable = [pet for pet in pets if pet not in refused]
            _refuse(index, images.folder.name, refused, whole=not usable and bool(images.t1s))
            if usable or not refused:
                _add_participant(index, images, usable, tracer, choice, uncorrected, listed)
        except InputError as error:
            index.excluded[images.folder.name] = str(error)
    if not index.scans:
        reasons = sorted(set(index.excluded.values()))
        raise InputError(
            f"{root}: no participant has both a T1w image and a {tracer} PET that fit together; "
            f"for example: {reasons[0]}"
        )
    return index


def pet_tracer(pet: Path) -> str:
    """Return the tracer of a PET file; see `petsynth.io.bids.tracers`.

    Raises
    ------
    InputError
        If a sidecar that applies to it cannot be read.
    """
    return tracers.pet_tracer(read_metadata(pet), parse_entities(pet.name))


def find_noise_free_pet(bids: str | Path, scan: Scan) -> Path | None:
    """Return the noise-free PET that a simulated dataset holds for a scan, or None."""
    name = scan.pet.name.replace("_pet.nii", "_desc-noisefree_pet.nii")
    path = Path(bids) / "derivatives" / "truth" / scan.pet.relative_to(bids).with_name(name)
    return path if path.exists() else None


def find_lesion_map(bids: str | Path, scan: Scan) -> Path | None:
    """Return the lesion map that a simulated dataset holds of a scan's T1, or None."""
    name = scan.t1.name.replace("_T1w.nii", "_desc-lesion_dseg.nii")
    path = Path(bids) / "derivatives" / "truth" / scan.t1.relative_to(bids).with_name(name)
    return path if path.exists() else None


def _tracers(sidecars: dict[Image, dict[str, Any]]) -> dict[Image, str]:
    """Return the tracer of each PET, in one spelling; warn where sidecar and name differ."""
    found: dict[Image, str] = {}
    spelt: dict[str, str] = {}
    differing: dict[tuple[str, str], list[Image]] = {}
    for pet, sidecar in sidecars.items():
        tracer = tracers.pet_tracer(sidecar, pet.entities)
        found[pet] = spelt.setdefault(tracer_key(tracer), tracer)
        label = pet.entities.get("trc")
        if label is not None and tracer_key(label) != tracer_key(tracer):
            differing.setdefault((tracer, label), []).append(pet)
    for (tracer, label), pets in differing.items():
        more = f" and {len(pets) - 1} more" if len(pets) > 1 else ""
        warnings.warn(
            f"{pets[0].path.name}{more}: the tracer is {tracer} by the sidecar and trc-{label} by "
            "the name; the sidecar counts",
            PetsynthWarning,
            stacklevel=3,
        )
    return found


def _refuse(index: Index, name: str, refused: list[Image], *, whole: bool) -> None:
    """Leave out PETs whose name says that they are not corrected for attenuation."""
    for pet in refused:
        entity = uncorrected_entity(pet)
        assert entity is not None
        called = {"rec": "reconstruction", "acq": "acquisition"}.get(entity, entity)
        reason = (
            f"{pet.path.name} is not corrected for attenuation; to take it all the same, give "
            f'--bids-filter-file with {{"pet": {{"{called}": "{pet.entities[entity]}"}}}}'
        )
        index.unused.append(Exclusion(name, reason, pet.path.name))
        if whole:
            index.excluded[name] = reason


def _add_participant(
    index: Index,
    images: ParticipantImages,
    pets: list[Image],
    tracer: str,
    choice: Choice,
    uncorrected: list[Image],
    listed: Listed,
) -> None:
    name = images.folder.name
    wanted = (("T1w image", images.t1s), (f"{tracer} PET", pets))
    missing = " and no ".join(what for what, there in wanted if not there)
    if missing:
        index.excluded[name] = f"no {missing}"
        return
    every = choice.every_visit
    pairs, unused = choose_pairs(
        images.t1s,
        pets,
        _days(images, pets, listed),
        choice.max_interval,
        DYNAMIC_FIRST if choice.dynamic else STATIC_FIRST,
        every_visit=every,
        doubts=_doubts(images.t1s, listed),
        uncorrected=uncorrected,
    )
    index.unused.extend(Exclusion(name, each.reason, each.image.path.name) for each in unused)
    if not pairs:
        index.excluded[name] = unused[0].reason
        return
    _note(index, name, pairs, unused, len(images.t1s), len(pets))

    def scan(pair: Pair) -> Scan:
        return Scan(
            name,
            pair.t1.path,
            pair.pet.path,
            tracer,
            pair.pet.session,
            pair.interval_days,
            every,
            tuple(map(scan, pair.others)),
            pair.pet in uncorrected,
        )

    index.scans.extend(map(scan, pairs))


def _note(
    index: Index, name: str, pairs: list[Pair], unused: list[Unused], t1s: int, pets: int
) -> None:
    if unused:
        taken = ", ".join(f"{each.t1.path.name} and {each.pet.path.name}" for each in pairs)
        index.notes[name] = f"{name} has {t1s} T1w and {pets} PET images: {taken} are taken"


def _doubts(t1s: list[Image], listed: Listed) -> dict[Image, Doubt]:
    """Return what speaks against each of several T1s; an only one is taken as it is."""
    if len(t1s) < 2:
        return {}
    return {t1: doubt_of_t1(t1, read_metadata(t1.path, listed)) for t1 in t1s}


def _days(images: ParticipantImages, pets: list[Image], listed: Listed) -> Days:
    folder, tables = images.folder, read_days(images.folder)
    return {
        each: day_of(each.path, folder, each.session, tables, listed)
        for each in [*images.t1s, *pets]
    }


def _choose_tracer(root: Path, there: list[str], tracer: str | None) -> str:
    if not there:
        raise InputError(f"{root}: no PET image (sub-*/[ses-*/]pet/*_pet.nii.gz) was found")
    hint = "" if UNKNOWN not in there else "; where it is unknown, add TracerName to the sidecar"
    if tracer is None:
        if len(there) > 1:
            raise InputError(f"{root}: PET of {', '.join(there)}; choose with --tracer-label{hint}")
        return there[0]
    wanted = [name for name in there if tracer_key(name) == tracer_key(tracer)]
    if not wanted:
        raise InputError(
            f"{root}: no PET of tracer {tracer_of(tracer)}; there is {', '.join(there)}{hint}"
        )
    return wanted[0]
