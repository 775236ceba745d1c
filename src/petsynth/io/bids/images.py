"""The T1 and PET images of a BIDS dataset, and what speaks against one.

Only ``sub-*/[ses-*/]anat`` and ``pet`` are listed, in one pass: file names carry nearly all that
pairing needs (decision record 0060). `petsynth.io.bids.filters` says which of them to consider.

What speaks against an image is known as far as its name, sidecar and header say it.
Nothing here leaves an image out where there is no other. Of several T1s one with a doubt is taken
only where none without can be; a PET that is not corrected for attenuation is another matter, see
`petsynth.io.bids.index`.

References
----------
BIDS 1.10, "Positron Emission Tomography": ``rec-acdyn``, ``rec-acstat``, ``rec-nacdyn`` and
``rec-nacstat`` are reserved for dynamic and static images with and without attenuation correction;
``AttenuationCorrection`` is required. "Magnetic Resonance Imaging": ``ce-``,
``ContrastBolusIngredient``, ``MRAcquisitionType``.
"""

from __future__ import annotations

import os
import re
import stat
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from petsynth.errors import InputError, PetsynthWarning
from petsynth.io.bids.names import parse_entities, participant_key
from petsynth.io.nifti_header import read_header
from petsynth.io.text import is_text, shown, unreachable

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
        return int(digits) if digits.isdecimal() else 0


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
    folders = sorted(path for path in root.glob("sub-*") if _is_folder(path) and _is_named(path))
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
    try:
        return _find_images(folder, session, keep)
    except OSError as error:
        where = Path(error.filename or folder)
        raise InputError(f"{where}: {unreachable(where, error)}") from None


def _find_images(
    folder: Path, session: str | None, keep: Callable[[Image], bool] | None
) -> ParticipantImages:
    found: dict[str, list[Image]] = {"anat": [], "pet": []}
    for parent, session_label in _session_folders(folder):
        if session is not None and session_label != session:
            continue
        for kind, images in found.items():
            for path in filter(_is_named, _list(parent / kind)):
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
        path for path in _list(participant) if path.name.startswith("ses-") and _is_folder(path)
    ]
    return [(participant, None), *((path, path.name.removeprefix("ses-")) for path in sessions)]


def _is_folder(path: Path) -> bool:
    """Whether it is a folder; say that it is left out if it is a link that leads to none."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError as error:
        told = f"{shown(path)}: {unreachable(path, error)}; left out"
        warnings.warn(told, PetsynthWarning, stacklevel=4)
        return False


def _is_named(path: Path) -> bool:
    """Whether a name can stand in tables; say that it is left out if not."""
    if is_text(path.name):
        return True
    told = f"{shown(path)}: its name is not UTF-8; left out; rename it"
    warnings.warn(told, PetsynthWarning, stacklevel=4)
    return False


def _list(folder: Path) -> list[Path]:
    try:
        return sorted(folder / name for name in os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        if folder.is_symlink() and not folder.exists():
            raise
        return []


# What speaks against an image, as far as its name, sidecar and header say it.

THICKEST_MM = 3.0
"""Edge of a T1's voxel above which it counts as acquired in slices."""
_NONE = ("none", "no", "n/a", "na", "false", "")
_WITHOUT_CONTRAST = re.compile(r"^(pre|no|non|without)|pre(gad|gd|contrast|ce)", re.IGNORECASE)
_WITH_CONTRAST = re.compile(
    r"post|gado|gad(?![a-z])|^gad|contrast|(^|[a-z0-9])gd$|^gd|^ce|enhanced|^t1c|^c\+",
    re.IGNORECASE,
)
_GADOLINIUM = re.compile(r"gado|gad(?![a-z])|contrast|(^|[a-z0-9])gd$|^gd|^ce$", re.IGNORECASE)
"""Of ``rec-``, whose labels say ``post`` and ``enhanced`` of processing, too."""
_CONTRAST_KEYS = ("ContrastBolusIngredient", "ContrastBolusAgent")
_CORRECTION_KEYS = (
    "AttenuationCorrection", "AttenuationCorrectionMethod", "AttenuationCorrectionApplied",
    "AttenuationCorrected",
)  # fmt: skip
_LABELLED_UNCORRECTED = re.compile(
    r"nac|uncorr|notcorr|(no|non|not|without)att|(no|non|wo|without)ac"
)
"""How a label that says so begins, in lower case."""
_UNCORRECTED = re.compile(rf"(none|no|false|off)$|notapplied|{_LABELLED_UNCORRECTED.pattern}")
"""How a text that says so begins, in lower case and letters alone."""


@dataclass(frozen=True, order=True)
class Doubt:
    """Why another T1 is preferred.

    Parameters
    ----------
    weight : int
        Sum of 1: contrast agent; 2: acquired in slices; 4: cannot be a volume.
    reason : str
        In words.
    """

    weight: int = 0
    reason: str = ""


def has_contrast_agent(t1: Image) -> bool:
    """Whether the name of a T1 says that a contrast agent was given."""
    agent = t1.entities.get("ce")
    if agent is not None:
        return agent.lower() not in _NONE and not _WITHOUT_CONTRAST.search(agent)
    labels = [t1.entities.get("acq", ""), t1.entities.get("rec", "")]
    told = bool(_WITH_CONTRAST.search(labels[0]) or _GADOLINIUM.search(labels[1]))
    return told and not any(map(_WITHOUT_CONTRAST.search, labels))


def doubt_of_t1(t1: Image, sidecar: Mapping[str, Any]) -> Doubt:
    """Return all that speaks against a T1.

    Parameters
    ----------
    t1 : Image
        Whose header is read, and no voxel.
    sidecar : mapping
        All fields that apply to it.
    """
    shape = _doubt_of_shape(t1, sidecar)
    agents = (str(sidecar.get(key, "")).strip().lower() for key in _CONTRAST_KEYS)
    if not has_contrast_agent(t1) and all(agent in _NONE for agent in agents):
        return shape
    reasons = ["was acquired with a contrast agent", *filter(None, [shape.reason])]
    return Doubt(shape.weight + 1, " and ".join(reasons))


def _doubt_of_shape(t1: Image, sidecar: Mapping[str, Any]) -> Doubt:
    try:
        header = read_header(t1.path)
    except InputError as error:
        return Doubt(4, str(error).removeprefix(f"{t1.path}: "))
    shape, edges = header.get_data_shape(), header.get_zooms()[:3]
    if len(shape) < 3 or min(shape[:3]) < 2 or max(shape[3:], default=1) > 1:
        return Doubt(4, f"its shape is {' x '.join(map(str, shape))}, needed is one volume")
    thickest = max(map(float, edges))
    if str(sidecar.get("MRAcquisitionType", "")).upper() == "2D":
        return Doubt(2, f"was acquired in slices (MRAcquisitionType 2D, {thickest:.2g} mm)")
    if thickest > THICKEST_MM:
        return Doubt(2, f"has voxels of {' x '.join(f'{float(edge):.2g}' for edge in edges)} mm")
    return Doubt()


def uncorrected_entity(pet: Image) -> str | None:
    """Return which entity of a PET's name says that it is not corrected for attenuation, if any.

    Examples
    --------
    >>> from pathlib import Path
    >>> [uncorrected_entity(Image(Path("x"), {"rec": each})) for each in ("nacstat", "acstat")]
    ['rec', None]
    """
    for entity in ("rec", "acq", "desc"):
        if _LABELLED_UNCORRECTED.match(pet.entities.get(entity, "").lower()):
            return entity
    return None


def is_uncorrected(pet: Image, sidecar: Mapping[str, Any]) -> bool:
    """Whether name or sidecar of a PET says that it is not corrected for attenuation.

    Examples
    --------
    >>> from pathlib import Path
    >>> pet = Image(Path("sub-1_pet.nii"), {})
    >>> is_uncorrected(pet, {"AttenuationCorrection": "none"})
    True
    >>> is_uncorrected(pet, {"AttenuationCorrection": "measured"})
    False
    """
    told = [sidecar.get(key) for key in _CORRECTION_KEYS]
    texts = (re.sub(r"[^a-z]", "", each.lower()) for each in told if isinstance(each, str))
    return (
        uncorrected_entity(pet) is not None
        or any(each is False for each in told)
        or any(map(_UNCORRECTED.match, texts))
    )


def reconstruction(pet: Image) -> str:
    """Return a PET's ``rec-`` label; BIDS's reserved ones without what is added to them.

    ``acstat`` and ``acdyn`` stand for every label that says static or dynamic, also for an
    ``acq-`` label where there is no ``rec-``.

    Examples
    --------
    >>> from pathlib import Path
    >>> reconstruction(Image(Path("x"), {"rec": "acstatOSEM"}))
    'acstat'
    >>> reconstruction(Image(Path("x"), {"acq": "dynamic"}))
    'acdyn'
    >>> reconstruction(Image(Path("x"), {"rec": "coregdyn", "acq": "static"}))
    'coregdyn'
    """
    label = pet.entities.get("rec", "")
    for text in (label, "" if label else pet.entities.get("acq", "")):
        found = re.match(r"(?:n?ac)?(stat|dyn)|.*(static|dyn(?:amic)?)$", text.lower())
        if found and not text.lower().startswith("coreg"):
            return "acstat" if "stat" in found[0] else "acdyn"
    return label
