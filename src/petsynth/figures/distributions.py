"""Distributions of values: box plots with a panel per metric, histograms with one per image.

Box plots are paper A's figure 1, histograms paper B's figures 2 and 7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from petsynth.figures.panels import SIMULATED_LABEL, SYNTHETIC_LABEL

_COLOURS = ("#4477aa", "#bbbbbb", "#ee8866", "#88aa55")
_MANY_POINTS = 40
FEWEST_FOR_BOX = 5
"""Values from which there is a box; fewer are shown as points alone."""
_BINS = 120


@dataclass(frozen=True)
class BoxPanel:
    """The box plots of one metric.

    Parameters
    ----------
    title : str
        With unit and direction, such as ``"PSNR (dB, larger is better)"``.
    values : mapping from str to (N,) array
        A box per name; every panel has the same names. Values that are not finite are left out.
    """

    title: str
    values: Mapping[str, NDArray[Any]]


def draw_boxplots(
    panels: Sequence[BoxPanel],
    kinds: Mapping[str, str],
    *,
    title: str = "",
    simulated: bool = False,
) -> Figure:
    """Draw horizontal box plots that share their rows.

    Parameters
    ----------
    panels : sequence of BoxPanel
        From left to right.
    kinds : mapping from str to str
        Name of a box -> what it is; each kind has its colour.
    title : str
        Above everything.
    simulated : bool
        Whether the data are simulated; the figure then says so.

    Returns
    -------
    Figure
        Boxes from the first to the third quartile, a line at the median, whiskers to the
        farthest value within 1.5 box lengths, a circle beyond; single values as dots where
        there are few, and no box below `FEWEST_FOR_BOX` of them.

    Raises
    ------
    ValueError
        If there is no panel, or no box.
    """
    names = list(panels[0].values) if panels else []
    if not names:
        raise ValueError("no boxes to draw")
    colours = dict(zip(dict.fromkeys(kinds[name] for name in names), _COLOURS, strict=False))
    width = 1.6 + 0.06 * max(map(len, names)) + 2.6 * len(panels)
    figure = Figure(figsize=(width, 1.5 + 0.38 * len(names)), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for ax, panel in zip(axes, panels, strict=True):
        _draw_boxes(ax, panel, [colours[kinds[name]] for name in names])
    axes[0].set_yticks(range(1, len(names) + 1), names)
    axes[0].invert_yaxis()
    figure.legend(
        handles=[Patch(facecolor=colour, label=kind) for kind, colour in colours.items()],
        loc="outside lower right",
        ncols=len(colours),
        fontsize=8,
        frameon=False,
    )
    figure.suptitle(title, fontsize=11)
    if simulated:
        figure.supxlabel(SIMULATED_LABEL, x=0.01, ha="left", fontsize=9, color="firebrick")
    return figure


@dataclass(frozen=True)
class HistogramPanel:
    """One panel of distributions.

    Parameters
    ----------
    title : str
        What it shows.
    values : mapping from str to array
        Name of a curve -> its intensities, of any shape.
    unit : str
        Of the intensities.
    synthetic : bool
        Whether a curve is of a synthetic image; the figure then says so.
    """

    title: str
    values: Mapping[str, NDArray[Any]]
    unit: str
    synthetic: bool = False


def draw_histograms(
    panels: Sequence[HistogramPanel], *, title: str = "", simulated: bool = False
) -> Figure:
    """Draw a row of panels; the numbers of voxels are on a logarithmic axis.

    All curves of a panel share their bins, which span the smallest to the largest value.

    Raises
    ------
    ValueError
        If there is no panel.
    """
    if not panels:
        raise ValueError("no distributions to draw")
    figure = Figure(figsize=(3.4 * len(panels) + 0.4, 3.6), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for ax, panel in zip(axes, panels, strict=True):
        curves = {name: np.asarray(values).ravel() for name, values in panel.values.items()}
        low = min(float(values.min()) for values in curves.values())
        high = max(float(values.max()) for values in curves.values())
        edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
        for name, values in curves.items():
            ax.stairs(np.histogram(values, edges)[0], edges, label=name, alpha=0.9)
        ax.set_yscale("symlog", linthresh=1)
        ax.set_title(panel.title, fontsize=9)
        ax.set_xlabel(panel.unit, fontsize=8)
        ax.tick_params(labelsize=7)
        ax.legend(fontsize=7)
    axes[0].set_ylabel("voxels", fontsize=8)
    figure.suptitle(title, fontsize=11)
    notes = [SIMULATED_LABEL] if simulated else []
    if any(panel.synthetic for panel in panels):
        notes.append(SYNTHETIC_LABEL)
    figure.supxlabel(" · ".join(notes), fontsize=9, color="firebrick")
    return figure


def _draw_boxes(ax: Axes, panel: BoxPanel, colours: Sequence[str]) -> None:
    finite = [values[np.isfinite(values)] for values in panel.values.values()]
    # An empty box keeps the row of a method with few values.
    drawn = ax.boxplot(
        [values if len(values) >= FEWEST_FOR_BOX else [] for values in finite],
        orientation="horizontal",
        widths=0.6,
        patch_artist=True,
        medianprops={"color": "black"},
        flierprops={"markersize": 3},
    )
    for colour, box in zip(colours, drawn["boxes"], strict=True):
        box.set_facecolor(colour)
    for row, numbers in enumerate(finite, start=1):
        if len(numbers) <= _MANY_POINTS:
            is_alone = len(numbers) < FEWEST_FOR_BOX
            ax.plot(
                numbers,
                np.full(len(numbers), row),
                "o" if is_alone else ".",
                color=colours[row - 1] if is_alone else "black",
                markeredgecolor="black",
                markeredgewidth=0.5 if is_alone else 0.0,
                markersize=5 if is_alone else 4,
                alpha=0.9 if is_alone else 0.6,
            )
    ax.set_title(panel.title, fontsize=10)
    ax.grid(axis="x", alpha=0.3)
    ax.tick_params(labelsize=8)
