"""The dataset around the simulated images: descriptions, tables, the folder itself."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from petsynth.errors import InputError, OutputError
from petsynth.io.atomic import write_json, write_text
from petsynth.io.bids.metadata import write_dataset_description, write_table
from petsynth.io.lock import is_bookkeeping
from petsynth.io.removal import files_and_links, is_one_of, remove_files
from petsynth.io.text import read_json
from petsynth.simulation.participants import STATUS, UNKNOWN, Participant, Tracer

TRUTH = Path("derivatives/truth")
"""Where the truth stands inside the dataset."""
LABELS = "SimulatedParticipants"
"""Entry of the dataset's description that lists whom the simulation wrote."""

_README = """# Simulated cohort

{what}

**Simulated.** Made by petsynth {version}: `{call}`.
No image here shows the metabolism of any real subject. Do not use for diagnosis, and do not mix
with real scans without saying so.

`derivatives/truth` holds what real data never tell: the brain mask, the noise-free part of each
PET that T1, age, diagnosis and status determine (`desc-noisefree`), and the rigid offset between
PET and T1; where the head moves between frames, that of each frame (`frame_matrices`), and the
noise-free part lies as the head does on the average. Where a T1 shows a lesion, `desc-lesion_dseg`
has it by label.
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
    "amyloid": {
        "Description": "Simulated amyloid status",
        "Levels": {"positive": "amyloid is there", "negative": "none is there"},
    },
    "tau": {
        "Description": "Simulated tau status",
        "Levels": {"positive": "tau is there", "negative": "none is there"},
    },
    "lesion": {
        "Description": "Simulated lesion",
        "Levels": {
            "stroke": "cavity with diaschisis",
            "tumour": "with raised or lowered uptake, and oedema",
            "hyperintensities": "white-matter hyperintensities",
        },
    },
    "original_id": {"Description": "Name of the T1 that the anatomy comes from"},
}


_DESCRIPTIONS = [
    {"desc_id": "desc-noisefree", "description": "noise-free PET without what is chance"},
    {"desc_id": "desc-brain", "description": "true brain mask"},
    {"desc_id": "desc-lesion", "description": "true lesion, by label"},
]


_OF_DATASET = ("dataset_description.json", "README.md", ".bidsignore")
FILES = (
    *_OF_DATASET,
    "participants.tsv",
    "participants.json",
    "sub-*/anat/sub-*_T1w.nii.gz",
    "sub-*/anat/sub-*_T1w.json",
    "sub-*/pet/sub-*_trc-*_pet.nii.gz",
    "sub-*/pet/sub-*_trc-*_pet.json",
    *(f"{TRUTH}/{name}" for name in _OF_DATASET),
    f"{TRUTH}/descriptions.tsv",
    f"{TRUTH}/sub-*/anat/sub-*_desc-brain_mask.nii.gz",
    f"{TRUTH}/sub-*/anat/sub-*_desc-brain_mask.json",
    *(f"{TRUTH}/sub-*/anat/sub-*_desc-lesion_dseg.{end}" for end in ("nii.gz", "json", "tsv")),
    f"{TRUTH}/sub-*/pet/sub-*_trc-*_desc-noisefree_pet.nii.gz",
    f"{TRUTH}/sub-*/pet/sub-*_trc-*_desc-noisefree_pet.json",
    f"{TRUTH}/sub-*/pet/sub-*_trc-*_from-pet_to-T1w_xfm.json",
)
"""Names of everything that a simulation writes; of subjects, those that it lists."""


def prepare_folder(out: Path, overwrite: bool) -> None:
    """Make sure that the dataset may be written to ``out``, and remove an earlier one.

    Only files that the earlier simulation wrote are removed.

    Raises
    ------
    OutputError
        If the folder holds anything and ``overwrite`` is not set, or holds something that is no
        simulated cohort, or other subjects, or links; nothing is removed then.
    """
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is a file; name a folder")
    if not out.exists() or all(is_bookkeeping(path.name) for path in out.iterdir()):
        return
    if not overwrite:
        raise OutputError(f"{out}: not empty; name another folder or give --overwrite")
    remove_files(out, own_files(out))


def own_files(out: Path) -> list[Path]:
    """Return the files that a simulation wrote into its folder, and nothing else that is there.

    Raises
    ------
    OutputError
        If the folder holds no simulated cohort, or subjects that the simulation did not write, or
        links where the simulation writes.
    """
    labels = _simulated_labels(out)
    if labels is None:
        raise OutputError(
            f"{out}: holds something that is no simulated cohort; it is not overwritten, "
            "name another folder"
        )
    own = []
    for path in files_and_links(out):
        name = path.relative_to(out).as_posix()
        if is_bookkeeping(path.name):
            continue
        subject = next((part for part in name.split("/") if part.startswith("sub-")), None)
        is_of_truth = name.startswith(f"{TRUTH}/")
        is_of_cohort = name.startswith("sub-") or is_of_truth or name in ("derivatives", str(TRUTH))
        if is_of_cohort and subject is not None and subject.partition("_")[0] not in labels:
            raise OutputError(
                f"{out}: holds {subject}, which this simulation did not write; nothing was "
                "removed: name another folder"
            )
        if path.is_symlink() and (is_of_cohort or name in FILES):
            raise OutputError(f"{out}: {name} is a link; nothing was removed: name another folder")
        if is_one_of(name, FILES):
            own.append(path)
    # The description goes last: until then the folder is known for what it is.
    return sorted(own, key=lambda path: path == out / "dataset_description.json")


def _simulated_labels(folder: Path) -> set[str] | None:
    """Return whom a simulation was about to write; None if the folder holds none."""
    description = folder / "dataset_description.json"
    try:
        content = read_json(description)
    except InputError:
        return None
    # Data prepared from a simulated cohort are "Simulated" too, but a derivative.
    if content.get("Simulated") is not True or content.get("DatasetType") != "raw":
        return None
    labels = content.get(LABELS, [])
    return {str(label) for label in labels} if isinstance(labels, list) else set()


def write_descriptions(out: Path, what: str, call: str, labels: Sequence[str]) -> None:
    """Write what says that the datasets, raw and truth, are simulated.

    Parameters
    ----------
    out : Path
        The dataset's root.
    what : str
        One sentence on the cohort.
    call : str
        The arguments that made it.
    labels : sequence of str
        Whom the simulation is about to write.
    """
    version = importlib.metadata.version("petsynth")
    more: dict[str, Any] = {"Simulated": True, LABELS: sorted(labels)}
    readme = _README.format(what=what, version=version, call=call)
    write_dataset_description(out, f"Simulated: {what}", derivative=False, **more)
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


def write_participants(
    out: Path,
    participants: list[Participant],
    tracer: Tracer,
    lesions: Mapping[str, str | None] | None = None,
) -> None:
    """Write ``participants.tsv`` and the meaning of its columns; the dataset is complete then.

    Parameters
    ----------
    out : Path
        The dataset's root.
    participants : list of Participant
        Everybody.
    tracer : {"FDG", "AV45", "AV1451"}
        What is injected.
    lesions : mapping from str to str or None, optional
        Label -> kind of lesion, None for no lesion; without it there is no such column.
    """
    status = STATUS.get(tracer)
    rows = [
        {
            "participant_id": participant.label,
            "age": participant.age,
            "sex": participant.sex,
            "diagnosis": participant.diagnosis,
            "mmse": participant.mmse,
            "severity": participant.severity,
            **({} if status is None else {status: participant.status}),
            **({} if lesions is None else {"lesion": lesions[participant.label] or UNKNOWN}),
            "original_id": participant.original_id,
        }
        for participant in sorted(participants, key=lambda participant: participant.index)
    ]
    write_json(
        out / "participants.json", {name: _COLUMNS[name] for name in rows[0] if name in _COLUMNS}
    )
    write_table(out / "participants.tsv", pd.DataFrame(rows))
