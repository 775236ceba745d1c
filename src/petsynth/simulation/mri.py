"""How the MRI scanner sees the head: shading and noise."""

from __future__ import annotations

import numpy as np

from petsynth.simulation.fields import FloatField, coarse_lattice, random_field, refine
from petsynth.volume import Grid

# BrainWeb's presets (Collins et al., IEEE Trans. Med. Imaging 17, 1998): up to 40 % shading,
# 3 % noise relative to the brightest tissue.
_SHADING_SD = 0.10
_SHADING_SMOOTHNESS_MM = 45.0
_NOISE_SD = 0.025
_WHITE_MATTER = 700.0
"""Stored value of white matter, arbitrary unit."""


def acquire_t1(generator: np.random.Generator, signal: FloatField, grid: Grid) -> FloatField:
    """Add shading by the coil and Rician noise.

    Parameters
    ----------
    generator : numpy Generator
        Source of randomness.
    signal : (X, Y, Z) float32 array
        Noise-free signal, white matter at 1.
    grid : Grid
        Its lattice.

    Returns
    -------
    (X, Y, Z) float32 array
        Whole numbers; white matter lies at about 700, within a factor of 1.5 per subject.
    """
    lattice, factor = coarse_lattice(grid, spacing_mm=12.0)
    shading = np.exp(
        _SHADING_SD * random_field(generator, lattice, _SHADING_SMOOTHNESS_MM), dtype=np.float32
    )
    seen = signal * refine(shading, factor, grid.shape)
    seen += _NOISE_SD * generator.standard_normal(grid.shape, np.float32)
    other = _NOISE_SD * generator.standard_normal(grid.shape, np.float32)
    gain = np.float32(_WHITE_MATTER * np.exp(generator.normal(0, 0.2)))
    return np.asarray(np.round(gain * np.hypot(seen, other)))
