"""The regions that uptake is given for, and which labels of other schemes they hold.

Vocabulary
----------
region
    A part of the head with one tracer uptake, such as ``precuneus_left``.
code
    A region's place in `REGIONS`; region images hold codes as ``uint8``. Code 0 is the
    background.

The tables stand beside this file: `regions.csv` (regions, MUSE and FreeSurfer labels),
`seeds.csv` (centres of cortical areas in MNI space) and `ellipsoids.csv` (deep structures).

References
----------
.. [1] Tzourio-Mazoyer et al., "Automated anatomical labeling of activations in SPM",
   NeuroImage 15, 2002: the areas of `seeds.csv`; centres to whole millimetres as tabulated
   with BrainNet Viewer (Xia et al., PLoS ONE 8, 2013). Centres of `ellipsoids.csv` follow
   the same table; half axes were set by eye on the ICBM152 template.
.. [2] Desikan et al., "An automated labeling system for subdividing the human cerebral
   cortex", NeuroImage 31, 2006: FreeSurfer's cortical labels.
.. [3] Doshi et al., "MUSE: MUlti-atlas region Segmentation utilizing Ensembles",
   NeuroImage 127, 2016: MUSE labels. 46 and 69 have no name in its table; from their place
   they are taken as fluid and optic chiasm.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Tissue = Literal["background", "cortex", "cerebellum", "deep", "white", "csf"]
Scheme = Literal["muse", "freesurfer"]


@dataclass(frozen=True)
class Region:
    """One region.

    Parameters
    ----------
    name : str
        With ``_left`` or ``_right`` where it has two sides.
    tissue : str
        What it mainly consists of.
    muse, freesurfer : tuple of int
        Labels that belong to it.
    """

    name: str
    tissue: Tissue
    muse: tuple[int, ...] = ()
    freesurfer: tuple[int, ...] = ()

    @property
    def kind(self) -> str:
        """The name without its side."""
        return self.name.removesuffix("_left").removesuffix("_right")


def read_packaged_table(name: str) -> pd.DataFrame:
    """Read one of the tables beside this file; empty cells become empty text."""
    with resources.files("petsynth.simulation").joinpath(name).open(encoding="utf-8") as file:
        return pd.read_csv(file, comment="#", keep_default_na=False)


def _read_regions() -> tuple[Region, ...]:
    regions = [Region("background", "background")]
    for row in read_packaged_table("regions.csv").to_dict("records"):
        for side in ("_left", "_right") if row["sided"] else ("_left",):
            name = row["region"] + (side if row["sided"] else "")
            muse, freesurfer = (
                tuple(int(label) for label in str(row[scheme + side]).split())
                for scheme in ("muse", "freesurfer")
            )
            regions.append(Region(name, row["tissue"], muse, freesurfer))
    return tuple(regions)


REGIONS: tuple[Region, ...] = _read_regions()
"""Every region; the index is its code in region images."""

CODES: dict[str, int] = {region.name: code for code, region in enumerate(REGIONS)}
"""Region name -> code."""


def codes_of(*kinds: str) -> list[int]:
    """Return the codes of all regions of these kinds, both sides.

    Examples
    --------
    >>> [REGIONS[code].name for code in codes_of("precuneus", "pons")]
    ['precuneus_left', 'precuneus_right', 'pons']
    """
    return [code for code, region in enumerate(REGIONS) if region.kind in kinds]


def codes_of_tissue(*tissues: Tissue) -> list[int]:
    """Return the codes of all regions of these tissues."""
    return [code for code, region in enumerate(REGIONS) if region.tissue in tissues]


def lateral_sign() -> NDArray[np.float32]:
    """Return by region code 1 for the left side, -1 for the right and 0 for what has no side.

    Examples
    --------
    >>> sign = lateral_sign()
    >>> [float(sign[CODES[name]]) for name in ("cuneus_left", "cuneus_right", "pons")]
    [1.0, -1.0, 0.0]
    """
    names = [region.name for region in REGIONS]
    left, right = (
        np.array([name.endswith(side) for name in names], np.float32)
        for side in ("_left", "_right")
    )
    return left - right


def label_table(scheme: Scheme) -> dict[int, int]:
    """Return label -> region code for one labelling scheme; label 0 is the background."""
    table = {0: 0}
    for code, region in enumerate(REGIONS):
        table.update(dict.fromkeys(getattr(region, scheme), code))
    return table


@cache
def _seed_tree() -> tuple[cKDTree, NDArray[np.uint8]]:
    points, codes = [], []
    for row in read_packaged_table("seeds.csv").to_dict("records"):
        for side in ("left", "right"):
            name = row["region"]
            points.append([float(row[f"{side}_{axis}"]) for axis in "xyz"])
            codes.append(CODES.get(name) or CODES[f"{name}_{side}"])
    return cKDTree(points), np.array(codes, dtype=np.uint8)


def nearest_cortical_region(
    points_mm: NDArray[Any], *, cerebellum: bool = True
) -> NDArray[np.uint8]:
    """Return the region whose centre is nearest, never across the midline.

    Parameters
    ----------
    points_mm : (N, 3) float array
        MNI coordinates in mm.
    cerebellum : bool
        Whether the cerebellum is among the candidates.

    Returns
    -------
    (N,) uint8 array
        Region codes.
    """
    tree, codes = _seed_tree()
    sides = np.sign(tree.data[:, 0])
    kept = np.ones(len(codes), bool) if cerebellum else codes != CODES["cerebellar_cortex"]
    nearest = np.zeros(len(points_mm), np.uint8)
    right = points_mm[:, 0] >= 0
    for mask, sign in ((right, 1), (~right, -1)):
        candidates = kept & (sides == sign)
        _, index = cKDTree(tree.data[candidates]).query(points_mm[mask])
        nearest[mask] = codes[candidates][index]
    return nearest


def ellipsoid_regions(points_mm: NDArray[Any], kinds: tuple[str, ...]) -> NDArray[np.uint8]:
    """Return the deep region that holds each point, or 0.

    Parameters
    ----------
    points_mm : (N, 3) float array
        MNI coordinates in mm.
    kinds : tuple of str
        Which regions to look for.

    Returns
    -------
    (N,) uint8 array
        Region codes; where ellipsoids overlap, the one whose centre is relatively nearer.
    """
    best = np.ones(len(points_mm), np.float32)
    found = np.zeros(len(points_mm), np.uint8)
    flipped = np.abs(points_mm[:, :1])
    folded = np.concatenate([flipped, points_mm[:, 1:]], axis=1).astype(np.float32)
    right = points_mm[:, 0] >= 0
    for row in read_packaged_table("ellipsoids.csv").to_dict("records"):
        if row["region"] not in kinds:
            continue
        centre = np.array([row[axis] for axis in "xyz"], np.float32)
        half = np.array([row[f"half_{axis}"] for axis in "xyz"], np.float32)
        distance = (((folded - centre) / half) ** 2).sum(axis=1)
        inside = distance < best
        best[inside] = distance[inside]
        left, right_code = (
            CODES.get(row["region"]) or CODES[f"{row['region']}_{side}"]
            for side in ("left", "right")
        )
        found[inside] = np.where(right[inside], right_code, left)
    return found
