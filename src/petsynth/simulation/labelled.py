"""Subjects whose anatomy is a real T1 with its segmentation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.errors import InputError
from petsynth.io.nifti import read_grid, read_volume
from petsynth.simulation.anatomy import Anatomy
from petsynth.simulation.atrophy import atrophy_displacement, volume_change_per_code
from petsynth.simulation.fields import FloatField, coarse_lattice, refine
from petsynth.simulation.labels import detect_scheme, refine_regions, translate_labels
from petsynth.simulation.partial_volume import TissueFractions, tissue_fractions
from petsynth.simulation.regions import Scheme, codes_of, codes_of_tissue, lateral_sign
from petsynth.simulation.soft_tissue import soft_tissue
from petsynth.simulation.standard_space import register_to_mni
from petsynth.volume import BoolArray, Grid

T1_ENDINGS = ("_T1w.nii.gz", "_T1w.nii", "_T1.nii.gz", "_T1.nii")
_GREY = codes_of_tissue("cortex", "cerebellum", "deep")
_WHITE = codes_of_tissue("white")
_PARENCHYMA = _GREY + _WHITE
LABEL_ENDINGS = ("_dseg", "_seg", "_synthseg", "_aseg", "_aparc+aseg")


@dataclass(frozen=True)
class LabelledScan:
    """A T1 and its segmentation.

    Parameters
    ----------
    name : str
        What both file names start with.
    t1, labels : Path
        The files.
    """

    name: str
    t1: Path
    labels: Path


def find_labelled_scans(folder: str | Path) -> list[LabelledScan]:
    """Find every T1 of a folder and its segmentation.

    Parameters
    ----------
    folder : str or Path
        Holds ``t1/NAME_T1w.nii.gz`` and ``labels/NAME_dseg.nii.gz``, or both kinds side by
        side.

    Returns
    -------
    list of LabelledScan
        Sorted by name.

    Raises
    ------
    InputError
        If the folder is missing or holds no T1, or a T1 has no segmentation on its grid.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of labelled T1s")
    split = (folder / "t1").is_dir()
    t1_folder, label_folder = (folder / "t1", folder / "labels") if split else (folder, folder)
    images = [
        (path.name.removesuffix(ending), path)
        for ending in T1_ENDINGS
        for path in t1_folder.glob(f"*{ending}")
    ]
    if not images:
        raise InputError(
            f"{folder}: no T1 found; expected t1/NAME_T1w.nii.gz and labels/NAME_dseg.nii.gz, "
            "or both side by side"
        )
    return [
        LabelledScan(name, t1, _labels_of(name, t1, label_folder)) for name, t1 in sorted(images)
    ]


def _labels_of(name: str, t1: Path, folder: Path) -> Path:
    candidates = [
        folder / f"{name}{ending}{extension}"
        for ending in LABEL_ENDINGS
        for extension in (".nii.gz", ".nii")
    ]
    found = [path for path in candidates if path.exists()]
    if not found:
        raise InputError(f"{t1}: no segmentation {candidates[0]} beside it")
    image, labels = read_grid(t1), read_grid(found[0])
    if not image.matches(labels, tolerance_mm=0.01):
        raise InputError(
            f"{found[0]}: grid {labels.shape} at {labels.voxel_mm} mm does not match {t1} "
            f"{image.shape} at {image.voxel_mm} mm (or lies elsewhere); resample the labels onto it"
        )
    return found[0]


def make_labelled_anatomy(
    scan: LabelledScan, atrophy: float, scheme: Scheme | None = None, asymmetry: float = 0.0
) -> Anatomy:
    """Read a labelled T1 and put atrophy into both.

    Parameters
    ----------
    scan : LabelledScan
        The files.
    atrophy : float
        Visible atrophy to add, 0 (none) to 1 (severe dementia).
    scheme : {"muse", "freesurfer"}, optional
        Of the labels; detected if not given.
    asymmetry : float
        How much stronger the atrophy is on the left, -1 to 1.

    Raises
    ------
    InputError
        If a file cannot be used or has unknown labels.
    """
    mri = read_volume(scan.t1)
    labels = _read_labels(scan.labels)
    source = str(scan.labels)
    regions = translate_labels(labels, scheme or detect_scheme(labels, source), source)
    regions = refine_regions(regions, mri.grid)
    fractions = tissue_fractions(mri, regions)
    points = None
    if atrophy > 0:
        points = _healthy_points(regions, mri.grid, atrophy, asymmetry)
        warped = ndimage.map_coordinates(mri.data, points, order=3, mode="nearest")
        mri = mri.with_data(np.maximum(warped, mri.data.min()))
    regions, own, white = _warped(fractions, points)
    mask = _brain_mask(regions, own, white, mri.grid)
    scalp = soft_tissue(mri, mask, own * ~mask)
    grey = own * np.isin(regions, _GREY)
    space = register_to_mni(regions, grey, white, mri.grid)
    return Anatomy(mri, mask, regions, own, white, scalp, space)


def _read_labels(path: Path) -> NDArray[np.int32]:
    values = read_volume(path).data
    rounded = np.rint(values).astype(np.int32)
    if (rounded < 0).any() or not np.array_equal(rounded, values):
        raise InputError(f"{path}: labels must be whole numbers of at least 0")
    return np.asarray(rounded)


def _healthy_points(
    regions: NDArray[np.uint8], grid: Grid, atrophy: float, asymmetry: float
) -> FloatField:
    """Return, for every voxel after the atrophy, the voxel indices where it stood before."""
    lattice, factor = coarse_lattice(grid, spacing_mm=2.0)
    parenchyma = np.isin(regions, _PARENCHYMA)
    fluid = _closed(parenchyma, grid) & ~parenchyma
    fluid &= ~np.isin(regions, codes_of("ventricle", "choroid_plexus"))
    change = volume_change_per_code() * (1 + asymmetry * lateral_sign())
    shrinking, outer = (
        _lattice_means(values.astype(np.float32), factor, lattice)
        for values in (change[regions], fluid)
    )
    displacement = np.float32(atrophy) * atrophy_displacement(shrinking, outer, lattice)
    to_index = np.linalg.inv(grid.affine[:3, :3]).astype(np.float32)
    shift = refine(np.tensordot(to_index, displacement, axes=1), factor, grid.shape)
    return np.indices(grid.shape, dtype=np.float32) + shift


def _warped(
    fractions: TissueFractions, points: FloatField | None
) -> tuple[NDArray[np.uint8], FloatField, FloatField]:
    """Return region codes, the fraction of each voxel's region and that of white matter beside it.

    Where the anatomy is deformed, tissue moves by less than a voxel at most places; the fractions
    follow that, labels alone would not.
    """
    codes, grey, white = fractions.regions, fractions.grey, fractions.white
    if points is not None:
        white, grey = (
            ndimage.map_coordinates(part, points, order=1, mode="nearest") for part in (white, grey)
        )
        codes = ndimage.map_coordinates(codes, points, order=0, mode="nearest")
        beside = ndimage.maximum_filter(np.where(np.isin(codes, _GREY), codes, 0), size=3)
        partial = (grey > 0) & (beside > 0) & ~np.isin(codes, _GREY)
        codes = np.where(partial, beside, codes)
    fluid = np.where(np.isin(codes, codes_of_tissue("csf")), 1 - grey - white, 0)
    own = np.where(np.isin(codes, _GREY), grey, fluid)
    return codes, np.clip(own, 0, 1).astype(np.float32), white


def _lattice_means(values: FloatField, factor: int, lattice: Grid) -> FloatField:
    smooth = ndimage.uniform_filter(values, factor, mode="constant")[::factor, ::factor, ::factor]
    return np.pad(smooth, [(0, n - m) for n, m in zip(lattice.shape, smooth.shape, strict=True)])


def _closed(parenchyma: BoolArray, grid: Grid) -> BoolArray:
    reach = max(1, round(4.0 / min(grid.voxel_mm)))
    padded = np.pad(parenchyma, reach)
    closed = ndimage.binary_fill_holes(ndimage.binary_closing(padded, iterations=reach))
    inner = slice(reach, -reach)
    return np.asarray(closed[inner, inner, inner])


def _brain_mask(
    regions: NDArray[np.uint8], own: FloatField, white: FloatField, grid: Grid
) -> BoolArray:
    """Return the brain with its ventricles and sulci, without the fluid around it."""
    tissue = white + own * np.isin(regions, _GREY)
    cavity = np.isin(regions, codes_of("ventricle", "choroid_plexus"))
    return _closed((tissue > 0.5) | cavity, grid)
