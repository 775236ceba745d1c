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

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from petsynth.volume import Grid


class Resample3d(nn.Module):
    """Trilinear interpolation of channels on ``source`` at the voxels of ``target``.

    Beyond the source's outermost voxels their values go on.

    Parameters
    ----------
    source, target : Grid
        Their affines map voxel indices, in the order of the tensors' last three axes, to one
        and the same world.

    Examples
    --------
    >>> source = Grid((2, 2, 2), np.eye(4))
    >>> target = Grid((3, 1, 1), np.diag([0.5, 1.0, 1.0, 1.0]))
    >>> ramp = torch.arange(2.0).reshape(1, 1, 2, 1, 1).expand(1, 1, 2, 2, 2)
    >>> Resample3d(source, target)(ramp).flatten().tolist()
    [0.0, 0.5, 1.0]
    """

    places_1DEF3: Tensor

    def __init__(self, source: Grid, target: Grid):
        super().__init__()
        places = torch.from_numpy(_places(source, target))
        self.register_buffer("places_1DEF3", places, persistent=False)

    def forward(self, features_BCDEF: Tensor) -> Tensor:
        """Return (B, C) + target.shape values of (B, C) + source.shape ones."""
        places_BDEF3 = self.places_1DEF3.expand(len(features_BCDEF), -1, -1, -1, -1)
        return functional.grid_sample(
            features_BCDEF,
            places_BDEF3.to(features_BCDEF.dtype),
            mode="bilinear",
            padding_mode="border",
            align_corners=True,
        )


def _places(source: Grid, target: Grid) -> np.ndarray:
    """Return where each target voxel lies in the source, (1, D, E, F, 3) float32.

    In torch's convention: -1 and 1 are the first and the last voxel centre, the last axis first.
    """
    from_target = np.linalg.inv(source.affine) @ np.asarray(target.affine)
    indices_DEF3 = np.moveaxis(np.indices(target.shape), 0, -1)
    voxels_DEF3 = indices_DEF3 @ from_target[:3, :3].T + from_target[:3, 3]
    # A source of a single voxel along an axis has one value there, wherever it is asked for.
    places = 2 * voxels_DEF3 / np.maximum(np.array(source.shape) - 1, 1) - 1
    return places[np.newaxis, ..., ::-1].astype(np.float32)
