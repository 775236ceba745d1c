"""The figures of a reader-study paper."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from petsynth.reader_study.ratings import first_time
from petsynth.reader_study.tables import ALL

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")


def draw_proportions(table: pd.DataFrame, title: str) -> Figure:
    """Draw proportions with intervals, a line per reader, and chance.

    Parameters
    ----------
    table : DataFrame
        From `petsynth.reader_study.tables`; one measure.
    title : str
        Of the figure.
    """
    groups = list(dict.fromkeys(table["group"]))
    readers = [each for each in dict.fromkeys(table["reader"]) if each != ALL] + [ALL]
    figure = Figure(figsize=(7, 1.4 + 0.34 * len(readers) * max(1, len(groups) / 1.6)))
    axes = figure.add_subplot()
    step = 0.8 / len(groups)
    for number, group in enumerate(groups):
        rows = table[table["group"] == group].set_index("reader").reindex(readers)
        places = np.arange(len(readers)) + (number - (len(groups) - 1) / 2) * step
        low, high = rows["value"] - rows["low"], rows["high"] - rows["value"]
        axes.errorbar(
            rows["value"], places, xerr=np.clip([low, high], 0, None), fmt="o", capsize=3,
            color=COLOURS[number % len(COLOURS)], label=group,
        )  # fmt: skip
    for chance in sorted(set(table["chance"].dropna())):
        axes.axvline(chance, color="0.5", linestyle="--", linewidth=1)
    axes.set_yticks(range(len(readers)), readers)
    axes.invert_yaxis()
    axes.set_xlim(-0.03, 1.03)
    axes.set_xlabel("proportion of answers with 95 % interval; dashed: chance")
    axes.set_title(title)
    if len(groups) > 1:
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    figure.set_layout_engine("constrained")
    return figure


def draw_points(ratings: pd.DataFrame, field: str, title: str) -> Figure:
    """Draw how often each point of a scale was given, by kind of images."""
    known = first_time(ratings)
    known = known[known[field].notna()]
    kinds = list(dict.fromkeys(known["kind"]))
    figure = Figure(figsize=(7, 3.2))
    axes = figure.add_subplot()
    width = 0.8 / max(len(kinds), 1)
    for number, kind in enumerate(kinds):
        own = known.loc[known["kind"] == kind, field]
        heights = [np.mean(own == point) for point in range(1, 6)]
        places = np.arange(1, 6) + (number - (len(kinds) - 1) / 2) * width
        axes.bar(places, heights, width, color=COLOURS[number % len(COLOURS)], label=kind)
    axes.set_xlabel("points")
    axes.set_ylabel("fraction of answers")
    axes.set_title(title)
    axes.legend(frameon=False)
    figure.set_layout_engine("constrained")
    return figure


def draw_confusion(ratings: pd.DataFrame, kind: str, diagnoses: tuple[str, ...]) -> Figure:
    """Draw how often each diagnosis was named where each is the reference, of all readers."""
    known = first_time(ratings)
    known = known[(known["kind"] == kind) & known["diagnosis"].notna()]
    known = known[known["reference_diagnosis"].notna()]
    counts = pd.crosstab(known["reference_diagnosis"], known["diagnosis"])
    counts = counts.reindex(index=list(diagnoses), columns=list(diagnoses), fill_value=0)
    rows = counts.to_numpy()
    fractions = rows / np.maximum(rows.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(1.6 + 0.9 * len(diagnoses), 1.6 + 0.75 * len(diagnoses)))
    axes = figure.add_subplot()
    axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(*rows.shape):
        dark = fractions[row, column] > 0.5
        axes.text(
            column, row, str(rows[row, column]), ha="center", va="center",
            color="white" if dark else "black",
        )  # fmt: skip
    axes.set_xticks(range(len(diagnoses)), diagnoses)
    axes.set_yticks(range(len(diagnoses)), diagnoses)
    axes.set_xlabel("named")
    axes.set_ylabel("reference")
    axes.set_title(kind)
    figure.set_layout_engine("constrained")
    return figure
