"""Which files are shown: a prediction folder, an evaluation, prepared data, or loose images.

Several may be named at once; images of the same subject come together by their BIDS entities. An
evaluation gives metrics, and synthetic PET where its predictions were saved; T1 and reference PET
come from the others, or from the prepared data beside it.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from petsynth.data.prepared import DESCRIPTION, PreparedData, static_mean
from petsynth.errors import ArgumentError, InputError
from petsynth.evaluation.pair_files import list_all_images
from petsynth.io.bids.metadata import is_simulated, read_sidecar
from petsynth.io.bids.names import parse_entities, participant_key
from petsynth.io.nifti import read_volume
from petsynth.io.text import read_json, read_table
from petsynth.preprocessing.pet.units import parse_unit
from petsynth.viewer.layers import ROLES, TITLES, Layer, Role, Subject, with_difference
from petsynth.volume import Volume

logger = logging.getLogger(__name__)

METRICS = "metrics.tsv"
SUMMARY = "summary.json"
PREDICTIONS = "predictions"
LOOSE = "scan"
"""What a subject is called whose name no file says."""
SHOWN_METRICS = ("brain_ssim", "brain_psnr", "brain_mae", "brain_pearson_r", "volume_ssim")
"""Columns of an evaluation that the list of subjects shows, as far as there are."""
_ENDING = re.compile(
    r"(?:_(?:trc|space|desc|res|label|seg|acq|run|rec)-[^_]*)*_?(?:T1w|pet|dseg)?\.nii(\.gz)?$"
)
_LABELS = ("dseg", "aseg", "aparc", "synthseg", "labels")


@dataclass
class _Found:
    """What was found of a subject so far."""

    name: str
    layers: list[Layer] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    labels: Callable[[], Volume] | None = None
    mask: Callable[[], Volume] | None = None


def find_subjects(words: Sequence[str | Path]) -> list[Subject]:
    """Return the subjects of what was named, by name.

    Parameters
    ----------
    words : sequence of str or Path
        Folders, images, or images with their role, such as ``t1=scan.nii.gz``.

    Raises
    ------
    ArgumentError
        If a role is unknown.
    InputError
        If something is missing, or nothing can be shown.
    """
    told = [_role_and_path(str(word)) for word in words]
    for _, path in told:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
    found: dict[str, _Found] = {}
    has_prepared = any((path / DESCRIPTION).is_file() for _, path in told)
    for role, path in told:
        if not path.is_dir():
            _add_file(found, path, role)
        elif (path / DESCRIPTION).is_file():
            _add_prepared(found, PreparedData(path))
        elif (path / METRICS).is_file():
            first = _add_metrics(found, path / METRICS)
            if not has_prepared and (near := find_prepared(path, list(found))) is not None:
                logger.info(f"{path}: its T1 and reference PET are taken from {near.folder}")
                _add_prepared(found, near, list(found))
            for folder in saved_predictions(path, first):
                _add_folder(found, folder, "aligned")
        else:
            _add_folder(found, path, "aligned" if has_prepared else "T1w")
    if not found:
        raise InputError(f"{', '.join(map(str, words))}: holds nothing that can be shown")
    return [
        Subject(each.name, with_difference(each.layers), each.metrics, each.labels, each.mask)
        for each in sorted(found.values(), key=lambda each: each.name)
    ]


def find_prepared(evaluation: Path, participants: Collection[str]) -> PreparedData | None:
    """Return the prepared data of an evaluation, if they lie beside it or beside its folder.

    Parameters
    ----------
    evaluation : Path
        Folder of ``petsynth evaluate``.
    participants : collection of str
        Keys of the subjects that the data must hold.

    Returns
    -------
    PreparedData or None
        None, too, if several fit: nobody knows which were evaluated.
    """
    try:
        tracer = read_json(evaluation / SUMMARY)["definitions"]["tracer"]
    except (InputError, KeyError, TypeError):
        return None
    fitting = []
    for parent in evaluation.resolve().parents[:2]:
        for path in sorted(parent.glob(f"*/{DESCRIPTION}")):
            try:
                data = PreparedData(path.parent)
                names = {_key(name) for name in data.participants()}
            except InputError:
                continue
            if data.tracer == tracer and names.issuperset(participants):
                fitting.append(data)
    return fitting[0] if len(fitting) == 1 else None


def role_of(path: Path) -> Role | None:
    """Return what an image is, by its name and its sidecar; None for masks and the like.

    Examples
    --------
    >>> role_of(Path("sub-01_T1w.nii.gz")), role_of(Path("sub-01_desc-synthstd_pet.nii.gz"))
    ('t1', 'std')
    >>> role_of(Path("sub-01_desc-brain_mask.nii.gz")) is None
    True
    """
    entities, name = parse_entities(path.name), path.name.lower()
    description = entities.get("desc", "")
    if entities["suffix"] in ("mask", "dseg", "probseg"):
        return None
    if description in ("synthstd", "std") or "_std" in name:
        return "std"
    if description == "error" or "difference" in name:
        return "difference"
    if description.startswith("synth") or "synth" in name:
        return "synthetic"
    if entities["suffix"] == "pet" or "pet" in name or "suvr" in name:
        return "synthetic" if read_sidecar(path).get("Synthetic") is True else "reference"
    return "t1" if re.search(r"t1|mri|mprage", name) else None


def read_scan(path: Path) -> Volume:
    """Return an image as it is shown: the mean over its frames; NaN count as 0.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    volume = read_volume(path, frames=True, gaps="zero")
    if volume.data.ndim == 3:
        return volume
    durations = read_sidecar(path).get("FrameDuration")
    fits = isinstance(durations, list) and len(durations) == volume.data.shape[3]
    return volume.with_data(static_mean(volume.data, durations if fits else None))


def _role_and_path(word: str) -> tuple[str, Path]:
    role, equals, path = word.partition("=")
    if not equals or Path(word).exists():
        return "", Path(word)
    if role not in (*ROLES, "labels"):
        raise ArgumentError(f"{word}: unknown role {role}; known are {', '.join(ROLES)}, labels")
    return role, Path(path)


def _subject(found: dict[str, _Found], name: str) -> _Found:
    """Return a subject by its name, whichever way it is written."""
    return found.setdefault(_key(name), _Found(name))


def _key(name: str) -> str:
    """Return what is the same for all ways of writing a subject's name."""
    participant, _, session = name.partition("_ses-")
    return f"{participant_key(participant)}/{session}"


def _name_of(path: Path) -> str:
    """Return whose image a file is: participant and session, or what comes before the entities."""
    entities = parse_entities(path.name)
    if "sub" in entities:
        session = f"_ses-{entities['ses']}" if "ses" in entities else ""
        return f"sub-{entities['sub']}{session}"
    return _ENDING.sub("", path.name) or LOOSE


def _add_file(found: dict[str, _Found], path: Path, role: str) -> None:
    """Add an image that was named itself."""
    name = _name_of(path) if "sub" in parse_entities(path.name) else LOOSE
    subject = _subject(found, name)
    if role == "labels" or (not role and _is_labels(path)):
        subject.labels = _reader(path)
        return
    kind = next((each for each in ROLES if each == role), None) or role_of(path)
    if kind is None:
        raise InputError(
            f"{path}: its name does not say what it is; write t1={path.name}, "
            f"reference={path.name} or synthetic={path.name}"
        )
    title = _title(kind, subject, path.name)
    subject.layers.append(Layer(kind, title, _reader(path), _unit(kind, path)))


def _add_folder(found: dict[str, _Found], folder: Path, space: str) -> None:
    """Add the images of a folder; of several spaces only one."""
    images = [
        path
        for path in list_all_images(folder)
        if not {"derivatives", "sourcedata"} & set(path.relative_to(folder).parts)
    ]
    if not images:
        raise InputError(f"{folder}: holds no NIfTI image (.nii, .nii.gz)")
    spaces = {path: parse_entities(path.name).get("space", "") for path in images}
    if any(each == space for each in spaces.values()):
        images = [path for path in images if spaces[path] in ("", space)]
    simulated = is_simulated(folder)
    for path in images:
        subject = _subject(found, _name_of(path))
        role = role_of(path)
        if role is not None:
            title = _title(role, subject, folder.resolve().name)
            if simulated and role == "reference":
                title = f"{title} (simulated)"
            subject.layers.append(Layer(role, title, _reader(path), _unit(role, path)))
        elif _is_labels(path):
            subject.labels = _reader(path)


def _unit(role: Role, path: Path) -> str:
    """Return the unit of a PET's stored values, as its sidecar has it."""
    if role == "t1":
        return ""
    text = " ".join(str(read_sidecar(path).get("Units") or "").split())
    unit = parse_unit(text) if text else None
    return unit.name if unit is not None and unit.is_known and unit.factor == 1 else text[:20]


def _is_labels(path: Path) -> bool:
    return any(word in path.name.lower() for word in _LABELS)


def _add_prepared(
    found: dict[str, _Found], data: PreparedData, only: Collection[str] | None = None
) -> None:
    """Add the images of all subjects, or of ``only`` those with these keys."""
    for name in data.participants():
        if only is not None and _key(name) not in only:
            continue
        subject = _subject(found, name)
        subject.mask = _prepared(data, name, "mask")
        subject.layers.append(Layer("t1", TITLES["t1"], _prepared(data, name, "mri")))
        title = "Reference PET (simulated)" if data.simulated else TITLES["reference"]
        subject.layers.append(Layer("reference", title, _prepared(data, name, "pet"), data.unit))


def _prepared(data: PreparedData, name: str, kind: str) -> Callable[[], Volume]:
    def read() -> Volume:
        if kind == "pet":
            return Volume(np.array(data.static_pet(name)), data.grid.affine, data.unit)
        array = data.mask(name) if kind == "mask" else data.mri(name) + np.float32(1)
        return Volume(np.array(array, dtype=np.float32), data.grid.affine)

    return read


def saved_predictions(evaluation: Path, first: str) -> list[Path]:
    """Return the folders of an evaluation's saved predictions, that of the first model first."""
    folders = sorted(path for path in (evaluation / PREDICTIONS).glob("*") if path.is_dir())
    if not folders:
        return []
    from petsynth.report.predictions import predictions_folder  # with all that evaluates

    return sorted(folders, key=lambda path: path != evaluation / predictions_folder(first))


def _add_metrics(found: dict[str, _Found], path: Path) -> str:
    """Add an evaluation's metrics of its first model, and return that one's name."""
    table = read_table(path)
    models = [row for row in table.to_dict("records") if row.get("kind") == "model"]
    methods = list(dict.fromkeys(row["method"] for row in models))
    for row in models:
        if row["method"] == methods[0] and row.get("compared_with", "n/a") == "n/a":
            subject = _subject(found, str(row["participant_id"]))
            subject.metrics.update(_numbers(row.items()))
    return methods[0] if methods else ""


def _numbers(cells: Iterable[tuple[object, object]]) -> dict[str, float]:
    known = {}
    for column, cell in cells:
        if column in SHOWN_METRICS:
            try:
                value = float(str(cell))
            except ValueError:
                continue
            if math.isfinite(value):
                known[str(column)] = value
    return known


def _title(role: Role, subject: _Found, name: str) -> str:
    """Return a layer's title, with the file's or folder's name where there is one of its kind."""
    is_first = all(each.role != role for each in subject.layers)
    return TITLES[role] if is_first else f"{TITLES[role]} ({name})"


def _reader(path: Path) -> Callable[[], Volume]:
    return lambda: read_scan(path)
