"""The generator of paper A: a U-Net from an MRI slice to a PET slice.

Sources
-------
- Paper A (Jung et al., Inferring PET from MRI with pix2pix), section 2.3, which names the
  Keras notebook github.com/tjwei/GANotebooks, pix2pix-keras.ipynb, for all figures.
- Ronneberger et al. 2015, U-Net; Isola et al. 2017, pix2pix, appendix 6.1.1.
- Deviation: one channel in and out (the notebook's three are for photographs), and the norm
  of decision record 0030.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from petsynth.networks.halving import Doubling, Halving
from petsynth.networks.layers import InstanceNorm, KeyedDropout, initialise_weights


class UNet2d(nn.Module):
    """A U-Net of ``levels`` halvings and as many doublings.

    Each level halves the image with a convolution (kernel 4, stride 2, LeakyReLU 0.2 before it
    except on the outermost level) and doubles it again with a transposed one (ReLU before it).
    A skip carries a level's features before their LeakyReLU. The outermost level and the
    innermost convolution have no norm; a layer has a bias exactly where no norm follows.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the MRI and of the PET slice.
    filters : int
        Channels of the outermost level; they double inwards.
    max_filters : int
        Upper limit of that doubling.
    levels : int
        Number of halvings; image sides must be divisible by ``2**levels``.
    dropout : float
        Fraction of values dropped after the norm, in training and in prediction.
    dropout_levels : int
        Number of innermost up-blocks with dropout.

    Raises
    ------
    ValueError
        If there is no level, or dropout would reach the outermost one.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        filters: int = 64,
        max_filters: int = 512,
        levels: int = 8,
        dropout: float = 0.5,
        dropout_levels: int = 3,
    ):
        super().__init__()
        if not 0 <= dropout_levels < levels:
            raise ValueError(f"{dropout_levels} dropout levels do not fit {levels} levels")
        self.levels = levels
        width = [min(filters * 2**level, max_filters) for level in range(levels)]
        innermost = levels - 1
        self.downs = nn.ModuleList()
        self.ups = nn.ModuleList()
        for level in range(levels):
            outer = in_channels if level == 0 else width[level - 1]
            self.downs.append(_down(outer, width[level], norm=0 < level < innermost))
            inner = width[level] if level == innermost else 2 * width[level]
            outer = out_channels if level == 0 else width[level - 1]
            rate = dropout if level > innermost - dropout_levels else 0.0
            self.ups.append(_Up(inner, outer, norm=level > 0, dropout=rate, level=level))
        initialise_weights(self)

    def forward(self, mri_BCHW: Tensor, keys_B: Tensor | None = None) -> Tensor:
        """Infer PET slices.

        Parameters
        ----------
        mri_BCHW : (B, in_channels, H, W) float tensor
            In [-1, 1].
        keys_B : (B,) int64 tensor, optional
            One non-negative key per image: which dropout masks it gets. Without them each
            image gets a new one from torch's global generator.

        Returns
        -------
        (B, out_channels, H, W) float tensor
            In [-1, 1].

        Raises
        ------
        ValueError
            If a side is not divisible by ``2**levels``.
        """
        self._check_sides(mri_BCHW)
        if keys_B is None:
            keys_B = torch.randint(2**62, (len(mri_BCHW),))
        skips = []
        features = mri_BCHW
        for level, down in enumerate(self.downs):
            if level > 0:
                features = functional.leaky_relu(features, 0.2)
            features = down(features)  # (B, width[level], H / 2**(level+1), W / 2**(level+1))
            skips.append(features)
        for level in reversed(range(self.levels)):
            is_new = level < self.levels - 1
            if is_new:
                features = torch.cat([skips[level], features], dim=1)
            features = self.ups[level](functional.relu(features, inplace=is_new), keys_B)
        return torch.tanh(features)

    def _check_sides(self, mri_BCHW: Tensor) -> None:
        height, width = mri_BCHW.shape[-2:]
        if height % 2**self.levels or width % 2**self.levels:
            raise ValueError(
                f"slices of {height} x {width} pixels cannot be halved {self.levels} times: "
                f"sides must be divisible by {2**self.levels}"
            )


def _down(inner: int, outer: int, norm: bool) -> nn.Sequential:
    convolution = Halving(inner, outer, bias=not norm)
    return nn.Sequential(convolution, *([InstanceNorm(outer)] if norm else []))


class _Up(nn.Module):
    """Transposed convolution, norm, dropout."""

    def __init__(self, inner: int, outer: int, *, norm: bool, dropout: float, level: int):
        super().__init__()
        self.convolution = Doubling(inner, outer, bias=not norm)
        self.norm = InstanceNorm(outer) if norm else nn.Identity()
        self.dropout = KeyedDropout(dropout, layer=level)

    def forward(self, features_BCHW: Tensor, keys_B: Tensor) -> Tensor:
        result: Tensor = self.dropout(self.norm(self.convolution(features_BCHW)), keys_B)
        return result
