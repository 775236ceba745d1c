"""The files of one prepared subject: arrays, BIDS derivatives, picture and record.

The record ``arrays/sub-001.json`` is written last. It says what the subject was made from and
how, so that a later run knows whether it is finished.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from petsynth.data.prepared import array_path, write_array
from petsynth.errors import InputError
from petsynth.io.atomic import write_json
from petsynth.io.bids.index import Scan
from petsynth.io.bids.metadata import read_metadata, sidecar_path
from petsynth.io.bids.names import SPACES, SPATIAL_REFERENCES, pet_stem
from petsynth.io.nifti import write_volume
from petsynth.prepare.pictures import write_pictures
from petsynth.prepare.uptake_figures import describe_uptake, flags_of
from petsynth.preprocessing.pet.registration import static
from petsynth.preprocessing.subject import PreparedSubject, PreprocessingSettings

_T1_HOW = {"rigid": "rigidly aligned to MNI axes", "none": "centred, not aligned,"}
_PET_HOW = {"rigid": "rigidly aligned to the T1-weighted MRI", "none": "centred, not aligned,"}


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
        Settings and input files (path, size, time of change) that it was made from.
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
    """

    participant: str
    session: str | None
    key: dict[str, Any]
    files: list[str]
    unit: str
    frames: int
    qc: dict[str, Any]
    notes: list[str]


def record_path(folder: str | Path, name: str) -> Path:
    """Return where a subject's record stands, by its `petsynth.io.bids.index.Scan.name`."""
    return Path(folder) / "arrays" / f"{name}.json"


def read_record(folder: str | Path, name: str) -> Record | None:
    """Return a subject's record; None if there is none, or it is not one of this version."""
    try:
        content = json.loads(record_path(folder, name).read_text(encoding="utf-8"))
        return Record(**content)
    except (FileNotFoundError, ValueError, TypeError):
        return None


def is_finished(folder: str | Path, record: Record | None, key: dict[str, Any]) -> bool:
    """Whether a subject was made from the same files in the same way, and all of it is there."""
    if record is None or record.key != key:
        return False
    return all((Path(folder) / name).exists() for name in record.files)


def write_subject(
    folder: str | Path,
    scan: Scan,
    subject: PreparedSubject,
    settings: PreprocessingSettings,
    key: dict[str, Any],
    *,
    notes: Sequence[str] = (),
    simulated: bool = False,
) -> Record:
    """Write everything of one subject.

    Parameters
    ----------
    folder : str or Path
        Of the prepared data.
    scan : Scan
        Where it comes from.
    subject : PreparedSubject
        What is written.
    settings : PreprocessingSettings
        How it was made; the sidecars tell.
    key : dict
        See `Record`.
    notes : sequence of str
        What was assumed about the scans.
    simulated : bool
        Whether the scans are simulated; sidecars and picture then say so.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    root = Path(folder)
    written = [
        *_write_arrays(root, scan.name, subject),
        *_write_anat(root, scan, subject, settings, simulated),
        *_write_pet(root, scan, subject, settings, simulated),
        *write_pictures(root, scan, subject, simulated=simulated),
    ]
    qc = {
        "participant_id": scan.participant,
        "session_id": f"ses-{scan.session}" if scan.session else None,
        "interval_days": scan.interval_days,
        "mask_source": subject.mask_source,
        **{name: _plain(value) for name, value in dataclasses.asdict(subject.quality).items()},
        **describe_uptake(subject),
        "flags": "; ".join(flags_of(scan, subject)) or "none",
    }
    record = Record(
        participant=scan.participant,
        session=scan.session,
        key=key,
        files=[path.relative_to(root).as_posix() for path in written],
        unit=subject.pet.unit,
        frames=subject.pet.frames,
        qc=qc,
        notes=list(notes),
    )
    write_json(record_path(root, scan.name), dataclasses.asdict(record))
    return record


def _plain(value: float | bool) -> float | str:
    return ("yes" if value else "no") if isinstance(value, bool) else round(value, 4)


def _write_arrays(root: Path, name: str, subject: PreparedSubject) -> list[Path]:
    write_array(root, name, "mri", subject.mri)
    write_array(root, name, "pet", subject.pet.data)
    write_array(root, name, "mask", subject.mask)
    paths = [array_path(root, name, kind) for kind in ("mri", "pet", "mask")]
    if subject.conformed is not None:
        write_array(root, name, "t1", subject.conformed)
        paths.append(array_path(root, name, "t1"))
    if subject.noise_free is not None:
        write_array(root, name, "noisefree", static(subject.noise_free).data)
        paths.append(array_path(root, name, "noisefree"))
    return paths


def _write_anat(
    root: Path,
    scan: Scan,
    subject: PreparedSubject,
    settings: PreprocessingSettings,
    simulated: bool,
) -> list[Path]:
    space = SPACES[settings.registration]
    stem = root / scan.folder / "anat" / f"{scan.stem}_space-{space}"
    t1 = Path(f"{stem}_desc-preproc_T1w.nii.gz")
    mask = Path(f"{stem}_desc-brain_mask.nii.gz")
    common: dict[str, Any] = {"SpatialReference": SPATIAL_REFERENCES[settings.registration]}
    common |= {"Sources": [_source(scan, scan.t1)]} | ({"Simulated": True} if simulated else {})
    write_volume(t1, subject.t1)
    write_json(
        sidecar_path(t1),
        common
        | {
            "Description": f"T1-weighted MRI, {_T1_HOW[settings.registration]} and resampled once",
            "SkullStripped": subject.mask_source == "skull-stripped",
            "BiasFieldCorrected": settings.bias_field,
        },
    )
    write_volume(mask, subject.t1.with_data(subject.mask), dtype=np.uint8)
    write_json(
        sidecar_path(mask),
        common | {"Type": "Brain", "Description": f"Brain mask ({subject.mask_source})"},
    )
    xfm = stem.with_name(f"{scan.stem}_from-{space}_to-T1w_mode-image_xfm.json")
    _write_transform(xfm, subject.grid_to_t1, space, "T1w")
    return [t1, sidecar_path(t1), mask, sidecar_path(mask), xfm]


def _write_pet(
    root: Path,
    scan: Scan,
    subject: PreparedSubject,
    settings: PreprocessingSettings,
    simulated: bool,
) -> list[Path]:
    stem = pet_stem(f"{scan.stem}_T1w.nii.gz", scan.tracer)
    folder = root / scan.folder / "pet"
    pet = folder / f"{stem}_space-{SPACES[settings.registration]}_desc-preproc_pet.nii.gz"
    write_volume(pet, subject.pet)
    sidecar = (
        read_metadata(scan.pet)
        | _frame_times(subject)
        | _reference(subject)
        | {
            "Description": f"PET, {_PET_HOW[settings.registration]} and resampled once"
            + (", mean over frames" if settings.frames == "mean" else ""),
            "SpatialReference": SPATIAL_REFERENCES[settings.registration],
            "SkullStripped": False,
            "Units": subject.pet.unit,
            "Sources": [_source(scan, scan.pet), _source(scan, scan.t1)],
        }
    )
    write_json(sidecar_path(pet), sidecar | ({"Simulated": True} if simulated else {}))
    xfm = folder / f"{stem}_from-T1w_to-pet_mode-image_xfm.json"
    _write_transform(xfm, subject.t1_to_pet, "T1w", "pet")
    return [pet, sidecar_path(pet), xfm]


def _frame_times(subject: PreparedSubject) -> dict[str, Any]:
    starts, durations = subject.frame_times
    return {"FrameTimesStart": starts, "FrameDuration": durations} if starts else {}


def _reference(subject: PreparedSubject) -> dict[str, Any]:
    if subject.uptake is None or subject.uptake.reference is None:
        return {}
    reference = subject.uptake.reference
    return {"ReferenceRegion": reference.name, "ReferenceValue": round(reference.mean, 6)}


def _write_transform(path: Path, matrix: np.ndarray, source: str, target: str) -> None:
    meaning = f"maps world millimetres (RAS) of {source} to world millimetres (RAS) of {target}"
    write_json(path, {"matrix": np.asarray(matrix).tolist(), "Description": meaning})


def _source(scan: Scan, path: Path) -> str:
    parts = path.parts
    start = len(parts) - 1 - parts[::-1].index(scan.participant)
    return "bids:raw:" + "/".join(parts[start:])


def read_simulated(bids: str | Path) -> bool:
    """Whether a dataset says that it is simulated.

    Raises
    ------
    InputError
        If its description is no JSON.
    """
    path = Path(bids) / "dataset_description.json"
    if not path.exists():
        return False
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error})") from None
    return isinstance(content, dict) and content.get("Simulated") is True
