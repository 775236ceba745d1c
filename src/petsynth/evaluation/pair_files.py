"""Which files belong together: two files, two folders, or a table of pairs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from petsynth.errors import InputError
from petsynth.io.bids.names import parse_entities, participant_key
from petsynth.io.bids.tracers import tracer_of
from petsynth.io.text import read_rows

_SAME = ("ses", "trc", "rec", "run")
"""Entities that must be equal where both names have them; a session also where one has none."""
_NO_IMAGE = ("std", "mask")
"""How the ``desc-`` of images ends that are no PET: a standard deviation, a mask."""


@dataclass(frozen=True)
class PairFiles:
    """A pair of files.

    Parameters
    ----------
    name : str
        What the tables call it.
    reference, synthetic : Path
        The images.
    mask, t1 : Path, optional
        Its brain mask and its T1.
    """

    name: str
    reference: Path
    synthetic: Path
    mask: Path | None = None
    t1: Path | None = None


@dataclass(frozen=True)
class FoundPairs:
    """Pairs, and a line for each reference image that has no partner, or more than one.

    Parameters
    ----------
    pairs : list of PairFiles
        In the order of the references' names.
    unpaired : list of str
        References without a synthetic image: a line each.
    ambiguous : list of str
        References with several that fit: a line each.
    """

    pairs: list[PairFiles]
    unpaired: list[str]
    ambiguous: list[str]


def pair_folders(references: Path, synthetics: Path) -> FoundPairs:
    """Pair the images of two folders by their BIDS entities, or else by file name.

    Names with ``sub-`` belong together when subject and session are the same, and tracer,
    reconstruction and run where both names have them; of several, the one in the reference's space
    counts. Other names belong together when they are equal, whatever their folder.

    Raises
    ------
    InputError
        If a folder is missing, or no pair was found.
    """
    first, second = list_images(references), list_images(synthetics)
    pairs, unpaired, ambiguous = [], [], []
    for path in first:
        found = find_partners(path.name, second)
        where = path.relative_to(references)
        if len(found) == 1:
            pairs.append(PairFiles(where.as_posix(), path, found[0]))
        elif found:
            names = ", ".join(each.name for each in found[:3])
            ambiguous.append(f"{path}: {len(found)} synthetic images fit it: {names}; use --pairs")
        else:
            unpaired.append(f"{path}: no synthetic image of it in {synthetics}")
    if not pairs and not ambiguous:
        raise InputError(
            f"{references}: no image of it has a partner in {synthetics} by BIDS entities or file "
            f"name ({first[0].name} there, {second[0].name} here); use --pairs TABLE.tsv"
        )
    return FoundPairs(pairs, unpaired, ambiguous)


def read_pairs(table: Path) -> list[PairFiles]:
    """Read a table with the columns reference, synthetic and, optional, name, mask, t1.

    Relative paths start at the table's folder.

    Raises
    ------
    InputError
        If it cannot be read, is empty, or a column or a needed cell is missing.
    """
    rows = read_rows(table)
    if not rows:
        raise InputError(f"{table}: holds no pair")
    missing = [column for column in ("reference", "synthetic") if column not in rows[0]]
    if missing:
        raise InputError(f"{table}: has no column {' and no column '.join(missing)}")
    pairs = []
    for number, row in enumerate(rows, start=2):
        paths = {
            key: _path(table, row.get(key)) for key in ("reference", "synthetic", "mask", "t1")
        }
        reference, synthetic = paths["reference"], paths["synthetic"]
        if reference is None or synthetic is None:
            raise InputError(f"{table}: row {number} lacks its reference or synthetic image")
        name = row.get("name", "n/a")
        pairs.append(
            PairFiles(
                reference.name if name in ("", "n/a") else name,
                reference,
                synthetic,
                paths["mask"],
                paths["t1"],
            )
        )
    return pairs


def find_partners(reference: str, images: list[Path]) -> list[Path]:
    """Return the images that belong to a reference image's name; see `pair_folders`."""
    entities = parse_entities(reference)
    if "sub" not in entities:
        return [path for path in images if _stem(path.name) == _stem(reference)]
    theirs = {path: parse_entities(path.name) for path in images}
    found = [path for path in images if _same_scan(entities, theirs[path])]
    space = entities.get("space", "")
    same_space = [path for path in found if theirs[path].get("space", "") == space]
    return same_space or found


def find_by_participant(participant: str, images: list[Path]) -> list[Path]:
    """Return the images that are called as a participant is, and nothing else.

    Examples
    --------
    >>> find_by_participant("sub-007", [Path("7.nii.gz"), Path("sub-07_pet.nii"), Path("8.nii")])
    [PosixPath('7.nii.gz')]
    """
    key = participant_key(participant)
    return [path for path in images if participant_key(_stem(path.name)) == key]


def list_images(folder: Path) -> list[Path]:
    """Return the PET images below a folder, by name: those called so, if any is.

    Raises
    ------
    InputError
        If the folder is missing, or holds no image.
    """
    found = [
        path
        for path in list_all_images(folder)
        if not parse_entities(path.name).get("desc", "").endswith(_NO_IMAGE)
    ]
    pets = [path for path in found if parse_entities(path.name)["suffix"] == "pet"]
    if not found:
        raise InputError(f"{folder}: holds no NIfTI image (.nii, .nii.gz)")
    return pets or found


def list_all_images(folder: Path) -> list[Path]:
    """Return every NIfTI image below a folder, by name.

    Raises
    ------
    InputError
        If the folder is missing.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    return sorted(
        path
        for path in folder.rglob("*.nii*")
        if path.name.endswith((".nii", ".nii.gz")) and not path.name.startswith(".")
    )


def find_companion(folder: Path, reference: Path, endings: tuple[str, ...]) -> Path:
    """Return the mask or T1 of a reference image in a folder.

    By BIDS entities: same subject and session, in the reference's space where a name says one, and
    a suffix of ``endings``. For other names: the image that starts with the reference's stem.

    Raises
    ------
    InputError
        If there is none, or more than one.
    """
    entities = parse_entities(reference.name)
    found = []
    for path in list_all_images(folder):
        theirs = parse_entities(path.name)
        if "sub" in entities:
            fits = theirs["suffix"] in endings and _same_scan(entities, theirs)
            fits &= theirs.get("space", "") in ("", entities.get("space", ""))
        else:
            fits = path.name.startswith(_stem(reference.name))
        if fits:
            found.append(path)
    exact = [each for each in found if _space(each) == _space(reference)]
    found = exact or found
    if len(found) != 1:
        names = ": " + ", ".join(path.name for path in found[:3]) if found else ""
        raise InputError(
            f"{reference}: {len(found) or 'no'} {' or '.join(endings)} of it in {folder}{names}; "
            "needed is one (or a column of --pairs)"
        )
    return found[0]


def _same_scan(first: dict[str, str], second: dict[str, str]) -> bool:
    if "sub" not in second or participant_key(first["sub"]) != participant_key(second["sub"]):
        return False
    if first.get("ses") != second.get("ses"):
        return False
    return all(
        tracer_of(first[key]) == tracer_of(second[key])
        for key in _SAME
        if key in first and key in second
    )


def _stem(name: str) -> str:
    return name.removesuffix(".gz").removesuffix(".nii")


def _space(path: Path) -> str:
    return parse_entities(path.name).get("space", "")


def _path(table: Path, cell: str | None) -> Path | None:
    return None if cell in (None, "", "n/a") else table.parent / str(cell)
