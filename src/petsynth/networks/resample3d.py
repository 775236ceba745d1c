"""Features from one grid to another, matched by where the voxels lie in the world.

The T1's box is 256 mm wide, the PET's 152 x 186 x 152 mm, and their axes come in different
orders. Resizing one lattice to the other's shape would zoom by up to 1.7 and transpose; here
each target voxel takes the value at its own place in millimetres.

Sources
-------
- Design of paper B's generator (Shin et al., GANBERT, section 4.1, says only that T1 and PET
  differ in shape); decision record 0053.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from petsynth.networks.layers import full_precision
from petsynth.volume import Grid


class Resample3d(nn.Module):
    """Trilinear interpolation of channels on ``source`` at the voxels of ``target``.

    Axis by axis, as a product with a matrix of weights: the grids' axes are parallel, and this is
    several times as fast as looking up every voxel's eight neighbours (decision record 0053).
    Beyond the source's outermost voxels their values go on.

    Parameters
    ----------
    source, target : Grid
        Their affines map voxel indices, in the order of the tensors' last three axes, to one
        and the same world.

    Raises
    ------
    ValueError
        If an axis of one is not parallel to one of the other.

    Examples
    --------
    >>> source = Grid((2, 2, 2), np.eye(4))
    >>> target = Grid((3, 1, 1), np.diag([0.5, 1.0, 1.0, 1.0]))
    >>> ramp = torch.arange(2.0).reshape(1, 1, 2, 1, 1).expand(1, 1, 2, 2, 2)
    >>> Resample3d(source, target)(ramp).flatten().tolist()
    [0.0, 0.5, 1.0]
    """

    weights_0: Tensor

    def __init__(self, source: Grid, target: Grid):
        super().__init__()
        from_target = np.linalg.inv(source.affine) @ np.asarray(target.affine)
        self.target_axes = _parallel_axes(from_target)
        self.sides = [target.shape[axis] for axis in self.target_axes]
        # What shrinks most comes first, so that as little as possible is left for the others.
        self.order = sorted(range(3), key=lambda axis: self.sides[axis] / source.shape[axis])
        for axis, target_axis in enumerate(self.target_axes):
            step, first = from_target[axis, target_axis], from_target[axis, 3]
            places = step * np.arange(self.sides[axis]) + first
            weights = torch.from_numpy(_weights(places, source.shape[axis]))
            self.register_buffer(f"weights_{axis}", weights, persistent=False)

    def forward(self, features_BCDEF: Tensor) -> Tensor:
        """Return (B, C) + target.shape values of (B, C) + source.shape ones."""
        with full_precision(features_BCDEF.device.type):
            resampled = features_BCDEF.to(self.weights_0.dtype).permute(0, 2, 3, 4, 1)
            for axis in self.order:
                shape = list(resampled.shape)
                before = math.prod(shape[: axis + 1])
                weights = self.get_buffer(f"weights_{axis}").expand(before, -1, -1)
                lines = resampled.reshape(before, shape[axis + 1], -1)
                shape[axis + 1] = self.sides[axis]
                resampled = torch.bmm(weights, lines).reshape(shape)
        places = (1 + self.target_axes.index(axis) for axis in range(3))
        return resampled.permute(0, 4, *places).contiguous(memory_format=torch.channels_last_3d)


def _parallel_axes(from_target: np.ndarray) -> list[int]:
    """Return to which axis of the target each of the source's is parallel."""
    turn = np.abs(from_target[:3, :3])
    along = turn > 1e-6 * turn.max()
    if not (along.sum(axis=0) == 1).all() or not (along.sum(axis=1) == 1).all():
        raise ValueError(f"the grids' axes are not parallel:\n{from_target}")
    return [int(axis) for axis in along.argmax(axis=1)]


def _weights(places: np.ndarray, side: int) -> np.ndarray:
    """Return the (N, side) float32 weights of a line's voxels at N places along it."""
    inside = np.clip(places, 0, side - 1)
    distances = np.abs(inside[:, None] - np.arange(side))
    weights: np.ndarray[Any, Any] = np.maximum(1 - distances, 0).astype(np.float32)
    return weights
