"""How the PET scanner sees the uptake: its own grid and pose, blur, noise.

References
----------
.. [1] Joshi, Koeppe and Fessler, "Reducing between scanner differences in multi-center PET
   studies", NeuroImage 46, 2009: scanners of ADNI resolve 4.5-8 mm (full width at half
   maximum).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from petsynth.simulation.fields import FloatField
from petsynth.volume import FWHM_PER_SIGMA, FloatArray, Grid

FWHM_MM = 6.5
"""Mean full width at half maximum of the point spread function."""
FWHM_SD_MM = 1.25
"""Its standard deviation between scans."""
FWHM_RANGE_MM = (4.0, 9.0)
NOISE_FWHM_MM = 5.0
"""Correlation of the noise."""
NOISE_SUVR = (0.04, 0.07)
"""Range of the noise's standard deviation where the uptake is 1; it rises with the root."""
BACKGROUND_NOISE = 0.15
"""Uptake (SUVR) whose noise the empty field of view has."""
FIELD_OF_VIEW_MM = (200.0, 240.0, 196.0)
MAX_ROTATION_DEGREES = 8.0
MAX_TRANSLATION_MM = 10.0
_TO_SIGMA = 1 / FWHM_PER_SIGMA


@dataclass(frozen=True)
class Pose:
    """Where the PET lies.

    Parameters
    ----------
    grid : Grid
        The PET's own voxels, in its own world; axes run left, anterior, superior.
    pet_to_t1 : (4, 4) float array
        From the PET's world (mm, RAS+) to the T1's (mm, RAS+).
    """

    grid: Grid
    pet_to_t1: FloatArray


def sample_pose(generator: np.random.Generator, centre_mm: FloatArray, voxel_mm: float) -> Pose:
    """Sample a rigid offset and the PET's grid.

    Parameters
    ----------
    generator : numpy Generator
        Source of randomness.
    centre_mm : (3,) float array
        Middle of the brain in the T1's world; the head rotates about it.
    voxel_mm : float
        Edge of the PET's voxels.
    """
    axis = generator.standard_normal(3)
    angle = generator.uniform(0, MAX_ROTATION_DEGREES)
    direction = generator.standard_normal(3)
    distance = generator.uniform(0, MAX_TRANSLATION_MM)
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(
        angle * axis / np.linalg.norm(axis), degrees=True
    ).as_matrix()
    shift = distance * direction / np.linalg.norm(direction)
    matrix[:3, 3] = centre_mm - matrix[:3, :3] @ centre_mm + shift
    x, y, z = (math.ceil(length / voxel_mm) for length in FIELD_OF_VIEW_MM)
    affine = np.diag([-voxel_mm, voxel_mm, voxel_mm, 1.0])
    affine[:3, 3] = np.round(centre_mm - affine[:3, :3] @ ((np.array([x, y, z]) - 1) / 2), 2)
    return Pose(Grid((x, y, z), affine), matrix)


def moved(pose: Pose, motion: FloatArray) -> Pose:
    """Return the pose in a frame in which the head has moved.

    Parameters
    ----------
    pose : Pose
        Where the head lies on the average.
    motion : (4, 4) float array
        From there to where it lies in the frame, in the PET's world (mm).
    """
    return Pose(pose.grid, pose.pet_to_t1 @ np.linalg.inv(motion))


def sample_resolution(generator: np.random.Generator) -> float:
    """Sample one scan's full width at half maximum in mm."""
    return float(np.clip(generator.normal(FWHM_MM, FWHM_SD_MM), *FWHM_RANGE_MM))


def blur(image: FloatField, grid: Grid, fwhm_mm: float) -> FloatField:
    """Apply the point spread function.

    Parameters
    ----------
    image : (X, Y, Z) float32 array
        Uptake.
    grid : Grid
        Its lattice.
    fwhm_mm : float
        Full width at half maximum in mm.
    """
    sigma = [fwhm_mm * _TO_SIGMA / edge for edge in grid.voxel_mm]
    return np.asarray(ndimage.gaussian_filter(image, sigma, mode="constant", truncate=3.5))


def to_scanner(image: FloatField, t1_grid: Grid, pose: Pose) -> FloatField:
    """Resample from the T1's grid to the PET's, linearly; air outside."""
    matrix = np.linalg.inv(t1_grid.affine) @ pose.pet_to_t1 @ pose.grid.affine
    return np.asarray(
        ndimage.affine_transform(
            image, matrix[:3, :3], matrix[:3, 3], pose.grid.shape, order=1, mode="constant"
        )
    )


def add_noise(
    generator: np.random.Generator, image: FloatField, grid: Grid, level: float
) -> FloatField:
    """Add correlated noise that rises with the root of the uptake; air gets small negatives."""
    sigma = [NOISE_FWHM_MM * _TO_SIGMA / edge for edge in grid.voxel_mm]
    white = generator.standard_normal(image.shape, np.float32)
    noise = ndimage.gaussian_filter(white, sigma, mode="wrap", truncate=3)
    noise *= level / max(float(noise.std()), 1e-6)
    noise *= np.sqrt(np.maximum(image, 0) + np.float32(BACKGROUND_NOISE))
    return np.asarray(image + noise)
