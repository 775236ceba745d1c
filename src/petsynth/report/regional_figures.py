"""Figures of regional uptake: bars by region, and agreement over subjects by composite."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from petsynth.data.reference import reference_region
from petsynth.evaluation.evaluate import Evaluation
from petsynth.figures.agreement import (
    AgreementPanel,
    Spread,
    draw_agreement,
    draw_regions,
)
from petsynth.figures.panels import unit_label
from petsynth.io.bids.names import participant_of
from petsynth.metrics.agreement import concordance, correlation
from petsynth.regional.composites import composites_of
from petsynth.regional.labels import split_side
from petsynth.report.images import ReportFigure, name_models, shown_models

_MOST_PANELS = 4
"""Regions of one agreement figure."""


def draw_regional_figures(evaluation: Evaluation) -> list[ReportFigure]:
    """Draw uptake by region, and scatter and Bland-Altman plots by composite.

    Where the tracer has no composite with a value, the agreement of the regions whose uptake
    differs most between subjects is drawn in their place. Empty where nothing was measured in
    regions.
    """
    if evaluation.regions is None or not len(evaluation.regions):
        return []
    values = _by_subject(evaluation.regions)
    return [
        *_draw_bars(evaluation, values[values["kind"] == "region"]),
        *_draw_agreement(evaluation, values),
    ]


def _draw_bars(evaluation: Evaluation, values: pd.DataFrame) -> list[ReportFigure]:
    shown = shown_models(evaluation)
    pooled = values.assign(region=values["region"].map(lambda name: split_side(name)[0]))
    keys = ["method", "region", "participant_id"]
    pooled = pooled.groupby(keys, sort=False)[["reference", "synthetic"]].mean().reset_index()
    of_models = {name: pooled[pooled["method"] == name] for name in shown}
    first = pooled.drop_duplicates(["region", "participant_id"])
    names = [str(name) for name in first.dropna(subset=["reference"])["region"].unique()]
    if not names:
        return []
    figure = draw_regions(
        _spreads(first, "reference", names),
        {name: _spreads(rows, "synthetic", names) for name, rows in of_models.items()},
        {name: _correlations(rows, names) for name, rows in of_models.items()},
        unit=_unit(evaluation),
        title=f"{evaluation.settings.tracer} uptake by region, {_subjects(values)} subjects",
        simulated=evaluation.data.simulated,
    )
    caption = (
        "Uptake by region, left and right averaged: mean over subjects of the reference PET (bars) "
        f"and of {name_models(shown, evaluation)} (points), with one standard deviation. Right: "
        "Pearson's correlation over subjects with Fisher's 95 % interval, which needs four "
        "subjects; it is missing where an image is the same for everyone. Each region's own "
        "figures are in agreement.tsv."
    )
    return [ReportFigure("regions_bars.png", figure, caption)]


def _draw_agreement(evaluation: Evaluation, values: pd.DataFrame) -> list[ReportFigure]:
    shown = shown_models(evaluation)
    rows = values[(values["kind"] == "composite") & values["method"].isin(shown)]
    rows = rows[rows["reference"].notna() & rows["synthetic"].notna()]
    composites = {each.name: each for each in composites_of(evaluation.settings.tracer)}
    is_composite = len(rows) > 0
    if not is_composite:
        rows = values[(values["kind"] == "region") & values["method"].isin(shown)]
        rows = rows[rows["region"].isin(_most_variable(rows))]
    panels = []
    for name, group in rows.groupby("region", sort=False):
        known = composites.get(str(name)) if is_composite else None
        threshold = known.threshold.suvr if known is not None and known.threshold else None
        panels.append(_panel(str(name), group, shown, threshold))
    if not panels:
        return []
    unit = "SUVR" if is_composite else _unit(evaluation)
    figure = draw_agreement(
        panels,
        unit=unit,
        title=f"{evaluation.settings.tracer} uptake over {_subjects(rows)} subjects",
        simulated=evaluation.data.simulated,
    )
    what = (
        "composites of the tracer, each relative to its own reference region (summary.json names "
        "sources and limits; dotted: published threshold)"
        if is_composite
        else "the regions whose reference uptake differs most between subjects, since the tracer "
        "has no composite with a value here"
    )
    caption = (
        f"Agreement over subjects, {what}. Scatter plots: synthetic against reference PET with the "
        "line of identity, Pearson's r with its 95 % interval and Lin's concordance (CCC). Bland-"
        "Altman plots with bias and limits of agreement (bias ± 1.96 SD, dashed). A dot is a "
        f"subject; methods: {name_models(shown, evaluation)}."
    )
    return [ReportFigure("regions_agreement.png", figure, caption)]


def _panel(
    name: str, group: pd.DataFrame, shown: list[str], threshold: float | None
) -> AgreementPanel:
    wide = group.pivot_table(
        index="participant_id", columns="method", values="synthetic", sort=False
    )
    reference = group.groupby("participant_id", sort=False)["reference"].first()
    reference = reference.reindex(wide.index)
    synthetic = {each: wide[each].to_numpy(float) for each in shown if each in wide}
    notes = {each: _note(reference.to_numpy(float), values) for each, values in synthetic.items()}
    return AgreementPanel(name, reference.to_numpy(float), synthetic, notes, threshold)


def _note(reference: np.ndarray, synthetic: np.ndarray) -> str:
    both = np.isfinite(reference) & np.isfinite(synthetic)
    found = correlation(reference[both], synthetic[both])
    agreement = concordance(reference[both], synthetic[both]) if both.sum() > 1 else float("nan")
    if not np.isfinite(found.value):
        return "r n/a"
    interval = (
        f" [{found.low:.2f}, {found.high:.2f}]"
        if np.isfinite([found.low, found.high]).all()
        else ""
    )
    return f"r {found.value:.2f}{interval}, CCC {agreement:.2f}"


def _by_subject(regions: pd.DataFrame) -> pd.DataFrame:
    """Average a subject's visits."""
    table = regions.assign(participant_id=regions["participant_id"].map(participant_of))
    images = ["reference", "synthetic"]
    keys = ["method", "kind", "region", "participant_id"]
    numbers = table[images].astype(float)
    return numbers.groupby([table[key] for key in keys], sort=False).mean().reset_index()


def _spreads(rows: pd.DataFrame, column: str, names: Iterable[str]) -> dict[str, Spread]:
    found = {}
    for name in names:
        numbers = rows.loc[rows["region"] == name, column].dropna().to_numpy(float)
        if not len(numbers):
            found[name] = Spread(np.nan, np.nan, np.nan)
            continue
        mean, std = numbers.mean(), numbers.std(ddof=1) if len(numbers) > 1 else 0.0
        found[name] = Spread(mean, mean - std, mean + std)
    return found


def _correlations(rows: pd.DataFrame, names: Iterable[str]) -> dict[str, Spread]:
    found = {}
    for name in names:
        group = rows[rows["region"] == name].dropna(subset=["reference", "synthetic"])
        each = correlation(group["reference"].to_numpy(float), group["synthetic"].to_numpy(float))
        is_bounded = np.isfinite([each.low, each.high]).all()
        found[name] = Spread(each.value, each.low, each.high) if is_bounded else Spread(
            each.value, each.value, each.value
        )  # fmt: skip
    return found


def _most_variable(rows: pd.DataFrame) -> list[str]:
    spread = rows.groupby("region")["reference"].std().dropna().sort_values(ascending=False)
    return [str(name) for name in spread.index[:_MOST_PANELS]]


def _subjects(rows: pd.DataFrame) -> int:
    return int(rows["participant_id"].nunique())


def _unit(evaluation: Evaluation) -> str:
    """Return the unit of the regional values: the PET's own SUVR, or one that was made of it."""
    if evaluation.settings.unit == "SUVR":
        return unit_label("SUVR", reference_region(evaluation.data))
    return "SUVR of each image's own reference region, or the PET's unit where none is known"
