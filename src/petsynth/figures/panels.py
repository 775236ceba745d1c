"""Rows of image panels with colour bars: paper A's figures 2 and 3, predictions, samples.

A caller makes panels with `mri_panel`, `pet_panel`, `difference_panel` and
`uncertainty_panel` and draws them with `draw_panels`. Slices come from
`petsynth.slicing`, whose layout (left on the left, front at the top or on the right) is
shown as it is. Whatever is synthetic says so inside its own panel, so that a cut-out still
does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

SYNTHETIC_LABEL = "SYNTHETIC PET – not for diagnosis"
"""Written on every figure of a synthetic PET."""
SIMULATED_LABEL = "simulated data"
"""Written on every figure of a simulated cohort."""

_PANEL_INCHES = 2.6


@dataclass(frozen=True)
class Panel:
    """One image with its colour scale.

    Parameters
    ----------
    image : (H, W) array
        The slice.
    title : str
        What it shows.
    colours : str
        A colour map of matplotlib.
    limits : tuple of 2 float
        The values at the ends of the colour bar.
    unit : str
        Of the values, written at the colour bar.
    voxel_mm : tuple of 2 float
        Height and width of a pixel, for the right proportions.
    label : str
        Written into the image.
    """

    image: NDArray[Any]
    title: str
    colours: str
    limits: tuple[float, float]
    unit: str
    voxel_mm: tuple[float, float] = (1.0, 1.0)
    label: str = ""


def mri_panel(mri: NDArray[Any], **more: Any) -> Panel:
    """Show a T1 slice in the network's units, from -1 (air) to 1; ``more`` as in `Panel`."""
    defaults = {"title": "MRI", "colours": "gray", "limits": (-1, 1)}
    return Panel(mri, **defaults | {"unit": "T1 intensity, scaled"} | more)


def pet_panel(
    pet: NDArray[Any],
    highest: float,
    unit: str,
    *,
    synthetic: bool = False,
    simulated: bool = False,
    **more: Any,
) -> Panel:
    """Show a PET slice.

    Parameters
    ----------
    pet : (H, W) array
        In PET units.
    highest : float
        Where the colours end; give one value to all panels that are compared.
    unit : str
        Unit of the values.
    synthetic : bool
        Whether a model made it; it is then labelled so.
    simulated : bool
        Whether a simulation made it, not a scanner; the title of a reference PET then says so.
    **more
        As in `Panel`.
    """
    reference = "Reference PET (simulated)" if simulated else "Reference PET"
    title = "Synthetic PET" if synthetic else reference
    label = SYNTHETIC_LABEL if synthetic else ""
    defaults = {"title": title, "colours": "inferno", "limits": (0, highest), "label": label}
    return Panel(pet, **defaults | {"unit": unit} | more)


def difference_panel(
    pet: NDArray[Any], synthetic_pet: NDArray[Any], highest: float, unit: str, **more: Any
) -> Panel:
    """Show the absolute difference of a reference and a synthetic slice, in PET units."""
    defaults = {"title": "Absolute difference", "colours": "viridis", "limits": (0, highest)}
    difference = np.abs(np.asarray(synthetic_pet, dtype=float) - pet)
    return Panel(difference, **defaults | {"unit": unit, "label": SYNTHETIC_LABEL} | more)


def uncertainty_panel(deviation: NDArray[Any], highest: float, unit: str, **more: Any) -> Panel:
    """Show the standard deviation over dropout samples of a synthetic slice, in PET units."""
    defaults = {"title": "Standard deviation", "colours": "viridis", "limits": (0, highest)}
    return Panel(deviation, **defaults | {"unit": unit, "label": SYNTHETIC_LABEL} | more)


def draw_panels(
    rows: Sequence[tuple[str, Sequence[Panel]]], *, title: str = "", simulated: bool = False
) -> Figure:
    """Draw rows of panels.

    Parameters
    ----------
    rows : sequence of (str, sequence of Panel)
        The name of each row, written at its left, and its panels.
    title : str
        Above everything.
    simulated : bool
        Whether the data are simulated; the figure then says so.

    Returns
    -------
    Figure
        To be written with `petsynth.figures.save.save_png`.

    Raises
    ------
    ValueError
        If there is no panel.
    """
    columns = max((len(panels) for _, panels in rows), default=0)
    if not columns:
        raise ValueError("no panels to draw")
    heights = [max(_proportion(panel) for panel in panels) for _, panels in rows]
    size = (_PANEL_INCHES * columns + 0.4, _PANEL_INCHES * sum(heights) + 0.6 * len(rows) + 0.9)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False, height_ratios=heights)
    for (name, panels), row_axes in zip(rows, axes, strict=True):
        for ax in row_axes[len(panels) :]:
            ax.set_axis_off()
        for ax, panel in zip(row_axes, panels, strict=False):
            _draw_panel(figure, ax, panel)
        row_axes[0].set_ylabel(name, fontsize=10, fontweight="bold")
    figure.suptitle(title, fontsize=11)
    notes = [SIMULATED_LABEL] if simulated else []
    if any(panel.label == SYNTHETIC_LABEL for _, panels in rows for panel in panels):
        notes.append(SYNTHETIC_LABEL)
    figure.supxlabel(" · ".join(notes), fontsize=9, color="firebrick")
    return figure


def _draw_panel(figure: Figure, ax: Axes, panel: Panel) -> None:
    low, high = panel.limits
    image = ax.imshow(
        panel.image,
        cmap=panel.colours,
        vmin=low,
        vmax=high,
        aspect=panel.voxel_mm[0] / panel.voxel_mm[1],
        interpolation="nearest",
    )
    ax.set(xticks=[], yticks=[])
    ax.set_title(panel.title, fontsize=10)
    if panel.label:
        ax.text(
            0.5,
            0.02,
            panel.label,
            transform=ax.transAxes,
            ha="center",
            va="bottom",
            fontsize=6.5,
            color="white",
            bbox={"facecolor": "black", "alpha": 0.6, "edgecolor": "none", "pad": 1.5},
        )
    bar = figure.colorbar(image, ax=ax, orientation="horizontal", fraction=0.05, pad=0.02)
    bar.locator = MaxNLocator(4)
    bar.set_label(panel.unit, fontsize=8)
    bar.ax.tick_params(labelsize=7)


def _proportion(panel: Panel) -> float:
    height, width = panel.image.shape
    return float(height * panel.voxel_mm[0] / (width * panel.voxel_mm[1]))
