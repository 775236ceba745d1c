"""A U-Net from a slab of neighbouring MRI slices to the middle PET slice and its likely error.

Sources
-------
- Ronneberger et al. 2015, U-Net. Ours: the first halving moves pixels into channels (Shi et al.
  2016, "Real-time single image and video super-resolution", run backwards) and the last doubling
  moves them back, since a PET of 6 mm resolution needs no convolution at 2 mm; this makes the
  network twice as fast at equal size.
- Kendall and Gal 2017, "What uncertainties do we need in Bayesian deep learning for computer
  vision?": a second output for the size of the error.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_GROUPS = 8
_SLOPE = 0.1
_FOLD = 2
"""Pixels along each side that become channels at the entrance."""


class SlabUNet(nn.Module):
    """A U-Net of ``levels`` resolutions below that of the slices.

    Parameters
    ----------
    slices : int
        MRI slices of a slab; the PET belongs to the middle one.
    filters : int
        Channels at the finest resolution, which is half that of the slices; they double inwards.
    max_filters : int
        Upper limit of that doubling.
    levels : int
        Number of resolutions; image sides must be divisible by ``2**levels``.

    Raises
    ------
    ValueError
        If the slab has no middle slice, or filters do not fit the groups of the norm.
    """

    def __init__(self, slices: int = 5, filters: int = 32, max_filters: int = 192, levels: int = 4):
        super().__init__()
        if slices % 2 == 0:
            raise ValueError(f"a slab of {slices} slices has no middle one")
        if filters % _GROUPS or max_filters % _GROUPS:
            raise ValueError(f"filters must be multiples of {_GROUPS}")
        self.levels = levels
        width = [min(filters * 2**level, max_filters) for level in range(levels)]
        inner = [slices * _FOLD**2, *width]
        self.downs = nn.ModuleList(_Block(inner[k], width[k]) for k in range(levels))
        self.ups = nn.ModuleList(
            _Block(width[k] + width[k + 1], width[k]) for k in range(levels - 1)
        )
        self.head = nn.Conv2d(width[0], 2 * _FOLD**2, kernel_size=3, padding=1)
        nn.init.normal_(self.head.weight, 0.0, 0.01)

    def forward(self, mri_BSHW: Tensor) -> tuple[Tensor, Tensor]:
        """Infer the middle PET slice of each slab.

        Parameters
        ----------
        mri_BSHW : (B, slices, H, W) float tensor
            In [-1, 1].

        Returns
        -------
        pet_B1HW : (B, 1, H, W) float tensor
            In the network's units, air at -1; not limited.
        error_B1HW : (B, 1, H, W) float tensor
            Expected absolute error, in the same units; positive.

        Raises
        ------
        ValueError
            If a side is not divisible by ``2**levels``.
        """
        self._check_sides(mri_BSHW)
        features = functional.pixel_unshuffle(mri_BSHW, _FOLD)
        skips = []
        for level, down in enumerate(self.downs):
            features = down(functional.max_pool2d(features, 2) if level else features)
            skips.append(features)
        for level in reversed(range(self.levels - 1)):
            larger = functional.interpolate(features, scale_factor=2, mode="nearest")
            features = self.ups[level](torch.cat([skips[level], larger], dim=1))
        pet, error = functional.pixel_shuffle(self.head(features), _FOLD).split(1, dim=1)
        return pet - 1, functional.softplus(error - 3)

    def rescale_pet(self, factor: float) -> None:
        """Multiply the PET above air by a factor, in place; the expected error stays."""
        with torch.no_grad():
            for weights in (self.head.weight, self.head.bias):
                assert weights is not None
                weights[: _FOLD**2] *= factor

    def _check_sides(self, mri_BSHW: Tensor) -> None:
        height, width = mri_BSHW.shape[-2:]
        if height % 2**self.levels or width % 2**self.levels:
            raise ValueError(
                f"slices of {height} x {width} pixels cannot be halved {self.levels} times: "
                f"sides must be divisible by {2**self.levels}"
            )


class _Block(nn.Sequential):
    """Twice: convolution, norm, LeakyReLU."""

    def __init__(self, inner: int, outer: int):
        super().__init__(*_layer(inner, outer), *_layer(outer, outer))


def _layer(inner: int, outer: int) -> list[nn.Module]:
    convolution = nn.Conv2d(inner, outer, kernel_size=3, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, a=_SLOPE)
    return [convolution, nn.GroupNorm(_GROUPS, outer), nn.LeakyReLU(_SLOPE, inplace=True)]
