"""Settle fitted fields: bring the simulated mean's broad pattern to real maps, affine only.

The fit compares with maps that were deformed to it, and a deformation can hide differences of the
pattern (a vertex that is too dark looks like a smaller head). Here the maps are registered by an
affine transform alone, and what differs over more than `SMOOTH_MM` is put into the fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from uptake_fields.fit import LATTICE_STEP, blur, upsample
from uptake_fields.group import GREY, GRID, GroupTissue
from uptake_fields.maps import GroupMap, register_map

from petsynth.simulation.pattern import Pattern
from petsynth.simulation.regions import CODES
from petsynth.simulation.uptake import TracerModel

SMOOTH_MM = 12.0
"""Full width at half maximum of the comparison."""
ROUNDS = 3
LIMITS = (0.7, 1.4)
"""Of the factor of one round."""


@dataclass(frozen=True)
class Reference:
    """A real map, and whom it shows.

    Parameters
    ----------
    map : GroupMap
        The file.
    groups : list of (GroupTissue, (R,) float array, float)
        Groups with their uptake by region code and their fraction of subjects.
    fwhm_mm : float
        Blur of the map against the group's tissue.
    """

    map: GroupMap
    groups: list[tuple[GroupTissue, NDArray[np.float64], float]]
    fwhm_mm: float


def settle(
    pattern: Pattern,
    model: TracerModel,
    references: Sequence[Reference],
    level: NDArray[np.float32],
    edge_voxels: int = 0,
) -> Pattern:
    """Return fields whose simulated mean has the maps' broad pattern.

    Parameters
    ----------
    pattern : Pattern
        Fitted fields on the lattice.
    model : TracerModel
        Says what is outside the fields: scalp, fluid, means by region.
    references : sequence of Reference
        Real maps; the mean of the logarithms of their ratios counts.
    level : (X, Y, Z) float32 array
        Weights on `GRID`: over these the first reference's simulated mean stays as it is.
    edge_voxels : int
        This much of the brain's surface is not compared (skull-stripped maps).
    """
    wanted = np.average(simulated_mean(pattern, model, references[0]), weights=level)
    for _ in range(ROUNDS):
        logs = [np.log(ratio(pattern, model, each, edge_voxels)) for each in references]
        factor = np.exp(np.mean(logs, axis=0))
        coarse = factor[::LATTICE_STEP, ::LATTICE_STEP, ::LATTICE_STEP]
        pattern = Pattern(pattern.grey * coarse, pattern.white * coarse)
        reached = np.average(simulated_mean(pattern, model, references[0]), weights=level)
        unit = np.float32(wanted / reached)
        pattern = Pattern(unit * pattern.grey, unit * pattern.white)
    return pattern


def ratio(
    pattern: Pattern, model: TracerModel, reference: Reference, edge_voxels: int
) -> NDArray[np.float64]:
    """Return the real map divided by the simulated mean on `GRID`, both smooth; 1 far outside."""
    simulated = simulated_mean(pattern, model, reference)
    real = register_map(reference.map, simulated, spline=False)
    weight = brain_of(reference)
    if edge_voxels:
        weight = ndimage.binary_erosion(weight, iterations=edge_voxels)
    inside = (weight & (real > 0)).astype(np.float32)
    smooth = [blur(torch.as_tensor(inside * each), SMOOTH_MM).numpy() for each in (real, simulated)]
    near = blur(torch.as_tensor(inside), SMOOTH_MM).numpy() > 0.05
    quotient = np.where(near, smooth[0] / np.maximum(smooth[1], 1e-6), np.nan)
    quotient /= np.average(quotient[near], weights=inside[near] + 1e-6)
    index = ndimage.distance_transform_edt(~near, return_distances=False, return_indices=True)
    return np.clip(quotient[tuple(index)], *LIMITS)


def simulated_mean(
    pattern: Pattern, model: TracerModel, reference: Reference
) -> NDArray[np.float32]:
    """Return the group's mean uptake on `GRID`, as blurred as the map."""
    grey, white = (
        upsample(torch.as_tensor(each, dtype=torch.float32)).numpy()
        for each in (pattern.grey, pattern.white)
    )
    total = np.zeros(GRID.shape, np.float32)
    for tissue, uptake, fraction in reference.groups:
        image = np.zeros(GRID.shape, np.float32)
        for code in GREY:
            image += np.float32(uptake[code]) * tissue.grey[code]
        image = grey * image + np.float32(uptake[CODES["white_matter"]]) * white * tissue.white
        image += np.float32(uptake[CODES["fluid"]]) * tissue.fluid
        image += np.float32(uptake[CODES["choroid_plexus"]]) * tissue.plexus
        image += np.float32(model.scalp) * tissue.scalp
        total += np.float32(fraction) * image
    return np.asarray(blur(torch.as_tensor(total), reference.fwhm_mm).numpy())


def brain_of(reference: Reference) -> NDArray[np.bool_]:
    """Return the group's brain on `GRID`."""
    brain = sum(
        fraction * (tissue.grey.sum(axis=0, dtype=np.float32) + tissue.white)
        for tissue, _, fraction in reference.groups
    )
    return np.asarray(ndimage.binary_fill_holes(brain > 0.5))
