"""Rows of image panels with colour bars: paper A's figures 2 and 3, predictions, samples.

A caller makes panels with `mri_panel`, `pet_panel`, `difference_panel`, `signed_panel` and
`uncertainty_panel` and draws them with `draw_panels`. Slices come from a `View` or from
`petsynth.slicing`, whose layout (left on the left, front at the top or on the right) is shown as it
is; a panel with a view marks its sides and its place. Whatever is synthetic says so inside its own
panel, so that a cut-out still does. The colour maps can be told apart by colour-blind readers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from petsynth.slicing import AXIS, Plane, take_slices
from petsynth.volume import Grid

# Which slice of a volume a panel shows: its place in mm, its sides, its proportions.

_SIDES: dict[Plane, tuple[str, str]] = {
    "axial": ("L", "R"),
    "coronal": ("L", "R"),
    "sagittal": ("P", "A"),
}


@dataclass(frozen=True)
class View:
    """A slice of every volume on one grid.

    Parameters
    ----------
    plane : {"axial", "coronal", "sagittal"}
        Where to cut.
    grid : Grid
        Of the volumes, in RAS+ order.
    index : int, optional
        Of the slice; N // 2 if left out, as paper A has it (section 2.5).
    """

    plane: Plane
    grid: Grid
    index: int | None = None

    @property
    def number(self) -> int:
        """Index of the slice along its axis."""
        middle: int = self.grid.shape[AXIS[self.plane]] // 2
        return middle if self.index is None else self.index

    @property
    def position_mm(self) -> float:
        """World coordinate across the plane, in mm, at the middle of the slice."""
        voxel = np.array([(size - 1) / 2 for size in self.grid.shape] + [1.0])
        voxel[AXIS[self.plane]] = self.number
        return float((np.asarray(self.grid.affine, dtype=float) @ voxel)[AXIS[self.plane]])

    @property
    def position(self) -> str:
        """The coordinate as a panel shows it.

        Examples
        --------
        >>> grid = Grid((91, 109, 91), np.array([[2, 0, 0, -90], [0, 2, 0, -126], [0, 0, 2, -72],
        ...                                      [0, 0, 0, 1]]))
        >>> View("axial", grid).position, View("sagittal", grid, 45).position
        ('z = 18 mm', 'x = 0 mm')
        """
        shown = round(self.position_mm, 1)
        return f"{'xyz'[AXIS[self.plane]]} = {shown if shown else 0.0:g} mm"

    @property
    def sides(self) -> tuple[str, str]:
        """What lies at the left and the right edge of the image: L and R, or P and A."""
        return _SIDES[self.plane]

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Height and width of a pixel."""
        columns, rows = (
            edge for axis, edge in enumerate(self.grid.voxel_mm) if axis != AXIS[self.plane]
        )
        return rows, columns

    def on(self, grid: Grid) -> View:
        """Return the slice of another grid, likewise RAS+, that lies closest to this one."""
        axis = AXIS[self.plane]
        first = View(self.plane, grid, 0).position_mm
        index = round((self.position_mm - first) / grid.voxel_mm[axis])
        return View(self.plane, grid, min(max(index, 0), grid.shape[axis] - 1))

    def cut(self, volume_XYZ: NDArray[Any]) -> NDArray[Any]:
        """Return the (H, W) slice of a volume on the grid."""
        return np.asarray(take_slices(volume_XYZ, self.plane)[self.number])


def unit_label(unit: str, reference: str | None) -> str:
    """Return a unit with what it refers to.

    Examples
    --------
    >>> unit_label("SUVR", "pons"), unit_label("SUVR", None), unit_label("kBq/mL", None)
    ('SUVR (reference: pons)', 'SUVR (reference region not stated)', 'kBq/mL')
    """
    if reference:
        return f"{unit} (reference: {reference})"
    return f"{unit} (reference region not stated)" if unit == "SUVR" else unit


# Rows of image panels with colour bars: paper A's figures 2 and 3, predictions, samples.

SYNTHETIC_LABEL = "SYNTHETIC PET – not for diagnosis"
"""Written on every figure of a synthetic PET."""
SIMULATED_LABEL = "simulated data"
"""Written on every figure of a simulated cohort."""

SIGNED_COLOURS = "RdBu_r"
"""Colour map of differences with a sign."""

_PANEL_INCHES = 2.6
_LINE_INCHES = 0.2


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
    view : View, optional
        Which slice it is; sides and coordinate are written into the image then, and the pixels
        are those of its grid.
    """

    image: NDArray[Any]
    title: str
    colours: str
    limits: tuple[float, float]
    unit: str
    voxel_mm: tuple[float, float] = (1.0, 1.0)
    label: str = ""
    view: View | None = None

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Height and width of a pixel."""
        return self.voxel_mm if self.view is None else self.view.pixel_mm


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


def signed_panel(
    pet: NDArray[Any], synthetic_pet: NDArray[Any], highest: float, unit: str, **more: Any
) -> Panel:
    """Show synthetic minus reference, in PET units: red is too high, blue too low."""
    defaults = {"title": "Synthetic − reference", "colours": SIGNED_COLOURS}
    difference = np.asarray(synthetic_pet, dtype=float) - pet
    limits = {"limits": (-highest, highest), "unit": unit, "label": SYNTHETIC_LABEL}
    return Panel(difference, **defaults | limits | more)


def uncertainty_panel(deviation: NDArray[Any], highest: float, unit: str, **more: Any) -> Panel:
    """Show the standard deviation of a synthetic slice, in PET units; a title says of what."""
    defaults = {"title": "Standard deviation", "colours": "viridis", "limits": (0, highest)}
    return Panel(deviation, **defaults | {"unit": unit, "label": SYNTHETIC_LABEL} | more)


def draw_panels(
    rows: Sequence[tuple[str, Sequence[Panel | None]]], *, title: str = "", simulated: bool = False
) -> Figure:
    """Draw rows of panels.

    Parameters
    ----------
    rows : sequence of (str, sequence of Panel or None)
        The name of each row, written at its left, and its panels; None leaves a place free.
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
    drawn = [panel for _, panels in rows for panel in panels if panel is not None]
    if not drawn:
        raise ValueError("no panels to draw")
    columns = max(len(panels) for _, panels in rows)
    heights = [
        max((_proportion(panel) for panel in panels if panel is not None), default=1.0)
        for _, panels in rows
    ]
    lines = sum(max(_lines(panel) for panel in panels) for _, panels in rows) + title.count("\n")
    size = (
        _PANEL_INCHES * columns + 0.4,
        _PANEL_INCHES * sum(heights) + 0.4 * len(rows) + _LINE_INCHES * lines + 0.9,
    )
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(h_pad=0.08))
    axes = figure.subplots(len(rows), columns, squeeze=False, height_ratios=heights)
    for (name, panels), row_axes in zip(rows, axes, strict=True):
        shown = [*panels, *[None] * (columns - len(panels))]
        for ax, panel in zip(row_axes, shown, strict=True):
            if panel is None:
                ax.set_axis_off()
            else:
                _draw_panel(figure, ax, panel)
        first = next((number for number, panel in enumerate(shown) if panel is not None), 0)
        row_axes[first].set_ylabel(name, fontsize=10, fontweight="bold")
    figure.suptitle(title, fontsize=11)
    notes = [SIMULATED_LABEL] if simulated else []
    if any(panel.label == SYNTHETIC_LABEL for panel in drawn):
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
        aspect=panel.pixel_mm[0] / panel.pixel_mm[1],
        interpolation="nearest",
    )
    ax.set(xticks=[], yticks=[], facecolor="0.35")  # where there is no value
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
    if panel.view is not None:
        # Where there is no value, the background is dark whatever the colours.
        is_light = panel.colours == SIGNED_COLOURS and bool(np.isfinite(panel.image[0]).all())
        _mark_view(ax, panel.view, is_light=is_light)
    bar = figure.colorbar(image, ax=ax, orientation="horizontal", fraction=0.05, pad=0.02)
    bar.locator = MaxNLocator(4)
    bar.set_label(panel.unit, fontsize=8)
    bar.ax.tick_params(labelsize=7)


def _lines(panel: Panel | None) -> int:
    return 1 if panel is None else panel.title.count("\n") + 1


def _proportion(panel: Panel) -> float:
    height, width = panel.image.shape
    return float(height * panel.pixel_mm[0] / (width * panel.pixel_mm[1]))


def _mark_view(ax: Axes, view: View, *, is_light: bool) -> None:
    """Write the sides at the edges and the coordinate into the upper left corner."""
    colour, edge = ("black", "white") if is_light else ("white", "black")
    places = ((0.02, 0.5, "left", view.sides[0]), (0.98, 0.5, "right", view.sides[1]))
    for x, y, side, text in (*places, (0.02, 0.98, "left", view.position)):
        ax.text(
            x,
            y,
            text,
            transform=ax.transAxes,
            ha=side,
            va="top" if y > 0.9 else "center",
            fontsize=6.5 if y > 0.9 else 8,
            color=colour,
            path_effects=[withStroke(linewidth=1.8, foreground=edge)],  # on any background
        )
