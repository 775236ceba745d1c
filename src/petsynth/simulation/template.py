"""The average brain that the embedded cohort is made from.

nilearn ships the ICBM152 2009a symmetric template (T1 of the brain, grey and white matter)
inside its wheel, so nothing is downloaded.

References
----------
Fonov et al., "Unbiased average age-appropriate atlases for pediatric studies", NeuroImage 54,
2011. The template is distributed under a BSD-like licence by McGill University.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.io.nifti import read_volume
from petsynth.simulation.atrophy import atrophy_displacement, volume_change_per_code
from petsynth.simulation.fields import FloatField, coarse_lattice, refine, world_points
from petsynth.simulation.regions import (
    CODES,
    REGIONS,
    codes_of,
    codes_of_tissue,
    ellipsoid_regions,
    nearest_cortical_region,
)
from petsynth.volume import BoolArray, Grid

HEAD_BOX_MM = ((-100.0, 100.0), (-136.0, 104.0), (-92.0, 114.0))
"""Part of MNI space that the template covers, with room for the head around the brain."""

_CLOSING_MM = 25.0
"""Hollows of the brain narrower than twice this are bridged by the skull."""

_DEEP = (
    "thalamus",
    "caudate",
    "putamen",
    "pallidum",
    "hippocampus",
    "amygdala",
    "ventral_diencephalon",
    "brain_stem",
    "pons",
)


@dataclass(frozen=True)
class Template:
    """The average anatomy on one grid.

    Parameters
    ----------
    grid : Grid
        In MNI space, RAS+.
    grey, white : (X, Y, Z) float32 array
        Probability of the tissue.
    texture : (X, Y, Z) float32 array
        The template's T1, 0 to 1.
    depth : (X, Y, Z) float32 array
        Distance from the brain's surface in mm, negative inside.
    cranium : (X, Y, Z) float32 array
        Distance from the brain's smooth envelope in mm, negative inside; bone follows it.
    regions : (X, Y, Z) uint8 array
        Region code of each voxel's tissue that is not white matter.
    atrophy : (3, x, y, z) float32 array
        Displacement in mm at full severity, on `lattice`.
    lattice : Grid
        Coarse lattice of `atrophy`.
    """

    grid: Grid
    grey: FloatField
    white: FloatField
    texture: FloatField
    depth: FloatField
    cranium: FloatField
    regions: NDArray[np.uint8]
    atrophy: FloatField
    lattice: Grid


def head_grid(voxel_mm: float) -> Grid:
    """Return the lattice of isotropic voxels that covers `HEAD_BOX_MM`."""
    low, high = np.array(HEAD_BOX_MM).T
    x, y, z = (int(n) for n in np.ceil((high - low) / voxel_mm))
    affine = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    affine[:3, 3] = (low + high - (np.array([x, y, z]) - 1) * voxel_mm) / 2
    return Grid((x, y, z), affine)


@lru_cache(maxsize=3)
def load_template(voxel_mm: float) -> Template:
    """Build the template at one voxel size; kept for the next subject of the same process.

    Parameters
    ----------
    voxel_mm : float
        Edge of a voxel in mm.
    """
    grid = head_grid(voxel_mm)
    grey, white, texture = (_load_map(name, grid) for name in ("gm", "wm", "t1"))
    mask = _brain_mask(grey + white, voxel_mm)
    depth = _signed_distance(mask, voxel_mm)
    regions = _parcellate(grid, grey, white, mask)
    lattice, factor = coarse_lattice(grid)
    change, fluid = (
        _average_blocks(values, factor, lattice.shape)
        for values in _change_maps(grey, white, mask, regions)
    )
    return Template(
        grid,
        grey,
        white,
        texture,
        depth,
        _cranium(mask, grid),
        regions,
        atrophy_displacement(change, fluid, lattice),
        lattice,
    )


def _load_map(name: str, grid: Grid) -> FloatField:
    file = f"datasets/data/mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz"
    with resources.as_file(resources.files("nilearn").joinpath(file)) as path:
        volume = read_volume(path)
    data = volume.data / np.float32(255)
    edge = grid.voxel_mm[0]
    if edge > 1:
        data = ndimage.gaussian_filter(data, 0.35 * np.sqrt(edge**2 - 1))
    to_source = np.linalg.inv(volume.affine) @ grid.affine
    return np.asarray(
        ndimage.affine_transform(
            data, to_source[:3, :3], to_source[:3, 3], grid.shape, order=1, mode="constant"
        )
    )


def _brain_mask(tissue: FloatField, voxel_mm: float) -> BoolArray:
    reach = max(1, round(4.0 / voxel_mm))
    padded = np.pad(tissue > 0.4, reach)
    closed = ndimage.binary_closing(padded, iterations=reach)
    inner = slice(reach, -reach)
    return np.asarray(ndimage.binary_fill_holes(closed)[inner, inner, inner])


def _signed_distance(mask: BoolArray, voxel_mm: float) -> FloatField:
    outside = ndimage.distance_transform_edt(~mask, sampling=voxel_mm)
    inside = ndimage.distance_transform_edt(mask, sampling=voxel_mm)
    return np.asarray(
        np.where(mask, voxel_mm / 2 - inside, outside - voxel_mm / 2).astype(np.float32)
    )


def _cranium(mask: BoolArray, grid: Grid) -> FloatField:
    """Return the distance from the mask closed over all its hollows, on a lattice of 3 mm."""
    lattice, factor = coarse_lattice(grid, spacing_mm=3.0)
    taken = mask[::factor, ::factor, ::factor]
    coarse = np.pad(taken, [(0, n - m) for n, m in zip(lattice.shape, taken.shape, strict=True)])
    edge = lattice.voxel_mm[0]
    margin = round(_CLOSING_MM / edge) + 1
    wide = np.pad(coarse, margin)
    dilated = ndimage.distance_transform_edt(~wide, sampling=edge) < _CLOSING_MM
    closed = ndimage.distance_transform_edt(dilated, sampling=edge) > _CLOSING_MM
    inner = slice(margin, -margin)
    return refine(_signed_distance(closed[inner, inner, inner], edge), factor, grid.shape)


def _parcellate(
    grid: Grid, grey: FloatField, white: FloatField, mask: BoolArray
) -> NDArray[np.uint8]:
    """Name every voxel of the mask and its neighbourhood."""
    near = ndimage.binary_dilation(mask, iterations=max(1, round(6 / grid.voxel_mm[0])))
    points = world_points(grid)[:, near].T
    tissue = (grey + white)[near]
    codes = nearest_cortical_region(points)
    deep = ellipsoid_regions(points, _DEEP)
    stem = np.isin(deep, codes_of("pons", "brain_stem"))
    is_deep = (deep > 0) & (tissue > 0.5) & ((grey[near] > 0.15) | stem)
    codes[is_deep] = deep[is_deep]
    fluid = mask[near] & (tissue < 0.35) & _is_ventricle(points)
    codes[fluid] = CODES["ventricle"]
    plexus = fluid & (ellipsoid_regions(points, ("choroid_plexus",)) > 0)
    codes[plexus] = CODES["choroid_plexus"]
    regions = np.zeros(grid.shape, np.uint8)
    regions[near] = codes
    return regions


def _is_ventricle(points_mm: NDArray[Any]) -> BoolArray:
    """Whether MNI points lie in the box around the lateral and third ventricles."""
    x, y, z = np.abs(points_mm[:, 0]), points_mm[:, 1], points_mm[:, 2]
    return np.asarray((x < 40) & (y > -60) & (y < 40) & (z > -25) & (z < 30))


def _change_maps(
    grey: FloatField, white: FloatField, mask: BoolArray, regions: NDArray[np.uint8]
) -> tuple[FloatField, FloatField]:
    change = volume_change_per_code()
    cavity = np.isin(regions, codes_of("ventricle", "choroid_plexus"))
    fluid = np.clip(mask - grey - white, 0, 1)
    wished = np.where(cavity, fluid, grey) * change[regions]
    wished += white * change[CODES["white_matter"]]
    outer = np.where(cavity, 0, fluid)
    return wished.astype(np.float32), outer.astype(np.float32)


def _average_blocks(values: FloatField, factor: int, shape: tuple[int, int, int]) -> FloatField:
    """Return the mean around every lattice point."""
    if factor == 1:
        return values
    smooth = ndimage.uniform_filter(values, factor, mode="constant")
    taken = smooth[::factor, ::factor, ::factor]
    return np.pad(taken, [(0, n - m) for n, m in zip(shape, taken.shape, strict=True)])


def whole_tissue_codes() -> FloatField:
    """Return 1 for every region code whose grey and white matter are one tissue."""
    whole = np.zeros(len(REGIONS), np.float32)
    whole[codes_of_tissue("deep")] = 1
    return whole
