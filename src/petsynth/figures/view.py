"""Which slice of a volume a panel shows: its place in mm, its sides, its proportions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsynth.slicing import AXIS, Plane, take_slices
from petsynth.volume import Grid

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
