"""The CNN discriminator of paper B: classifies patches of a T1 and PET volume shown together.

It stands in both 3D pix2pix baselines and, beside BERT, in GANBERT "with CNN-D".

Sources
-------
- Paper B (Shin et al., GANBERT), section 5.1, which names "usual 3D pix2pix" (table 1) and "CNN-D"
  (tables 1 and 2) without figures.
- Isola et al. 2017, pix2pix, section 3.2.2 and appendix 6.1.2.
- Ours: four halvings, since the PET's voxels are few; the T1 is brought to the PET's grid by
  physical coordinates (decision record 0053); instance norm.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from petsynth.networks.layers import InstanceNorm, Resample3d, initialise_weights
from petsynth.volume import Grid


class PatchGan3d(nn.Module):
    """Convolutions of kernel 4 from a T1 and a PET to a map of logits.

    ``layers`` convolutions of stride 2, channels doubling from ``filters`` to at most eight
    times as many, then one of stride 1 to a single channel: 64, 128, 256, 512, 1. LeakyReLU
    0.2 between them; an instance norm except after the first and the last.

    Parameters
    ----------
    mri_grid : Grid
        Of the T1; axes X, Y, Z.
    pet_grid : Grid
        Of one PET frame; axes Y, X, Z (paper order).
    frames : int
        Time points of the PET.
    filters : int
        Channels of the first layer.
    layers : int
        Number of stride-2 layers.

    Raises
    ------
    ValueError
        If fewer than two voxels are left along an axis after the halvings.
    """

    def __init__(
        self,
        mri_grid: Grid,
        pet_grid: Grid,
        *,
        frames: int = 2,
        filters: int = 64,
        layers: int = 4,
    ):
        super().__init__()
        if min(pet_grid.shape) < 2 ** (layers + 1):
            raise ValueError(
                f"a PET of {' x '.join(map(str, pet_grid.shape))} voxels cannot be halved "
                f"{layers} times: sides must be at least {2 ** (layers + 1)}"
            )
        self.to_pet_grid = Resample3d(mri_grid, pet_grid)
        width = [filters * min(2**layer, 8) for layer in range(layers)]
        parts: list[nn.Module] = [_convolution(1 + frames, width[0], stride=2, bias=True)]
        for inner, outer in itertools.pairwise(width):
            parts += [
                nn.LeakyReLU(0.2),
                _convolution(inner, outer, stride=2, bias=False),
                InstanceNorm(outer),
            ]
        parts += [nn.LeakyReLU(0.2), _convolution(width[-1], 1, stride=1, bias=True)]
        self.parts = nn.Sequential(*parts)
        initialise_weights(self)

    def forward(self, mri_BCXYZ: Tensor, pet_BTYXZ: Tensor) -> Tensor:
        """Classify the patches of pairs as real or generated.

        Parameters
        ----------
        mri_BCXYZ : (B, 1, X, Y, Z) float tensor
            Normalised T1.
        pet_BTYXZ : (B, T, Y, X, Z) float tensor
            Normalised PET, real or synthetic.

        Returns
        -------
        (B, 1, y, x, z) float tensor
            Logits: how surely each patch's PET is a real one; 4 x 3 x 3 at the paper's size.
        """
        mri_BCYXZ = self.to_pet_grid(mri_BCXYZ)
        result: Tensor = self.parts(torch.cat([mri_BCYXZ, pet_BTYXZ], dim=1))
        return result

    def receptive_field(self) -> int:
        """Return the side, in PET voxels, of the patch that one logit sees."""
        side = 1
        for part in reversed(self.parts):
            if isinstance(part, nn.Conv3d):
                side = (side - 1) * part.stride[0] + part.kernel_size[0]
        return side


def _convolution(inner: int, outer: int, *, stride: int, bias: bool) -> nn.Conv3d:
    return nn.Conv3d(inner, outer, kernel_size=4, stride=stride, padding=1, bias=bias)
