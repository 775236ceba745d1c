"""Curves: what a training logs over its steps, and ROC curves with the areas under them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from petsynth.figures.panels import SIMULATED_LABEL, SYNTHETIC_LABEL
from petsynth.volume import FloatArray

_STYLES = ("-", "--", ":", "-.")
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")


@dataclass(frozen=True)
class CurvePanel:
    """One panel of curves.

    Parameters
    ----------
    title : str
        What it shows.
    curves : mapping from str to (x, y)
        Name -> steps and values, of the same length.
    label : str
        Of the values, with their unit.
    """

    title: str
    curves: Mapping[str, tuple[NDArray[Any], NDArray[Any]]]
    label: str


def draw_curves(
    panels: Sequence[CurvePanel], *, title: str = "", simulated: bool = False
) -> Figure:
    """Draw panels of curves, two to a row; values that are all positive on a logarithmic axis.

    Raises
    ------
    ValueError
        If there is no panel.
    """
    if not panels:
        raise ValueError("no curves to draw")
    rows = (len(panels) + 1) // 2
    figure = Figure(figsize=(10, 2.9 * rows + 0.5), layout="constrained")
    axes = figure.subplots(rows, 2, squeeze=False).ravel()
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    for ax, panel in zip(axes, panels, strict=False):
        for number, (name, (steps, values)) in enumerate(panel.curves.items()):
            ax.plot(
                steps,
                values,
                color=_COLOURS[number % len(_COLOURS)],
                linestyle=_STYLES[number % len(_STYLES)],
                linewidth=1.1,
                marker="." if len(steps) < 3 else None,
                label=name,
            )
        shown = np.concatenate([np.asarray(values) for _, values in panel.curves.values()])
        shown = shown[np.isfinite(shown)]
        if shown.size and shown.min() > 0:
            ax.set_yscale("log")
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            ax.yaxis.set_minor_locator(NullLocator())
        ax.set_title(panel.title, fontsize=9)
        ax.set_xlabel("training step", fontsize=8)
        ax.set_ylabel(panel.label, fontsize=8)
        ax.tick_params(labelsize=7)
        ax.grid(alpha=0.3)
        ax.legend(fontsize=7)
    figure.suptitle(title, fontsize=10)
    if simulated:
        figure.supxlabel(SIMULATED_LABEL, fontsize=9, color="firebrick")
    return figure


# ROC curves with their intervals, and areas under them side by side.

_COLUMNS = 3
_COLOUR, _OTHER = "#0072B2", "#555555"


@dataclass(frozen=True)
class RocPanel:
    """A ROC curve.

    Parameters
    ----------
    title : str
        What the score was made of.
    note : str
        In the corner: the area with its interval.
    false_positives : (N,) float array
        Fraction of the negative subjects above a threshold: 1 - specificity.
    sensitivity, low, high : (N,) float array
        Fraction of the positive subjects above it, and its interval.
    """

    title: str
    note: str
    false_positives: FloatArray
    sensitivity: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True)
class Bar:
    """A value with its interval, and the group of values that it stands in."""

    name: str
    value: float
    low: float
    high: float


def draw_roc(
    panels: Sequence[RocPanel], *, title: str, simulated: bool = False, synthetic: bool = True
) -> Figure:
    """Draw a panel per ROC curve; the first one's curve is dashed in the others.

    Parameters
    ----------
    panels : sequence of RocPanel
        From left to right and from top to bottom.
    title : str
        Above everything.
    simulated : bool
        Whether the data are simulated; the figure then says so.
    synthetic : bool
        Whether a curve is of synthetic images; the figure then says so.

    Raises
    ------
    ValueError
        If there is no panel.
    """
    if not panels:
        raise ValueError("no ROC curves to draw")
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(3.1 * columns + 0.3, 3.3 * rows + 0.7), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, panel in zip(axes, panels, strict=False):
        _draw_curve(ax, panel, None if panel is panels[0] else panels[0])
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    figure.suptitle(title, fontsize=11)
    _note(figure, simulated=simulated, synthetic=synthetic)
    return figure


def draw_values(
    groups: Mapping[str, Sequence[Bar]], *, reference: float, title: str, simulated: bool = False
) -> Figure:
    """Draw values with their intervals, a panel per group, below each other.

    Parameters
    ----------
    groups : mapping from str to sequence of Bar
        What the values of a group are -> the values.
    reference : float
        A dotted line in the first panel, such as chance; it is 0 in the others.
    title : str
        Above everything.
    simulated : bool
        Whether the data are simulated; the figure then says so.

    Raises
    ------
    ValueError
        If there is no value.
    """
    shown = {name: bars for name, bars in groups.items() if bars}
    if not shown:
        raise ValueError("no values to draw")
    heights = [len(bars) + 1 for bars in shown.values()]
    figure = Figure(figsize=(9, 0.34 * sum(heights) + 1.4), layout="constrained")
    axes = figure.subplots(len(shown), 1, squeeze=False, height_ratios=heights)[:, 0]
    for number, (ax, (name, bars)) in enumerate(zip(axes, shown.items(), strict=True)):
        rows = np.arange(len(bars))
        values = np.array([bar.value for bar in bars])
        sides = [[bar.value - bar.low for bar in bars], [bar.high - bar.value for bar in bars]]
        ax.errorbar(values, rows, xerr=sides, fmt="o", color=_COLOUR, capsize=3, markersize=5)
        ax.axvline(0 if number else reference, color="0.4", linestyle=":", linewidth=1)
        ax.set_yticks(rows, [bar.name for bar in bars], fontsize=8)
        ax.set_ylim(len(bars) - 0.4, -0.6)
        ax.set_xlabel(name, fontsize=8)
        ax.tick_params(axis="x", labelsize=8)
        ax.grid(axis="x", alpha=0.3)
    figure.suptitle(title, fontsize=11)
    _note(figure, simulated=simulated, synthetic=True)
    return figure


def _draw_curve(ax: Axes, panel: RocPanel, first: RocPanel | None) -> None:
    ax.plot([0, 1], [0, 1], color="0.7", linewidth=0.8, linestyle=":")
    if first is not None:
        ax.plot(
            first.false_positives,
            first.sensitivity,
            color=_OTHER,
            linewidth=1,
            linestyle="--",
            label=first.title,
        )
    ax.fill_between(panel.false_positives, panel.low, panel.high, color=_COLOUR, alpha=0.2, lw=0)
    ax.plot(panel.false_positives, panel.sensitivity, color=_COLOUR, linewidth=1.6)
    ax.set_title(panel.title, fontsize=9, wrap=True)
    ax.text(0.97, 0.04, panel.note, fontsize=8, ha="right", va="bottom", transform=ax.transAxes)
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    ax.set_xlabel("1 − specificity", fontsize=8)
    ax.set_ylabel("sensitivity", fontsize=8)
    ax.tick_params(labelsize=7)
    if first is not None:
        ax.legend(fontsize=7, loc="lower right", bbox_to_anchor=(1.0, 0.13), frameon=False)


def _note(figure: Figure, *, simulated: bool, synthetic: bool) -> None:
    notes = [SIMULATED_LABEL] if simulated else []
    if synthetic:
        notes.append(SYNTHETIC_LABEL)
    figure.supxlabel(" · ".join(notes), fontsize=9, color="firebrick")
