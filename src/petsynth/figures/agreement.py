"""Agreement of two sets of values over subjects: bars, scatter and Bland-Altman plots.

Methods have a colour and a marker each, which colour-blind readers tell apart (Okabe and Ito).

References
----------
Bland and Altman, Statistical methods for assessing agreement between two methods of clinical
measurement. The Lancet 327, 1986.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from petsynth.figures.panels import SIMULATED_LABEL, SYNTHETIC_LABEL

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
MARKERS = ("o", "s", "^", "D")
MOST_METHODS = len(COLOURS)
"""Methods that one figure can show."""


@dataclass(frozen=True)
class Spread:
    """A mean and what stands around it."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class AgreementPanel:
    """The values of all subjects in one region.

    Parameters
    ----------
    title : str
        Of the region.
    reference : (S,) array
        A value per subject; NaN where there is none.
    synthetic : mapping from str to (S,) array
        The same by method.
    notes : mapping from str to str
        What the legend says of each method, such as its correlation.
    threshold : float, optional
        A published threshold, drawn on both axes.
    """

    title: str
    reference: NDArray[Any]
    synthetic: Mapping[str, NDArray[Any]]
    notes: Mapping[str, str] = field(default_factory=dict)
    threshold: float | None = None


def draw_regions(
    reference: Mapping[str, Spread],
    synthetic: Mapping[str, Mapping[str, Spread]],
    correlations: Mapping[str, Mapping[str, Spread]],
    *,
    unit: str,
    title: str = "",
    simulated: bool = False,
) -> Figure:
    """Draw uptake per region as bars, with the methods' means beside them, and correlations.

    Parameters
    ----------
    reference : mapping from region to Spread
        Mean over subjects, minus and plus a standard deviation.
    synthetic : mapping from method to mapping
        The same of each method, of at most `MOST_METHODS`.
    correlations : mapping from method to mapping
        Correlation over subjects with its interval, by region; NaN where there is none.
    unit : str
        Of the uptake.
    title : str
        Above everything.
    simulated : bool
        Whether the data are simulated; the figure then says so.

    Raises
    ------
    ValueError
        If there is no region.
    """
    names = list(reference)
    if not names:
        raise ValueError("no regions to draw")
    figure = Figure(figsize=(10, 1.6 + 0.21 * len(names)), layout="constrained")
    bars, points = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    rows = np.arange(len(names), dtype=float)
    means = np.array([reference[name].mean for name in names])
    bars.barh(rows, means, height=0.7, color="0.82", label="reference, mean and SD")
    _draw_spreads(bars, rows, [reference[name] for name in names], "0.4", "none")
    step = 0.5 / max(len(synthetic), 1)
    for number, (method, values) in enumerate(synthetic.items()):
        place = rows + step * (number - (len(synthetic) - 1) / 2)
        style = COLOURS[number], MARKERS[number]
        spreads = [values[name] for name in names]
        _draw_spreads(bars, place, spreads, *style, label=f"{method}, mean and SD")
        found = correlations.get(method, {})
        _draw_spreads(points, place, [found.get(name, _NONE) for name in names], *style)
    bars.set_yticks(rows, [name.replace("_", " ") for name in names], fontsize=7)
    bars.invert_yaxis()
    bars.set_ylim(len(names) - 0.4, -0.6)
    bars.set_xlabel(f"uptake, {unit}", fontsize=8)
    points.axvline(0, color="0.5", linewidth=0.8)
    points.set_xlim(-1.05, 1.05)
    points.set_xlabel("correlation over subjects, 95 % interval", fontsize=8)
    for ax in (bars, points):
        ax.grid(axis="x", alpha=0.3)
        ax.tick_params(axis="x", labelsize=7)
    bars.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=7, frameon=False)
    _label(figure, title, simulated)
    return figure


def draw_agreement(
    panels: Sequence[AgreementPanel], *, unit: str, title: str = "", simulated: bool = False
) -> Figure:
    """Draw a scatter plot per region, and a Bland-Altman plot below it; of one region, beside it.

    Returns
    -------
    Figure
        First: synthetic against reference with the line of identity. Then: synthetic minus
        reference against their mean, with bias (line) and limits of agreement (dashed).

    Raises
    ------
    ValueError
        If there is no panel.
    """
    if not panels:
        raise ValueError("no agreement to draw")
    is_alone = len(panels) == 1
    size = (8.2, 4.2) if is_alone else (3.3 * len(panels) + 0.3, 7.2)
    figure = Figure(figsize=size, layout="constrained")
    shape = (1, 2) if is_alone else (2, len(panels))
    axes = figure.subplots(*shape, squeeze=False).reshape(2, -1)
    for panel, (above, below) in zip(panels, axes.T, strict=True):
        _draw_scatter(above, panel)
        _draw_bland_altman(below, panel)
        above.set_title(panel.title, fontsize=9)
        above.set_xlabel(f"reference, {unit}", fontsize=8)
        below.set_xlabel(f"mean of both, {unit}", fontsize=8)
    axes[0, 0].set_ylabel(f"synthetic, {unit}", fontsize=8)
    axes[1, 0].set_ylabel(f"synthetic − reference, {unit}", fontsize=8)
    for ax in axes.ravel():
        ax.tick_params(labelsize=7)
        ax.grid(alpha=0.25)
    _label(figure, title, simulated)
    return figure


_NONE = Spread(np.nan, np.nan, np.nan)


def _draw_spreads(
    ax: Axes,
    rows: NDArray[Any],
    spreads: Sequence[Spread],
    colour: str,
    marker: str,
    label: str | None = None,
) -> None:
    means = np.array([each.mean for each in spreads], dtype=float)
    low = np.array([each.low for each in spreads], dtype=float)
    high = np.array([each.high for each in spreads], dtype=float)
    errors = np.nan_to_num(np.stack([means - low, high - means]))
    ax.errorbar(
        means,
        rows,
        xerr=np.clip(errors, 0, None),
        fmt=marker,
        color=colour,
        markersize=3,
        elinewidth=0.8,
        label=label,
    )


def _draw_scatter(ax: Axes, panel: AgreementPanel) -> None:
    shown = [panel.reference, *panel.synthetic.values()]
    values = np.concatenate([np.asarray(each, dtype=float) for each in shown])
    values = values[np.isfinite(values)]
    if not values.size:
        return
    margin = 0.06 * (np.ptp(values) or 1.0)
    ends = (values.min() - margin, values.max() + margin)
    ax.plot(ends, ends, color="0.5", linewidth=0.8)
    if panel.threshold is not None and ends[0] < panel.threshold < ends[1]:
        for line in (ax.axhline, ax.axvline):
            line(panel.threshold, color="0.5", linewidth=0.8, linestyle=":")
    for number, (name, synthetic) in enumerate(panel.synthetic.items()):
        note = panel.notes.get(name, "")
        ax.plot(
            panel.reference,
            synthetic,
            MARKERS[number],
            color=COLOURS[number],
            markersize=4,
            alpha=0.8,
            label=f"{name}: {note}" if note else name,
        )
    ax.set(xlim=ends, ylim=ends, aspect="equal")
    ax.legend(fontsize=6, loc="upper left", framealpha=0.7)


def _draw_bland_altman(ax: Axes, panel: AgreementPanel) -> None:
    ax.axhline(0, color="0.5", linewidth=0.8)
    for number, synthetic in enumerate(panel.synthetic.values()):
        difference = np.asarray(synthetic, dtype=float) - panel.reference
        mean = (np.asarray(synthetic, dtype=float) + panel.reference) / 2
        colour = COLOURS[number]
        ax.plot(mean, difference, MARKERS[number], color=colour, markersize=4, alpha=0.8)
        known = difference[np.isfinite(difference)]
        if known.size:
            ax.axhline(known.mean(), color=colour, linewidth=1)
        if known.size > 1:
            width = 1.96 * known.std(ddof=1)
            for limit in (known.mean() - width, known.mean() + width):
                ax.axhline(limit, color=colour, linewidth=0.9, linestyle="--")


def _label(figure: Figure, title: str, simulated: bool) -> None:
    figure.suptitle(title, fontsize=10)
    notes = [SIMULATED_LABEL] if simulated else []
    figure.supxlabel(" · ".join([*notes, SYNTHETIC_LABEL]), fontsize=9, color="firebrick")
