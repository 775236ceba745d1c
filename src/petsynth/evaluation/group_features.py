"""Regional features of two groups of subjects, from the tables of one or several evaluations.

Only subjects that a model was tested on have a synthetic PET that it did not learn; of several
evaluations with different test subjects all of these count together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from petsynth.errors import InputError
from petsynth.io.bids.names import participant_of
from petsynth.io.text import read_json, read_table
from petsynth.volume import BoolArray, FloatArray

MRI, REFERENCE = "MRI", "reference PET"
BOTH = "MRI + {}"
TELLING = ("diagnosis", "mmse")
"""Covariates that give the answer away: the MMSE is part of what patients are diagnosed by."""
_NEEDED = ("metrics.tsv", "regions.tsv", "summary.json")
_IN_BOTH = ("participant_id", "method", "kind")
"""Columns of both tables."""
_IMAGES = {"volume_ml": "volume", "grey_fraction": "grey"}


@dataclass(frozen=True)
class GroupFeatures:
    """What two groups of subjects are told apart by.

    Parameters
    ----------
    participants : list of str
        The subjects; visits are averaged.
    positive : (S,) bool array
        Whether they are of the first group.
    groups : (str, str)
        Diagnosis of the positive and of the negative subjects.
    sets : dict of str to (S, F) float array
        Name of the features -> a row per subject; NaN where a region has no value.
    synthetic : list of str
        Methods whose PET is among the features.
    told : list of str
        Those of them that were told the diagnosis, or what gives it away; see `TELLING`.
    external : list of str
        Those that another tool made.
    simulated : bool
        Whether the scans are simulated.
    notes : list of str
        Who and what was left out.
    """

    participants: list[str]
    positive: BoolArray
    groups: tuple[str, str]
    sets: dict[str, FloatArray]
    synthetic: list[str]
    told: list[str]
    external: list[str]
    simulated: bool
    notes: list[str]


@dataclass(frozen=True)
class _Tables:
    """What one evaluation left."""

    regions: pd.DataFrame
    diagnosis: dict[str, str]
    models: list[str]
    summary: dict[str, Any]


def synthetic_pet(method: str) -> str:
    """Return what the PET of a method is called among the features."""
    return f"synthetic PET ({method})"


def read_group_features(folders: Sequence[Path], groups: tuple[str, str]) -> GroupFeatures:
    """Read the features of the subjects of two groups.

    Parameters
    ----------
    folders : sequence of Path
        Written by ``petsynth evaluate``; their test subjects are different people.
    groups : (str, str)
        Diagnoses as in ``participants.tsv``, such as AD and CN; the first one is positive.

    Returns
    -------
    GroupFeatures
        Of the MRI: each region's grey matter fraction and its fraction of the volume of all
        regions. Of a PET: each region's SUVR. Together: both.

    Raises
    ------
    InputError
        If a folder holds no evaluation with regions, a subject stands in two of them, they have
        no model in common, or a group has no subject.
    """
    tables = [_read(folder) for folder in folders]
    _check_apart(tables, folders)
    models = [name for name in tables[0].models if all(name in each.models for each in tables)]
    if not models:
        raise InputError(f"{folders[0]}: no model is in all evaluations; evaluate the same ones")
    regions = pd.concat([each.regions for each in tables], ignore_index=True)
    diagnosis: dict[str, str] = {}
    for each in tables:
        diagnosis |= each.diagnosis
    notes = [
        f"{name} is not in all evaluations and is left out"
        for name in dict.fromkeys(name for each in tables for name in each.models)
        if name not in models
    ]
    parts = _parts(regions, models)
    everyone = [name for name in diagnosis if diagnosis[name] in groups]
    chosen = [name for name in everyone if all(name in part.index for part in parts.values())]
    if lost := [name for name in everyone if name not in chosen]:
        notes.append(f"{', '.join(lost)}: without regions, or without one of the PETs; left out")
    for group in groups:
        if not any(diagnosis[name] == group for name in chosen):
            known = sorted(set(diagnosis.values()))
            raise InputError(
                f"{folders[0]}: no test subject has the diagnosis {group} and all features; "
                f"diagnoses there: {', '.join(known)}"
            )
    arrays = {name: _complete(part.loc[chosen]) for name, part in parts.items()}
    together = {
        BOTH.format(name): np.hstack([arrays[MRI], array])
        for name, array in arrays.items()
        if name != MRI
    }
    return GroupFeatures(
        chosen,
        np.array([diagnosis[name] == groups[0] for name in chosen]),
        groups,
        arrays | together,
        models,
        [name for name in models if any(_was_told(each, name) for each in tables)],
        [name for name in models if any(name in each.summary["external"] for each in tables)],
        any(bool(each.summary["simulated"]) for each in tables),
        notes,
    )


def _read(folder: Path) -> _Tables:
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"{folder}: {missing[0]} is missing; name the folder of an evaluation with regions "
            "(petsynth evaluate, without --atlas none)"
        )
    regions, metrics = read_table(folder / "regions.tsv"), read_table(folder / "metrics.tsv")
    summary = read_json(folder / "summary.json")
    lacking = (
        {*_IN_BOTH, "region", "reference", "synthetic", *_IMAGES} - set(regions.columns)
        or {*_IN_BOTH, "diagnosis"} - set(metrics.columns)
        or {"covariates", "external", "simulated"} - set(summary)
    )
    if lacking:
        raise InputError(
            f"{folder}: {', '.join(sorted(lacking))} is not in its tables, which an earlier "
            "version wrote; evaluate again"
        )
    covariates, external = summary["covariates"], summary["external"]
    if not (
        isinstance(external, list)
        and isinstance(covariates, dict)
        and all(isinstance(each, list) for each in covariates.values())
    ):
        raise InputError(f"{folder / 'summary.json'}: damaged; evaluate again")
    of_models = metrics[metrics["kind"] == "model"]
    return _Tables(
        regions[regions["kind"] == "region"],
        _diagnoses(of_models),
        list(dict.fromkeys(of_models["method"])),
        summary,
    )


def _diagnoses(rows: pd.DataFrame) -> dict[str, str]:
    """Return each subject's diagnosis; of visits with several, ``"n/a"``."""
    who = rows["participant_id"].map(participant_of)
    return {
        str(name): str(values.iloc[0]) if values.nunique() == 1 else "n/a"
        for name, values in rows["diagnosis"].groupby(who, sort=False)
    }


def _check_apart(tables: Sequence[_Tables], folders: Sequence[Path]) -> None:
    holder: dict[str, Path] = {}
    for each, folder in zip(tables, folders, strict=True):
        for name in each.diagnosis:
            if name in holder:
                raise InputError(
                    f"{folder}: {name} stands in {holder[name]}, too; name evaluations of "
                    "different people"
                )
        holder |= dict.fromkeys(each.diagnosis, folder)


def _parts(regions: pd.DataFrame, models: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Return a table of subjects and features for the MRI and each PET."""
    first = regions.drop_duplicates(["participant_id", "region"])
    volume, grey = (_pivot(first, column) for column in _IMAGES)
    mri = pd.concat(
        [
            volume.div(volume.sum(axis=1), axis=0).add_prefix("volume "),
            grey.add_prefix("grey "),
        ],
        axis=1,
    )
    parts = {MRI: mri, REFERENCE: _pivot(first, "reference")}
    for name in models:
        parts[synthetic_pet(name)] = _pivot(regions[regions["method"] == name], "synthetic")
    return parts


def _pivot(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a row per subject, the mean over visits, and a column per region."""
    values = pd.to_numeric(rows[column], errors="coerce")
    who = rows["participant_id"].map(participant_of)
    return values.groupby([who, rows["region"]], sort=False).mean().unstack("region")


def _complete(part: pd.DataFrame) -> FloatArray:
    """Return the features that at least half of the subjects have."""
    return part.loc[:, part.notna().mean() >= 0.5].to_numpy(float)


def _was_told(tables: _Tables, method: str) -> bool:
    return not set(TELLING).isdisjoint(tables.summary["covariates"].get(method, []))
