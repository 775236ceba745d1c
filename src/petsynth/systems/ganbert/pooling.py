"""From volumes to the few values that BERT reads: pooling by largest absolute value.

Sources
-------
- Paper B (Shin et al., GANBERT), section 4.2, "Summarizing images to text-like sequences":
  "max-pooling is applied so images are summarized with the absolute maximum values in each
  sub-voxel"; 512 values for the T1 and 512 for the PET.
- Ours: the value's sign is kept, since the paper's tokens tell negative values apart; one
  pooling runs over the frames as well (decision record 0051).
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

SIDE = 8
"""Sub-volumes along each axis: 8 x 8 x 8 = 512 values per image."""


def pool_image(image_BTDEF: Tensor, side: int = SIDE) -> Tensor:
    """Return the value farthest from zero in each sub-volume, over all frames.

    Where a side is not divisible, sub-volumes overlap by one voxel (torch's adaptive pooling),
    so that every voxel belongs to at least one. The gradient of a value goes to the voxel that
    it was taken from.

    Parameters
    ----------
    image_BTDEF : (B, T, D, E, F) float tensor
        Frames of an image; a T1 has one.
    side : int
        Sub-volumes along each of the last three axes.

    Returns
    -------
    (B, side**3) float tensor
        In the order of the image's own axes, the last one fastest.

    Raises
    ------
    ValueError
        If an axis is shorter than ``side``.

    Examples
    --------
    >>> import torch
    >>> frames = torch.zeros(1, 2, 2, 2, 2)
    >>> frames[0, 0, 0, 1, 0], frames[0, 1, 0, 1, 0] = 2.0, -5.0
    >>> pool_image(frames, side=1).tolist(), pool_image(frames, side=2).tolist()
    ([[-5.0]], [[0.0, 0.0, -5.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
    """
    if min(image_BTDEF.shape[2:]) < side:
        shape = " x ".join(map(str, image_BTDEF.shape[2:]))
        raise ValueError(f"an image of {shape} voxels has no {side}**3 sub-volumes")
    frame_B1DEF = image_BTDEF.detach().abs().argmax(dim=1, keepdim=True)
    farthest_B1DEF = image_BTDEF.gather(1, frame_B1DEF)
    _, places_B1NNN = functional.adaptive_max_pool3d(
        farthest_B1DEF.detach().abs(), side, return_indices=True
    )
    return farthest_B1DEF.flatten(1).gather(1, places_B1NNN.flatten(1))
