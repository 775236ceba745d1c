"""Predictions that another tool made, as a method beside the own models.

A folder of images is paired with the subjects of a split as ``petsynth measure`` pairs folders. The
images lie in the world of the prepared data, or in that of the T1 that the subject was prepared
from (``space-T1w`` in the name); each is brought onto the grid of the data once.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsynth.data.prepared import PreparedData
from petsynth.errors import ArgumentError, InputError, PetsynthWarning
from petsynth.evaluation.methods import Method
from petsynth.evaluation.pair_files import find_by_participant, find_partners, list_images
from petsynth.evaluation.pair_images import UNKNOWN_UNIT, PetImage, onto_grid, read_pet_image, unite
from petsynth.io.atomic import atomic_path
from petsynth.io.bids.names import SPACES, parse_entities, pet_stem
from petsynth.io.bids.tracers import tracer_of
from petsynth.io.text import read_json
from petsynth.log import Progress
from petsynth.prepare.records import read_record
from petsynth.preprocessing.pet.units import parse_unit
from petsynth.volume import FloatArray, Volume

_T1_SPACE = "T1w"
_SEED = re.compile(r"(?<=\w)[-_]?seed[-_]?\d+$")
"""End of a name that tells the seed; what stands before it is the method."""
_NAMED = 5
"""Subjects that a message names at most."""


@dataclass(frozen=True)
class Predictions:
    """A folder of another tool's predictions, and whose they are.

    Parameters
    ----------
    name : str
        As the tables show it.
    folder : Path
        Where they are.
    images : dict of str to Path
        By participant (or visit).
    missing : dict of str to str
        Participant -> why there is no image of them.
    """

    name: str
    folder: Path
    images: dict[str, Path]
    missing: dict[str, str]

    @property
    def method(self) -> str:
        """The name without a seed at its end."""
        return _SEED.sub("", self.name)


def parse_predictions(words: Sequence[str]) -> dict[str, Path]:
    """Read ``NAME=DIR``, or ``DIR`` alone, which is then called as the folder is.

    Names that differ only in a seed at their end, as ``theirs-seed0`` and ``theirs-seed1``, are
    runs of one method.

    Raises
    ------
    ArgumentError
        If a name is empty or given twice, or a folder is missing.

    Examples
    --------
    >>> parse_predictions(["theirs=."])
    {'theirs': PosixPath('.')}
    """
    found: dict[str, Path] = {}
    for word in words:
        name, equals, where = word.partition("=")
        folder = Path(where if equals else word)
        name = name.strip() if equals else folder.resolve().name
        if not name or (not where and equals):
            raise ArgumentError(f"--predictions {word}: must be NAME=FOLDER")
        if name in found:
            raise ArgumentError(f"--predictions {word}: the name {name} is given twice")
        if not folder.is_dir():
            raise ArgumentError(f"--predictions {word}: no such folder: {folder}")
        found[name] = folder
    return found


def find_predictions(
    name: str, folder: Path, data: PreparedData, participants: Sequence[str]
) -> Predictions:
    """Pair the images of a folder with participants, by BIDS entities or by the bare name.

    Parameters
    ----------
    name : str
        What the tables call the tool.
    folder : Path
        Its predictions.
    data : PreparedData
        Whose subjects they are of.
    participants : sequence of str
        Whose images are looked for.

    Raises
    ------
    InputError
        If the folder holds no image, or none of these participants.
    """
    images = list_images(folder)
    found, missing = {}, {}
    for participant in participants:
        fitting = _fitting(participant, data, images)
        if len(fitting) == 1:
            found[participant] = fitting[0]
        elif fitting:
            names = ", ".join(path.name for path in fitting[:3])
            missing[participant] = f"{len(fitting)} images fit: {names}"
        else:
            missing[participant] = "no image of it"
    if not found:
        first = participants[0]
        raise InputError(
            f"{folder}: has no image of the {len(participants)} subjects, by BIDS entities or name "
            f"({images[0].name} there; {first}: {missing[first]}); call them "
            f"{pet_stem(f'{first}_T1w.nii.gz', data.tracer)}_pet.nii.gz or {first}.nii.gz"
        )
    return Predictions(name, folder, found, missing)


def read_predictions(
    predictions: Sequence[Predictions], data: PreparedData, scratch: Path
) -> list[Method]:
    """Bring the images onto the grid of the data, and return each folder as a method.

    An image that cannot be used makes its participant a missing one, with a warning.

    Parameters
    ----------
    predictions : sequence of Predictions
        From `find_predictions`.
    data : PreparedData
        Whose grid, tracer and unit count.
    scratch : Path
        Where volumes are kept, to be memory-mapped.

    Raises
    ------
    InputError
        If none of a folder's images can be used.
    """
    total = sum(len(each.images) for each in predictions)
    with Progress("reading predictions", total=total) as progress:
        return [
            _read(each, data, _store(scratch, number), progress.advance)
            for number, each in enumerate(predictions)
        ]


def check_names(names: Sequence[str]) -> None:
    """Refuse names of methods that are used twice.

    Raises
    ------
    ArgumentError
        If there is one.
    """
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ArgumentError(f"--predictions: a method is called {twice[0]} already; name it else")


def name_some(names: Sequence[str]) -> str:
    """Return names in a row, the first ones if there are many.

    Examples
    --------
    >>> name_some(["a", "b"]), name_some(["a"] * 7)
    ('a, b', 'a, a, a, a, a and 2 more')
    """
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _fitting(participant: str, data: PreparedData, images: list[Path]) -> list[Path]:
    names = [f"{pet_stem(f'{participant}_T1w.nii.gz', data.tracer)}_pet.nii.gz"]
    names[:0] = [Path(name).name for name in _derivatives(participant, data, "_pet.nii.gz")]
    for name in names:
        if found := find_partners(name, images):
            return found
    return find_by_participant(participant, images)


def _derivatives(participant: str, data: PreparedData, ending: str) -> list[str]:
    """Return files that ``petsynth prepare`` wrote of a subject, relative to its folder."""
    record = read_record(data.folder, participant)
    return [] if record is None else [name for name in record.files if name.endswith(ending)]


def _store(scratch: Path, number: int) -> Callable[[str], Path]:
    return lambda participant: scratch / f"predictions-{number}_{participant}.npy"


def _read(
    predictions: Predictions,
    data: PreparedData,
    store: Callable[[str], Path],
    on_image: Callable[[], object],
) -> Method:
    told: list[str] = []
    missing = dict(predictions.missing)
    for participant, path in predictions.images.items():
        try:
            image = _on_data(participant, path, data)
        except InputError as error:
            missing[participant] = str(error)
        else:
            values, notes = _filled(image, np.asarray(data.mask(participant)))
            told += notes
            with atomic_path(store(participant)) as temporary:
                np.save(temporary, values)
        on_image()
    if len(missing) == len(predictions.images) + len(predictions.missing):
        why = next(missing[name] for name in predictions.images)
        raise InputError(f"{predictions.folder}: none of its images can be used: {why}")
    for participant, why in missing.items():
        warnings.warn(
            f"{predictions.name}: {participant} is missing: {why}", PetsynthWarning, stacklevel=3
        )
    used = len(predictions.images) + len(predictions.missing) - len(missing)
    notes = [f"{note} ({count} of {used})" for note, count in Counter(told).items()]
    return Method(
        predictions.name,
        "model",
        "; ".join([f"images of another tool, {used} of {used + len(missing)} subjects", *notes]),
        predictions.method,
        lambda participant: np.load(store(participant), mmap_mode="r"),
        missing=missing,
        is_external=True,
    )


def _on_data(participant: str, path: Path, data: PreparedData) -> PetImage:
    """Return an image on the grid of the data."""
    image = read_pet_image(path, "prediction")
    unit = parse_unit(data.unit).name
    nothing = Volume(np.zeros((1, 1, 1), np.float32), np.eye(4), unit)
    unite(PetImage(str(data.folder), nothing, tracer_of(data.tracer)), image, "", "")
    notes = image.notes
    if image.unit == UNKNOWN_UNIT != unit:
        notes += (f"unit not stated, taken to be {unit}",)
    moved = onto_grid(
        PetImage(image.name, image.volume, image.tracer, image.space, notes),
        data.grid,
        _grid_to_image(participant, image, data),
    )
    where = "the T1" if image.space == _T1_SPACE else "the prepared data"
    said = "by its name" if image.space else "its name says no space"
    return PetImage(
        moved.name, moved.volume, moved.tracer, "", (*moved.notes, f"lies on {where} ({said})")
    )


def _grid_to_image(participant: str, image: PetImage, data: PreparedData) -> FloatArray | None:
    own = SPACES.get(data.registration, "aligned")
    if image.space in ("", own):
        return None
    if image.space != _T1_SPACE:
        raise InputError(
            f"{image.name}: is in space {image.space}; needed is {own} (that of {data.folder}) or "
            f"{_T1_SPACE} (that of the subject's T1)"
        )
    found = [
        name
        for name in _derivatives(participant, data, "_xfm.json")
        if parse_entities(Path(name).name).get("to") == _T1_SPACE
    ]
    if not found:
        raise InputError(
            f"{image.name}: is in the space of the T1, and {data.folder} has no transform to it; "
            f"bring it to {own}"
        )
    path = data.folder / found[0]
    try:
        matrix = np.array(read_json(path)["matrix"], dtype=float)
    except (KeyError, TypeError, ValueError):
        matrix = np.zeros(0)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise InputError(f"{path}: holds no transform; prepare {participant} again")
    return matrix


def _filled(image: PetImage, mask: NDArray[Any]) -> tuple[NDArray[np.float32], list[str]]:
    """Return the values with 0 where the image has none, and what to tell of it."""
    values = np.asarray(image.volume.data, dtype=np.float32)
    outside = ~np.isfinite(values)
    notes = [note.replace("synthetic image ", "") for note in image.notes]
    if (outside & mask).any():
        notes.append("does not cover the whole brain: counts as 0 there")
    return np.where(outside, np.float32(0), values), notes
