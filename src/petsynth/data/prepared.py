"""Prepared data: the folder that ``petsynth prepare`` writes, and everything later reads.

::

    PREPARED/prepared.json                 tracer, unit, grid, frames, PET scale and its definition
    PREPARED/split.tsv                     participant_id, split, diagnosis[, session_id]
    PREPARED/arrays/sub-001_mri.npy        (X, Y, Z) float32 in [-1, 1]
    PREPARED/arrays/sub-001_pet.npy        (X, Y, Z[, T]) float32 in PET units
    PREPARED/arrays/sub-001_mask.npy       (X, Y, Z) bool, brain
    PREPARED/arrays/sub-001_noisefree.npy  (X, Y, Z) float32 in PET units; simulations only
    PREPARED/arrays/sub-001_lesion.npy     (X, Y, Z) bool; simulated lesions only
    PREPARED/arrays/sub-001_t1.npy         float32 on 0 to 255, on paper B's cube; its data only

Where every visit of a subject is prepared, ``split.tsv`` has a row per visit and names are
``sub-001_ses-m12``. A part of the split always holds whole subjects.

Arrays are memory-mapped: a slice costs the reading of a slice, and memory does not grow with
the number of subjects.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from petsynth.covariates import CovariateName, Covariates, parse_covariates
from petsynth.data.covariate_table import covariate_texts, read_covariate_texts
from petsynth.data.split import check_split
from petsynth.errors import InputError
from petsynth.io.bids.names import participant_key, participant_of
from petsynth.io.text import check_file, check_text, exists, read_json, read_table
from petsynth.volume import Grid, check_grid, check_tracer

Kind = Literal["mri", "pet", "mask", "noisefree", "lesion", "t1"]
Split = Literal["train", "validation", "test"]

FORMAT = 2
"""Version of the layout of prepared data; folders of another version are refused."""
DESCRIPTION = "prepared.json"
SPLIT_TABLE = "split.tsv"
PARTICIPANTS_TABLE = "participants.tsv"
_NEEDED = ("tracer", "unit", "frames", "grid", "pet_scale", "simulated")


class PreparedData:
    """Prepared subjects of one folder, read as they are asked for.

    Parameters
    ----------
    folder : str or Path
        What ``petsynth prepare`` wrote.

    Attributes
    ----------
    folder : Path
    description : dict
        The whole of ``prepared.json``.
    tracer : str
        ``"FDG"``, ``"AV45"``, ``"AV1451"`` or a BIDS ``trc-`` label.
    unit : str
        Unit of the PET values.
    frames : int
        Number of time points of each PET; 1 for static.
    frame_durations : tuple of float or None
        Their durations in seconds, the weights of means over frames; None if unknown, which
        gives all frames the same weight.
    grid : Grid
        The grid of every array but ``t1``.
    t1_grid : Grid or None
        The grid of ``t1``, where the data are prepared for paper B.
    pet_scale : float
        PET value that the network sees as 1; see `petsynth.data.scale`.
    registration : str
        ``"rigid"`` or ``"none"``: what `petsynth.io.bids.names.SPACES` names the space by.
    simulated : bool
        Whether the scans come from a simulation.

    Raises
    ------
    InputError
        If the folder is missing, holds no prepared data or an incomplete description.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.description = read_description(self.folder)
        self.tracer = str(self.description["tracer"])
        self.unit = str(self.description["unit"])
        self.frames = int(self.description["frames"])
        self.frame_durations = self._read_durations()
        self.pet_scale = float(self.description["pet_scale"])
        preprocessing = self.description.get("preprocessing") or {}
        self.registration = str(preprocessing.get("registration", "rigid"))
        self.simulated = bool(self.description["simulated"])
        self.grid = Grid.from_dict(self.description["grid"])
        cube = self.description.get("t1_grid")
        self.t1_grid = None if cube is None else Grid.from_dict(cube)

    @functools.cached_property
    def _table(self) -> dict[str, tuple[str, str]]:
        path = self.folder / SPLIT_TABLE
        table = read_table(path)
        missing = {"participant_id", "split"} - set(table.columns)
        if missing:
            raise InputError(f"{path}: column {', '.join(sorted(missing))} is missing")
        check_split(zip(table["participant_id"], table["split"], strict=True), f"{path}: ")
        unknown = ["n/a"] * len(table)
        diagnoses, sessions = table.get("diagnosis", unknown), table.get("session_id", unknown)
        return {
            participant + ("" if session == "n/a" else f"_{session}"): (split, diagnosis)
            for participant, session, split, diagnosis in zip(
                table["participant_id"], sessions, table["split"], diagnoses, strict=True
            )
        }

    def participants(self, split: Split | None = None) -> list[str]:
        """Return the names of one part of the split, or all, in the order of ``split.tsv``.

        One per subject; one per visit where every visit is prepared. See `subjects`.

        Raises
        ------
        InputError
            If the table is missing or incomplete.
        SplitError
            If a subject stands in two parts.
        """
        return [name for name, (part, _) in self._table.items() if split in (None, part)]

    def subjects(self, split: Split | None = None) -> list[str]:
        """Return whose scans they are, each subject once, in the order of ``split.tsv``."""
        return list(dict.fromkeys(map(participant_of, self.participants(split))))

    def split(self, participant: str) -> str:
        """Return ``"train"``, ``"validation"`` or ``"test"``."""
        return self._row(participant)[0]

    def diagnosis(self, participant: str) -> str:
        """Return the diagnosis as ``participants.tsv`` had it; ``"n/a"`` if unknown."""
        return self._row(participant)[1]

    def covariates(self, participant: str) -> Covariates:
        """Return what else is known of a subject, at a visit if the name has one: age, sex, ...

        Raises
        ------
        InputError
            If ``participants.tsv`` or ``split.tsv`` says something that is no value of it.
        """
        told = self._covariates.get(participant_key(participant_of(participant)), {})
        return {**parse_covariates(told), **self._at_visits.get(participant, {})}

    @functools.cached_property
    def _at_visits(self) -> dict[str, Covariates]:
        """What ``split.tsv`` says of each visit; empty without visits."""
        path = self.folder / SPLIT_TABLE
        table = read_table(path)
        if "session_id" not in table:
            return {}
        names = table["participant_id"] + "_" + table["session_id"]
        return {
            name: parse_covariates(texts)
            for name, texts in zip(names, covariate_texts(table, names, path), strict=True)
        }

    @functools.cached_property
    def _covariates(self) -> dict[str, dict[CovariateName, str]]:
        path = self.folder / PARTICIPANTS_TABLE
        return read_covariate_texts(path) if exists(path) else {}

    def mri(self, participant: str) -> NDArray[np.float32]:
        """Return the T1, (X, Y, Z) in [-1, 1], memory-mapped."""
        return self._array(participant, "mri")

    def t1(self, participant: str) -> NDArray[np.float32]:
        """Return the conformed T1 of paper B, on ``t1_grid``, 0 to 255, memory-mapped.

        Raises
        ------
        InputError
            If the data are not prepared for paper B.
        """
        if self.t1_grid is None:
            raise InputError(
                f"{self.folder}: is not prepared for paper B's models; "
                "run petsynth prepare with --grid paper-b into another folder"
            )
        return self._array(participant, "t1", self.t1_grid)

    def pet(self, participant: str) -> NDArray[np.float32]:
        """Return the PET as stored, (X, Y, Z) or (X, Y, Z, T), in PET units, memory-mapped."""
        return self._array(participant, "pet")

    def static_pet(self, participant: str) -> NDArray[np.float32]:
        """Return the mean of the PET over its frames by duration, (X, Y, Z), in PET units."""
        return static_mean(self.pet(participant), self.frame_durations)

    def mask(self, participant: str) -> NDArray[np.bool_]:
        """Return the brain mask, (X, Y, Z) bool, memory-mapped."""
        return self._array(participant, "mask")

    def noise_free(self, participant: str) -> NDArray[np.float32] | None:
        """Return the noise-free part of a simulated PET that its T1 determines, or None."""
        self._row(participant)
        if not array_path(self.folder, participant, "noisefree").exists():
            return None
        return self._array(participant, "noisefree")

    def lesion(self, participant: str) -> NDArray[np.bool_] | None:
        """Return where the T1 shows a simulated lesion, (X, Y, Z) bool; None where none is."""
        self._row(participant)
        if not array_path(self.folder, participant, "lesion").exists():
            return None
        return self._array(participant, "lesion")

    def _read_durations(self) -> tuple[float, ...] | None:
        given = self.description.get("frame_durations")
        if given is None:
            return None
        try:
            durations = tuple(map(float, given))
        except (TypeError, ValueError):
            durations = ()
        if len(durations) != self.frames or not all(0 < each < math.inf for each in durations):
            raise InputError(
                f"{self.folder / DESCRIPTION}: frame_durations must be {self.frames} positive "
                f"number(s) of seconds, one per frame, and is {given}; prepare again"
            )
        return durations

    def _row(self, participant: str) -> tuple[str, str]:
        if participant not in self._table:
            known = ", ".join(list(self._table)[:5])
            raise InputError(f"{self.folder}: no subject {participant}; there are {known}, ...")
        return self._table[participant]

    def _array(self, participant: str, kind: Kind, grid: Grid | None = None) -> NDArray[Any]:
        self._row(participant)
        shape: tuple[int, ...] = (grid or self.grid).shape
        if kind == "pet" and self.frames > 1:
            shape = (*shape, self.frames)
        array = read_array(self.folder, participant, kind)
        if array.shape != shape:
            raise InputError(
                f"{array_path(self.folder, participant, kind)}: shape {array.shape} does not fit "
                f"the grid, which is {shape}; prepare this subject again with --overwrite"
            )
        return array


def static_mean(pet: NDArray[Any], durations: Sequence[float] | None = None) -> NDArray[np.float32]:
    """Return the mean over the frames of a PET.

    Parameters
    ----------
    pet : (X, Y, Z) or (X, Y, Z, T) array
        A static PET is returned as it is.
    durations : sequence of T float, optional
        Of the frames, in any unit: their weights. Equal weights if left out.

    Raises
    ------
    ValueError
        If there are not as many durations as frames.

    Examples
    --------
    One minute at 1 and nine minutes at 3:

    >>> round(float(static_mean(np.array([[[[1.0, 3.0]]]]), (60, 540))[0, 0, 0]), 4)
    2.8
    """
    if pet.ndim == 3:
        return pet
    if durations is not None and len(durations) != pet.shape[3]:
        raise ValueError(f"{len(durations)} durations of {pet.shape[3]} frames")
    if durations is None:
        mean: NDArray[np.float32] = pet.mean(axis=3, dtype=np.float32)
    else:
        mean = np.average(pet, axis=3, weights=durations).astype(np.float32)
    return mean


def array_path(folder: str | Path, participant: str, kind: Kind) -> Path:
    """Return where one array of one subject stands."""
    return Path(folder) / "arrays" / f"{participant}_{kind}.npy"


def read_array(folder: str | Path, participant: str, kind: Kind) -> NDArray[Any]:
    """Memory-map one array of one subject.

    Raises
    ------
    InputError
        If it is missing or damaged, or holds other numbers than ``petsynth prepare`` writes.
    """
    path = array_path(folder, participant, kind)
    try:
        result: NDArray[Any] = np.lib.format.open_memmap(check_file(path), mode="r")
    except InputError as error:
        raise InputError(f"{error}; run petsynth prepare again") from None
    except (ValueError, OSError, EOFError, OverflowError, TypeError, TokenError) as error:
        told = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: damaged ({told}); remove it and prepare again") from None
    wanted = np.dtype(np.bool_ if kind in ("mask", "lesion") else np.float32)
    if result.dtype != wanted:
        raise InputError(
            f"{path}: damaged (holds {result.dtype}, not {wanted}); remove it and prepare again"
        )
    return result


def read_description(folder: str | Path) -> dict[str, Any]:
    """Read ``prepared.json``.

    Raises
    ------
    InputError
        If the folder, the file or a needed entry is missing, or another version of petsynth
        wrote it.
    """
    path = Path(folder) / DESCRIPTION
    if not path.parent.is_dir():
        raise InputError(f"{path.parent}: no such folder of prepared data")
    if not exists(path):
        raise InputError(f"{path.parent}: holds no {DESCRIPTION}; make it with petsynth prepare")
    content = read_json(path)
    if content.get("format") != FORMAT:
        raise InputError(
            f"{path.parent}: was prepared by another version of petsynth; "
            "run petsynth prepare again with --overwrite"
        )
    missing = [key for key in _NEEDED if key not in content]
    if missing:
        raise InputError(f"{path}: entries {', '.join(missing)} are missing; prepare again")
    _check_entries(path, content)
    return content


def _check_entries(path: Path, content: dict[str, Any]) -> None:
    """Refuse entries that no prepared data have: they become file names, shapes and factors."""
    try:
        check_tracer(content["tracer"])
        for key in ("grid", "t1_grid"):
            if content.get(key) is not None:
                check_grid(Grid.from_dict(content[key]))
        scale, frames = content["pet_scale"], content["frames"]
        if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale < 1e30:
            raise ValueError(f"pet_scale is {scale!r}, not a positive number")
        if isinstance(frames, bool) or not isinstance(frames, int) or not 1 <= frames <= 1000:
            raise ValueError(f"frames is {frames!r}, not a whole number from 1 on")
        check_text("unit", content["unit"])
        if not isinstance(content.get("pet_scale_definition", ""), str):
            raise ValueError("pet_scale_definition is no text")
        if not isinstance(content.get("preprocessing", {}), dict):
            raise ValueError("preprocessing is no table")
        if not isinstance(content["simulated"], bool):
            raise ValueError(f"simulated is {content['simulated']!r}, not true or false")
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise InputError(f"{path}: damaged ({error}); prepare again") from None
