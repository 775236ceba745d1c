"""Cortical regions (DKT) in MNI space, from an old-age template, and regional tables."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from uptake_fields.group import GroupTissue, subject_indices

from petsynth.io.nifti import read_volume
from petsynth.simulation.anatomy import Anatomy
from petsynth.simulation.labels import refine_regions
from petsynth.simulation.regions import codes_of, label_table
from petsynth.simulation.standard_space import register_to_mni

ASEG = {
    "Thalamus_Proper": (10, 49), "Caudate": (11, 50), "Putamen": (12, 51), "Pallidum": (13, 52),
    "Hippocampus": (17, 53), "Amygdala": (18, 54), "VentralDC": (28, 60),
    "Cerebellum_Cortex": (8, 47), "Cerebral_White_Matter": (2, 41),
}  # fmt: skip
"""FreeSurfer's numbers, left and right."""
DEEP_NAMES = {
    "thalamus": "Thalamus_Proper", "caudate": "Caudate", "putamen": "Putamen",
    "pallidum": "Pallidum", "hippocampus": "Hippocampus", "amygdala": "Amygdala",
    "ventral_diencephalon": "VentralDC", "cerebellar_cortex": "Cerebellum_Cortex",
}  # fmt: skip
DKT = {
    "caudalanteriorcingulate": 2, "caudalmiddlefrontal": 3, "cuneus": 5, "entorhinal": 6,
    "fusiform": 7, "inferiorparietal": 8, "inferiortemporal": 9, "isthmuscingulate": 10,
    "lateraloccipital": 11, "lateralorbitofrontal": 12, "lingual": 13, "medialorbitofrontal": 14,
    "middletemporal": 15, "parahippocampal": 16, "paracentral": 17, "parsopercularis": 18,
    "parsorbitalis": 19, "parstriangularis": 20, "pericalcarine": 21, "postcentral": 22,
    "posteriorcingulate": 23, "precentral": 24, "precuneus": 25, "rostralanteriorcingulate": 26,
    "rostralmiddlefrontal": 27, "superiorfrontal": 28, "superiorparietal": 29,
    "superiortemporal": 30, "supramarginal": 31, "transversetemporal": 34, "insula": 35,
}  # fmt: skip


def dkt_labels(data: Path, cache: Path) -> NDArray[np.int16]:
    """Return FreeSurfer's numbers on `GRID`; the template is registered as a subject would be."""
    file = cache / "dkt.npz"
    if file.exists():
        with np.load(file) as saved:
            return saved["labels"]
    folder = data / "elderly-template"
    labels = _canonical(folder / "antsDktMalfLabels.nii.gz")
    tissue = _canonical(folder / "antsBrainSegmentation.nii.gz")
    mri = read_volume(folder / "T_template0_BrainCerebellum.nii.gz")
    step = (slice(None, None, 2),) * 3  # 2 mm are enough to register
    affine = mri.affine @ np.diag([2.0, 2, 2, 1])
    table = label_table("freesurfer")
    lookup = np.zeros(max(table) + 1, np.uint8)
    lookup[list(table)] = list(table.values())
    coarse = lookup[labels[step]]
    grey, white = (
        ndimage.uniform_filter(np.isin(tissue, kinds).astype(np.float32), 2)[step]
        for kinds in ((2, 4, 5, 6), (3,))
    )
    volume = mri.with_data(mri.data[step])
    volume = type(mri)(volume.data, affine)
    regions = refine_regions(coarse, volume.grid)
    space = register_to_mni(regions, grey, white, volume.grid)
    anatomy = Anatomy(volume, regions > 0, regions, grey, white, grey * 0)
    index = subject_indices(space, anatomy) * 2
    warped = ndimage.map_coordinates(labels, index, order=0).astype(np.int16)
    np.savez_compressed(file, labels=warped)
    return warped


def _canonical(path: Path) -> NDArray[np.int32]:
    return np.rint(np.asanyarray(nib.as_closest_canonical(nib.load(path)).dataobj)).astype(np.int32)


def number_of(region: str) -> int | None:
    """Return FreeSurfer's number for a name of the regional tables; None if it is no such region.

    Examples
    --------
    >>> number_of("ctx_rh_cuneus"), number_of("Left_Putamen"), number_of("WM_hypointensities")
    (2005, 12, None)
    """
    if region.startswith("ctx_"):
        number = DKT.get(region[7:])
        return number and number + (1000 if region[4] == "l" else 2000)
    side, _, name = region.partition("_")
    if name in ASEG and side in ("Left", "Right"):
        return ASEG[name][side == "Right"]
    return None


def regional_table(path: Path, column: str) -> dict[int, float]:
    """Return FreeSurfer's number -> value for one column of a regional table."""
    table = pd.read_csv(path).dropna(subset=[column])
    pairs = zip(table["region"], table[column], strict=True)
    return {number: value for name, value in pairs if (number := number_of(name)) is not None}


Weights = tuple[NDArray[np.intp], NDArray[np.float64]]


def soft_regions(
    tissue: GroupTissue, labels: NDArray[np.int16], table: dict[int, float]
) -> tuple[list[Weights], list[float]]:
    """Return voxels of tabulated cortex, weighted by their grey matter, and the values."""
    grey = tissue.grey.sum(axis=0, dtype=np.float32)
    weights, values = [], []
    for number, value in table.items():
        inside = (labels == number) & (grey > 0.6)
        if inside.sum() > 20:
            weights.append(_weights(inside, grey))
            values.append(value)
    return weights, values


def deep_regions(
    tissue: GroupTissue, folder: Path, extra: dict[str, float]
) -> tuple[list[Weights], list[float]]:
    """Return voxels and tau-negative means of deep regions, cerebellum and white matter.

    The lower of a row's two components is the negative one (some rows have them swapped).
    """
    table = pd.read_csv(folder / "component_moments.csv").set_index("region")
    lower = table[["C0_mean", "C1_mean"]].min(axis=1)
    named = dict(extra)
    for mine, theirs in DEEP_NAMES.items():
        named[mine] = float(lower[[f"{side}_{theirs}" for side in ("Left", "Right")]].mean())
    weights, values = [], []
    for name, value in named.items():
        fraction = tissue.grey[codes_of(name)].sum(axis=0, dtype=np.float32)
        weights.append(_weights(fraction > 0.6, fraction))
        values.append(value)
    white = float(lower[["Left_Cerebral_White_Matter", "Right_Cerebral_White_Matter"]].mean())
    fluid = float(lower[["Left_Lateral_Ventricle", "Right_Lateral_Ventricle"]].mean())
    for fraction, value in ((tissue.white, white), (tissue.fluid, fluid)):
        weights.append(_weights(fraction > 0.6, fraction))
        values.append(value)
    return weights, values


def _weights(inside: NDArray[np.bool_], fraction: NDArray) -> Weights:
    index = np.flatnonzero(inside)
    weight = fraction.ravel()[index].astype(float)
    return index, weight / weight.sum()
