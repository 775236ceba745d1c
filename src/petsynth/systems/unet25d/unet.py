"""A U-Net from a slab of neighbouring MRI slices to the middle PET slice and its likely error.

Sources
-------
- Ronneberger et al. 2015, U-Net. Ours: the first halving moves pixels into channels (Shi et al.
  2016, "Real-time single image and video super-resolution", run backwards) and the last doubling
  moves them back, since a PET of 6 mm resolution needs no convolution at 2 mm; this makes the
  network twice as fast at equal size.
- Kendall and Gal 2017, "What uncertainties do we need in Bayesian deep learning for computer
  vision?": a second output for the size of the error.
- Perez et al. 2018, "FiLM: visual reasoning with a general conditioning layer": covariates scale
  and shift the channels of each block. Ours: both begin at no change.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from petsynth.networks.layers import GroupNorm
from petsynth.preprocessing.grids import model_grid
from petsynth.slicing import AIR
from petsynth.systems.unet25d.config import Location

POPULATION_GRID = model_grid(4.0)
"""Where the population's PET is kept, in MNI space."""
_POPULATION_SHAPE = POPULATION_GRID.shape[::-1]
_COORDINATE_MM = 100.0
_GROUPS = 8
_SLOPE = 0.1
_FOLD = 2
"""Pixels along each side that become channels at the entrance."""
_EMBEDDING = 32
"""Numbers that stand for all covariates together."""


_CAVITY = 0.25
"""Part of a population's mean PET below which the T1 is taken to show no tissue."""
_LEAST = 1e-3


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
    group_correction : bool
        Whether the PET is multiplied by factors over MNI space; see `GroupCorrection`.
    shrinkage : float
        From 0, none, to 1: how far the PET is shrunk towards a real population's mean; see
        `Shrinkage`.
    location : {"none", "coordinates", "population", "both"}
        Further channels that tell where the slab lies; see `LocationChannels`.
    covariates : int
        Number of covariates that the network is told.

    Raises
    ------
    ValueError
        If the slab has no middle slice, or filters do not fit the groups of the norm.
    """

    def __init__(
        self,
        slices: int = 5,
        filters: int = 32,
        max_filters: int = 192,
        levels: int = 4,
        group_correction: bool = False,
        shrinkage: float = 0.0,
        *,
        location: Location = "none",
        covariates: int = 0,
    ):
        super().__init__()
        if slices % 2 == 0:
            raise ValueError(f"a slab of {slices} slices has no middle one")
        if filters % _GROUPS or max_filters % _GROUPS:
            raise ValueError(f"filters must be multiples of {_GROUPS}")
        self.levels = levels
        width = [min(filters * 2**level, max_filters) for level in range(levels)]
        self.location = LocationChannels(location)
        self.mri_channels = slices * _FOLD**2
        inner = [self.mri_channels + self.location.channels * _FOLD**2, *width]
        self.downs = nn.ModuleList(_Block(inner[k], width[k]) for k in range(levels))
        self.ups = nn.ModuleList(
            _Block(width[k] + width[k + 1], width[k]) for k in range(levels - 1)
        )
        self.head = nn.Conv2d(width[0], 2 * _FOLD**2, kernel_size=3, padding=1)
        nn.init.normal_(self.head.weight, 0.0, 0.01)
        blocks = [*width, *width[: levels - 1]]
        self.modulation = _Modulation(covariates, blocks) if covariates else None
        self.correction = GroupCorrection() if group_correction else None
        self.shrinkage = Shrinkage(shrinkage) if shrinkage else None

    def forward(
        self,
        mri_BSHW: Tensor,
        place_B34: Tensor | None = None,
        covariates_BK: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Infer the middle PET slice of each slab.

        Parameters
        ----------
        mri_BSHW : (B, slices, H, W) float tensor
            In [-1, 1].
        place_B34 : (B, 3, 4) float tensor, optional
            From (row, column, 0, 1) of the middle slice to MNI coordinates in mm; needed by a
            network with location channels, a group correction or shrinkage.
        covariates_BK : (B, 2 covariates) float tensor, optional
            As `petsynth.covariates.encode` makes them; nothing is known if left out.

        Returns
        -------
        pet_B1HW : (B, 1, H, W) float tensor
            In the network's units, air at -1; not limited.
        error_B1HW : (B, 1, H, W) float tensor
            Expected absolute error, in the same units; positive.

        Raises
        ------
        ValueError
            If a side is not divisible by ``2**levels``, or the place is needed and not given.
        """
        self._check_sides(mri_BSHW)
        parts = (self.location.channels, self.correction, self.shrinkage)
        mni_B3HW = mni_coordinates(mri_BSHW, place_B34) if any(parts) else None
        pet, error = self._infer(mri_BSHW, mni_B3HW, covariates_BK)
        if self.shrinkage is not None:
            assert mni_B3HW is not None
            told = covariates_BK is not None and bool(covariates_BK.any())
            alone = self._infer(mri_BSHW, mni_B3HW, None)[0] if told else pet
            pet = pet + self.shrinkage(alone, mni_B3HW)
        return pet - 1, error

    def _infer(
        self, mri_BSHW: Tensor, mni_B3HW: Tensor | None, covariates_BK: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return PET above air and expected error, corrected if the network is."""
        located = self.location(mri_BSHW, mni_B3HW)
        features = functional.pixel_unshuffle(located, _FOLD)
        modulate = self._modulation(mri_BSHW, covariates_BK)
        skips = []
        for level, down in enumerate(self.downs):
            features = down(functional.max_pool2d(features, 2) if level else features)
            features = modulate(level, features)
            skips.append(features)
        for level in reversed(range(self.levels - 1)):
            larger = functional.interpolate(features, scale_factor=2, mode="nearest")
            features = self.ups[level](torch.cat([skips[level], larger], dim=1))
            features = modulate(self.levels + level, features)
        pet, error = functional.pixel_shuffle(self.head(features), _FOLD).split(1, dim=1)
        error = functional.softplus(error - 3)
        if self.correction is None:
            return pet, error
        assert mni_B3HW is not None
        factor = self.correction(mni_B3HW)
        return factor * pet, factor * error

    def rescale_pet(self, factor: float) -> None:
        """Multiply the PET above air by a factor, in place; the expected error stays."""
        with torch.no_grad():
            for weights in (self.head.weight, self.head.bias):
                assert weights is not None
                weights[: _FOLD**2] *= factor
            if self.shrinkage is not None:
                self.shrinkage.mean *= factor

    def _modulation(
        self, mri_BSHW: Tensor, covariates_BK: Tensor | None
    ) -> Callable[[int, Tensor], Tensor]:
        if self.modulation is None:
            return lambda block, features: features
        if covariates_BK is None:
            covariates_BK = mri_BSHW.new_zeros(len(mri_BSHW), self.modulation.inputs)
        return self.modulation.of(covariates_BK)

    def _check_sides(self, mri_BSHW: Tensor) -> None:
        height, width = mri_BSHW.shape[-2:]
        if height % 2**self.levels or width % 2**self.levels:
            raise ValueError(
                f"slices of {height} x {width} pixels cannot be halved {self.levels} times: "
                f"sides must be divisible by {2**self.levels}"
            )


class LocationChannels(nn.Module):
    """Channels that tell where in MNI space each pixel of a slab's middle slice lies.

    Parameters
    ----------
    kind : {"none", "coordinates", "population", "both"}
        Coordinates along three axes, in units of 100 mm; the population's mean PET at these
        coordinates, in the network's units; or both.

    Attributes
    ----------
    population : (1, 1, Z, Y, X) buffer
        The mean training PET on `POPULATION_GRID`; kept with the weights.
    """

    population: Tensor

    def __init__(self, kind: Location = "none"):
        super().__init__()
        self.kind = kind
        self.channels = {"none": 0, "coordinates": 3, "population": 1, "both": 4}[kind]
        if kind in ("population", "both"):
            self.register_buffer("population", torch.full(_POPULATION_SHAPE, AIR)[None, None])

    def forward(self, mri_BSHW: Tensor, mni_B3HW: Tensor | None) -> Tensor:
        """Return the slab with the further channels behind it, (B, slices + channels, H, W)."""
        further = []
        if self.channels:
            assert mni_B3HW is not None
            if self.kind in ("coordinates", "both"):
                further.append(mni_B3HW / _COORDINATE_MM)
            if self.kind in ("population", "both"):
                further.append(_sample(self.population - AIR, mni_B3HW) + AIR)
        return torch.cat([mri_BSHW, *further], dim=1)


class GroupCorrection(nn.Module):
    """Factors over MNI space that bring the mean of many subjects' PETs to a real group's mean.

    Attributes
    ----------
    log_factor : (1, 1, Z, Y, X) buffer
        Natural logarithms on `POPULATION_GRID`, kept with the weights; 0, no change, at first.
    """

    log_factor: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("log_factor", torch.zeros(_POPULATION_SHAPE)[None, None])

    def forward(self, mni_B3HW: Tensor) -> Tensor:
        """Return the factor at MNI coordinates in mm, (B, 1, H, W); 1 outside the grid."""
        return _sample(self.log_factor, mni_B3HW).exp()


class Shrinkage(nn.Module):
    """A real population's mean PET, and the change that shrinks a PET towards it.

    What the T1 alone tells is shrunk; what covariates add to it stays whole. Where the T1 tells far
    less than the mean (below `_CAVITY` of it: wide ventricles, the cavity of a stroke), nothing is
    filled in; up to twice that the weight grows.

    Parameters
    ----------
    weight : float
        From 0 to 1, of the population.

    Attributes
    ----------
    mean : (1, 1, Z, Y, X) buffer
        PET above air, in the network's units, on `POPULATION_GRID`; kept with the weights.
    inside : (1, 1, Z, Y, X) buffer
        Where the mean is known: 1, else 0; nowhere at first, so nothing is changed.
    """

    mean: Tensor
    inside: Tensor

    def __init__(self, weight: float):
        super().__init__()
        self.weight = weight
        for name in ("mean", "inside"):
            self.register_buffer(name, torch.zeros(_POPULATION_SHAPE)[None, None])

    def forward(self, alone_B1HW: Tensor, mni_B3HW: Tensor) -> Tensor:
        """Return what is to be added to a PET, (B, 1, H, W).

        Parameters
        ----------
        alone_B1HW : (B, 1, H, W) tensor
            PET above air as the T1 alone tells it, in the network's units.
        mni_B3HW : (B, 3, H, W) tensor
            Where its pixels lie, in mm.
        """
        known = _sample(self.inside, mni_B3HW)
        mean = _sample(self.mean * self.inside, mni_B3HW) / known.clamp(min=_LEAST)
        part = alone_B1HW / mean.clamp(min=_LEAST)
        weight = self.weight * known * (part / _CAVITY - 1).clamp(0, 1)
        return weight * (mean - alone_B1HW)


def mni_coordinates(mri_BSHW: Tensor, place_B34: Tensor | None) -> Tensor:
    """Return where each pixel of the middle slices lies, (B, 3, H, W) in mm of MNI space.

    Raises
    ------
    ValueError
        If the slabs' place is not given.
    """
    if place_B34 is None:
        raise ValueError("this network needs to know where its slabs lie: give place_B34")
    height, width = mri_BSHW.shape[-2:]
    row, column = torch.meshgrid(
        torch.arange(height, device=mri_BSHW.device, dtype=torch.float32),
        torch.arange(width, device=mri_BSHW.device, dtype=torch.float32),
        indexing="ij",
    )
    pixels = torch.stack([row, column, torch.zeros_like(row), torch.ones_like(row)])
    return torch.einsum("bij,jhw->bihw", place_B34.float(), pixels)


def _sample(image_11ZYX: Tensor, mni_B3HW: Tensor) -> Tensor:
    """Interpolate an image on `POPULATION_GRID` linearly, (B, 1, H, W); 0 outside."""
    low = mni_B3HW.new_tensor(POPULATION_GRID.affine[:3, 3]).view(3, 1, 1)
    extent = POPULATION_GRID.voxel_mm[0] * (mni_B3HW.new_tensor(POPULATION_GRID.shape) - 1)
    relative = 2 * (mni_B3HW - low) / extent.view(3, 1, 1) - 1
    points = relative.movedim(1, -1)[:, None]
    image = image_11ZYX.float().expand(len(points), -1, -1, -1, -1)
    return functional.grid_sample(image, points, align_corners=True)[:, :, 0]


class _Modulation(nn.Module):
    """Scale and shift of each block's channels, from covariates; none at first."""

    def __init__(self, covariates: int, widths: list[int]):
        super().__init__()
        self.inputs = 2 * covariates
        self.embedding = nn.Sequential(nn.Linear(self.inputs, _EMBEDDING), nn.SiLU())
        blocks = [nn.Linear(_EMBEDDING, 2 * width) for width in widths]
        for block in blocks:
            nn.init.zeros_(block.weight)
            nn.init.zeros_(block.bias)
        self.blocks = nn.ModuleList(blocks)

    def of(self, covariates_BK: Tensor) -> Callable[[int, Tensor], Tensor]:
        """Return a function that modulates the features of a block."""
        embedded = self.embedding(covariates_BK)

        def modulate(block: int, features_BCHW: Tensor) -> Tensor:
            changes: Tensor = self.blocks[block](embedded)[:, :, None, None]
            scale, shift = changes.chunk(2, dim=1)
            return features_BCHW * (1 + scale) + shift

        return modulate


class _Block(nn.Sequential):
    """Twice: convolution, norm, LeakyReLU."""

    def __init__(self, inner: int, outer: int):
        super().__init__(*_layer(inner, outer), *_layer(outer, outer))


def _layer(inner: int, outer: int) -> list[nn.Module]:
    convolution = nn.Conv2d(inner, outer, kernel_size=3, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, a=_SLOPE)
    return [convolution, GroupNorm(_GROUPS, outer), nn.LeakyReLU(_SLOPE, inplace=True)]
