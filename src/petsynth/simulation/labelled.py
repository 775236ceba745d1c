"""People whose anatomy is a real T1 with its segmentation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.errors import InputError
from petsynth.io.nifti import read_grid, read_volume
from petsynth.simulation.anatomy import Anatomy
from petsynth.simulation.atrophy import atrophy_displacement, growth_per_code
from petsynth.simulation.fields import FloatField, coarse_lattice, refine
from petsynth.simulation.labels import detect_scheme, refine_regions, translate_labels
from petsynth.simulation.regions import CODES, Scheme, codes_of, codes_of_tissue
from petsynth.volume import BoolArray, Grid, Volume

T1_ENDINGS = ("_T1w.nii.gz", "_T1w.nii", "_T1.nii.gz", "_T1.nii")
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
    scan: LabelledScan, atrophy: float, scheme: Scheme | None = None
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
    if atrophy > 0:
        mri, regions = _shrink(mri, regions, atrophy)
    mask = _brain_mask(regions, mri.grid)
    own = (regions > 0).astype(np.float32)
    return Anatomy(
        mri, mask, regions, own, np.zeros_like(own), _soft_tissue(mri.data, mask, regions, mri.grid)
    )


def _read_labels(path: Path) -> NDArray[np.int32]:
    image = nib.as_closest_canonical(nib.load(path))
    values = np.asanyarray(image.dataobj)
    values = values.reshape(values.shape[:3])
    rounded = np.rint(values).astype(np.int32)
    if (rounded < 0).any() or not np.array_equal(rounded, values):
        raise InputError(f"{path}: labels must be whole numbers of at least 0")
    return rounded


def _shrink(
    mri: Volume, regions: NDArray[np.uint8], atrophy: float
) -> tuple[Volume, NDArray[np.uint8]]:
    """Deform the T1 and its regions alike."""
    lattice, factor = coarse_lattice(mri.grid, spacing_mm=4.0)
    parenchyma = np.isin(regions, codes_of_tissue("cortex", "cerebellum", "deep", "white"))
    fluid = _closed(parenchyma, mri.grid) & ~parenchyma
    fluid &= ~np.isin(regions, codes_of("ventricle", "choroid_plexus"))
    growth, outer = (
        _lattice_means(values.astype(np.float32), factor, lattice)
        for values in (growth_per_code()[regions], fluid)
    )
    displacement = np.float32(atrophy) * atrophy_displacement(growth, outer, lattice)
    to_index = np.linalg.inv(mri.affine[:3, :3]).astype(np.float32)
    shift = refine(np.tensordot(to_index, displacement, axes=1), factor, mri.grid.shape)
    points = np.indices(mri.grid.shape, dtype=np.float32) + shift
    image = ndimage.map_coordinates(mri.data, points, order=1, mode="nearest")
    moved = ndimage.map_coordinates(regions, points, order=0, mode="nearest")
    return mri.with_data(image), moved


def _lattice_means(values: FloatField, factor: int, lattice: Grid) -> FloatField:
    smooth = ndimage.uniform_filter(values, factor, mode="constant")[::factor, ::factor, ::factor]
    return np.pad(smooth, [(0, n - m) for n, m in zip(lattice.shape, smooth.shape, strict=True)])


def _closed(parenchyma: BoolArray, grid: Grid) -> BoolArray:
    reach = max(1, round(4.0 / min(grid.voxel_mm)))
    padded = np.pad(parenchyma, reach)
    closed = ndimage.binary_fill_holes(ndimage.binary_closing(padded, iterations=reach))
    inner = slice(reach, -reach)
    return closed[inner, inner, inner]


def _brain_mask(regions: NDArray[np.uint8], grid: Grid) -> BoolArray:
    """Return the brain with its ventricles and sulci, without the fluid around it."""
    parenchyma = np.isin(regions, codes_of_tissue("cortex", "cerebellum", "deep", "white"))
    cavity = np.isin(regions, codes_of("ventricle", "choroid_plexus"))
    return _closed(parenchyma | cavity, grid)


def _soft_tissue(
    mri: FloatField, mask: BoolArray, regions: NDArray[np.uint8], grid: Grid
) -> FloatField:
    """Return the share of bright tissue outside the brain, from the T1's own intensities."""
    grey = np.median(mri[regions == CODES["thalamus_left"]]) if mask.any() else 1.0
    near = ndimage.binary_dilation(mask, iterations=max(1, round(3 / min(grid.voxel_mm))))
    return (np.clip(mri / grey - 0.3, 0, 1) * ~near).astype(np.float32)
