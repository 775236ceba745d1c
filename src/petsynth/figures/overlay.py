"""Quality control of one subject: the T1 with contours of the PET, before and after alignment."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from petsynth.figures.panels import SIMULATED_LABEL
from petsynth.slicing import AXIS, Plane, take_slices

PLANES: tuple[Plane, ...] = ("sagittal", "coronal", "axial")
CONTOUR_SHARES = (0.35, 0.6, 0.85)
"""Contours are drawn at these shares of the PET's 98th percentile inside the brain."""


def draw_alignment(
    mri: NDArray,
    pets: dict[str, NDArray],
    mask: NDArray,
    *,
    title: str = "",
    warning: str = "",
    simulated: bool = False,
) -> Figure:
    """Draw a row of three planes per PET, each through the middle of the brain.

    Parameters
    ----------
    mri : (X, Y, Z) float array
        T1 on the models' grid, in [-1, 1].
    pets : dict of str to (X, Y, Z) float array
        Name of the row, such as ``"as in the file headers"``, and PET on the same grid.
    mask : (X, Y, Z) bool array
        Brain; its outline is drawn as well.
    title : str
        Subject and figures of merit.
    warning : str
        What quality control flagged; drawn in red.
    simulated : bool
        Whether the scans are simulated; the figure then says so.

    Returns
    -------
    Figure
        To be written with `petsynth.figures.save.save_png`.
    """
    centre = np.argwhere(mask).mean(axis=0).round().astype(int)
    height = 3.1 * len(pets) + 0.9
    figure = Figure(figsize=(9, height), facecolor="white")
    # Fixed margins: matplotlib's layout engines take longer than the drawing.
    figure.subplots_adjust(0.02, 0.4 / height, 0.98, 1 - 0.6 / height, wspace=0.04, hspace=0.12)
    axes = figure.subplots(len(pets), len(PLANES), squeeze=False)
    for (name, pet), row in zip(pets.items(), axes, strict=True):
        levels = np.percentile(pet[mask], 98) * np.array(CONTOUR_SHARES)
        for plane, ax in zip(PLANES, row, strict=True):
            index = int(centre[AXIS[plane]])
            images = [take_slices(volume, plane)[index] for volume in (mri, pet, mask)]
            _draw(ax, images, levels)
            ax.set_title(f"{name}, {plane}", fontsize=8)
    figure.suptitle(title, fontsize=10, y=1 - 0.15 / height)
    note = "lines: PET, yellow to red; cyan: brain mask; subject's left is on the left"
    parts = [SIMULATED_LABEL if simulated else "", f"CHECK: {warning}" if warning else "", note]
    figure.supxlabel(
        " · ".join(part for part in parts if part),
        fontsize=8,
        y=0.1 / height,
        color="firebrick" if warning or simulated else "black",
        wrap=True,
    )
    return figure


def _draw(ax: Axes, images: list[NDArray], levels: NDArray) -> None:
    mri, pet, mask = images
    ax.imshow(mri, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
    if mask.any() and not mask.all():
        ax.contour(mask, levels=[0.5], colors=["cyan"], linewidths=0.6)
    inside = [level for level in np.unique(levels) if pet.min() < level < pet.max()]
    if inside:
        ax.contour(pet, levels=inside, cmap="autumn_r", linewidths=0.8)
    ax.set(xticks=[], yticks=[])
