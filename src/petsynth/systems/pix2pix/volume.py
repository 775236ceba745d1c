"""From a whole MRI to a whole synthetic PET, slice by slice.

Sources
-------
- Paper A, section 2.4: volumes are rebuilt from predicted axial slices.
- Ours: the mean over planes ("2.5D"), and one dropout draw for all slices of a volume, since
  independent draws would stripe the other two planes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from petsynth.slicing import (
    AIR,
    Plane,
    crop_from_canvas,
    place_on_canvas,
    stack_slices,
    take_slices,
)


def predict_volume(
    generator: nn.Module,
    mri_XYZ: NDArray,
    *,
    planes: Sequence[Plane] = ("axial",),
    canvas: int = 256,
    draw: int = 0,
    batch_size: int = 8,
    device: torch.device | str = "cpu",
) -> NDArray[np.float32]:
    """Infer a PET volume.

    Parameters
    ----------
    generator : torch.nn.Module
        Called as ``generator(mri_BCHW, draws_B)``, on ``device`` already.
    mri_XYZ : (X, Y, Z) array
        RAS+, in [-1, 1].
    planes : sequence of {"sagittal", "coronal", "axial"}
        Planes to slice along; the results are averaged.
    canvas : int
        Side of the square image, in pixels.
    draw : int
        Key of the dropout draw, shared by all slices.
    batch_size : int
        Slices at once; changes speed and memory, not the result.
    device : torch.device or str
        Where the generator is.

    Returns
    -------
    (X, Y, Z) float32 array
        In [-1, 1].

    Raises
    ------
    ValueError
        If no plane is given, or a slice is larger than the canvas.
    """
    if not planes:
        raise ValueError("no plane to predict along: name axial, coronal or sagittal")
    volumes = [
        _predict_plane(generator, mri_XYZ, plane, canvas, draw, batch_size, device)
        for plane in planes
    ]
    return np.mean(volumes, axis=0, dtype=np.float32)


@torch.inference_mode()
def _predict_plane(
    generator: nn.Module,
    mri_XYZ: NDArray,
    plane: Plane,
    canvas: int,
    draw: int,
    batch_size: int,
    device: torch.device | str,
) -> NDArray[np.float32]:
    slices_NHW = np.asarray(take_slices(mri_XYZ, plane), dtype=np.float32)
    canvas_NSS = torch.from_numpy(place_on_canvas(slices_NHW, canvas, AIR))
    predicted = []
    for mri_BSS in canvas_NSS.split(batch_size):
        draws_B = torch.full((len(mri_BSS),), draw)
        pet_BCSS = generator(mri_BSS[:, None].to(device), draws_B)
        predicted.append(pet_BCSS[:, 0].float().cpu().numpy())
    height, width = slices_NHW.shape[1:]
    return stack_slices(crop_from_canvas(np.concatenate(predicted), (height, width)), plane)
