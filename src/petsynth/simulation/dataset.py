"""The dataset around the simulated images: descriptions, tables, the folder itself."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
from pathlib import Path

import pandas as pd

from petsynth.errors import OutputError
from petsynth.io.atomic import write_json, write_text
from petsynth.io.bids.metadata import write_dataset_description, write_table
from petsynth.simulation.participants import Participant

TRUTH = Path("derivatives/truth")
"""Where the truth stands inside the dataset."""

_README = """# Simulated cohort

{what}

**Simulated.** Made by petsynth {version}: `{call}`.
No image here shows the metabolism of any person. Do not use for diagnosis, and do not mix with
real scans without saying so.

`derivatives/truth` holds what real data never tell: the brain mask, the noise-free part of each
PET that its T1 determines (`desc-noisefree`), and the rigid offset between PET and T1.
"""

_COLUMNS = {
    "age": {"Description": "Age", "Units": "years"},
    "sex": {"Description": "Sex", "Levels": {"F": "female", "M": "male"}},
    "diagnosis": {
        "Description": "Simulated diagnosis",
        "Levels": {"CN": "cognitively normal", "AD": "Alzheimer's disease"},
    },
    "mmse": {"Description": "Simulated mini-mental state examination, 0 to 30"},
    "severity": {"Description": "Simulated clinical severity, 0 to 1"},
    "original_id": {"Description": "Name of the T1 that the anatomy comes from"},
}


_DESCRIPTIONS = [
    {"desc_id": "desc-noisefree", "description": "noise-free PET as far as the T1 determines it"},
    {"desc_id": "desc-brain", "description": "true brain mask"},
]


def prepare_folder(out: Path, overwrite: bool) -> None:
    """Make sure that the dataset may be written to ``out``.

    Raises
    ------
    OutputError
        If the folder holds anything and ``overwrite`` is not set, or holds something that is
        no simulated cohort.
    """
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is a file; name a folder")
    if not out.exists() or not any(out.iterdir()):
        return
    if not overwrite:
        raise OutputError(f"{out}: not empty; name another folder or give --overwrite")
    if not _is_simulated(out):
        raise OutputError(
            f"{out}: holds something that is no simulated cohort; it is not overwritten, "
            "name another folder"
        )
    for path in [*out.glob("sub-*"), out / TRUTH]:
        shutil.rmtree(path, ignore_errors=True)
    for name in ("participants.tsv", "participants.json"):
        (out / name).unlink(missing_ok=True)


def _is_simulated(folder: Path) -> bool:
    description = folder / "dataset_description.json"
    try:
        content = json.loads(description.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    # Data prepared from a simulated cohort are "Simulated" too, but a derivative.
    return (
        isinstance(content, dict)
        and content.get("Simulated") is True
        and content.get("DatasetType") == "raw"
    )


def write_descriptions(out: Path, what: str, call: str) -> None:
    """Write what says that the datasets, raw and truth, are simulated.

    Parameters
    ----------
    out : Path
        The dataset's root.
    what : str
        One sentence on the cohort.
    call : str
        The arguments that made it.
    """
    version = importlib.metadata.version("petsynth")
    readme = _README.format(what=what, version=version, call=call)
    write_dataset_description(out, f"Simulated: {what}", derivative=False, Simulated=True)
    write_text(out / "README.md", readme)
    write_text(out / ".bidsignore", "derivatives/\n")
    write_dataset_description(
        out / TRUTH,
        f"Truth of the simulation: {what}",
        derivative=True,
        Simulated=True,
        DatasetLinks={"raw": "../.."},
    )
    write_text(out / TRUTH / "README.md", readme)
    write_text(out / TRUTH / ".bidsignore", "*_xfm.json\n")
    write_table(out / TRUTH / "descriptions.tsv", pd.DataFrame(_DESCRIPTIONS))


def write_participants(out: Path, participants: list[Participant]) -> None:
    """Write ``participants.tsv`` and the meaning of its columns; the dataset is complete then."""
    rows = [
        {
            "participant_id": person.label,
            "age": person.age,
            "sex": person.sex,
            "diagnosis": person.diagnosis,
            "mmse": person.mmse,
            "severity": person.severity,
            "original_id": person.original_id,
        }
        for person in sorted(participants, key=lambda person: person.index)
    ]
    write_json(out / "participants.json", _COLUMNS)
    write_table(out / "participants.tsv", pd.DataFrame(rows))
