"""Curves over the steps of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from petsynth.figures.panels import SIMULATED_LABEL

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
