"""The T1 and PET images of a BIDS dataset.

Only ``sub-*/[ses-*/]anat`` and ``pet`` are listed, in one pass: file names carry nearly all that
pairing needs (decision record 0060). `petsynth.io.bids.filters` says which of them to consider.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from petsynth.errors import InputError
from petsynth.io.bids.names import parse_entities, participant_key

EXTENSIONS = (".nii", ".nii.gz")
_SUFFIX_OF = {"anat": "T1w", "pet": "pet"}
_PARTS = (None, "mag")
"""Labels of ``part-`` of an image whose voxels are magnitudes, as those of a T1 must be."""


@dataclass(frozen=True)
class Image:
    """One image of a raw dataset.

    Parameters
    ----------
    path : Path
        The file.
    entities : dict of str to str
        From its name: ``sub``, ``ses``, ``trc``, ``run``, ..., ``suffix``, ``extension``.
    """

    path: Path
    entities: dict[str, str] = field(hash=False)

    @property
    def session(self) -> str | None:
        """Label of its session, without ``ses-``."""
        return self.entities.get("ses")

    @property
    def run(self) -> int:
        """Its run; 0 where the name has none."""
        digits = self.entities.get("run", "0")
        return int(digits) if digits.isdigit() else 0


@dataclass(frozen=True)
class ParticipantImages:
    """The images of one participant.

    Parameters
    ----------
    folder : Path
        ``sub-X``.
    t1s, pets : list of Image
        Sorted by path.
    """

    folder: Path
    t1s: list[Image]
    pets: list[Image]


def find_participants(root: Path, labels: Iterable[str] = ()) -> list[Path]:
    """Return the folders of the participants, all or those with the given labels, sorted.

    Raises
    ------
    InputError
        If the folder is missing, holds no participant, lacks one that is named, or two folders
        may be the same subject (``sub-0731`` and ``sub-731``).
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder")
    folders = sorted(path for path in root.glob("sub-*") if path.is_dir())
    if not folders:
        raise InputError(f"{root}: no BIDS dataset, since it holds no folder sub-*")
    by_key: dict[str, Path] = {}
    for path in folders:
        twin = by_key.setdefault(participant_key(path.name), path)
        if twin != path:
            raise InputError(
                f"{root}: {twin.name} and {path.name} may be the same subject; rename one of them"
            )
    wanted = list(labels)
    if not wanted:
        return folders
    missing = [label for label in wanted if participant_key(label) not in by_key]
    if missing:
        there = ", ".join(path.name for path in folders[:5])
        raise InputError(f"{root}: no participant {', '.join(missing)}; there are {there}, ...")
    return sorted({by_key[participant_key(label)] for label in wanted})


def find_images(
    folder: Path, session: str | None = None, keep: Callable[[Image], bool] | None = None
) -> ParticipantImages:
    """Return the T1w and PET images of a participant.

    A name that says another participant or session than its folder is left out, and so is what
    only looks like a T1: phase, real and imaginary parts (``part-``), and single inversions
    (``inv-``), as of MP2RAGE.

    Parameters
    ----------
    folder : Path
        Folder ``sub-X``.
    session : str, optional
        Label without ``ses-``; any if left out.
    keep : function from Image to bool, optional
        Which images are considered; see `petsynth.io.bids.filters`.

    Raises
    ------
    InputError
        If a folder cannot be read.
    """
    found: dict[str, list[Image]] = {"anat": [], "pet": []}
    for parent, session_label in _session_folders(folder):
        if session is not None and session_label != session:
            continue
        for kind, images in found.items():
            for path in _list(parent / kind):
                entities = parse_entities(path.name)
                fits = entities["suffix"] == _SUFFIX_OF[kind]
                fits &= entities["extension"] in EXTENSIONS
                fits &= f"sub-{entities.get('sub')}" == folder.name
                fits &= entities.get("part") in _PARTS and "inv" not in entities
                image = Image(path, entities)
                if fits and image.session == session_label and (keep is None or keep(image)):
                    images.append(image)
    return ParticipantImages(folder, found["anat"], found["pet"])


def _session_folders(participant: Path) -> list[tuple[Path, str | None]]:
    sessions = [
        path for path in _list(participant) if path.name.startswith("ses-") and path.is_dir()
    ]
    return [(participant, None), *((path, path.name.removeprefix("ses-")) for path in sessions)]


def _list(folder: Path) -> list[Path]:
    try:
        return sorted(folder / name for name in os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError:
        raise InputError(f"{folder}: no permission to read it") from None
