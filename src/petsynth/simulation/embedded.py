"""Subjects made from the template: each a different deformation, cortex and head of its own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from petsynth.simulation.anatomy import Anatomy, StandardSpace
from petsynth.simulation.fields import (
    FloatField,
    apply_affine,
    coarse_lattice,
    exponentiate,
    random_field,
    refine,
    sample_components,
    world_points,
)
from petsynth.simulation.mri import acquire_t1
from petsynth.simulation.regions import codes_of, codes_of_tissue
from petsynth.simulation.template import Template, load_template, whole_tissue_codes
from petsynth.volume import BoolArray, FloatArray, Grid, Volume

# Between subjects, brain size varies by about 4 % along each axis (Allen et al., NeuroImage 18,
# 2003: brain volume varies by about 10 %). The other figures are design values: they make
# gyri differ by about as much as they do after linear alignment (5-10 mm).
_SIZE_SD = 0.04
_SHEAR_SD = 0.02
_LARGE_SCALE = (4.0, 28.0)
"""Standard deviation and smoothness in mm of the deformation of lobes."""
_GYRAL_SCALE = (2.6, 9.0)
"""The same for gyri; along each axis."""
_FOLDING = (0.9, 3.5)
"""Standard deviation (log odds of grey against fluid) and smoothness in mm of the cortex."""
_SHARPNESS = 1.6
"""Power that the template's probabilities are raised to."""


def make_embedded_anatomy(
    generator: np.random.Generator, voxel_mm: float, atrophy: float
) -> Anatomy:
    """Sample a subject.

    Parameters
    ----------
    generator : numpy Generator
        Source of randomness.
    voxel_mm : float
        Edge of the T1's voxels in mm.
    atrophy : float
        Visible atrophy, 0 (none) to 1 (severe dementia).

    Returns
    -------
    Anatomy
        In a random pose: up to 8 degrees and 8 mm away from the template's axes.
    """
    template = load_template(voxel_mm)
    lattice, factor = _template_points(generator, template, atrophy)
    points = refine(lattice, factor, template.grid.shape)
    depth, cranium = (
        ndimage.map_coordinates(distance, points, order=1, mode="nearest")
        for distance in (template.depth, template.cranium)
    )
    mask = depth < 0
    inside = points[:, mask]  # the brain is a seventh of the volume: the rest is not sampled
    tissue = np.stack(
        [
            ndimage.map_coordinates(part, inside, order=1)
            for part in (template.grey, template.white, template.texture)
        ]
    )
    regions = ndimage.map_coordinates(template.regions, inside, order=0)
    grey, white = _fold_cortex(generator, template.grid, tissue[:2], mask, atrophy)
    own, beside = _divide_tissue(grey, white, regions)
    signal, scalp = _head_signal(generator, depth, cranium)
    signal[mask] = _brain_signal(grey, white, tissue[2], regions)
    return Anatomy(
        Volume(acquire_t1(generator, signal, template.grid), template.grid.affine),
        mask,
        _scatter(regions, mask),
        _scatter(own, mask),
        _scatter(beside, mask),
        scalp,
        StandardSpace(apply_affine(template.grid.affine, lattice), factor),
    )


def _template_points(
    generator: np.random.Generator, template: Template, atrophy: float
) -> tuple[FloatField, int]:
    """Return the template's voxel indices to sample, on a coarse lattice, and its step."""
    lattice, factor = coarse_lattice(template.grid, spacing_mm=5.0)
    points = apply_affine(_sample_affine(generator), world_points(lattice))
    velocity = sum(
        sd * random_field(generator, lattice, smoothness, components=3)
        for sd, smoothness in (_LARGE_SCALE, _GYRAL_SCALE)
    )
    points = points + exponentiate(np.asarray(velocity, np.float32), lattice)
    to_lattice = np.linalg.inv(template.lattice.affine)
    points = points + atrophy * sample_components(
        template.atrophy, apply_affine(to_lattice, points)
    )
    indices = apply_affine(np.linalg.inv(template.grid.affine), points)
    return indices, factor


def _sample_affine(generator: np.random.Generator) -> FloatArray:
    """Return a random pose times a random size and shear, as a 4x4 matrix."""
    axis = generator.standard_normal(3)
    angle = generator.uniform(0, 8)
    rotation = Rotation.from_rotvec(angle * axis / np.linalg.norm(axis), degrees=True).as_matrix()
    shape = np.diag(generator.normal(1, _SIZE_SD, 3))
    shape[np.triu_indices(3, 1)] = generator.normal(0, _SHEAR_SD, 3)
    matrix = np.eye(4)
    matrix[:3, :3] = shape @ rotation
    matrix[:3, 3] = generator.uniform(-8, 8, 3) / math.sqrt(3)
    return matrix


def _fold_cortex(
    generator: np.random.Generator,
    grid: Grid,
    tissue: FloatField,
    mask: BoolArray,
    atrophy: float,
) -> tuple[FloatField, FloatField]:
    """Sharpen the average tissue and give it sulci and gyri of its own.

    An average of 152 brains knows no single sulcus. Random fields shift the odds between
    grey matter, white matter and fluid; atrophy shifts them towards fluid.
    """
    sd, smoothness = _FOLDING
    lattice, factor = coarse_lattice(grid, spacing_mm=3.0)
    fields = sd * random_field(generator, lattice, smoothness, components=2)
    odds = np.exp(refine(fields, factor, grid.shape)[:, mask])
    grey, white = np.clip(tissue, 0, 1) ** _SHARPNESS
    white = white * odds[0]
    fluid = np.clip(1 - tissue.sum(axis=0), 0, 1) * (1 + 0.5 * atrophy)
    fluid = fluid**_SHARPNESS * odds[1]
    total = np.maximum(grey + white + fluid, 1e-3)
    return grey / total, white / total


def _divide_tissue(
    grey: FloatField, white: FloatField, regions: NDArray[np.uint8]
) -> tuple[FloatField, FloatField]:
    """Return the fraction of each voxel's own region, and of white matter beside it."""
    whole = whole_tissue_codes()[regions]
    cavity = np.isin(regions, codes_of_tissue("csf"))
    own = np.where(cavity, 1 - grey - white, grey + whole * white)
    return np.clip(own, 0, 1), white * (1 - whole)


def _brain_signal(
    grey: FloatField, white: FloatField, texture: FloatField, regions: NDArray[np.uint8]
) -> FloatField:
    """Return the noise-free T1 inside the brain, white matter at about 1."""
    fluid = np.clip(1 - grey - white, 0, 1)
    plexus = np.isin(regions, codes_of("choroid_plexus")) * fluid
    contrast = white + 0.62 * grey + 0.22 * fluid + 0.25 * plexus
    return np.asarray(0.75 * contrast + 0.25 * 1.25 * texture)


def _head_signal(
    generator: np.random.Generator, depth: FloatField, cranium: FloatField
) -> tuple[FloatField, FloatField]:
    """Return the noise-free T1 outside the brain, and the fraction of scalp.

    From inside out: fluid, dark bone with brighter marrow in its middle, bright scalp, air.
    """
    bone, skin = 2.5, 2.5 + generator.uniform(4, 7)
    surface = skin + generator.uniform(4, 7)
    scalp = np.clip(cranium - skin, 0, 1) * np.clip(surface - cranium, 0, 1)
    marrow = np.clip(1 - np.abs(cranium - (bone + skin) / 2) / 1.5, 0, 1)
    fluid = np.clip(bone - np.minimum(cranium, depth), 0, 1)
    signal = 0.22 * fluid + 0.35 * marrow + generator.uniform(0.7, 1.1) * scalp
    return signal.astype(np.float32), scalp.astype(np.float32)


def _scatter(values: NDArray[Any], mask: BoolArray) -> NDArray[Any]:
    """Put values of the voxels of a mask back into a volume of zeros."""
    volume = np.zeros(mask.shape, np.uint8 if values.dtype == np.uint8 else np.float32)
    volume[mask] = values
    return volume
