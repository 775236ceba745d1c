"""Distributions of intensities, one panel per image: paper B's figures 2 and 7."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from petsynth.figures.panels import SIMULATED_LABEL, SYNTHETIC_LABEL

_BINS = 120


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
    values: Mapping[str, NDArray]
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
        flat = {name: np.asarray(values).ravel() for name, values in panel.values.items()}
        low = min(float(values.min()) for values in flat.values())
        high = max(float(values.max()) for values in flat.values())
        edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
        for name, values in flat.items():
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
