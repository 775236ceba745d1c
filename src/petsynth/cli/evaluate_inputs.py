"""What ``petsynth evaluate`` evaluates: per tracer the data, the models and others' predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from petsynth.data.prepared import PreparedData, Split
from petsynth.errors import ArgumentError, InputError, RunError, SplitError
from petsynth.evaluation.audit import Audit, audit_images, audit_names
from petsynth.evaluation.models import Model, load_models, read_tracer
from petsynth.evaluation.predictions import (
    Predictions,
    check_names,
    find_predictions,
    parse_predictions,
)
from petsynth.io.bids.names import parse_entities
from petsynth.log import Progress

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Study:
    """What is evaluated together: everything of one tracer.

    Parameters
    ----------
    data : PreparedData
        Its subjects.
    audit : Audit
        Whether the split can be trusted.
    models : list of Model
        Runs and pretrained models.
    predictions : list of Predictions
        Of other tools.
    """

    data: PreparedData
    audit: Audit
    models: list[Model]
    predictions: list[Predictions]


def find_studies(
    data_folders: Sequence[Path],
    runs: Sequence[Path],
    predictions: Sequence[str],
    *,
    split: Split,
    with_images: bool,
    allow_leakage: bool,
    device: torch.device,
) -> list[Study]:
    """Read the data and find what there is to evaluate on each.

    Parameters
    ----------
    data_folders : sequence of Path
        Prepared data, one per tracer.
    runs : sequence of Path
        Run folders, or pretrained models by name.
    predictions : sequence of str
        ``NAME=DIR`` of other tools' predictions.
    split : {"test", "validation"}
        Who is predicted.
    with_images : bool
        Whether images are compared in search of leakage, too.
    allow_leakage : bool
        Whether leaks are no reason to stop.
    device : torch.device
        Where the models compute.

    Raises
    ------
    ArgumentError
        If two folders of data hold one tracer, or nothing is to be evaluated on one.
    InputError, RunError, SplitError
        If data, a run or predictions cannot be used, or do not belong together.
    """
    all_data = [PreparedData(folder) for folder in data_folders]
    tracers = [data.tracer for data in all_data]
    for number, tracer in enumerate(tracers):
        if tracer in tracers[:number]:
            raise ArgumentError(
                f"--data {data_folders[number]}: {tracer}, as another --data; evaluate data of one "
                "tracer one by one"
            )
    sorted_runs = _by_tracer(runs, tracers)
    found = _find_predictions(parse_predictions(predictions), all_data, split)
    studies = []
    for data in all_data:
        audit = _audit(data, with_images, allow_leakage)
        own_runs, images = sorted_runs[data.tracer], found[data.tracer]
        if not own_runs and not images and len(all_data) > 1:
            raise ArgumentError(
                f"--data {data.folder}: no run and no prediction of {data.tracer}; name one, or "
                "leave these data out"
            )
        models = load_models(own_runs, data, split, device) if own_runs or not images else []
        check_names([*(each.name for each in models), *(each.name for each in images)])
        # Runs of one method share its name, but no tool's that of a model of petsynth.
        check_names([*{each.group for each in models}, *{each.method for each in images}])
        studies.append(Study(data, audit, models, images))
    return studies


def _by_tracer(runs: Sequence[Path], tracers: Sequence[str]) -> dict[str, list[Path]]:
    """Return the runs by the tracer whose data they belong to."""
    if len(tracers) == 1:
        return {tracers[0]: list(runs)}
    found: dict[str, list[Path]] = {tracer: [] for tracer in tracers}
    for run in runs:
        tracer = read_tracer(run)
        if tracer not in found:
            raise RunError(f"{run}: is of {tracer}; the data are of {', '.join(tracers)}")
        found[tracer].append(run)
    return found


def _find_predictions(
    folders: dict[str, Path], all_data: Sequence[PreparedData], split: Split
) -> dict[str, list[Predictions]]:
    """Return others' predictions by tracer; with several tracers, their names must say of which."""
    found: dict[str, list[Predictions]] = {data.tracer: [] for data in all_data}
    for name, folder in folders.items():
        errors = []
        for data in all_data:
            try:
                each = find_predictions(name, folder, data, data.participants(split))
            except InputError as error:
                errors.append(error)
                continue
            unsaid = [path for path in each.images.values() if not _names_a_tracer(path)]
            if unsaid and len(all_data) > 1:
                raise InputError(
                    f"{unsaid[0]}: its name does not say of which tracer it is; with several "
                    "tracers, name images as in sub-01_trc-18FFDG_pet.nii.gz"
                )
            found[data.tracer].append(each)
        if len(errors) == len(all_data):
            raise errors[0]
    return found


def _names_a_tracer(path: Path) -> bool:
    return "trc" in parse_entities(path.name)


def _audit(data: PreparedData, with_images: bool, allow_leakage: bool) -> Audit:
    """Return what an audit finds; refuse leaks unless that is allowed."""
    findings = audit_names(data)
    _refuse(data, [each.message for each in findings if each.is_leak], allow_leakage)
    scans = len(data.participants())
    if with_images:
        with Progress("comparing scans", total=scans) as progress:
            findings += audit_images(data, progress.advance)
    audit = Audit(scans, with_images, tuple(findings))
    _refuse(data, audit.leaks, allow_leakage)
    return audit


def _refuse(data: PreparedData, leaks: list[str], allow_leakage: bool) -> None:
    if leaks and not allow_leakage:
        raise SplitError(
            f"{data.folder}: leakage: {leaks[0]}"
            f"{f' ({len(leaks)} such findings)' if len(leaks) > 1 else ''}; correct the split, or "
            "give --allow-leakage to evaluate all the same"
        )
