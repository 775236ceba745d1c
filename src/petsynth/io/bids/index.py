"""Which T1 belongs to which PET in a BIDS dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from petsynth.errors import InputError
from petsynth.io.bids.dates import day_of, read_days
from petsynth.io.bids.images import Image, ParticipantImages, find_images, find_participants
from petsynth.io.bids.metadata import read_sidecar
from petsynth.io.bids.names import parse_entities, tracer_of
from petsynth.io.bids.pairs import DYNAMIC_FIRST, STATIC_FIRST, Days, choose_pairs

ONE_YEAR = 365.0
"""Days that T1 and PET may be apart by default (paper A, section 2.1)."""
_UNKNOWN = "unknown"


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
    """

    participant: str
    t1: Path
    pet: Path
    tracer: str
    session: str | None = None
    interval_days: int | None = None
    one_of_many: bool = False

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
        Short name or ``trc-`` label; needed if the dataset has several.
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
    keep: Callable[[Image], bool] | None = None,
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
    keep : function from Image to bool, optional
        Which images are considered; see `petsynth.io.bids.images.read_filter`.

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
    tracers: dict[Image, str] = {}
    for participant_folder in find_participants(root, participants):
        images = find_images(participant_folder, session, keep)
        try:
            tracers |= {pet: pet_tracer(pet.path) for pet in images.pets}
            found.append(images)
        except InputError as error:
            index.excluded[participant_folder.name] = str(error)
    tracer = _choose_tracer(root, sorted(set(tracers.values())), choice.tracer)
    for images in found:
        pets = [pet for pet in images.pets if tracers[pet] == tracer]
        try:
            _add_participant(index, images, pets, tracer, choice)
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
    """Return the tracer of a PET file: from its name, else from its sidecar.

    Older datasets carry the tracer in ``acq-``.
    """
    entities = parse_entities(pet.name)
    label = entities.get("trc") or entities.get("acq")
    if label is None:
        label = str(read_sidecar(pet).get("TracerName", _UNKNOWN))
    return tracer_of(label)


def find_noise_free_pet(bids: str | Path, scan: Scan) -> Path | None:
    """Return the noise-free PET that a simulated dataset holds for a scan, or None."""
    name = scan.pet.name.replace("_pet.nii", "_desc-noisefree_pet.nii")
    path = Path(bids) / "derivatives" / "truth" / scan.pet.relative_to(bids).with_name(name)
    return path if path.exists() else None


def _add_participant(
    index: Index, images: ParticipantImages, pets: list[Image], tracer: str, choice: Choice
) -> None:
    name = images.folder.name
    wanted = (("T1w image", images.t1s), (f"{tracer} PET", pets))
    missing = " and no ".join(what for what, there in wanted if not there)
    if missing:
        index.excluded[name] = f"no {missing}"
        return
    days = _days(images, pets)
    order = DYNAMIC_FIRST if choice.dynamic else STATIC_FIRST
    every = choice.every_visit
    pairs, unused = choose_pairs(
        images.t1s, pets, days, choice.max_interval, order, every_visit=every
    )
    index.unused.extend(Exclusion(name, each.reason, each.image.path.name) for each in unused)
    if not pairs:
        index.excluded[name] = unused[0].reason
        return
    if unused:
        taken = ", ".join(f"{each.t1.path.name} and {each.pet.path.name}" for each in pairs)
        index.notes[name] = (
            f"{name} has {len(images.t1s)} T1w and {len(pets)} PET images: {taken} are taken"
        )
    index.scans.extend(
        Scan(name, each.t1.path, each.pet.path, tracer, each.pet.session, each.interval_days, every)
        for each in pairs
    )


def _days(images: ParticipantImages, pets: list[Image]) -> Days:
    folder, tables = images.folder, read_days(images.folder)
    return {each: day_of(each.path, folder, each.session, tables) for each in [*images.t1s, *pets]}


def _choose_tracer(root: Path, there: list[str], tracer: str | None) -> str:
    if not there:
        raise InputError(f"{root}: no PET image (sub-*/[ses-*/]pet/*_pet.nii.gz) was found")
    if tracer is None:
        if len(there) > 1:
            raise InputError(f"{root}: PET of {', '.join(there)}; choose with --tracer-label")
        return there[0]
    wanted = tracer_of(tracer)
    if wanted not in there:
        raise InputError(f"{root}: no PET of tracer {wanted}; there is {', '.join(there)}")
    return wanted
