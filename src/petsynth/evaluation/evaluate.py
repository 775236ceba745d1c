"""Measure models, baselines and controls on the subjects of one split.

References
----------
Paper A, sections 2.5 and 3.
"""

from __future__ import annotations

import functools
import warnings
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from petsynth.covariates import CovariateName
from petsynth.data.prepared import PreparedData, Split
from petsynth.errors import InputError, PetsynthWarning
from petsynth.evaluation.agreement import agreement_table
from petsynth.evaluation.audit import Audit
from petsynth.evaluation.baselines import between_subjects, pairs_of
from petsynth.evaluation.domains import DOMAINS, MetricSettings, Scores, compute_metrics
from petsynth.evaluation.examples import Example, choose_examples
from petsynth.evaluation.methods import (
    BETWEEN_SUBJECTS,
    Method,
    Workers,
    baselines,
    other_subjects_t1,
    predict_all,
    upper_bounds,
)
from petsynth.evaluation.mni_space import MOST_AHEAD, ErrorMap, ErrorMaps, SubjectWarps, is_possible
from petsynth.evaluation.models import Model
from petsynth.evaluation.predictions import Predictions, name_some, read_predictions
from petsynth.evaluation.regional import RegionMeasurement, SubjectRegions, tabulate
from petsynth.evaluation.statistics import describe
from petsynth.io.bids.names import participant_of
from petsynth.log import Progress
from petsynth.metrics.coverage import unmeasured_voxels
from petsynth.regional.atlas import Atlas
from petsynth.slicing import Plane
from petsynth.systems.base import PredictionSettings


@dataclass(frozen=True)
class Evaluation:
    """All measurements.

    Parameters
    ----------
    table : DataFrame
        A row per subject (per visit, where every visit was prepared) and method:
        ``participant_id``, ``compared_with`` (the other subject of the between-subject
        baseline), ``diagnosis``, ``method``, ``kind``, ``left_out_voxels`` (of the brain, which
        the reference PET does not cover) and a column ``DOMAIN_METRIC`` for each
        metric; NaN where it was not measured.
    methods : list of Method
        In the order of the tables.
    data : PreparedData
        What was measured on.
    participants : list of str
        The subjects; a name per visit where every visit was prepared.
    split : str
        Their part of the split.
    settings : MetricSettings
        Data ranges.
    seed : int
        Of dropout, tissue classes and bootstrap.
    example : Example
        For the figures: the subject whose brain error is the median.
    regions : DataFrame, optional
        Regional uptake of both images by subject and method; see `petsynth.evaluation.regional`.
        None where no atlas was wanted, or no subject could be brought to MNI space.
    agreement : DataFrame, optional
        Its agreement over subjects; see `petsynth.evaluation.agreement`.
    atlas : Atlas, optional
        What the regions are.
    audit : Audit, optional
        What was found beforehand.
    examples : mapping from str to Example
        By rank: ``"best"``, ``"median"``, ``"worst"``.
    error_maps : mapping from str to ErrorMap
        By model: where in MNI space it errs. Empty where there are no regions.
    """

    table: pd.DataFrame
    methods: list[Method]
    data: PreparedData
    participants: list[str]
    split: Split
    settings: MetricSettings
    seed: int
    example: Example
    regions: pd.DataFrame | None = None
    agreement: pd.DataFrame | None = None
    atlas: Atlas | None = None
    audit: Audit | None = None
    examples: Mapping[str, Example] = field(default_factory=dict)
    error_maps: Mapping[str, ErrorMap] = field(default_factory=dict)

    def values(self, method: str, domain: str, metric: str) -> NDArray[np.float64]:
        """Return a metric of one method, a value per subject or pair of subjects, in table order.

        Several visits of a subject are averaged, so that no statistic counts anyone twice.
        """
        return np.array(list(self.pairs(method, domain, metric).values()), dtype=np.float64)

    def pairs(self, method: str, domain: str, metric: str) -> dict[tuple[str, str], float]:
        """Return `values` by subject and the subject compared with; ``"n/a"`` if nobody."""
        means = self._means[method]
        return dict(zip(means.index.tolist(), means[f"{domain}_{metric}"].tolist(), strict=True))

    @functools.cached_property
    def _means(self) -> dict[str, pd.DataFrame]:
        """By method: a row per pair of subjects, in table order, their visits averaged."""
        columns = [f"{domain}_{name}" for domain, names in DOMAINS.items() for name in names]
        who = [
            self.table[column].map(participant_of) for column in ("participant_id", "compared_with")
        ]
        keys = [self.table["method"], *who]
        means = self.table[columns].astype(float).groupby(keys, sort=False).mean()
        return {str(name): rows.droplevel(0) for name, rows in means.groupby(level=0, sort=False)}

    def describe(self, method: str, domain: str, metric: str) -> dict[str, float | int | None]:
        """Return mean, std, min, max and n of a metric; see `petsynth.evaluation.statistics`.

        A single pair of subjects, compared in both orders, has no spread.
        """
        pairs = self.pairs(method, domain, metric)
        found = describe(list(pairs.values()))
        return found | {"std": None} if len(set(map(frozenset, pairs))) == 1 else found

    def runs(self, group: str, domain: str, metric: str) -> NDArray[np.float64]:
        """Return `values` of all methods of one group, (R, S): a row per run."""
        names = [method.name for method in self.methods if method.group == group]
        return np.stack([self.values(name, domain, metric) for name in names])

    @property
    def subjects(self) -> list[str]:
        """Whose scans were measured, each subject once."""
        return list(dict.fromkeys(map(participant_of, self.participants)))

    def unmeasured(self) -> list[str]:
        """Return a line for each method without a finite error for some subjects, or for all."""
        lines = self._left_out() + self.missing()
        for method in self.methods:
            rows = self.table[self.table["method"] == method.name]
            values = rows.loc[~rows["participant_id"].isin(list(method.missing)), "brain_mae"]
            measured = int(np.isfinite(values.astype(float)).sum())
            # Pairs of subjects whose brains hardly overlap have none, which is as it should be.
            if not measured or (method.predict is not None and measured < len(values)):
                lines.append(
                    f"{method.name}: the error inside the brain could be measured in {measured} of "
                    f"{len(values)} cases only; its means and intervals hold for those (n)"
                )
        return lines

    def missing(self) -> list[str]:
        """Return a line for each method that has no prediction of some participants."""
        return [
            f"{method.name} has no prediction of {name_some(list(method.missing))}: it is compared "
            f"on the other {len(self.participants) - len(method.missing)}"
            for method in self.of_kind("model")
            if method.missing
        ]

    def _left_out(self) -> list[str]:
        """Return a line for each subject whose PET does not cover the whole brain."""
        subjects = self.table[self.table["compared_with"] == "n/a"].groupby("participant_id")
        return [
            f"{name}: the PET does not cover {number} voxels of the brain (it is 0 there); metrics "
            "leave them out"
            for name, number in subjects["left_out_voxels"].max().items()
            if number
        ]

    def groups(self, *kinds: str) -> list[str]:
        """Return the groups of some kinds, in order: runs that differ only in seed are one."""
        return list(dict.fromkeys(method.group for method in self.of_kind(*kinds)))

    def of_kind(self, *kinds: str) -> list[Method]:
        """Return the methods of some kinds, in order."""
        return [method for method in self.methods if method.kind in kinds]


def evaluate(
    models: list[Model],
    data: PreparedData,
    scratch: Path,
    *,
    settings: MetricSettings,
    split: Split = "test",
    seed: int = 0,
    batch_size: int = 8,
    planes: tuple[Plane, ...] | None = None,
    threads: int = 1,
    atlas: Atlas | None = None,
    predictions: Sequence[Predictions] = (),
    withheld: Sequence[CovariateName] = (),
    workers: Workers | None = None,
) -> Evaluation:
    """Predict and compute the metrics.

    Parameters
    ----------
    models : list of Model
        From `petsynth.evaluation.models.load_models`.
    data : PreparedData
        Training subjects for the baselines, ``split`` for everything else.
    scratch : Path
        An empty folder for predicted volumes, which may be removed afterwards.
    settings : MetricSettings
        Data ranges.
    split : {"test", "validation"}
        Whom to predict.
    seed : int
        Chooses dropout samples and the voxels of the tissue classes.
    batch_size : int
        Slices at once; changes speed and memory, not the result.
    planes : tuple of {"axial", "coronal", "sagittal"}, optional
        That models of slices average; axial if left out, where a model was trained on such.
    threads : int
        Methods measured side by side.
    atlas : Atlas, optional
        In MNI space, in whose regions uptake is compared; not done without, nor where the
        subjects do not lie on MNI axes.
    predictions : sequence of Predictions
        Of other tools, for the same participants.
    withheld : sequence of str
        Covariates that models are not told, though the data know them.
    workers : Workers, optional
        Who predicts; this process if left out. Predictions that stand in ``scratch`` are kept.

    Raises
    ------
    InputError
        If the split has no subjects, or fewer than two for training.
    """
    participants = data.participants(split)
    if not participants:
        raise InputError(f"{data.folder}: its split has no {split} subjects to evaluate on")
    if len(data.subjects("train")) < 2:
        raise InputError(f"{data.folder}: the baselines need two training subjects or more")
    wanted = PredictionSettings(planes=planes, seed=seed, batch_size=batch_size)
    predicted = predict_all(models, data, participants, scratch, wanted, withheld, workers)
    predicted += read_predictions(predictions, data, scratch)
    warps = SubjectWarps(data)
    methods = predicted + baselines(data, seed, warps)
    for method in predicted:
        if len({participant_of(each) for each in participants if method.has(each)}) > 1:
            methods.append(other_subjects_t1(method, participants))
    methods += upper_bounds(data, participants, models)
    measured = RegionMeasurement(data, atlas, warps) if atlas and is_possible(data) else None
    regional: list[dict[str, Any]] = []
    maps = None if measured is None else ErrorMaps(data, warps)
    rows = [
        *_measure_subjects(methods, data, participants, settings, threads, measured, regional, maps)
    ]
    rows += _measure_pairs(methods, data, settings)
    table = _tabulate(rows, methods)
    examples = choose_examples(table, predicted, data)
    regions = tabulate(regional) if regional else None
    return Evaluation(
        table,
        methods,
        data,
        participants,
        split,
        settings,
        seed,
        examples["median"],
        regions,
        None if regions is None else agreement_table(regions),
        atlas if regional else None,
        examples=examples,
        error_maps={} if maps is None else maps.maps(),
    )


def _measure_subjects(
    methods: list[Method],
    data: PreparedData,
    participants: list[str],
    settings: MetricSettings,
    threads: int,
    measured: RegionMeasurement | None,
    regional: list[dict[str, Any]],
    maps: ErrorMaps | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the rows of the metrics, and add the regions' rows to ``regional``."""
    total = len(participants) * sum(method.predict is not None for method in methods)
    with Progress("measuring", total=total) as progress, ThreadPoolExecutor(threads) as pool:
        # The next subjects' T1s are deformed while this one's images are compared.
        ahead = deque(
            pool.submit(_locate, measured, participant)
            for participant in participants[: min(threads, MOST_AHEAD)]
        )
        for number, participant in enumerate(participants):
            pet, mask = np.asarray(data.pet(participant)), np.asarray(data.mask(participant))
            lesion = data.lesion(participant)
            where = ahead.popleft().result()
            jobs = {}
            for method in methods:
                if method.predict is None:
                    continue
                if not method.has(participant):
                    yield _row(data, participant, "n/a", method.name, {})
                    progress.advance(note=method.name)
                    continue
                predicted = method.predict(participant)
                jobs[method.name] = pool.submit(
                    compute_metrics,
                    pet,
                    predicted,
                    mask,
                    settings,
                    data.grid.voxel_mm,
                    data.frame_durations,
                    lesion,
                )
                if measured is not None and where is not None:
                    regional += measured.rows(participant, method.name, where, predicted)
                    if maps is not None and method.kind == "model":
                        maps.add(participant, method.name, predicted)
            for following in participants[number + len(ahead) + 1 :][:1]:
                ahead.append(pool.submit(_locate, measured, following))
            for name, job in jobs.items():
                yield _row(data, participant, "n/a", name, job.result())
                progress.advance(note=name)


def _locate(measured: RegionMeasurement | None, participant: str) -> SubjectRegions | None:
    """Return a subject's regions; None, with a warning, where its T1 cannot be deformed."""
    try:
        return None if measured is None else measured.locate(participant)
    except InputError as error:
        warnings.warn(
            f"{participant} has no regions, all else is measured: {error}",
            PetsynthWarning,
            stacklevel=2,
        )
        return None


def _measure_pairs(
    methods: list[Method], data: PreparedData, settings: MetricSettings
) -> Iterator[dict[str, Any]]:
    total = pairs_of(data.participants("train"))
    with Progress(BETWEEN_SUBJECTS, total=total) as progress:
        for participant, other, scores in between_subjects(data, settings):
            yield _row(data, participant, other, BETWEEN_SUBJECTS, scores)
            progress.advance()


def _row(
    data: PreparedData, participant: str, other: str, method: str, scores: Scores
) -> dict[str, Any]:
    return {
        "participant_id": participant,
        "compared_with": other,
        "diagnosis": data.diagnosis(participant),
        "method": method,
        "left_out_voxels": _count_unmeasured(data, participant),
        **{
            f"{domain}_{metric}": scores[domain][metric] if domain in scores else float("nan")
            for domain, metrics in DOMAINS.items()
            for metric in metrics
        },
    }


def _count_unmeasured(data: PreparedData, participant: str) -> int:
    return int(unmeasured_voxels(data.pet(participant), data.mask(participant)).sum())


def _tabulate(rows: list[dict[str, Any]], methods: list[Method]) -> pd.DataFrame:
    order = {method.name: number for number, method in enumerate(methods)}
    table = pd.DataFrame(rows)
    kinds = {method.name: method.kind for method in methods}
    table.insert(4, "kind", table["method"].map(kinds))
    return table.sort_values(
        "method", key=lambda names: names.map(order), kind="stable", ignore_index=True
    )
