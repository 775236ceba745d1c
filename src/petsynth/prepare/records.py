"""What the folder ``arrays/`` of prepared data holds of each subject.

::

    arrays/sub-001_mri.npy, ...     arrays, read by `petsynth.data.prepared`
    arrays/sub-001.json             record: what the subject was made from, written last
    arrays/failed/sub-001.json      why the subject could not be prepared; removed once it could

Subjects are named by `petsynth.io.bids.index.Scan.name`: ``sub-001``, or ``sub-001_ses-m12`` where
every visit is prepared.

A pair of images that could not be prepared is a `Failure`; it says which image is at fault, so that
others are tried.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsynth.data.prepared import Kind, array_path
from petsynth.errors import InputError, PetsynthError
from petsynth.io.atomic import atomic_path, write_json
from petsynth.io.bids.index import Scan
from petsynth.io.removal import is_inside
from petsynth.io.text import read_json, unreachable


@dataclasses.dataclass(frozen=True)
class Record:
    """What is known of a finished subject.

    Parameters
    ----------
    participant : str
        With ``sub-``.
    session : str or None
        Of the PET.
    key : dict
        Settings and input files (path below the dataset, size, time of change) that it was made
        from; and under ``"replaced"`` the same of images that could not be used.
    files : list of str
        What was written, relative to the folder of prepared data.
    unit : str
        Of the PET.
    frames : int
        Of the PET as stored.
    qc : dict
        A row of ``qc.tsv``.
    notes : list of str
        What was assumed about the scans.
    frame_durations : list of float
        Of the frames as stored, in seconds; empty where unknown.
    replaced : dict of str to str
        Names of images that could not be used, in whose place others were -> why.
    """

    participant: str
    session: str | None
    key: dict[str, Any]
    files: list[str]
    unit: str
    frames: int
    qc: dict[str, Any]
    notes: list[str]
    frame_durations: list[float] = dataclasses.field(default_factory=list)
    replaced: dict[str, str] = dataclasses.field(default_factory=dict)


def write_array(folder: str | Path, name: str, kind: Kind, array: NDArray[Any]) -> Path:
    """Write one array of one subject atomically, and return its path.

    Raises
    ------
    InputError
        If a value is NaN or infinite.
    OutputError
        If the disk is full or the folder cannot be written.
    """
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        raise InputError(
            f"{name}: {bad} voxels of its {kind} would be NaN or infinite; not written"
        )
    path = array_path(folder, name, kind)
    with atomic_path(path) as temporary:
        np.save(temporary, array, allow_pickle=False)
    return path


def write_record(folder: str | Path, name: str, record: Record) -> None:
    """Write a subject's record: from now on the subject counts as finished.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    write_json(_record_path(folder, name), dataclasses.asdict(record))


def read_record(folder: str | Path, name: str) -> Record | None:
    """Return a subject's record; None if there is none, or it is damaged.

    A record whose files lie outside the folder, or behind a link, counts as damaged.
    """
    try:
        record = Record(**read_json(_record_path(folder, name)))
    except (InputError, TypeError):
        return None
    kinds = {"participant": str, "key": dict, "files": list, "unit": str, "frames": int}
    kinds |= {"qc": dict, "notes": list, "replaced": dict}
    are_right = all(isinstance(getattr(record, key), kind) for key, kind in kinds.items())
    if not are_right or not all(isinstance(each, str) for each in record.files):
        return None
    return record if all(is_inside(folder, each) for each in record.files) else None


def is_finished(folder: str | Path, record: Record | None, key: dict[str, Any]) -> bool:
    """Whether a subject was made from the same files in the same way, and all of it exists."""
    if record is None or record.key != key:
        return False
    return all((Path(folder) / name).exists() for name in record.files)


def finished_subjects(folder: str | Path) -> list[str]:
    """Return the names of all subjects that have a record, sorted."""
    return sorted(path.stem for path in (Path(folder) / "arrays").glob("sub-*.json"))


def write_failure(folder: str | Path, name: str, reason: str) -> None:
    """Note that a subject could not be prepared, and why.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    write_json(_failure_path(folder, name), {"reason": reason})


def remove_failure(folder: str | Path, name: str) -> None:
    """Remove the note that a subject could not be prepared, if there is one."""
    _failure_path(folder, name).unlink(missing_ok=True)


def read_failures(folder: str | Path) -> dict[str, str]:
    """Return which subjects could not be prepared, and why."""
    failures = {}
    for path in sorted((Path(folder) / "arrays" / "failed").glob("sub-*.json")):
        try:
            failures[path.stem] = str(read_json(path)["reason"])
        except (InputError, KeyError):
            continue  # another process has just removed it, or it is not a note of petsynth
    return failures


def _record_path(folder: str | Path, name: str) -> Path:
    return Path(folder) / "arrays" / f"{name}.json"


def _failure_path(folder: str | Path, name: str) -> Path:
    return Path(folder) / "arrays" / "failed" / f"{name}.json"


# Pairs of images that could not be prepared: which image is at fault, so that others are tried.


@dataclass(frozen=True)
class Failure:
    """A pair of images that could not be prepared.

    Parameters
    ----------
    pair : Scan
        The images.
    image : Path or None
        Which of them is at fault; None if that is not known.
    error : Exception
        What went wrong.
    """

    pair: Scan
    image: Path | None
    error: Exception

    @property
    def reason(self) -> str:
        """What went wrong, in one line."""
        return reason_of(self.error)

    def not_in(self, scan: Scan) -> Path:
        """Return the image that is at fault, or else the one that another pair has not."""
        if self.image is not None:
            return self.image
        return self.pair.pet if self.pair.pet != scan.pet else self.pair.t1


def image_at_fault(error: Exception, pair: Scan) -> Path | None:
    """Return which image of a pair an error is about; None if that is not known."""
    path = error.path if isinstance(error, PetsynthError) else getattr(error, "filename", None)
    return next((each for each in (pair.t1, pair.pet) if path and Path(path) == each), None)


def reason_of(error: Exception) -> str:
    """Return what went wrong in one line, also where the system says it.

    Examples
    --------
    >>> reason_of(FileNotFoundError(2, "No such file", "sub-1_pet.nii"))
    'sub-1_pet.nii: has vanished since the dataset was indexed'
    """
    if isinstance(error, OSError) and error.filename and Path(error.filename).is_symlink():
        return f"{error.filename}: {unreachable(Path(error.filename), error)}"
    if isinstance(error, FileNotFoundError):
        return f"{error.filename}: has vanished since the dataset was indexed"
    if isinstance(error, OSError):
        return f"{error.filename}: cannot be read ({error.strerror})"
    return str(error)
