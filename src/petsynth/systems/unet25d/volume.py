"""From a whole MRI to a whole synthetic PET, slab by slab."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import nn

from petsynth.slicing import AIR, crop_padding, pad_slices, stack_slices, take_slices
from petsynth.systems.unet25d.location import slice_place

_TISSUE = 0.2
"""A T1 voxel is tissue if it is this much brighter than air."""
SMOOTH_MM = 4.0
"""Standard deviation by which the expected error is smoothed: the network makes it pixel by pixel
of two interleaved grids, and no error is known that finely."""
REACH_MM = 10.0
"""Distance from tissue up to which a PET is expected to be off at all."""


def settle_error(
    error_XYZ: NDArray[Any], mri_XYZ: NDArray[Any], voxel_mm: float
) -> NDArray[np.float32]:
    """Return an expected error without its fine weave, and 0 where there is only air around.

    Parameters
    ----------
    error_XYZ : (X, Y, Z) array
        As `predict_slabs` returns it.
    mri_XYZ : (X, Y, Z) array
        The T1, air at -1.
    voxel_mm : float
        Edge of a voxel.
    """
    smooth: NDArray[np.float32] = ndimage.gaussian_filter(
        error_XYZ, SMOOTH_MM / voxel_mm, mode="nearest"
    )
    bright = (mri_XYZ > AIR + _TISSUE).astype(np.float32)
    tissue = ndimage.uniform_filter(bright, 3) > 0.5  # where the median of 27 voxels is bright
    if not tissue.any():
        return smooth
    near = ndimage.distance_transform_edt(~tissue, voxel_mm) <= REACH_MM
    return np.where(near, smooth, np.float32(0))


@torch.inference_mode()
def predict_slabs(
    generator: nn.Module,
    mri_XYZ: NDArray[Any],
    *,
    slices: int,
    padded_size: int,
    to_mni: NDArray[np.float64] | None = None,
    covariates: NDArray[np.float32] | None = None,
    batch_size: int = 16,
    device: torch.device | str = "cpu",
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Infer a PET volume and its expected error.

    Parameters
    ----------
    generator : torch.nn.Module
        A `petsynth.systems.unet25d.unet.SlabUNet`, on ``device`` already.
    mri_XYZ : (X, Y, Z) array
        RAS+, in [-1, 1].
    slices : int
        Slices of a slab.
    padded_size : int
        Side of the square image, in pixels.
    to_mni : (4, 4) array, optional
        From voxel indices to MNI coordinates in mm, for a network that is told where it is.
    covariates : (K,) array, optional
        As `petsynth.covariates.encode` makes them; nothing is known if left out.
    batch_size : int
        Slabs at once; changes speed and memory, not the result.
    device : torch.device or str
        Where the generator is.

    Returns
    -------
    pet_XYZ, error_XYZ : (X, Y, Z) float32 arrays
        In the network's units; the PET in [-1, ...).

    Raises
    ------
    ValueError
        If a slice is larger than the padded size.
    """
    mri_NHW = np.asarray(take_slices(mri_XYZ, "axial"), dtype=np.float32)
    count, height, width = mri_NHW.shape
    reach = slices // 2
    air = np.full((reach, height, width), AIR, dtype=np.float32)
    padded = np.concatenate([air, mri_NHW, air])
    padded_NSS = torch.from_numpy(pad_slices(padded, padded_size, AIR))
    parts: tuple[list[NDArray[Any]], list[NDArray[Any]]] = ([], [])
    for first in range(0, count, batch_size):
        last = min(first + batch_size, count)
        slabs = torch.stack([padded_NSS[index : index + slices] for index in range(first, last)])
        places = None
        if to_mni is not None:
            places = np.stack(
                [
                    slice_place(to_mni, index, (height, width), padded_size)
                    for index in range(first, last)
                ]
            )
        known = None if covariates is None else np.tile(covariates, (last - first, 1))
        inputs = [
            None if values is None else torch.as_tensor(values).to(device)
            for values in (slabs, places, known)
        ]
        for part, image in zip(parts, generator(*inputs), strict=True):
            part.append(image[:, 0].float().cpu().numpy())
    pet, error = (
        stack_slices(crop_padding(np.concatenate(part), (height, width)), "axial") for part in parts
    )
    return np.maximum(pet, AIR), np.ascontiguousarray(error)
