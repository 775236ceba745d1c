"""Which T1 belongs to which PET in a BIDS dataset."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from petsynth.errors import InputError
from petsynth.io.bids import (
    TRACER_LABELS,
    parse_entities,
    participant_key,
    read_sidecar,
    read_table,
    tracer_of,
)

_IMAGES = (".nii", ".nii.gz")
_DIAGNOSIS_COLUMNS = ("diagnosis", "dx", "group", "diagnosis_group")
_UNKNOWN = "unknown"


@dataclass(frozen=True)
class Scan:
    """One T1 and one PET of one person.

    Parameters
    ----------
    participant : str
        Folder name, with ``sub-``.
    t1, pet : Path
        Image files.
    tracer : str
        ``"FDG"``, ``"AV45"``, ``"AV1451"`` or a BIDS ``trc-`` label.
    """

    participant: str
    t1: Path
    pet: Path
    tracer: str


@dataclass(frozen=True)
class Index:
    """What a dataset holds.

    Parameters
    ----------
    scans : list of Scan
        One per participant that has both images, sorted by participant.
    excluded : dict of str to str
        Participant -> why not.
    notes : list of str
        Choices that were made where someone has several images.
    """

    scans: list[Scan]
    excluded: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def index_dataset(
    folder: str | Path,
    *,
    tracer: str | None = None,
    participants: Iterable[str] = (),
    session: str | None = None,
) -> Index:
    """Find one T1 and one PET per participant.

    Both are taken from the same session where possible. Where someone has several, the first
    by name is taken and a note says so.

    Parameters
    ----------
    folder : str or Path
        Root of a BIDS dataset; its derivatives are not looked at.
    tracer : str, optional
        Everyday name or ``trc-`` label; needed if the dataset has several.
    participants : iterable of str
        Labels with or without ``sub-``; all if empty.
    session : str, optional
        Label with or without ``ses-``; any if left out.

    Raises
    ------
    InputError
        If the folder is missing or no dataset, a named participant is not in it, there is no
        PET (of this tracer), several tracers without a choice, or nobody has both images.
    """
    root = Path(folder)
    people = _chosen(root, list(participants))
    wanted_session = None if session is None else session.removeprefix("ses-")
    images = {person.name: _images_of(person, wanted_session) for person in people}
    chosen_tracer = _choose_tracer(root, images.values(), tracer)
    index = Index([])
    for participant, (t1s, pets) in images.items():
        matching = [pet for pet in pets if pet_tracer(pet) == chosen_tracer]
        if not t1s or not matching:
            missing = " and no ".join(
                name
                for name, there in (("T1w image", t1s), (f"{chosen_tracer} PET", matching))
                if not there
            )
            index.excluded[participant] = f"no {missing}"
            continue
        t1, pet = _pair(t1s, matching)
        if len(t1s) > 1 or len(matching) > 1:
            index.notes.append(
                f"{participant} has {len(t1s)} T1w and {len(matching)} PET images: "
                f"{t1.name} and {pet.name} are taken"
            )
        index.scans.append(Scan(participant, t1, pet, chosen_tracer))
    if not index.scans:
        raise InputError(f"{root}: no participant has both a T1w image and a {chosen_tracer} PET")
    return index


def pet_tracer(pet: Path) -> str:
    """Return the tracer of a PET file: from its name, else from its sidecar.

    Older datasets carry the tracer in ``acq-``.
    """
    entities = parse_entities(pet.name)
    label = entities.get("trc") or entities.get("acq")
    if label is None:
        label = str(read_sidecar(pet).get("TracerName", _UNKNOWN))
    return everyday_tracer(label)


def everyday_tracer(name: str) -> str:
    """Return ``"FDG"`` for ``"fdg"``, ``"18FFDG"`` and the like; other names stay.

    Examples
    --------
    >>> everyday_tracer("18FFDG"), everyday_tracer("fdg"), everyday_tracer("11CPIB")
    ('FDG', 'FDG', '11CPIB')
    """
    known = {key.lower(): key for key in TRACER_LABELS}
    known |= {label.lower(): key for key, label in TRACER_LABELS.items()}
    known |= {"fluorodeoxyglucose": "FDG", "florbetapir": "AV45", "flortaucipir": "AV1451"}
    return known.get(name.strip().lower(), tracer_of(name.strip()))


def find_oracle(bids: str | Path, scan: Scan) -> Path | None:
    """Return the noise-free PET that a simulated dataset holds for a scan, or None."""
    name = scan.pet.name.replace("_pet.nii", "_desc-oracle_pet.nii")
    path = Path(bids) / "derivatives" / "truth" / scan.pet.relative_to(bids).with_name(name)
    return path if path.exists() else None


@dataclass(frozen=True)
class Person:
    """A row of ``participants.tsv`` as far as it is needed."""

    diagnosis: str = "n/a"
    original_id: str = "n/a"


def read_people(bids: str | Path) -> dict[str, Person]:
    """Return what ``participants.tsv`` says, by participant; empty without that file.

    Raises
    ------
    InputError
        If the table has no column ``participant_id`` or names someone twice.
    """
    path = Path(bids) / "participants.tsv"
    if not path.exists():
        return {}
    table = read_table(path)
    if "participant_id" not in table:
        raise InputError(f"{path}: has no column participant_id")
    twice = table["participant_id"][table["participant_id"].duplicated()]
    if len(twice):
        raise InputError(f"{path}: {twice.iloc[0]} stands in it twice")
    columns = {str(name).lower(): name for name in table.columns}
    dx = next((columns[name] for name in _DIAGNOSIS_COLUMNS if name in columns), None)
    original = columns.get("original_id")
    return {
        "sub-" + row["participant_id"].removeprefix("sub-"): Person(
            row[dx] if dx else "n/a", row[original] if original else "n/a"
        )
        for _, row in table.iterrows()
    }


def _chosen(root: Path, labels: list[str]) -> list[Path]:
    if not root.is_dir():
        raise InputError(f"{root}: no such folder")
    people = sorted(path for path in root.glob("sub-*") if path.is_dir())
    if not people:
        raise InputError(f"{root}: no BIDS dataset, since it holds no folder sub-*")
    if not labels:
        return people
    by_key = {participant_key(path.name): path for path in people}
    missing = [label for label in labels if participant_key(label) not in by_key]
    if missing:
        there = ", ".join(path.name for path in people[:5])
        raise InputError(f"{root}: no participant {', '.join(missing)}; there are {there}, ...")
    return sorted({by_key[participant_key(label)] for label in labels})


def _images_of(person: Path, session: str | None) -> tuple[list[Path], list[Path]]:
    found: dict[str, list[Path]] = {"T1w": [], "pet": []}
    places = [person, *sorted(person.glob("ses-*"))]
    for place in places:
        if session is not None and place.name != f"ses-{session}":
            continue
        for kind, suffix in (("anat", "T1w"), ("pet", "pet")):
            for path in sorted((place / kind).glob(f"*_{suffix}.nii*")):
                if parse_entities(path.name)["extension"] in _IMAGES:
                    found[suffix].append(path)
    return found["T1w"], found["pet"]


def _choose_tracer(
    root: Path, images: Iterable[tuple[list[Path], list[Path]]], tracer: str | None
) -> str:
    there = sorted({pet_tracer(pet) for _, pets in images for pet in pets})
    if not there:
        raise InputError(f"{root}: no PET image (sub-*/[ses-*/]pet/*_pet.nii.gz) was found")
    if tracer is None:
        if len(there) > 1:
            raise InputError(f"{root}: PET of {', '.join(there)}; choose with --tracer")
        return there[0]
    wanted = everyday_tracer(tracer)
    if wanted not in there:
        raise InputError(f"{root}: no PET of tracer {wanted}; there is {', '.join(there)}")
    return wanted


def _pair(t1s: list[Path], pets: list[Path]) -> tuple[Path, Path]:
    """Return the first T1 and PET of one session, else the first of each."""
    for pet in pets:
        for t1 in t1s:
            if parse_entities(t1.name).get("ses") == parse_entities(pet.name).get("ses"):
                return t1, pet
    return t1s[0], pets[0]
