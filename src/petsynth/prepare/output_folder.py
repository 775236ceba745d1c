"""The folder of prepared data: claiming it for one run, and the files at its root."""

from __future__ import annotations

import dataclasses
import json
import os
import uuid
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from petsynth.data.prepared import DESCRIPTION, FORMAT
from petsynth.errors import InputError, OutputError
from petsynth.io.atomic import write_json, write_text
from petsynth.io.bids.metadata import write_dataset_description, write_table
from petsynth.io.lock import is_bookkeeping
from petsynth.io.removal import files_and_links, is_inside, is_one_of, remove_files
from petsynth.io.text import exists, read_json, real_path
from petsynth.prepare.records import (
    finished_subjects,
    read_failures,
    read_record,
    remove_failure,
)
from petsynth.preprocessing.subject import PreprocessingSettings
from petsynth.volume import Grid

README = """# Prepared data for petsynth

Made by `petsynth prepare` from a BIDS dataset. `bids:raw:` in sidecars stands for its root. Where
that is on this machine is not written down, since names of folders may tell of people.

- `sub-*/anat`, `sub-*/pet`: T1-weighted MRI, brain mask and PET on one grid. `space-aligned` means
  the participant's own brain, rigidly aligned to MNI axes; it is **not** MNI space.
- `arrays/`: the same as NumPy arrays, as the models read them (MRI scaled to [-1, 1]).
- `prepared.json`: tracer, unit, grid, PET scale and its definition.
- `split.tsv`: training, validation and test subjects. `exclusions.tsv`: who is left out, and why.
- `group_qc.html`, `sub-*.html`, `qc.tsv`: quality control; look at every picture before training.
- `logs/CITATION.md`: what was done, in words for a paper.
{simulated}"""

IGNORED = (
    "arrays",
    "slices",
    "figures",
    "logs",
    "*.html",
    "prepared.json",
    "split.tsv",
    "exclusions.tsv",
    "qc.*",
    "*_xfm.*",
)
"""What is not part of BIDS, in ``.bidsignore``."""

DATASET_FILES = (
    "dataset_description.json",
    "README.md",
    ".bidsignore",
    "descriptions.tsv",
    "participants.tsv",
    "participants.json",
    "prepared.json",
    "split.tsv",
    "exclusions.tsv",
    "qc.tsv",
    "qc.json",
    "group_qc.html",
    "logs/CITATION.md",
)
"""All files at the root of prepared data."""

FILES = (
    *DATASET_FILES,
    "logs/*",
    "sub-*.html",
    "arrays/sub-*.npy",
    "arrays/*.json",
    "arrays/failed/*",
    "slices/sub-*/*.jpg",
    *(
        f"sub-*/{session}{kind}/sub-*"
        for session in ("", "ses-*/")
        for kind in ("anat", "pet", "figures")
    ),
)
"""Names of everything that a preparation writes."""

DESCRIPTIONS = {
    "desc-preproc": "Rigidly aligned to MNI axes (PET by way of the T1w image), resampled once",
    "desc-brain": "Brain mask",
}


@dataclasses.dataclass(frozen=True)
class FolderSettings:
    """What all subjects of one folder of prepared data have in common.

    Parameters
    ----------
    preprocessing : PreprocessingSettings
        How each subject is prepared.
    tracer : str or None
        Short name or ``trc-`` label; None until the dataset has been searched.
    session : str or None
        Label of the only session that is considered.
    pairs : {"first", "all"}
        One pair of scans per subject, or one per visit.
    max_interval : float or None
        Longest interval between T1 and PET in days; None for any.
    bids_filter_file : dict or None
        Content of the file that says which images are considered.
    """

    preprocessing: PreprocessingSettings
    tracer: str | None
    session: str | None
    pairs: Literal["first", "all"]
    max_interval: float | None
    bids_filter_file: dict[str, Any] | None

    def changes(self, other: FolderSettings) -> list[str]:
        """Return the names of the settings that differ."""
        ours, theirs = dataclasses.asdict(self), dataclasses.asdict(other)
        ours |= ours.pop("preprocessing")
        theirs |= theirs.pop("preprocessing")
        return [name for name in ours if ours[name] != theirs[name]]


def claim_folder(out: Path, bids: Path, settings: FolderSettings, *, overwrite: bool) -> None:
    """Make a folder of prepared data, or continue one of the same settings.

    Parameters
    ----------
    out : Path
        The folder of prepared data.
    bids : Path
        The dataset that they are made from.
    settings : FolderSettings
        Kept in ``arrays/settings.json``. Those of a folder without any finished subject are
        replaced.
    overwrite : bool
        Whether earlier prepared data are removed first, and a folder that holds something else
        is used all the same. Nothing but prepared data is ever removed.

    Raises
    ------
    InputError
        If the folder was prepared by another version of petsynth.
    OutputError
        If the folder is a file, is or holds the source dataset or another dataset, holds
        something else, or was prepared with other settings.
    """
    check_place(out, bids)
    prepared = _settings_path(out).is_file()
    if not prepared and not _just_begun(out):
        _refuse_other_content(out, overwrite)
    if prepared and overwrite:
        _remove_prepared(out)
    before = read_settings(out)
    changes = [] if before is None else settings.changes(before)
    changes += ["dataset"] if _is_of_another(out, bids) else []
    if changes and finished_subjects(out):
        raise OutputError(
            f"{out}: was prepared with another {' and '.join(changes)}; "
            "choose another output folder, or give --overwrite to prepare anew"
        )
    if changes:
        for name in read_failures(out):
            remove_failure(out, name)
    write_settings(out, settings)


_PREPARE_ANEW = "choose another output folder, or give --overwrite to prepare anew"


def check_place(out: Path, bids: Path) -> None:
    """Refuse an output folder that can never be one; nothing is written.

    Raises
    ------
    OutputError
        If it is a file, or is or holds the source dataset.
    """
    here, source = real_path(out), real_path(bids)
    if here == source or here in source.parents:
        raise OutputError(f"{out}: is or contains the source dataset; choose another output folder")
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is a file; choose another output folder")


def write_settings(out: Path, settings: FolderSettings) -> None:
    """Write ``arrays/settings.json``."""
    write_json(_settings_path(out), {"format": FORMAT, **dataclasses.asdict(settings)})


def read_settings(out: Path) -> FolderSettings | None:
    """Return the settings that a folder was prepared with; None if it holds no prepared data.

    Raises
    ------
    InputError
        If it was prepared by another version of petsynth.
    """
    path = _settings_path(out)
    if not exists(path):
        return None
    try:
        content = read_json(path)
        if content.pop("format") != FORMAT:
            raise KeyError
        preprocessing = PreprocessingSettings(**content.pop("preprocessing"))
        return FolderSettings(preprocessing=preprocessing, **content)
    except InputError as error:
        raise InputError(f"{error}; {_PREPARE_ANEW}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            f"{out}: was prepared by another version of petsynth; {_PREPARE_ANEW}"
        ) from None


def write_dataset_files(folder: str | Path, bids: str | Path, *, simulated: bool) -> None:
    """Write description, README, ``.bidsignore`` and the meaning of ``desc-``.

    Parameters
    ----------
    folder : str or Path
        Of the prepared data.
    bids : str or Path
        The dataset that they are made from.
    simulated : bool
        Whether that is a simulation.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    root, link = Path(folder), _link(Path(folder), Path(bids))
    more = {"DatasetLinks": {"raw": link}} | ({"Simulated": True} if simulated else {})
    write_dataset_description(
        root, "petsynth: prepared T1 and PET", derivative=True, sources=[link], **more
    )
    note = "\n**The scans are simulated; none of them shows a real PET.**\n" if simulated else ""
    write_text(root / "README.md", README.format(simulated=note))
    write_text(root / ".bidsignore", "\n".join(IGNORED) + "\n")
    table = pd.DataFrame(DESCRIPTIONS.items(), columns=["desc_id", "description"])
    write_table(root / "descriptions.tsv", table)


def write_participants(folder: str | Path, participants: pd.DataFrame) -> None:
    """Write ``participants.tsv``, and what its columns mean.

    Parameters
    ----------
    folder : str or Path
        Of the prepared data.
    participants : DataFrame
        With ``participant_id``, ``diagnosis``, ``original_id`` and covariates.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    write_table(Path(folder) / "participants.tsv", participants)
    described = {
        name: {"Description": "As in the source dataset"}
        for name in participants.columns
        if name not in ("participant_id", "original_id")
    }
    write_json(
        Path(folder) / "participants.json",
        described
        | {"original_id": {"Description": "Identifier before conversion to BIDS, where known"}},
    )


def write_description(
    folder: str | Path, grid: Grid, *, t1_grid: Grid | None = None, **content: Any
) -> None:
    """Write ``prepared.json``: the grid and whatever else is named.

    Parameters
    ----------
    folder : str or Path
        Of the prepared data.
    grid : Grid
        Of every array but the conformed T1.
    t1_grid : Grid, optional
        Of the conformed T1.
    **content
        At least tracer, unit, frames, pet_scale and simulated.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    grids = {"grid": grid.to_dict()}
    if t1_grid is not None:
        grids["t1_grid"] = t1_grid.to_dict()
    write_json(Path(folder) / DESCRIPTION, {"format": FORMAT, **content, **grids})


def _link(folder: Path, bids: Path) -> str:
    """Return a URI of the dataset that names no folder.

    That is the way up to it, where the derivatives lie in the dataset; else its DOI; else an
    identifier that tells it from others and nothing more.
    """
    way = os.path.relpath(real_path(bids), real_path(folder))
    if set(Path(way).parts) == {".."}:
        return way
    path = bids / "dataset_description.json"
    description = read_json(path) if exists(path) else {}
    doi = str(description.get("DatasetDOI", "")).removeprefix("doi:")
    if doi.startswith("10."):
        return f"doi:{doi}"
    content = json.dumps(description, sort_keys=True)
    return uuid.uuid5(uuid.NAMESPACE_OID, content).urn


def _is_of_another(out: Path, bids: Path) -> bool:
    """Whether the finished subjects were made from another dataset: none of their images is here.

    The dataset may have been moved, so its path does not matter.
    """
    records = [read_record(out, name) for name in finished_subjects(out)]
    inputs = [record.key.get("inputs") for record in records if record is not None]
    images = [
        tuple(files[kind][:2])
        for files in inputs
        if isinstance(files, dict)
        for kind in ("t1", "pet")
        if isinstance(files.get(kind), list)
    ]
    return bool(images) and not any(_has_size(bids / str(name), size) for name, size in images)


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except (OSError, ValueError):
        return False


def _settings_path(out: Path) -> Path:
    return out / "arrays" / "settings.json"


def _just_begun(out: Path) -> bool:
    """Whether another process is about to write its settings: jobs of an array start together."""
    return all(is_bookkeeping(path.name) for path in files_and_links(out))


def _refuse_other_content(out: Path, overwrite: bool) -> None:
    if (out / "dataset_description.json").exists():
        raise OutputError(f"{out}: holds another dataset; choose another output folder")
    held = sorted(path.name for path in out.iterdir() if not is_bookkeeping(path.name))
    if not overwrite:
        raise OutputError(
            f"{out}: holds {', '.join(held[:3])}, which is no prepared data; choose another "
            "output folder, or give --overwrite to write beside it"
        )
    theirs = [name for name in ("arrays", *DATASET_FILES) if os.path.lexists(out / name)]
    if theirs:
        raise OutputError(
            f"{out}: holds {theirs[0]}, which is no prepared data and would be written over; "
            "choose another output folder"
        )


def _remove_prepared(out: Path) -> None:
    """Remove what the records name, the arrays and the dataset's own files; nothing else.

    Raises
    ------
    OutputError
        If a folder that would be emptied is a link.
    """
    for name in ("arrays", "slices"):
        if (out / name).is_symlink():
            raise OutputError(
                f"{out}: {name} is a link; nothing was removed: choose another output folder"
            )
    names = list(DATASET_FILES)
    for subject in finished_subjects(out):
        record = read_record(out, subject)
        names += [f"{subject}.html", *(record.files if record is not None else [])]
    for folder in (out / "arrays", out / "slices"):
        names += [path.relative_to(out).as_posix() for path in files_and_links(folder)]
    own = [name for name in names if is_one_of(name, FILES) and is_inside(out, name)]
    # Records after what they name, the settings last: a kill in between leaves prepared data.
    own.sort(key=lambda name: name.startswith("arrays/sub-") and name.endswith(".json"))
    own.sort(key=lambda name: out / name == _settings_path(out))
    remove_files(out, [out / name for name in dict.fromkeys(own)])
