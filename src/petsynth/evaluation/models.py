"""The runs that are evaluated together: do they fit the data, and what are they called?"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from petsynth.config import config_hash
from petsynth.data.prepared import PreparedData, Split
from petsynth.errors import ArgumentError, InputError, RunError, SplitError
from petsynth.inference.pretrained import find_run_folder
from petsynth.inference.run import Run, load_run
from petsynth.io.bids.names import participant_key, participant_of
from petsynth.io.text import read_json, real_path
from petsynth.volume import Grid

_TRAINED_ON = "data.json"


@dataclass(frozen=True)
class Model:
    """A run and its names in the tables.

    Parameters
    ----------
    name : str
        Different for every run: the system, with the run's folder where that is not enough.
    group : str
        The same for runs that differ only in their seed.
    run : Run
        The trained generator.
    """

    name: str
    group: str
    run: Run


def load_models(
    folders: Sequence[Path], data: PreparedData, split: Split, device: torch.device | str = "cpu"
) -> list[Model]:
    """Load runs and refuse those that cannot be measured on these data.

    Parameters
    ----------
    folders : sequence of Path
        Run folders, or names of pretrained models.
    data : PreparedData
        Whose subjects are predicted.
    split : {"train", "validation", "test"}
        Which of them.
    device : torch.device or str
        Where to compute.

    Raises
    ------
    ArgumentError
        If no run is named, or one twice.
    RunError
        If a run is incomplete, or was trained for another tracer, unit or grid, or on other
        training data.
    SplitError
        If a run was trained on a subject that is to be predicted.
    """
    if not folders:
        raise ArgumentError("no run is named: give one run folder or more")
    folders = [find_run_folder(folder) for folder in folders]
    places = [real_path(folder) for folder in folders]
    twice = [folder for folder in folders if places.count(real_path(folder)) > 1]
    if twice:
        raise ArgumentError(f"{twice[0]}: this run is named twice; name each run once")
    runs = [load_run(folder, device) for folder in folders]
    for run in runs:
        check_fits(run, data, split)
    return [
        Model(name, group, run)
        for name, group, run in zip(unique_names(runs), _groups(runs), runs, strict=True)
    ]


def read_tracer(folder: Path) -> str:
    """Return the tracer that a run, or a pretrained model by its name, was trained for.

    Raises
    ------
    RunError
        If there is no such run, or it does not say.
    """
    return read_format(folder)[0]


def read_format(folder: Path) -> tuple[str, float]:
    """Return the tracer and the voxel in mm of the PET that a run was trained for.

    Raises
    ------
    RunError
        As `read_tracer`.
    """
    path = find_run_folder(folder) / _TRAINED_ON
    try:
        content = read_json(path)
        voxel_mm = Grid.from_dict(content["grid"]).voxel_mm[0]
        return str(content["tracer"]), round(float(voxel_mm), 6)
    except (InputError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path}: missing or damaged ({error}); copy the run again") from None


def check_fits(run: Run, data: PreparedData, split: Split) -> None:
    """Refuse a run that was trained for something else than ``data``; see `load_models`.

    A pretrained model need not know the data's training subjects, from which the baselines are
    made, nor have their PET scale.
    """
    differing = [
        f"{what} ({there} there, {here} here)"
        for what, there, here in (
            ("tracer", run.tracer, data.tracer),
            ("unit", run.unit, data.unit),
            ("grid", str(run.grid), str(data.grid)),
            ("PET scale", f"{run.pet_scale:.7g}", f"{data.pet_scale:.7g}"),
        )
        if there != here and not (what == "PET scale" and run.is_pretrained)
    ]
    if not differing and not run.grid.matches(data.grid):
        differing = ["place of the grid in the world"]
    if differing:
        they = f"they differ in {', '.join(differing)}"
        raise RunError(
            f"{run.name}: is not made for {data.folder}: {they}; prepare the data with "
            f"--voxel-mm {run.grid.voxel_mm[0]:g} for it"
            if run.is_pretrained
            else f"{run.folder}: was not trained on {data.folder}: {they}; name the prepared data "
            "that it was trained on"
        )
    _check_subjects(run, data, split)


def unique_names(runs: Sequence[Run]) -> list[str]:
    """Name each run by its system, and by its folder too where systems or folders repeat."""
    systems = Counter(run.name for run in runs)
    names = [
        run.name if systems[run.name] == 1 else f"{run.name} ({real_path(run.folder).name})"
        for run in runs
    ]
    repeated = Counter(names)
    return [
        name
        if repeated[name] == 1
        else f"{run.name} ({'/'.join(real_path(run.folder).parts[-2:])})"
        for name, run in zip(names, runs, strict=True)
    ]


def _groups(runs: Sequence[Run]) -> list[str]:
    keys = [config_hash(dataclasses.replace(run.config, seed=0)) for run in runs]
    names = unique_names(runs)
    folders = [real_path(run.folder).name for run in runs]
    groups = []
    for key, name, run in zip(keys, names, runs, strict=True):
        members = [folder for folder, other in zip(folders, keys, strict=True) if other == key]
        groups.append(name if len(members) == 1 else f"{run.name} ({', '.join(members)})")
    return groups


def _check_subjects(run: Run, data: PreparedData, split: Split) -> None:
    path = run.folder / _TRAINED_ON
    if not path.is_file():
        raise RunError(
            f"{run.folder}: {_TRAINED_ON} is missing, so nobody can tell on whom it was trained; "
            "copy the whole run folder"
        )
    try:
        trained = read_json(path)["training_participants"]
        seen = {participant_key(participant_of(name)) for name in trained}
    except (InputError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path}: damaged ({error}); copy the run again") from None
    leaked = [name for name in data.subjects(split) if participant_key(name) in seen]
    if leaked:
        raise SplitError(
            f"{run.name if run.is_pretrained else run.folder}: was trained on "
            f"{', '.join(leaked[:3])}{' ...' * (len(leaked) > 3)}, which {data.folder} holds as "
            f"{split} subjects; evaluate it on the split that it was trained with"
        )
    if not run.is_pretrained and seen != {participant_key(name) for name in data.subjects("train")}:
        raise RunError(
            f"{run.folder}: was trained on other subjects than the training subjects of "
            f"{data.folder}, so its baselines would be others; name the data it was trained on"
        )
