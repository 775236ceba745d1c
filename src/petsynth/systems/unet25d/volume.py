"""From a whole MRI to a whole synthetic PET, slab by slab."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from petsynth.slicing import AIR, crop_padding, pad_slices, stack_slices, take_slices


@torch.inference_mode()
def predict_slabs(
    generator: nn.Module,
    mri_XYZ: NDArray[Any],
    *,
    slices: int,
    padded_size: int,
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
        slabs = torch.stack([padded_NSS[place : place + slices] for place in range(first, last)])
        for part, image in zip(parts, generator(slabs.to(device)), strict=True):
            part.append(image[:, 0].float().cpu().numpy())
    pet, error = (
        stack_slices(crop_padding(np.concatenate(part), (height, width)), "axial") for part in parts
    )
    return np.maximum(pet, AIR), np.ascontiguousarray(error)
