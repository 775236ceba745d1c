"""Metadata files of BIDS: JSON beside images and at the root; tables are read by `text`.

References
----------
BIDS 1.10, "Common principles": "Tabular files", "Key-value files", "The Inheritance Principle".
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import pandas as pd

from petsynth.io.atomic import write_json, write_text
from petsynth.io.bids.names import parse_entities
from petsynth.io.text import exists, read_json

BIDS_VERSION = "1.10.0"

_NOT_ENTITIES = ("suffix", "extension")


def sidecar_path(image: str | Path) -> Path:
    """Return the path of an image's JSON."""
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
    return read_json(path) if exists(path) else {}


def read_metadata(
    image: str | Path, listed: dict[Path, list[Path]] | None = None
) -> dict[str, Any]:
    """Return all fields that apply to an image: its own, and those that it inherits.

    For an image outside a folder ``sub-X`` that is its own sidecar. The closest file wins, of
    several in one folder the one whose name says most.

    Parameters
    ----------
    image : str or Path
        The image.
    listed : dict of Path to list of Path, optional
        JSON files of folders that were listed already; filled for the next call. A dataset's
        root holds a folder per participant, so it is listed once.

    Raises
    ------
    InputError
        If a file that applies is no JSON object.
    """
    image, listed = Path(image), {} if listed is None else listed
    own = sidecar_path(image)
    fields: dict[str, Any] = {}
    for folder in _ancestors(image):
        if folder not in listed:
            listed[folder] = sorted(folder.glob("*.json"))
        applying = [path for path in listed[folder] if path != own and _applies(path, image)]
        for path in sorted(applying, key=lambda each: len(each.name.split("_"))):
            fields |= read_json(path)
    return fields | read_sidecar(image)


def _ancestors(image: Path) -> list[Path]:
    """Return the folders from the dataset's root to the image's; none outside ``sub-X``."""
    folders = []
    for folder in image.parents:
        folders.append(folder)
        if folder.name.startswith("sub-"):
            return [folder.parent, *reversed(folders)]
    return []


def _applies(sidecar: Path, image: Path) -> bool:
    theirs, ours = parse_entities(sidecar.name), parse_entities(image.name)
    if theirs["suffix"] != ours["suffix"]:
        return False
    return all(ours.get(k) == label for k, label in theirs.items() if k not in _NOT_ENTITIES)


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
        URIs of the datasets it was made from; see `petsynth.io.bids.privacy`.
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
        content["SourceDatasets"] = [{"URL": source} for source in sources]
    write_json(Path(folder) / "dataset_description.json", content | more)


def is_simulated(folder: str | Path) -> bool:
    """Whether the description of a dataset says that it is simulated.

    Raises
    ------
    InputError
        If the description is not valid JSON.
    """
    path = Path(folder) / "dataset_description.json"
    return exists(path) and read_json(path).get("Simulated") is True


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a BIDS TSV atomically; missing values become ``n/a``."""
    write_text(path, table.to_csv(sep="\t", index=False, na_rep="n/a"))
