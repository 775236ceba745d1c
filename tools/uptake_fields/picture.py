"""Real map and simulated group mean side by side, as a PNG."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray
from uptake_fields.group import GRID

SLICES = ((2, 4.0), (2, 36.0), (1, -20.0), (0, 4.0))
"""Axis and MNI coordinate (mm) of what is shown."""


def picture(path: Path, real: NDArray, simulated: NDArray, brain: NDArray, names: tuple) -> None:
    """Draw both maps on one scale, and their difference in percent of the brain's mean.

    Parameters
    ----------
    path : Path
        The PNG.
    real, simulated : (X, Y, Z) float array
        On `GRID`, of one resolution.
    brain : (X, Y, Z) bool array
        Where they are scaled to the same mean and compared.
    names : tuple of 2 str
        Titles of the rows.
    """
    real, simulated = (each / each[brain].mean() for each in (real, simulated))
    top = float(np.percentile(real[brain], 99.5))
    rows = (
        (names[0], real, {"cmap": "inferno", "vmin": 0, "vmax": top}),
        (names[1], simulated, {"cmap": "inferno", "vmin": 0, "vmax": top}),
        ("simulated - real (%)", 100 * (simulated - real) * brain,
         {"cmap": "RdBu_r", "vmin": -30, "vmax": 30}),
    )  # fmt: skip
    figure, axes = plt.subplots(3, len(SLICES) + 1, figsize=(11, 7.5),
                                width_ratios=[4] * len(SLICES) + [0.2])  # fmt: skip
    for row, (name, image, style) in zip(axes, rows, strict=True):
        for axis, (dimension, place) in zip(row[:-1], SLICES, strict=True):
            index = round((place - GRID.affine[dimension, 3]) / 2)
            shown = axis.imshow(np.take(image, index, dimension).T, origin="lower", **style)
            axis.set_xticks([])
            axis.set_yticks([])
        row[0].set_ylabel(name)
        figure.colorbar(shown, cax=row[-1])
    figure.tight_layout()
    figure.savefig(path, dpi=70)
    plt.close(figure)
