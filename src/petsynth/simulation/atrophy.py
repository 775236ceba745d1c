"""Shrinking tissue and widening fluid as one smooth deformation.

The wished change of volume is prescribed everywhere, and the gradient field with that
divergence is found by solving Poisson's equation with cosine transforms.

References
----------
.. [1] Karaçali and Davatzikos, "Simulation of tissue atrophy using a topology preserving
   transformation model", IEEE Transactions on Medical Imaging 25, 2006: prescribing the
   Jacobian. Here the linear problem is solved once instead of the constrained one.
.. [2] Fox et al., "Imaging of onset and progression of Alzheimer's disease with
   voxel-compression mapping of serial magnetic resonance images", Lancet 358, 2001, and
   Schuff et al., "MRI of hippocampal volume loss in early Alzheimer's disease", Brain 132,
   2009 (hippocampus 20-25 % below controls in dementia): sizes of `VOLUME_CHANGE`.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from petsynth.simulation.fields import FloatField
from petsynth.simulation.regions import REGIONS
from petsynth.volume import Grid

VOLUME_CHANGE: dict[str, float] = {
    "hippocampus": -0.30,
    "amygdala": -0.30,
    "mesial_temporal": -0.25,
    "lateral_temporal": -0.20,
    "dorsolateral_parietal": -0.17,
    "precuneus": -0.17,
    "posterior_cingulate": -0.15,
    "isthmus_cingulate": -0.17,
    "orbitofrontal": -0.12,
    "dorsolateral_frontal": -0.12,
    "superior_frontal": -0.12,
    "anterior_cingulate": -0.10,
    "insula": -0.12,
    "unnamed_cortex": -0.12,
    "lateral_occipital": -0.08,
    "white_matter": -0.06,
    "ventricle": 0.75,
    "choroid_plexus": 0.75,
}
"""Logarithm of the relative volume at full severity, per kind of region (0 elsewhere)."""


def volume_change_per_code() -> FloatField:
    """Return `VOLUME_CHANGE` by region code; cortex that is not named shrinks by a little."""
    change = np.zeros(len(REGIONS), np.float32)
    for code, region in enumerate(REGIONS):
        rest = -0.06 if region.tissue == "cortex" else 0.0
        change[code] = VOLUME_CHANGE.get(region.kind, rest)
    return change


def atrophy_displacement(change: FloatField, fluid: FloatField, grid: Grid) -> FloatField:
    """Return where the tissue now seen at each point stood before the atrophy.

    Parameters
    ----------
    change : (x, y, z) float32 array
        Wished logarithm of the relative volume; negative where tissue shrinks.
    fluid : (x, y, z) float32 array
        Fraction of fluid outside the ventricles, from 0 to 1; it takes up what the tissue
        loses, so that the head as a whole keeps its size.
    grid : Grid
        Lattice of both.

    Returns
    -------
    (3, x, y, z) float32 array
        Displacement in mm along world axes; adding it to a point gives the place to
        sample the healthy anatomy at. It scales linearly with severity.
    """
    balanced = change - change.sum() / max(float(fluid.sum()), 1.0) * fluid
    gradient = _field_of_divergence(-balanced, grid.voxel_mm)
    directions = np.asarray(grid.affine)[:3, :3] / np.array(grid.voxel_mm)
    return np.tensordot(directions.astype(np.float32), gradient, axes=1)


def _field_of_divergence(
    divergence: FloatField, voxel_mm: tuple[float, float, float]
) -> FloatField:
    """Return the gradient field with this divergence that does not flow through the borders.

    Derivatives are taken of the cosine series itself: differences of neighbouring voxels would
    lose what is as thin as the cortex.
    """
    spectrum = fft.dctn(divergence, type=2)
    waves = [
        np.expand_dims(np.pi * np.arange(length) / (length * edge), [b for b in range(3) if b != a])
        for a, (length, edge) in enumerate(zip(divergence.shape, voxel_mm, strict=True))
    ]
    laplacian = -(waves[0] ** 2 + waves[1] ** 2 + waves[2] ** 2)
    laplacian.flat[0] = 1.0  # the mean, which has no part in a gradient
    potential = spectrum / laplacian
    potential.flat[0] = 0.0
    parts = []
    for axis, wave in enumerate(waves):
        # d/dx of cos(wx) is -w sin(wx): one place down in the table of sines
        sines = np.roll(-wave * potential, -1, axis=axis)
        part = fft.idst(sines, type=2, axis=axis)
        parts.append(fft.idctn(part, type=2, axes=[b for b in range(3) if b != axis]))
    return np.stack(parts).astype(np.float32)
