"""The network of the flow: a 3D U-Net that is told the time, and what else is known.

Sources
-------
- Ronneberger et al. 2015, U-Net; Cicek et al. 2016, 3D U-Net.
- Perez et al. 2018, FiLM: time and covariates scale and shift the channels of each block.
- Vaswani et al. 2017, section 3.5: sines and cosines of the time.
- Shi et al. 2016, sub-pixel convolution: cubes of voxels become channels, and come back, since a
  PET of 6 mm resolution needs no convolution at 4 mm.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from petsynth.networks.layers import GroupNorm

_TOLD = 64
"""Numbers that stand for time and covariates together."""
_FREQUENCIES = 8


class FlowUNet3d(nn.Module):
    """From x(t), the T1, t and covariates to the mean PET.

    The network adds what it finds to the T1 and x(t), mixed voxel by voxel; it starts as their
    mixture alone.

    Parameters
    ----------
    filters : int
        Channels of the outermost level; they double inwards.
    max_filters : int
        Upper limit of that doubling.
    levels : int
        Number of levels.
    patch : int
        Side, in voxels, of the cubes whose voxels become channels.
    covariates : int
        Number of covariates that it is told.
    """

    def __init__(
        self,
        filters: int = 32,
        max_filters: int = 128,
        levels: int = 3,
        patch: int = 2,
        covariates: int = 0,
    ):
        super().__init__()
        self.patch, self.levels, self.covariates = patch, levels, covariates
        widths = [min(filters * 2**level, max_filters) for level in range(levels)]
        voxels = patch**3
        self.tell = nn.Sequential(
            nn.Linear(2 * _FREQUENCIES + 2 * covariates, _TOLD), nn.SiLU(), nn.Linear(_TOLD, _TOLD)
        )
        self.first = _convolution(2 * voxels, widths[0])
        self.downs = nn.ModuleList(_Block(width, width) for width in widths)
        self.halvings = nn.ModuleList(
            nn.Conv3d(outer, inner, kernel_size=2, stride=2)
            for outer, inner in itertools.pairwise(widths)
        )
        self.ups = nn.ModuleList(
            _Block(inner + outer, outer) for outer, inner in itertools.pairwise(widths)
        )
        self.last = nn.Sequential(_norm(widths[0]), nn.SiLU(), _convolution(widths[0], voxels))
        self.mixture = nn.Linear(_TOLD, 3)
        for layer in (self.last[-1], self.mixture):
            for weight in layer.parameters():
                nn.init.zeros_(weight)

    @property
    def side_divisor(self) -> int:
        """What the sides of an image must be divisible by."""
        return int(self.patch * 2 ** (self.levels - 1))

    def forward(
        self,
        x_BCXYZ: Tensor,
        t1_BCXYZ: Tensor,
        t_B: Tensor,
        covariates_BK: Tensor | None = None,
    ) -> Tensor:
        """Return the mean PET given x(t).

        Parameters
        ----------
        x_BCXYZ, t1_BCXYZ : (B, 1, X, Y, Z) float tensors
            x(t) and the T1, in the network's units.
        t_B : (B,) float tensor
            Times, 0 to 1.
        covariates_BK : (B, 2 covariates) float tensor, optional
            As `petsynth.covariates.encode` makes them; nothing is known if left out.

        Returns
        -------
        (B, 1, X, Y, Z) float tensor
            In the network's units.

        Raises
        ------
        ValueError
            If a side is not divisible by ``side_divisor``.
        """
        if any(side % self.side_divisor for side in x_BCXYZ.shape[2:]):
            raise ValueError(
                f"sides of {tuple(x_BCXYZ.shape[2:])} are not divisible by {self.side_divisor}"
            )
        told_BT = self.tell(self._inputs(t_B, covariates_BK))
        pair = torch.cat([x_BCXYZ, t1_BCXYZ], dim=1)
        features = self.first(cubes_to_channels(pair, self.patch))
        skips = []
        for level, block in enumerate(self.downs):
            if level:
                features = self.halvings[level - 1](features)
            features = block(features, told_BT)
            skips.append(features)
        for level in reversed(range(self.levels - 1)):
            features = functional.interpolate(features, scale_factor=2.0)
            features = self.ups[level](torch.cat([skips[level], features], dim=1), told_BT)
        found = channels_to_cubes(self.last(features), self.patch)
        of_x, of_t1, offset = self.mixture(told_BT).view(-1, 3, 1, 1, 1, 1).unbind(1)
        result: Tensor = found + of_x * x_BCXYZ + of_t1 * t1_BCXYZ + offset
        return result

    def _inputs(self, t_B: Tensor, covariates_BK: Tensor | None) -> Tensor:
        frequencies = math.pi * 2.0 ** torch.arange(_FREQUENCIES, device=t_B.device) / 4
        angles = t_B[:, None] * frequencies
        parts = [angles.sin(), angles.cos()]
        if self.covariates:
            if covariates_BK is None:
                covariates_BK = t_B.new_zeros(len(t_B), 2 * self.covariates)
            parts.append(covariates_BK)
        return torch.cat(parts, dim=1)


class _Block(nn.Module):
    """Two convolutions beside a skip; time and covariates scale and shift between them.

    The first has no bias, since a norm follows.
    """

    def __init__(self, inner: int, outer: int):
        super().__init__()
        self.norms = nn.ModuleList([_norm(inner), _norm(outer)])
        self.convolutions = nn.ModuleList(
            [_convolution(inner, outer, bias=False), _convolution(outer, outer)]
        )
        self.told = nn.Linear(_TOLD, 2 * outer)
        self.skip = nn.Conv3d(inner, outer, 1) if inner != outer else nn.Identity()

    def forward(self, features_BCXYZ: Tensor, told_BT: Tensor) -> Tensor:
        found = self.convolutions[0](functional.silu(self.norms[0](features_BCXYZ)))
        scale, shift = self.told(told_BT)[:, :, None, None, None].chunk(2, dim=1)
        found = functional.silu(self.norms[1](found) * (1 + scale) + shift)
        result: Tensor = self.skip(features_BCXYZ) + self.convolutions[1](found)
        return result


def cubes_to_channels(image_BCXYZ: Tensor, side: int) -> Tensor:
    """Return (B, C side^3, X / side, ...): the voxels of each cube as channels.

    Examples
    --------
    >>> cubes_to_channels(torch.arange(8.0).view(1, 1, 2, 2, 2), 2).flatten().tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    """
    batch, channels, *sides = image_BCXYZ.shape
    x, y, z = (length // side for length in sides)
    split = image_BCXYZ.reshape(batch, channels, x, side, y, side, z, side)
    return split.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(batch, channels * side**3, x, y, z)


def channels_to_cubes(features_BCXYZ: Tensor, side: int) -> Tensor:
    """Return (B, 1, X side, ...), the inverse of `cubes_to_channels` of an image of one channel."""
    batch, _, x, y, z = features_BCXYZ.shape
    split = features_BCXYZ.reshape(batch, 1, side, side, side, x, y, z)
    return split.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(batch, 1, x * side, y * side, z * side)


def _norm(channels: int) -> GroupNorm:
    """Return a norm over groups of four channels, which keeps how they differ in level."""
    return GroupNorm(channels // 4, channels)


def _convolution(inner: int, outer: int, *, bias: bool = True) -> nn.Conv3d:
    return nn.Conv3d(inner, outer, kernel_size=3, padding=1, bias=bias)
