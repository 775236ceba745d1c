"""The generator of paper B: a 3D U-Net from a T1 to all frames of a PET.

Sources
-------
- Paper B (Shin et al., GANBERT), section 4.1: U-Net-like, T1 of 256 x 256 x 256 in, PET of
  2 x 93 x 76 x 76 out, last activation tanhshrink (figure 6) in place of pix2pix's tanh.
- Ronneberger et al. 2015, U-Net; Chen et al. 2016 (the paper's reference 2), checkpointing.
- Ours, where the paper is silent: kernels, widths, norm, and skips that are resampled by
  physical coordinates (decision record 0053).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from petsynth.networks.layers import (
    InstanceNorm,
    Resample3d,
    full_precision,
    initialise_weights,
    instance_norm,
    lay_channels_last,
)
from petsynth.volume import Grid

Activation = Literal["tanhshrink", "tanh"]

ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "tanhshrink": functional.tanhshrink,
    "tanh": torch.tanh,
}
"""Last layers: x - tanh(x), which has no limits, and tanh, which ends at -1 and 1."""
SLICES = 4
"""With checkpointing the outermost level, which holds more than all others together, is never held
whole: it is computed in so many parts, a fraction of its channels each."""


class Generator3d(nn.Module):
    """A U-Net whose encoder halves the T1's grid and whose decoder ends on the PET's.

    Each level halves the T1 with a convolution (kernel 3, stride 2, instance norm, LeakyReLU
    0.2). The decoder's grids are the PET's, halved as often: 93 x 76 x 76 <- 47 x 38 x 38
    <- 24 x 19 x 19 <- 12 x 10 x 10 <- 6 x 5 x 5 at the paper's size. On each, what comes from
    below and the encoder's features of the same level are resampled to the grid by physical
    coordinates, concatenated and convolved (kernel 3, instance norm, ReLU). The last
    convolution (kernel 3) makes one channel per frame.

    Parameters
    ----------
    mri_grid : Grid
        Of the T1; axes X, Y, Z.
    pet_grid : Grid
        Of one PET frame; axes Y, X, Z (paper order), which its affine tells.
    frames : int
        Time points of the PET; 1 for a static one.
    filters : int
        Channels of the outermost level; they double inwards.
    max_filters : int
        Upper limit of that doubling.
    levels : int
        Number of halvings of the T1.
    activation : {"tanhshrink", "tanh"}
        The last layer.
    checkpointing : bool
        Whether activations inside a level are computed again for the gradient instead of kept:
        less memory, more time, the same values to rounding. An attribute that may be
        changed.

    Raises
    ------
    ValueError
        If there are fewer than two levels, or so many that a single voxel is left, which a
        norm would turn into zero.
    """

    def __init__(
        self,
        mri_grid: Grid,
        pet_grid: Grid,
        *,
        frames: int = 2,
        filters: int = 32,
        max_filters: int = 256,
        levels: int = 5,
        activation: Activation = "tanhshrink",
        checkpointing: bool = False,
    ):
        super().__init__()
        mri_grids = halved_grids(mri_grid, levels, same_centre=False)
        pet_grids = halved_grids(pet_grid, levels - 1, same_centre=True)
        _check_levels(levels, mri_grids[-1], pet_grids[-1])
        self.activation = ACTIVATIONS[activation]
        self.checkpointing = checkpointing
        width = [min(filters * 2**level, max_filters) for level in range(levels)]
        skip, *skips, bottom = itertools.starmap(
            Resample3d, zip(mri_grids[1:], pet_grids, strict=True)
        )
        self.outermost = _Outermost(width[:2], skip)
        self.second = nn.Sequential(InstanceNorm(width[1]), nn.LeakyReLU(0.2))
        self.skips = nn.ModuleList(skips)
        self.downs = nn.ModuleList(
            _down(width[level - 1], width[level]) for level in range(2, levels)
        )
        self.bottom = bottom
        self.ups = nn.ModuleList(
            _Up(Resample3d(pet_grids[level + 1], pet_grids[level]), width[level], width[level + 1])
            for level in range(levels - 1)
        )
        self.last = nn.Conv3d(width[0], frames, kernel_size=3, padding=1)
        initialise_weights(self)
        lay_channels_last(self)

    def forward(self, mri_BCXYZ: Tensor) -> Tensor:
        """Infer PETs.

        Parameters
        ----------
        mri_BCXYZ : (B, 1, X, Y, Z) float tensor
            Normalised by its own mean and standard deviation; RAS+.

        Returns
        -------
        (B, T, Y, X, Z) float tensor
            Normalised PET; RAS+.
        """
        made, skip = self._outermost(mri_BCXYZ)
        features, skips = self._run(self.second, made), [skip]  # (B, width[1], X / 4, ...)
        for down, resample in zip(self.downs, self.skips, strict=True):
            skips.append(resample(features))
            features = self._run(down, features)  # (B, width[level], X / 2**(level+1), ...)
        features = self.bottom(features)
        for up in reversed(self.ups):
            features = self._run(up, features, skips.pop())  # (B, width[level]) + grid[level]
        # In bf16 a value of 130 is known to half a unit only. That is 500 of BERT's levels: it
        # would see at a glance which PETs are generated (decision record 0057).
        with full_precision(features.device.type):
            return self.activation(self.last(features.to(self.last.weight.dtype)))

    def _outermost(self, mri_BCXYZ: Tensor) -> tuple[Tensor, Tensor]:
        if not self._recomputes():
            result: tuple[Tensor, Tensor] = self.outermost(mri_BCXYZ)
            return result
        count = min(SLICES, self.outermost.convolution.out_channels)
        slices = [
            checkpoint(self.outermost, mri_BCXYZ, number, count, use_reentrant=False)
            for number in range(count)
        ]
        made, skips = zip(*slices, strict=True)
        return sum(made[1:], made[0]), torch.cat(skips, dim=1)

    def _run(self, part: nn.Module, *features: Tensor) -> Tensor:
        result: Tensor
        if self._recomputes():
            result = checkpoint(part, *features, use_reentrant=False)
        else:
            result = part(*features)
        return result

    def _recomputes(self) -> bool:
        return self.checkpointing and torch.is_grad_enabled()


def halved_grids(grid: Grid, times: int, *, same_centre: bool) -> list[Grid]:
    """Return a grid and its successive halvings, sides rounded up.

    Parameters
    ----------
    grid : Grid
        The finest.
    times : int
        How often to halve.
    same_centre : bool
        Whether a coarser box is centred in the finer one (the decoder's grids, which are free),
        or its first voxel lies on the finer one's first (where a convolution of kernel 3,
        stride 2 and padding 1 puts its results).

    Examples
    --------
    >>> decoder = halved_grids(Grid((93, 76, 76), np.eye(4)), 4, same_centre=True)
    >>> [grid.shape for grid in decoder[1:]]
    [(47, 38, 38), (24, 19, 19), (12, 10, 10), (6, 5, 5)]
    """
    grids = [grid]
    for _ in range(times):
        finer = grids[-1]
        d, e, f = (-(-side // 2) for side in finer.shape)
        coarser = Grid((d, e, f), np.asarray(finer.affine) @ np.diag([2.0, 2.0, 2.0, 1.0]))
        if same_centre:
            affine = coarser.affine.copy()
            affine[:3, 3] += finer.centre_mm - coarser.centre_mm
            coarser = Grid(coarser.shape, affine)
        grids.append(coarser)
    return grids


class _Outermost(nn.Module):
    """The first level, and all that is wanted of it: the next convolution's result and the skip.

    Its channels do not know each other before the next convolution adds them up, so that they
    can be computed a part at a time.
    """

    def __init__(self, width: list[int], skip: Resample3d):
        super().__init__()
        self.convolution = nn.Conv3d(1, width[0], 3, stride=2, padding=1, bias=False)
        self.norm = InstanceNorm(width[0])
        self.next = nn.Conv3d(width[0], width[1], 3, stride=2, padding=1, bias=False)
        self.skip = skip

    def forward(self, mri: Tensor, number: int = 0, slices: int = 1) -> tuple[Tensor, Tensor]:
        """Return what slice ``number`` of ``slices`` of the channels adds to both."""
        weights = self.convolution.weight, self.norm.weight, self.norm.bias
        kernels, gammas, betas = (torch.tensor_split(each, slices)[number] for each in weights)
        features = functional.conv3d(mri, kernels, stride=2, padding=1)
        features = instance_norm(features, gammas, betas)
        features = functional.leaky_relu(features, 0.2)
        following = torch.tensor_split(self.next.weight, slices, dim=1)[number]
        return functional.conv3d(features, following, stride=2, padding=1), self.skip(features)


class _Up(nn.Module):
    """From a coarser to a finer grid of the decoder, with the encoder's features."""

    def __init__(self, rise: Resample3d, width: int, risen_width: int):
        super().__init__()
        self.rise = rise
        self.split = [risen_width, width]
        self.convolution = nn.Conv3d(sum(self.split), width, 3, padding=1, bias=False)
        self.norm = InstanceNorm(width)

    def forward(self, features_BCYXZ: Tensor, skip_BCYXZ: Tensor) -> Tensor:
        # The sum equals a convolution of both concatenated, which would be another copy.
        for_risen, for_skip = self.convolution.weight.split(self.split, dim=1)
        made = functional.conv3d(self.rise(features_BCYXZ), for_risen, padding=1)
        made = made + functional.conv3d(skip_BCYXZ, for_skip, padding=1)
        return functional.relu(self.norm(made))


def _down(inner: int, outer: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inner, outer, kernel_size=3, stride=2, padding=1, bias=False),
        InstanceNorm(outer),
        nn.LeakyReLU(0.2),
    )


def _check_levels(levels: int, *coarsest: Grid) -> None:
    if levels < 2:
        raise ValueError(f"{levels} levels: a U-Net needs at least two")
    if any(max(grid.shape) < 2 for grid in coarsest):
        raise ValueError(
            f"{levels} levels leave a single voxel of the T1 or the PET; take fewer levels"
        )
