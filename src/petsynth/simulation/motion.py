"""How the head moves between the frames of a PET.

References
----------
.. [1] Bloomfield et al., "The design and implementation of a motion correction scheme for
   neurological PET", Physics in Medicine and Biology 48, 2003: drifts and sudden movements of a
   few millimetres and degrees within a scan. The figures here are design values of that size.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from petsynth.volume import FloatArray

DRIFT_DEGREES, DRIFT_MM = 0.25, 0.4
"""Standard deviation, per axis, of the movement from one frame to the next."""
JUMP_PROBABILITY = 0.4
"""Probability that a scan has one sudden movement, between two frames."""
JUMP_DEGREES, JUMP_MM = 1.5, 1.5
"""Standard deviation of its rotation and translation per axis."""


def sample_motion(
    generator: np.random.Generator, frames: int, centre_mm: FloatArray
) -> list[FloatArray]:
    """Sample where the head lies in each frame.

    Parameters
    ----------
    generator : numpy Generator
        Source of randomness.
    frames : int
        Number of frames of equal length.
    centre_mm : (3,) float array
        Middle of the brain in the PET's world; the head rotates about it.

    Returns
    -------
    list of (4, 4) float array
        From where the head lies on the average (mm) to where it lies in each frame (mm); rigid,
        rotation vectors and translations have mean zero over the frames.

    Examples
    --------
    >>> motion = sample_motion(np.random.default_rng(0), 6, np.zeros(3))
    >>> len(motion), float(np.abs(np.mean([each[:3, 3] for each in motion], axis=0)).max()) < 1e-9
    (6, True)
    """
    steps = generator.standard_normal((frames, 6)) * ([DRIFT_DEGREES] * 3 + [DRIFT_MM] * 3)
    has_jump = generator.random() < JUMP_PROBABILITY
    place = int(generator.integers(1, max(frames, 2)))
    jump = generator.standard_normal(6) * ([JUMP_DEGREES] * 3 + [JUMP_MM] * 3)
    if has_jump and frames > 1:
        steps[place] += jump
    path = np.cumsum(steps, axis=0)
    path -= path.mean(axis=0)
    return [_rigid(row, np.asarray(centre_mm)) for row in path]


def _rigid(parameters: FloatArray, centre_mm: FloatArray) -> FloatArray:
    """Return the rotation (three degrees) about a centre, then the translation (three mm)."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(parameters[:3], degrees=True).as_matrix()
    matrix[:3, 3] = centre_mm - matrix[:3, :3] @ centre_mm + parameters[3:]
    return matrix
