"""Mean tissue of a group of labelled real T1s in MNI space, before any tracer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.simulation.anatomy import Anatomy
from petsynth.simulation.fields import sample_components, world_points
from petsynth.simulation.labelled import find_labelled_scans, make_labelled_anatomy
from petsynth.simulation.regions import REGIONS, codes_of_tissue
from petsynth.simulation.standard_space import StandardSpace, register_to_mni
from petsynth.volume import Grid

GRID = Grid(
    (91, 109, 91), np.array([[2.0, 0, 0, -90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
)
"""The usual MNI box at 2 mm."""
GREY = codes_of_tissue("cortex", "cerebellum", "deep")


@dataclass(frozen=True)
class GroupTissue:
    """Mean tissue fractions on `GRID`.

    Parameters
    ----------
    grey : (R, X, Y, Z) float16 array
        Fraction of each grey region, by region code; other codes are 0.
    white, fluid, plexus, scalp : (X, Y, Z) float32 array
        Fractions; ``scalp`` relative to muscle.
    """

    grey: NDArray[np.float16]
    white: NDArray[np.float32]
    fluid: NDArray[np.float32]
    plexus: NDArray[np.float32]
    scalp: NDArray[np.float32]


def training_scans(folder: Path, count: int) -> list:
    """Return evenly chosen scans of the training subjects."""
    split = pd.read_csv(folder / "split.tsv", sep="\t")
    training = set(split.loc[split["split"] == "train", "participant_id"])
    scans = [scan for scan in find_labelled_scans(folder) if scan.name in training]
    return [scans[round(index)] for index in np.linspace(0, len(scans) - 1, count)]


def group_tissue(folder: Path, count: int, atrophy: float, cache: Path) -> GroupTissue:
    """Return the mean tissue of training subjects with this atrophy; kept in ``cache``."""
    file = cache / f"tissue_{count}_{atrophy:g}.npz"
    if file.exists():
        with np.load(file) as saved:
            return GroupTissue(**saved)
    grey = np.zeros((len(REGIONS), *GRID.shape), np.float32)
    others = {name: np.zeros(GRID.shape, np.float32) for name in
              ("white", "fluid", "plexus", "scalp")}  # fmt: skip
    for scan in training_scans(folder, count):
        anatomy = make_labelled_anatomy(scan, atrophy)
        space = register_to_mni(anatomy.regions, anatomy.grey, anatomy.white, anatomy.grid)
        index = subject_indices(space, anatomy)
        for code in GREY:
            fraction = anatomy.own * (anatomy.regions == code)
            grey[code] += ndimage.map_coordinates(fraction, index, order=1) / count
        for name, fraction in _other_fractions(anatomy).items():
            others[name] += ndimage.map_coordinates(fraction, index, order=1) / count
    cache.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, grey=grey.astype(np.float16), **others)
    return GroupTissue(grey.astype(np.float16), **others)


def _other_fractions(anatomy: Anatomy) -> dict[str, NDArray[np.float32]]:
    names = np.array([region.name for region in REGIONS])[anatomy.regions]
    plexus = anatomy.own * (names == "choroid_plexus")
    csf = np.isin(anatomy.regions, codes_of_tissue("csf"))
    return {
        "white": anatomy.white,
        "fluid": anatomy.own * csf - plexus + anatomy.fluid,
        "plexus": plexus,
        "scalp": anatomy.scalp,
    }


def subject_indices(space: StandardSpace, anatomy: Anatomy) -> NDArray[np.float32]:
    """Return the subject's voxel indices of every voxel of `GRID`: the inverse of the map.

    Fixed-point iteration from the best affine.
    """
    lattice = np.indices(space.points.shape[1:]).reshape(3, -1)
    points = space.points.reshape(3, -1)
    solution, *_ = np.linalg.lstsq(
        np.c_[lattice.T, np.ones(lattice.shape[1])], points.T, rcond=None
    )
    linear, offset = solution[:3].T, solution[3]
    inverse = np.linalg.inv(linear).astype(np.float32)
    coarse = Grid((46, 55, 46), GRID.affine @ np.diag([2.0, 2, 2, 1]))
    wanted = world_points(coarse)
    index = np.tensordot(inverse, wanted - offset[:, None, None, None].astype(np.float32), axes=1)
    for _ in range(15):
        error = sample_components(space.points, index) - wanted
        # Beyond the lattice the border value is continued: only the affine holds there.
        index = index - 0.8 * np.tensordot(inverse, np.clip(error, -12, 12), axes=1)
    fine = np.stack([ndimage.zoom(part, np.array(GRID.shape) / part.shape, order=1, grid_mode=False)
                     for part in index])  # fmt: skip
    return (fine * space.factor).astype(np.float32)
