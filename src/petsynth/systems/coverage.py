"""What the scanner did not measure is left out of training: nothing is learnt there.

A prepared PET is 0 in the part of the brain that its field of view does not reach
(`petsynth.metrics.coverage`). Shown as it is, it would teach that there is no uptake. The data sets
give NaN there instead, and each step replaces both the measured and the synthetic PET by one value
before it compares them or shows them to a discriminator: losses and gradients are 0 there. The
papers do not speak of such voxels; where there are none, nothing changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from petsynth.data.prepared import PreparedData
from petsynth.errors import InputError
from petsynth.metrics.coverage import unmeasured_voxels


class MeasuredVolumes:
    """Prepared volumes whose PET is NaN where it was not measured.

    Parameters
    ----------
    data : PreparedData
        With a T1 on paper B's cube.
    """

    def __init__(self, data: PreparedData):
        self._data = data

    def t1(self, participant: str) -> NDArray[Any]:
        """Return (X, Y, Z) on 0 to 255."""
        return self._data.t1(participant)

    def pet(self, participant: str) -> NDArray[np.float32]:
        """Return (X, Y, Z) or (X, Y, Z, T) in PET units."""
        return _marked(self._data.pet(participant), self._data, participant)


def static_measured_pet(data: PreparedData, participant: str) -> NDArray[np.float32]:
    """Return the mean over the frames, (X, Y, Z) in PET units, NaN where it was not measured."""
    return _marked(data.static_pet(participant), data, participant)


def _marked(pet: NDArray[Any], data: PreparedData, participant: str) -> NDArray[np.float32]:
    mask = np.asarray(data.mask(participant))
    marked = np.array(pet, dtype=np.float32)
    unmeasured = unmeasured_voxels(marked, mask)
    if unmeasured[mask].all():
        raise InputError(
            f"{data.folder}: the PET of {participant} covers no voxel of the brain; leave this "
            "subject out"
        )
    marked[unmeasured] = np.nan
    return marked


def unmeasured_pixels(pet: NDArray[Any], mask_HW: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which pixels of a slice say nothing about the tracer, (H, W).

    Parameters
    ----------
    pet : (H, W) or (H, W, T) array
        A slice of a measured PET.
    mask_HW : (H, W) bool array
        Brain.

    Examples
    --------
    >>> unmeasured_pixels(np.array([[0.0, 1.0, 0.0]]), np.array([[True, True, False]])).tolist()
    [[True, False, False]]
    """
    return unmeasured_voxels(pet[:, :, np.newaxis], mask_HW[..., np.newaxis])[..., 0]


def leave_out_unmeasured(
    pet: Tensor, synthetic_pet: Tensor, value: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Return both images with one value where the measured one is NaN.

    Examples
    --------
    >>> import torch
    >>> pet, synthetic = torch.tensor([1.0, torch.nan]), torch.tensor([3.0, 5.0])
    >>> [image.tolist() for image in leave_out_unmeasured(pet, synthetic, -1.0)]
    [[1.0, -1.0], [3.0, -1.0]]
    """
    unknown = pet.isnan()
    return pet.masked_fill(unknown, value), synthetic_pet.masked_fill(unknown, value)
