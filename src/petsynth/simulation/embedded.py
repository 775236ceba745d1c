"""People made from the template: each a different deformation, cortex and head of its own."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from petsynth.simulation.anatomy import Anatomy
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
from petsynth.volume import FloatArray, Volume

# Between people, brain size varies by about 4 % along each axis (Allen et al., NeuroImage 18,
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


def make_embedded_anatomy(
    generator: np.random.Generator, voxel_mm: float, atrophy: float
) -> Anatomy:
    """Draw a person.

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
    points = _template_points(generator, template, atrophy)
    grey, white, texture = (
        ndimage.map_coordinates(part, points, order=1)
        for part in (template.grey, template.white, template.texture)
    )
    depth = ndimage.map_coordinates(template.depth, points, order=1, mode="nearest")
    regions = ndimage.map_coordinates(template.regions, points, order=0)
    mask = depth < 0
    grey, white = _fold_cortex(generator, template, grey, white, mask, atrophy)
    own, beside = _share_out(grey, white, mask, regions)
    signal, scalp = _t1_signal(generator, grey, white, texture, depth, regions)
    mri = acquire_t1(generator, signal, template.grid)
    return Anatomy(Volume(mri, template.grid.affine), mask, regions, own, beside, scalp)


def _template_points(
    generator: np.random.Generator, template: Template, atrophy: float
) -> FloatField:
    """Return, for every voxel of the T1, the template's voxel indices to sample."""
    lattice, factor = coarse_lattice(template.grid)
    points = apply_affine(_draw_affine(generator), world_points(lattice))
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
    return refine(indices, factor, template.grid.shape)


def _draw_affine(generator: np.random.Generator) -> FloatArray:
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
    template: Template,
    grey: FloatField,
    white: FloatField,
    mask: FloatField,
    atrophy: float,
) -> tuple[FloatField, FloatField]:
    """Sharpen the average tissue and give it sulci and gyri of its own.

    An average of 152 brains knows no single sulcus. Random fields shift the odds between
    grey matter, white matter and fluid; atrophy shifts them towards fluid.
    """
    sd, smoothness = _FOLDING
    lattice, factor = coarse_lattice(template.grid, spacing_mm=3.0)
    odds = refine(
        sd * random_field(generator, lattice, smoothness, components=2), factor, mask.shape
    )
    np.exp(odds, out=odds)
    fluid = np.clip(1 - grey - white, 0, 1) * mask * (1 + 0.5 * atrophy)
    grey, white, fluid = (part**1.6 for part in (grey, white, fluid))
    white *= odds[0]
    fluid *= odds[1]
    total = grey + white + fluid
    inside = mask / np.maximum(total, 1e-3)
    return (grey * inside).astype(np.float32), (white * inside).astype(np.float32)


def _share_out(
    grey: FloatField, white: FloatField, mask: FloatField, regions: FloatField
) -> tuple[FloatField, FloatField]:
    whole = whole_tissue_codes()[regions]
    cavity = np.isin(regions, codes_of_tissue("csf"))
    own = np.where(cavity, mask - grey - white, grey + whole * white)
    return np.clip(own, 0, 1).astype(np.float32), (white * (1 - whole)).astype(np.float32)


def _t1_signal(
    generator: np.random.Generator,
    grey: FloatField,
    white: FloatField,
    texture: FloatField,
    depth: FloatField,
    regions: FloatField,
) -> tuple[FloatField, FloatField]:
    """Return the noise-free T1, white matter at about 1, and the share of scalp."""
    skull = generator.uniform(5, 8)
    scalp_end = skull + generator.uniform(4, 7)
    scalp = np.clip(depth - skull, 0, 1) * np.clip(scalp_end - depth, 0, 1)
    middle = (2.5 + skull) / 2
    marrow = np.clip(1 - np.abs(depth - middle) / 1.5, 0, 1)
    fluid = np.clip(3.0 - depth, 0, 1) * np.clip(1 - grey - white, 0, 1)
    plexus = np.isin(regions, codes_of("choroid_plexus")) * fluid
    signal = 0.62 * grey + white + 0.22 * fluid + 0.25 * plexus
    inside = depth < 0
    signal = np.where(inside, 0.75 * signal + 0.25 * 1.25 * texture, signal)
    signal += generator.uniform(0.7, 1.1) * scalp + 0.35 * marrow * ~inside
    return signal.astype(np.float32), scalp.astype(np.float32)
