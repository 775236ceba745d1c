"""What a dataset says of an image, by the inheritance principle of BIDS.

Every JSON file between the dataset's root and the image applies that has the image's suffix and
no entity that the image lacks; what stands closer to the image wins.

References
----------
BIDS 1.10, "Common principles", section "The Inheritance Principle".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from petsynth.io.bids.names import parse_entities, read_fields, read_sidecar

_NOT_ENTITIES = ("suffix", "extension")


def read_metadata(image: str | Path) -> dict[str, Any]:
    """Return all fields that apply to an image.

    For an image outside a folder ``sub-X`` that is its own sidecar.

    Raises
    ------
    InputError
        If a file that applies is no JSON object.
    """
    image = Path(image)
    fields: dict[str, Any] = {}
    for folder in _ancestors(image):
        applying = [path for path in folder.glob("*.json") if _applies(path, image)]
        for path in sorted(applying, key=lambda each: len(each.name.split("_"))):
            fields |= read_fields(path)
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
