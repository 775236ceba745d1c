"""Which image among derivatives is the brain mask, or the segmentation, of a T1."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from petsynth.errors import InputError
from petsynth.io.bids.names import parse_entities

_NOT_OF_THE_IMAGE = ("space", "desc", "res", "den", "label", "suffix", "extension")
"""Parts of a derivative's name that do not say from which image it was made."""
_PATTERNS = ("desc-brain_mask", "dseg")
"""How the names of masks, and of segmentations, end; the first that a subject has counts."""
_SEGMENTATIONS = (
    "*_dseg.nii*", "*_synthseg*.nii*", "*aparc*aseg*.nii*", "*aparc*aseg*.mgz", "*_seg.nii*",
    "*aseg*.nii*", "*aseg*.mgz",
)  # fmt: skip
"""How the names of segmentations end; the first that a subject has counts."""

_LESION = "_desc-lesion_"
"""In the names of lesion maps, which are no segmentation of the brain."""


def find_brain_mask(folder: str | Path, t1: str | Path) -> Path:
    """Return the brain mask of a T1 among the derivatives below a folder.

    It is ``*_desc-brain_mask.nii.gz`` of the same subject and session in the T1's own space,
    whose name says nothing else than the T1's (another run's mask is none of it); of several the
    one whose name says most. A subject without masks may have a segmentation, ``*_dseg.nii.gz``,
    by the same rules. For a T1 without BIDS name it is the one image whose name starts with the
    T1's stem and contains ``mask``.

    Raises
    ------
    InputError
        If there is none, or more than one.
    """
    return first_brain_mask([folder], t1)


def find_segmentation(folder: str | Path, t1: str | Path) -> Path:
    """Return the segmentation of a T1 below a folder.

    It is the one file of the T1's subject (and session) that ends as segmentations do, among its
    own files (``sub-X_*_dseg.nii.gz``) or in a folder ``sub-X`` (``sub-X/mri/aparc+aseg.mgz``). For
    a T1 without BIDS name its name starts with the T1's stem.

    Raises
    ------
    InputError
        If there is none, or more than one.
    """
    name = Path(t1).name
    entities = parse_entities(name)
    subject = entities.get("sub")
    stem = f"sub-{subject}" if subject else name.removesuffix(".gz").removesuffix(".nii")
    start = glob.escape(stem.removesuffix("_T1w"))
    for ending in _SEGMENTATIONS:
        own = Path(folder).rglob(f"{start}{ending}")
        inside = Path(folder).glob(f"{start}*/**/{ending}") if subject else []
        found = sorted(path for path in {*own, *inside} if _LESION not in path.name)
        if subject:
            session = entities.get("ses")
            found = [path for path in found if _is_of(path.relative_to(folder), subject, session)]
        if len(found) > 1:
            names = ", ".join(str(path) for path in found[:3])
            raise InputError(f"{t1}: several segmentations in {folder}: {names}; needed is one")
        if found:
            return found[0]
    raise InputError(f"{t1}: no segmentation of it in {folder} (such as {stem}_dseg.nii.gz)")


def _is_of(path: Path, subject: str, session: str | None) -> bool:
    """Whether a path's words say this subject and no other session."""
    words = [word for part in path.parts for word in part.split(".")[0].split("_")]
    sessions = {word for word in words if word.startswith("ses-")}
    return f"sub-{subject}" in words and (not sessions or sessions == {f"ses-{session}"})


def first_brain_mask(folders: Sequence[str | Path], t1: str | Path) -> Path:
    """Return the brain mask of a T1 from the first of several folders that has one.

    Raises
    ------
    InputError
        If none has, or one has more than one; see `find_brain_mask`.
    """
    missing = []
    for folder in folders:
        found, reason = _candidates(folder, t1)
        if len(found) > 1:
            names = ", ".join(str(path) for path in found[:3])
            raise InputError(f"{t1}: several masks in {folder}: {names}; needed is one")
        if found:
            return found[0]
        missing.append(reason)
    raise InputError(f"{t1}: {', '.join(missing)}; needed is one")


def is_segmentation(path: Path) -> bool:
    """Whether a mask is made from a segmentation, whose labels are all that is not 0.

    Examples
    --------
    >>> is_segmentation(Path("sub-01_dseg.nii.gz")), is_segmentation(Path("sub-01_mask.nii"))
    (True, False)
    """
    return parse_entities(path.name)["suffix"] == "dseg"


def _candidates(folder: str | Path, t1: str | Path) -> tuple[list[Path], str]:
    """Return the masks in a folder that may be a T1's, and what to say if there are none."""
    name = Path(t1).name
    entities = parse_entities(name)
    if "sub" not in entities:
        stem = name.removesuffix(".gz").removesuffix(".nii").removesuffix("_T1w")
        pattern = f"{glob.escape(stem)}*mask*.nii*"
        return sorted(Path(folder).rglob(pattern)), f"no {pattern} in {folder}"
    masks = _of_subject(folder, entities["sub"])
    found = _closest(masks, entities)
    if masks and not found:
        others = ", ".join(path.name for path in masks[:3])
        return [], f"no brain mask of this image in {folder}, only {others}"
    return found, f"no sub-{entities['sub']}_*{_PATTERNS[0]}.nii* in {folder}"


def _of_subject(folder: str | Path, label: str) -> list[Path]:
    for ending in _PATTERNS:
        every = sorted(Path(folder).rglob(f"sub-{label}_*{ending}.nii*"))
        found = [path for path in every if _LESION not in path.name]
        if found:
            return found
    return []


def _closest(paths: list[Path], t1: dict[str, str]) -> list[Path]:
    """Return the paths that fit a T1 and of whose names no other says more."""
    entities = {path: parse_entities(path.name) for path in paths}
    fitting = [path for path in paths if _fits(entities[path], t1)]
    most = max((len(entities[path]) for path in fitting), default=0)
    return [path for path in fitting if len(entities[path]) == most]


def _fits(mask: dict[str, str], t1: dict[str, str]) -> bool:
    """Whether a mask's entities are those of a T1, as far as they say which image it is."""
    ours = {key: label for key, label in mask.items() if key not in _NOT_OF_THE_IMAGE}
    return (
        mask.get("ses") == t1.get("ses")
        and mask.get("space", "T1w") in ("T1w", "orig")
        and all(t1.get(key) == label for key, label in ours.items())
    )
