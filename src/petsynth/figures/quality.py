"""Quality control of one subject: alignment of PET and T1, histograms, regions on the PET."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from petsynth.figures.panels import SIMULATED_LABEL
from petsynth.slicing import AXIS, Plane, take_slices

_PLANES: tuple[Plane, ...] = ("sagittal", "coronal", "axial")
_CONTOUR_FRACTIONS = (0.35, 0.6, 0.85)
"""Contours are drawn at these fractions of the PET's 98th percentile inside the brain."""
_BINS = 100


def draw_alignment(
    mri: NDArray[Any],
    pets: dict[str, NDArray[Any]],
    mask: NDArray[Any],
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
    axes = figure.subplots(len(pets), len(_PLANES), squeeze=False)
    for (name, pet), row in zip(pets.items(), axes, strict=True):
        levels = np.percentile(pet[mask], 98) * np.array(_CONTOUR_FRACTIONS)
        for plane, ax in zip(_PLANES, row, strict=True):
            index = int(centre[AXIS[plane]])
            images = [take_slices(volume, plane)[index] for volume in (mri, pet, mask)]
            _draw_contours(ax, images, levels)
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


def draw_intensities(
    mri: NDArray[Any], pet: NDArray[Any], mask: NDArray[Any], *, unit: str, simulated: bool = False
) -> Figure:
    """Draw how often which intensity occurs in the brain, and in all of the image.

    Parameters
    ----------
    mri : (X, Y, Z) float array
        T1 in [-1, 1].
    pet : (X, Y, Z) or (X, Y, Z, T) float array
        PET; a line per frame.
    mask : (X, Y, Z) bool array
        Brain.
    unit : str
        Of the PET.
    simulated : bool
        Whether the scans are simulated; the figure then says so.
    """
    figure = Figure(figsize=(9, 2.8), facecolor="white")
    figure.subplots_adjust(0.07, 0.2, 0.98, 0.88, wspace=0.2)
    axes = figure.subplots(1, 2)
    frames = pet if pet.ndim == 4 else pet[..., np.newaxis]
    images = [("T1 (scaled to -1...1)", [mri])]
    images += [(f"PET ({unit})", [frames[..., number] for number in range(frames.shape[3])])]
    for ax, (name, volumes) in zip(axes, images, strict=True):
        low, high = np.percentile(np.stack([each[mask] for each in volumes]), [0, 99.9])
        for number, volume in enumerate(volumes):
            label = "brain" if len(volumes) == 1 else f"brain, frame {number + 1}"
            ax.hist(
                volume[mask],
                bins=_BINS,
                range=(low, high),
                density=True,
                histtype="step",
                label=label,
            )
        ax.hist(
            volumes[0].ravel(),
            bins=_BINS,
            range=(low, high),
            density=True,
            histtype="step",
            color="0.7",
            label="whole image",
        )
        ax.set_yscale("log")
        ax.set_xlabel(name, fontsize=8)
        ax.tick_params(labelsize=7)
        ax.legend(fontsize=7)
    if simulated:
        figure.suptitle(SIMULATED_LABEL, fontsize=8, color="firebrick", y=0.98)
    return figure


def draw_regions(
    pet: NDArray[Any], regions: dict[str, NDArray[Any]], *, unit: str, simulated: bool = False
) -> Figure:
    """Draw each region's outline on the PET, in three planes through its middle.

    Parameters
    ----------
    pet : (X, Y, Z) float array
        On the models' grid.
    regions : dict of str to (X, Y, Z) bool array
        Name and region on the same grid; an empty one is left out.
    unit : str
        Of the PET.
    simulated : bool
        Whether the scans are simulated; the figure then says so.
    """
    drawn = {name: inside for name, inside in regions.items() if inside.any()}
    height = 2.9 * max(len(drawn), 1) + 0.4
    figure = Figure(figsize=(9, height), facecolor="white")
    figure.subplots_adjust(0.02, 0.02, 0.98, 1 - 0.5 / height, wspace=0.04, hspace=0.15)
    axes = figure.subplots(max(len(drawn), 1), 3, squeeze=False)
    top = float(np.percentile(pet, 99.9))
    for (name, inside), row in zip(drawn.items(), axes, strict=False):
        centre = np.argwhere(inside).mean(axis=0).round().astype(int)
        for plane, ax in zip(_PLANES, row, strict=True):
            index = centre[AXIS[plane]]
            ax.imshow(take_slices(pet, plane)[index], cmap="gray_r", vmin=0, vmax=top)
            outline = take_slices(inside, plane)[index]
            if outline.any() and not outline.all():
                ax.contour(outline, levels=[0.5], colors=["firebrick"], linewidths=0.8)
            ax.set(xticks=[], yticks=[])
            ax.set_title(f"{name}, {plane}", fontsize=8)
    title = f"regions on the PET ({unit}, 0 to {top:.2g})"
    label = f"{SIMULATED_LABEL} · {title}" if simulated else title
    figure.suptitle(label, fontsize=9, color="firebrick" if simulated else "black")
    return figure


def _draw_contours(ax: Axes, images: list[NDArray[Any]], levels: NDArray[Any]) -> None:
    mri, pet, mask = images
    ax.imshow(mri, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
    if mask.any() and not mask.all():
        ax.contour(mask, levels=[0.5], colors=["cyan"], linewidths=0.6)
    inside = [level for level in np.unique(levels) if pet.min() < level < pet.max()]
    if inside:
        ax.contour(pet, levels=inside, cmap="autumn_r", linewidths=0.8)
    ax.set(xticks=[], yticks=[])
