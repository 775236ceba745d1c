"""Whose folder is it: take one for prepared data, or refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from petsynth.errors import OutputError
from petsynth.io.atomic import write_json
from petsynth.io.bids.names import participant_of
from petsynth.prepare.dataset_files import DATASET_FILES
from petsynth.prepare.derivatives import read_record


def claim_folder(out: Path, bids: Path, settings: dict[str, Any], *, overwrite: bool) -> None:
    """Make a folder of prepared data, or continue one of the same settings.

    Parameters
    ----------
    out : Path
        Where prepared data are to stand.
    bids : Path
        The dataset that they are made from.
    settings : dict
        What all subjects have in common; kept in ``arrays/settings.json``. Those of a folder
        without any finished subject bind nobody.
    overwrite : bool
        Whether earlier prepared data are removed first, and a folder that holds something else
        is used all the same. Nothing but prepared data is ever removed.

    Raises
    ------
    OutputError
        If the folder is a file, is or holds the source dataset or another dataset, holds
        something else, or was prepared in another way.
    """
    here, source = out.resolve(), bids.resolve()
    if here == source or here in source.parents:
        raise OutputError(f"{out}: is or contains the source dataset; choose another output folder")
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is a file; choose another output folder")
    held = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    before = read_settings(out)
    if held and before is None and not _just_begun(out):
        if (out / "dataset_description.json").exists():
            raise OutputError(f"{out}: holds another dataset; choose another output folder")
        if not overwrite:
            raise OutputError(
                f"{out}: holds {', '.join(held[:3])}, which is no prepared data; choose another "
                "output folder, or give --overwrite to write beside it"
            )
    if before is not None and overwrite:
        _remove_prepared(out)
    elif before is not None and before != settings and not finished_subjects(out):
        shutil.rmtree(out / "arrays" / "failed", ignore_errors=True)
    elif before is not None and before != settings:
        changed = [name for name in settings if before.get(name) != settings[name]]
        raise OutputError(
            f"{out}: was prepared with another {' and '.join(changed) or 'set of options'}; "
            "choose another output folder, or give --overwrite to prepare anew"
        )
    write_json(_settings_path(out), settings)


def _just_begun(out: Path) -> bool:
    """Whether another process is about to write its settings: jobs of an array start together."""
    held = [path for path in out.rglob("*") if path != out / "arrays"]
    return all(path.name.startswith(".tmp-") for path in held)


def _settings_path(out: Path) -> Path:
    return out / "arrays" / "settings.json"


def finished_subjects(out: Path) -> list[str]:
    """Return the names of all that have a record in a folder of prepared data, sorted.

    They are ``sub-01``, or ``sub-01_ses-m12`` where every visit is prepared.
    """
    return sorted(path.stem for path in (out / "arrays").glob("sub-*.json"))


def read_settings(out: Path) -> dict[str, Any] | None:
    """Return the settings that a folder was prepared with; None if it holds no prepared data."""
    try:
        content = json.loads(_settings_path(out).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _remove_prepared(out: Path) -> None:
    """Remove what the records name, the arrays and the dataset's own files; nothing else."""
    for name in finished_subjects(out):
        record = read_record(out, name)
        for file in record.files if record is not None else []:
            (out / file).unlink(missing_ok=True)
        (out / f"{name}.html").unlink(missing_ok=True)
        for folder in sorted((out / participant_of(name)).rglob("*"), reverse=True):
            _remove_if_empty(folder)
        _remove_if_empty(out / participant_of(name))
    for name in DATASET_FILES:
        (out / name).unlink(missing_ok=True)
    for name in ("arrays", "slices"):
        shutil.rmtree(out / name, ignore_errors=True)
    _remove_if_empty(out / "logs")


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.resolve().rmdir()
