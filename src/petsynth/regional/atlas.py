"""Label images with names: atlases in MNI space, and segmentations of one subject."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from petsynth.errors import InputError
from petsynth.io.formats import damage_named, load_image
from petsynth.io.nifti import read_volume
from petsynth.io.text import exists, read_rows, read_text
from petsynth.regional.labels import expected, label_names
from petsynth.simulation.labels import detect_scheme
from petsynth.simulation.regions import Scheme
from petsynth.volume import Volume

BUNDLED = "dkt"
BUNDLED_ATLASES = (BUNDLED,)
_SOURCE = (
    "DKT labels of an old-age template (stnava/petSUVR, Apache-2.0), registered to ICBM152 2009a; "
    "subcortical borders approximate"
)
_MOST_LABELS = 2000
_LEAST_CORTICAL = 1000
"""FreeSurfer's numbers of cortical regions start there."""
_MNI_MM = 250.0
"""An atlas in MNI space has its voxels nearer to the origin than that."""


@dataclass(frozen=True)
class Atlas:
    """Labels and their names.

    Parameters
    ----------
    name : str
        Short, for file names: letters and digits.
    labels : Volume
        (X, Y, Z) int32; 0 is background.
    names : mapping from int to str
        Of every region that a table lists, those without a voxel too.
    source : str
        What it is, in a sentence.
    scheme : {"freesurfer", "muse"} or None
        Whose numbers they are; None for any others.
    """

    name: str
    labels: Volume
    names: Mapping[int, str]
    source: str
    scheme: Scheme | None


@functools.cache
def bundled_atlas() -> Atlas:
    """Return the DKT atlas that comes with petsynth, in MNI space at 2 mm.

    References
    ----------
    `atlases/README.md`; made by ``tools/derive_dkt_atlas.py``.
    """
    path = resources.files(__package__).joinpath("atlases", "dkt.npz")
    with resources.as_file(path) as file, np.load(file, allow_pickle=False) as content:
        labels = Volume(content["labels"].astype(np.int32), content["affine"])
    numbers = [int(each) for each in np.unique(labels.data) if each]
    names = {number: label_names("freesurfer")[number].name for number in numbers}
    return Atlas(BUNDLED, labels, names, _SOURCE, "freesurfer")


def read_atlas(name: str | Path) -> Atlas:
    """Return an atlas in MNI space by its name, or from a file.

    Parameters
    ----------
    name : str or Path
        ``"dkt"``, or a NIfTI label image in MNI152 space. Names of a file's regions stand beside
        it in ``STEM.tsv`` with the columns ``index`` and ``name`` (as BIDS has it), or in
        ``STEM.txt`` like FreeSurfer's colour table; without either FreeSurfer's numbers are
        known, and other regions are called ``label-N``.

    Raises
    ------
    InputError
        If there is no such atlas or file, or it cannot be an atlas in MNI space.
    """
    if str(name) in BUNDLED_ATLASES:
        return bundled_atlas()
    path = Path(name)
    if path.parent == Path() and not path.suffix and not exists(path):
        raise InputError(
            f"{name}: no such atlas; bundled is {', '.join(BUNDLED_ATLASES)}, any other is named "
            "by its file"
        )
    labels = _read_labels(path)
    _check_space(labels, path)
    present = _present(labels.data)
    names = _names_beside(path)
    scheme = _scheme_of_atlas(labels.data, present) if names is None else None
    if scheme is not None:
        names = {number: label_names(scheme)[number].name for number in present}
    source = f"{path.name}, taken to be in MNI152 space"
    return Atlas(_short(path), labels, _all_names(present, names or {}), source, scheme)


def _all_names(present: list[int], known: Mapping[int, str]) -> dict[int, str]:
    """Return the names of what an image holds and of what its table lists."""
    return {number: known.get(number, f"label-{number}") for number in sorted({*present, *known})}


def read_segmentation(path: str | Path) -> Atlas:
    """Read a segmentation of one subject; what it should hold and lacks is listed, too.

    Parameters
    ----------
    path : str or Path
        NIfTI or FreeSurfer's ``.mgz``, in the T1's world, with FreeSurfer's (``aseg``,
        ``aparc+aseg``, SynthSeg) or MUSE's numbers; any numbers where a table of names stands
        beside it, as for `read_atlas`, which then counts alone.

    Raises
    ------
    InputError
        If it cannot be read; if no names stand beside it, and less than 90 % of its voxels have
        labels of one of these.
    """
    path = Path(path)
    labels = _read_labels(path)
    own = _names_beside(path)
    if own is not None:
        source = f"{path.name}, the subject's own segmentation with the names beside it"
        return Atlas(_short(path), labels, _all_names(_present(labels.data), own), source, None)
    try:
        scheme = detect_scheme(labels.data, str(path))
    except InputError as error:
        raise InputError(
            f"{error}, or name the regions in {_stem(path)}.tsv beside it (index, name)"
        ) from None
    known = expected(scheme, _present(labels.data))
    names = {each.number: each.name for each in known}
    title = {"freesurfer": "FreeSurfer's", "muse": "MUSE"}[scheme]
    source = f"{path.name}, the subject's own segmentation with {title} numbers"
    return Atlas(_short(path), labels, names, source, scheme)


def _read_labels(path: Path) -> Volume:
    if path.suffix.lower() in (".mgz", ".mgh"):
        image = _read_mgz(path)
    else:
        image = read_volume(path, gaps="zero")
    labels = np.rint(image.data)
    if (labels < 0).any() or np.abs(image.data - labels).max() > 1e-3:
        raise InputError(f"{path}: labels must be whole numbers from 0 on: is it a label image?")
    present = _present(labels)
    if not present or len(present) > _MOST_LABELS:
        raise InputError(
            f"{path}: holds {len(present)} labels; a label image has 1 to {_MOST_LABELS}"
        )
    return Volume(labels.astype(np.int32), image.affine)


def _read_mgz(path: Path) -> Volume:
    loaded = load_image(path)
    with damage_named(path):
        image = nib.as_closest_canonical(loaded)
        data = np.asarray(image.dataobj, dtype=np.float64)
    if data.ndim != 3 or not np.isfinite(data).all():
        raise InputError(f"{path}: is no label image of three axes")
    return Volume(data, np.asarray(image.affine, dtype=float))


def _present(labels: NDArray[np.floating] | NDArray[np.integer]) -> list[int]:
    return [int(each) for each in np.unique(labels) if each > 0]


def _check_space(labels: Volume, path: Path) -> None:
    """Refuse what cannot be in MNI space: its brain is not around the origin."""
    index = np.argwhere(labels.data > 0)
    low, high = (
        np.array([*edge, 1.0]) @ labels.affine.T for edge in (index.min(axis=0), index.max(axis=0))
    )
    extent = np.abs(np.array([low, high])[:, :3])
    crossing = (np.minimum(low, high)[:3] < 0) & (np.maximum(low, high)[:3] > 0)
    if extent.max() > _MNI_MM or not crossing.all():
        raise InputError(
            f"{path}: does not lie around the origin of MNI space; is it in a subject's space? "
            "Then give it with --labels"
        )


def _scheme_of_atlas(labels: NDArray[np.integer], present: list[int]) -> Scheme | None:
    """Return FreeSurfer's scheme where an atlas without names has its cortical numbers."""
    cortical = [number for number in present if number >= _LEAST_CORTICAL]
    names = label_names("freesurfer")
    return "freesurfer" if cortical and all(number in names for number in present) else None


def _names_beside(path: Path) -> dict[int, str] | None:
    stem = _stem(path)
    table, colours = path.with_name(f"{stem}.tsv"), path.with_name(f"{stem}.txt")
    if exists(table):
        return _from_table(table)
    return _from_colour_table(colours) if exists(colours) else None


def _from_table(path: Path) -> dict[int, str]:
    rows = read_rows(path)
    if not rows or not {"index", "name"} <= set(rows[0]):
        raise InputError(f"{path}: needs the columns index and name")
    try:
        return {int(row["index"]): row["name"] for row in rows if row["index"] not in ("0", "n/a")}
    except ValueError as error:
        raise InputError(f"{path}: index must be whole numbers ({error})") from None


def _from_colour_table(path: Path) -> dict[int, str]:
    """Read lines of number and name, as in FreeSurfer's colour tables and MRIcron's."""
    found = re.findall(r"^\s*(\d+)\s+(\S+)", read_text(path), flags=re.MULTILINE)
    if not found:
        raise InputError(f"{path}: has no lines of a number and a name")
    return {int(number): name for number, name in found if int(number)}


def _short(path: Path) -> str:
    return re.sub(r"[^0-9A-Za-z]", "", _stem(path).split("_")[-1]) or "labels"


def _stem(path: Path) -> str:
    stem = path.name
    for ending in (".gz", ".nii", ".mgz", ".mgh"):
        stem = stem.removesuffix(ending)
    return stem
