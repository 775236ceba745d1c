"""From a whole MRI to a whole synthetic PET, slice by slice.

Sources
-------
- Paper A, section 2.4: volumes are rebuilt from predicted axial slices.
- Ours: the mean over planes ("2.5D"), and one dropout sample for all slices of a volume, since
  independent samples would stripe the other two planes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from petsynth.slicing import AIR, Plane, crop_padding, pad_slices, stack_slices, take_slices


def predict_volume(
    generator: nn.Module,
    mri_XYZ: NDArray[Any],
    *,
    planes: Sequence[Plane] = ("axial",),
    padded_size: int = 256,
    dropout_key: int = 0,
    batch_size: int = 8,
    device: torch.device | str = "cpu",
) -> NDArray[np.float32]:
    """Infer a PET volume.

    Parameters
    ----------
    generator : torch.nn.Module
        Called as ``generator(mri_BCHW, keys_B)``, on ``device`` already.
    mri_XYZ : (X, Y, Z) array
        RAS+, in [-1, 1].
    planes : sequence of {"sagittal", "coronal", "axial"}
        Planes to slice along; the results are averaged.
    padded_size : int
        Side of the square image, in pixels.
    dropout_key : int
        Key of the dropout sample, shared by all slices.
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
        If no plane is given, or a slice is larger than the padded size.
    """
    if not planes:
        raise ValueError("no plane to predict along: name axial, coronal or sagittal")
    volumes = [
        _predict_plane(generator, mri_XYZ, plane, padded_size, dropout_key, batch_size, device)
        for plane in planes
    ]
    result: NDArray[np.float32] = np.mean(volumes, axis=0, dtype=np.float32)
    return result


@torch.inference_mode()
def _predict_plane(
    generator: nn.Module,
    mri_XYZ: NDArray[Any],
    plane: Plane,
    padded_size: int,
    dropout_key: int,
    batch_size: int,
    device: torch.device | str,
) -> NDArray[np.float32]:
    slices_NHW = np.asarray(take_slices(mri_XYZ, plane), dtype=np.float32)
    padded_NSS = torch.from_numpy(pad_slices(slices_NHW, padded_size, AIR))
    predicted = []
    for mri_BSS in padded_NSS.split(batch_size):
        keys_B = torch.full((len(mri_BSS),), dropout_key)
        pet_BCSS = generator(mri_BSS[:, None].to(device), keys_B)
        predicted.append(pet_BCSS[:, 0].float().cpu().numpy())
    height, width = slices_NHW.shape[1:]
    return stack_slices(crop_padding(np.concatenate(predicted), (height, width)), plane)


def sample_key(seed: int, sample: int) -> int:
    """Return the dropout key of one sample, the same on every machine.

    Examples
    --------
    >>> sample_key(0, 0) == sample_key(0, 0), sample_key(0, 1) == sample_key(1, 0)
    (True, False)
    """
    state = np.random.SeedSequence((seed, sample)).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
