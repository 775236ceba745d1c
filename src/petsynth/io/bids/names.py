"""Names, sidecars and dataset files as the Brain Imaging Data Structure wants them.

Specification: BIDS 1.10, "Positron Emission Tomography", "BIDS Derivatives".
"""

from __future__ import annotations

import importlib.metadata
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd

from petsynth.errors import InputError
from petsynth.io.atomic import write_json, write_text

BIDS_VERSION = "1.10.0"

TRACER_LABELS = {
    "FDG": "18FFDG",
    "AV45": "18FAV45",
    "AV1451": "18FAV1451",
    "FBB": "18FFBB",
    "FMM": "18FFMM",
    "PIB": "11CPIB",
}
"""Tracer as users say it -> ``trc-`` label as clinica writes ADNI."""

TRACER_NAMES = {
    "FDG": "fluorodeoxyglucose",
    "AV45": "florbetapir",
    "AV1451": "flortaucipir",
    "FBB": "florbetaben",
    "FMM": "flutemetamol",
    "PIB": "pittsburgh compound b",
}
"""Tracer as users say it -> its name in a sidecar's ``TracerName``, in small letters."""


def tracer_of(label: str) -> str:
    """Return the tracer's everyday name for a ``trc-`` label; an unknown label is its own name.

    Examples
    --------
    >>> tracer_of("18FFDG"), tracer_of("18FXYZ")
    ('FDG', '18FXYZ')
    """
    names = {value: key for key, value in TRACER_LABELS.items()}
    return names.get(label, label)


def parse_entities(name: str) -> dict[str, str]:
    """Split a BIDS file name into its entities, suffix and extension.

    Examples
    --------
    >>> parse_entities("sub-01_trc-18FFDG_pet.nii.gz")
    {'sub': '01', 'trc': '18FFDG', 'suffix': 'pet', 'extension': '.nii.gz'}
    """
    stem, dot, extension = name.partition(".")
    *pairs, suffix = stem.split("_")
    entities = dict(pair.split("-", 1) for pair in pairs if "-" in pair)
    return {**entities, "suffix": suffix, "extension": dot + extension}


def pet_stem(t1_name: str, tracer: str) -> str:
    """Return the start of the names of PET images made from a T1.

    The T1's entities stay, except those that say in which space and how processed it is; the
    tracer takes its place behind subject and session. A name that is not BIDS stays whole.

    Examples
    --------
    >>> pet_stem("sub-01_ses-bl_run-2_T1w.nii.gz", "FDG")
    'sub-01_ses-bl_trc-18FFDG_run-2'
    >>> pet_stem("sub-01_space-aligned_desc-preproc_T1w.nii.gz", "AV45")
    'sub-01_trc-18FAV45'
    >>> pet_stem("scan 7.nii", "FDG")
    'scan 7_trc-18FFDG'
    """
    stem = t1_name.removesuffix(".gz").removesuffix(".nii")
    label = f"trc-{TRACER_LABELS.get(tracer, tracer)}"
    if not stem.startswith("sub-"):
        return f"{stem.removesuffix('_T1w')}_{label}"
    pairs = stem.removesuffix("_T1w").split("_")
    kept = [pair for pair in pairs if not pair.startswith(("space-", "desc-", "res-", "trc-"))]
    front = [pair for pair in kept if pair.startswith(("sub-", "ses-"))]
    return "_".join([*front, label, *(pair for pair in kept if pair not in front)])


def participant_key(label: str) -> str:
    """Return one spelling per person: without ``sub-`` and without leading zeros.

    Examples
    --------
    >>> participant_key("sub-0731") == participant_key("731")
    True
    >>> participant_key("sub-ADNI0731")
    'ADNI0731'
    """
    bare = label.strip().removeprefix("sub-")
    return re.sub(r"^0+(?=\d+$)", "", bare)


def person_of(name: str) -> str:
    """Return whose scan it is, by the name of a person or of one of their visits.

    Examples
    --------
    >>> person_of("sub-01_ses-m12"), person_of("sub-01")
    ('sub-01', 'sub-01')
    """
    return name.partition("_")[0]


def sidecar_path(image: str | Path) -> Path:
    """Return where an image's JSON stands."""
    path = Path(image)
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")


def read_sidecar(image: str | Path) -> dict[str, Any]:
    """Read the JSON beside an image; empty if there is none.

    Raises
    ------
    InputError
        If the file is there but is no JSON object.
    """
    path = sidecar_path(image)
    return read_fields(path) if path.exists() else {}


def read_fields(path: Path) -> dict[str, Any]:
    """Read a JSON file of fields; NaN and infinity, which JSON has not, become null.

    Raises
    ------
    InputError
        If it is no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda _: None)
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: a sidecar must be a JSON object")
    return content


def write_dataset_description(
    folder: str | Path,
    name: str,
    *,
    derivative: bool,
    sources: list[str] | None = None,
    **more: Any,
) -> None:
    """Write ``dataset_description.json``.

    Parameters
    ----------
    folder : str or Path
        The dataset's root.
    name : str
        The dataset's name.
    derivative : bool
        Whether it was made from another dataset; ``GeneratedBy`` then names this package.
    sources : list of str, optional
        Paths or URLs of the datasets it was made from.
    **more
        Further fields, such as ``Simulated=True``.
    """
    content: dict[str, Any] = {
        "Name": name,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative" if derivative else "raw",
        "GeneratedBy": [{"Name": "petsynth", "Version": importlib.metadata.version("petsynth")}],
    }
    if sources:
        content["SourceDatasets"] = [{"URL": Path(source).resolve().as_uri()} for source in sources]
    write_json(Path(folder) / "dataset_description.json", content | more)


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a BIDS TSV with every value as text, ``n/a`` included.

    Raises
    ------
    InputError
        If the file is missing or no table.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a tab-separated table in UTF-8 ({error})") from None


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a BIDS TSV atomically; missing values become ``n/a``."""
    write_text(path, table.to_csv(sep="\t", index=False, na_rep="n/a"))
