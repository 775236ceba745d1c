"""From the labels of a segmentation to region codes.

MUSE, FreeSurfer (``aseg``, ``aparc+aseg``) and SynthSeg (with or without parcellation) are
known; which one it is shows from the labels themselves. What a scheme does not tell apart is
cut by position in MNI space: the pons from the brain stem, the choroid plexus from the lateral
ventricles, and cortex that is not parcellated.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.errors import InputError
from petsynth.simulation.fields import apply_affine
from petsynth.simulation.regions import (
    CODES,
    REGIONS,
    Scheme,
    codes_of,
    codes_of_tissue,
    ellipsoid_regions,
    label_table,
    nearest_cortical_region,
)
from petsynth.simulation.template import load_template
from petsynth.volume import BoolArray, FloatArray, Grid

SCHEMES: tuple[Scheme, ...] = ("muse", "freesurfer")

PONS_Z_MM = (-45.0, -21.0)
"""Lower and upper end of the pons along z in MNI space (Duvernoy's atlas, 1995, to about 2 mm)."""

_TEMPLATE_VOXEL_MM = 4.0


def detect_scheme(labels: NDArray[np.integer], source: str) -> Scheme:
    """Tell the labelling scheme from the labels that occur.

    Parameters
    ----------
    labels : (X, Y, Z) integer array
        Segmentation.
    source : str
        File name for messages.

    Raises
    ------
    InputError
        If no scheme knows at least 90 % of the labelled voxels.
    """
    values, counts = np.unique(labels[labels > 0], return_counts=True)
    if not len(values):
        raise InputError(f"{source}: no voxel has a label; give the segmentation of a brain")
    known = {
        scheme: counts[np.isin(values, list(label_table(scheme)))].sum() / counts.sum()
        for scheme in SCHEMES
    }
    best = max(SCHEMES, key=lambda scheme: known[scheme])
    if known[best] < 0.9:
        raise InputError(
            f"{source}: labels are neither MUSE nor FreeSurfer/SynthSeg "
            f"(known: {known['muse']:.0%} and {known['freesurfer']:.0%} of the voxels); "
            "convert them to one of these"
        )
    return best


def translate_labels(labels: NDArray[np.integer], scheme: Scheme, source: str) -> NDArray[np.uint8]:
    """Replace labels by region codes.

    Raises
    ------
    InputError
        If labels occur that the scheme does not have.
    """
    table = label_table(scheme)
    unknown = [int(value) for value in np.unique(labels) if int(value) not in table]
    if unknown:
        shown = ", ".join(map(str, unknown[:8])) + (", ..." if len(unknown) > 8 else "")
        raise InputError(
            f"{source}: unknown labels {shown} for the {scheme} scheme; "
            "choose another --label-scheme, or remove these labels"
        )
    lookup = np.zeros(max(table) + 1, np.uint8)
    lookup[list(table)] = list(table.values())
    return np.asarray(lookup[labels])


def refine_regions(regions: NDArray[np.uint8], grid: Grid) -> NDArray[np.uint8]:
    """Cut what the scheme does not tell apart, by position in MNI space.

    Parameters
    ----------
    regions : (X, Y, Z) uint8 array
        Region codes.
    grid : Grid
        Their lattice.

    Raises
    ------
    InputError
        If too few regions are there to find the way to MNI space.
    """
    to_mni = landmark_affine(regions, grid)
    refined = regions.copy()
    open_codes = codes_of("brain_stem", "ventricle", "unnamed_cortex")
    place = np.nonzero(np.isin(regions, open_codes))
    points = apply_affine(to_mni @ grid.affine, np.array(place, np.float32)).T
    kinds = regions[place]
    new = kinds.copy()
    low, high = PONS_Z_MM
    stem = kinds == CODES["brain_stem"]
    new[stem & (points[:, 2] > low) & (points[:, 2] < high)] = CODES["pons"]
    cavity = kinds == CODES["ventricle"]
    plexus = ellipsoid_regions(points, ("choroid_plexus",))
    new[cavity] = np.where(plexus[cavity] > 0, CODES["choroid_plexus"], kinds[cavity])
    unnamed = np.isin(kinds, codes_of("unnamed_cortex"))
    if unnamed.any():
        new[unnamed] = nearest_cortical_region(points[unnamed], cerebellum=False)
    refined[place] = new
    return refined


def landmark_affine(regions: NDArray[np.uint8], grid: Grid) -> FloatArray:
    """Return the affine from a labelled T1's world to MNI space by its regions' centres.

    Parameters
    ----------
    regions : (X, Y, Z) uint8 array
        Region codes.
    grid : Grid
        Their lattice.

    Returns
    -------
    (4, 4) float array
        Least squares over the centres of all grey regions that both have.

    Raises
    ------
    InputError
        If fewer than six regions are shared.
    """
    template = load_template(_TEMPLATE_VOXEL_MM)
    landmarks = codes_of_tissue("deep", "cortex", "cerebellum")
    there = _centres(template.regions, template.grid, landmarks, template.grey > 0.3)
    here = _centres(regions, grid, landmarks)
    shared = sorted(set(here) & set(there))
    if len(shared) < 6:
        names = ", ".join(REGIONS[code].name for code in shared) or "none"
        raise InputError(
            f"the segmentation has too few brain regions to find MNI space by (found: {names})"
        )
    known = np.array([[*here[code], 1.0] for code in shared])
    wanted = np.array([there[code] for code in shared])
    solution, *_ = np.linalg.lstsq(known, wanted, rcond=None)
    affine = np.eye(4)
    affine[:3] = solution.T
    return affine


def _centres(
    regions: NDArray[np.uint8], grid: Grid, codes: list[int], where: BoolArray | None = None
) -> dict[int, FloatArray]:
    """Return the world coordinates of the middle of each region that is there."""
    kept = regions if where is None else np.where(where, regions, 0)
    present = [code for code in codes if (kept == code).any()]
    middles = ndimage.center_of_mass(np.ones(kept.shape, np.float32), kept, present)
    homogeneous = np.c_[np.array(middles).reshape(-1, 3), np.ones(len(present))]
    return dict(zip(present, (homogeneous @ grid.affine.T)[:, :3], strict=True))
