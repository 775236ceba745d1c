"""The generator of MedGAN: U-blocks one after the other, from an MRI slice to a PET slice.

Sources
-------
- Armanious et al. 2020, MedGAN, Computerized Medical Imaging and Graphics 79:101684: CasNet of six
  U-blocks, learnt end to end by the loss of the last one's slice.
- A U-block is pix2pix's U-Net (Isola et al. 2017, appendix 6.1.1). Ours: without dropout, so that
  the generator is a function of the MRI (decision record 0081).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from petsynth.networks.unet2d import UNet2d


class CasNet(nn.Module):
    """U-Nets in a row; each reads the slice that the one before it made.

    Parameters
    ----------
    blocks : int
        Number of U-Nets.
    filters : int
        Channels of a U-Net's outermost level; they double inwards.
    max_filters : int
        Upper limit of that doubling.
    levels : int
        Number of halvings; image sides must be divisible by ``2**levels``.
    """

    def __init__(self, blocks: int = 6, filters: int = 64, max_filters: int = 512, levels: int = 8):
        super().__init__()
        self.blocks = nn.ModuleList(
            UNet2d(
                filters=filters,
                max_filters=max_filters,
                levels=levels,
                dropout=0.0,
                dropout_levels=0,
            )
            for _ in range(blocks)
        )

    def forward(self, mri_BCHW: Tensor, keys_B: Tensor | None = None) -> Tensor:
        """Infer PET slices.

        Parameters
        ----------
        mri_BCHW : (B, 1, H, W) float tensor
            In [-1, 1].
        keys_B : (B,) int64 tensor, optional
            Not used: there is no dropout.

        Returns
        -------
        (B, 1, H, W) float tensor
            In [-1, 1].

        Raises
        ------
        ValueError
            If a side is not divisible by ``2**levels``.
        """
        unused_B = torch.zeros(len(mri_BCHW), dtype=torch.int64)
        slices = mri_BCHW
        for block in self.blocks:
            slices = block(slices, unused_B)
        return slices
