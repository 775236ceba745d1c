"""Subjects that could not be prepared: a note each, so that the group level knows of them.

``arrays/failed/sub-001.json`` holds the reason; it goes when the subject succeeds.
"""

from __future__ import annotations

import json
from pathlib import Path

from petsynth.io.atomic import write_json


def write_failure(folder: str | Path, name: str, reason: str) -> None:
    """Note that a subject could not be prepared, and why, by its `petsynth.io.bids.index.Scan.name`.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    write_json(_path(folder, name), {"reason": reason})


def forget_failure(folder: str | Path, name: str) -> None:
    """Remove what is noted of a subject, if anything is."""
    _path(folder, name).unlink(missing_ok=True)


def read_failures(folder: str | Path) -> dict[str, str]:
    """Return who could not be prepared, and why; by name."""
    failures = {}
    for path in sorted((Path(folder) / "arrays" / "failed").glob("sub-*.json")):
        try:
            failures[path.stem] = str(json.loads(path.read_text(encoding="utf-8"))["reason"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            continue  # another process has just removed it, or it is none of ours
    return failures


def _path(folder: str | Path, name: str) -> Path:
    return Path(folder) / "arrays" / "failed" / f"{name}.json"
