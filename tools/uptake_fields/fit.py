"""Fit smooth fields of uptake before blur, so that blurred group tissue gives a real map.

The map is explained as

    scale * blur(G * sum_c base_c * grey_c + W * white + fluid + plexus + E * scalp)

with G (grey), W (white) and E (outside the brain) smooth fields over MNI space, and one value
``base_c`` per deep region. Penalties keep the fields smooth and near their prior values, since a
blurred map alone does not separate grey from white matter everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from uptake_fields.group import GREY, GRID, GroupTissue

from petsynth.simulation.regions import CODES, REGIONS, codes_of_tissue, read_packaged_table
from petsynth.simulation.uptake import tracer_model

LATTICE_STEP = 3
"""Voxels of `GRID` per lattice step: the fields are kept every 6 mm."""
FLUID = 0.08
"""Prior of fluid's FDG uptake, SUVR."""
LATTICE = tuple((n - 1) // LATTICE_STEP + 1 for n in GRID.shape)


@dataclass(frozen=True)
class Prior:
    """Uptake before blur that the fit starts from, relative to cortex.

    Parameters
    ----------
    base : (R,) float array
        By region code; every region of cortex has 1.
    white, fluid, plexus, scalp : float
        Of white matter, fluid, choroid plexus and muscle.
    """

    base: NDArray[np.float64]
    white: float
    fluid: float
    plexus: float
    scalp: float


@dataclass(frozen=True)
class Penalties:
    """Weights of what keeps the fields smooth and near the prior."""

    grey_smooth: float = 0.01
    white_smooth: float = 0.05
    outside_smooth: float = 0.01
    base: float = 0.01
    level: float = 0.001
    iterations: int = 80


@dataclass
class Fields:
    """Result: logarithms of the fields on `LATTICE`, and values per region."""

    grey: torch.Tensor
    white: torch.Tensor
    outside: torch.Tensor
    base: torch.Tensor
    fluid: torch.Tensor
    prior: Prior


@dataclass
class Observation:
    """One real map and the tissue of the subjects that it shows.

    Parameters
    ----------
    image : (X, Y, Z) float array
        The map on `GRID`, any unit.
    tissue : list of (GroupTissue, (R,) float array, float)
        Groups with their relative uptake by region code (disease) and their fraction of subjects.
    fwhm_mm : float
        Blur of the map, full width at half maximum.
    """

    image: NDArray
    tissue: list[tuple[GroupTissue, NDArray[np.float64], float]]
    fwhm_mm: float
    weight: float = 1.0


def initial_fields(prior: Prior) -> Fields:
    """Return fields that say what the prior says."""
    zero = [torch.zeros(LATTICE, requires_grad=True) for _ in range(3)]
    base = torch.zeros(len(REGIONS), requires_grad=True)
    return Fields(*zero, base, torch.zeros(1, requires_grad=True), prior)


class Forward:
    """From fields to a blurred mean of one observation."""

    def __init__(self, seen: Observation) -> None:
        self.seen = seen
        self.image = torch.as_tensor(np.ascontiguousarray(seen.image), dtype=torch.float32)
        self.groups = [
            (tissue, torch.as_tensor(relative, dtype=torch.float32), fraction)
            for tissue, relative, fraction in seen.tissue
        ]
        self.stacks = [_stack(tissue, relative) for tissue, relative, _ in seen.tissue]
        brain = sum(
            fraction * (tissue.grey.sum(axis=0, dtype=np.float32) + tissue.white + tissue.fluid)
            for tissue, _, fraction in seen.tissue
        )
        inside = torch.as_tensor(brain > 0.5)
        near = functional.max_pool3d(inside[None, None].float(), 7, 1, 3)[0, 0] > 0
        self.brain = inside & (self.image > 0)
        self.mask = near & (self.image > 0)

    def before_blur(self, fields: Fields) -> torch.Tensor:
        """Return the group's mean uptake before blur, cortex about 1."""
        grey, white, outside = (
            torch.exp(upsample(each)) for each in (fields.grey, fields.white, fields.outside)
        )
        prior = fields.prior
        total = torch.zeros(GRID.shape)
        base = torch.as_tensor(prior.base, dtype=torch.float32) * torch.exp(fields.base)
        for (tissue, _, fraction), (cortex, rest, codes) in zip(
            self.groups, self.stacks, strict=True
        ):
            image = grey * (cortex + torch.tensordot(base[codes], rest, dims=1))
            image = image + prior.white * white * torch.as_tensor(tissue.white)
            image = image + prior.fluid * torch.exp(fields.fluid) * torch.as_tensor(tissue.fluid)
            image = image + prior.plexus * torch.as_tensor(tissue.plexus)
            image = image + prior.scalp * outside * torch.as_tensor(tissue.scalp)
            total = total + fraction * image
        return total

    def blurred(self, fields: Fields, fwhm_mm: float | None = None) -> torch.Tensor:
        """Return what the scanner and the averaging leave of it."""
        return blur(self.before_blur(fields), self.seen.fwhm_mm if fwhm_mm is None else fwhm_mm)

    def loss(self, fields: Fields) -> torch.Tensor:
        """Return the mean squared difference, cortex about 1, at the best scale."""
        simulated = self.blurred(fields)
        scaled = self.image / self.scale(simulated)
        return ((simulated - scaled)[self.mask] ** 2).mean()

    def scale(self, simulated: torch.Tensor) -> torch.Tensor:
        """Return the factor by which the simulated mean fits the map best."""
        real, own = self.image[self.brain], simulated[self.brain]
        return (real * own).sum() / (own * own).sum()


class RegionalForward(Forward):
    """From fields to regional means, where only a table of them is known.

    Parameters
    ----------
    seen : Observation
        Its image is not used.
    weights : list of ((N,) int array, (N,) float array)
        Per region its voxels of `GRID` (flat indices) and their weights, which sum to 1.
    values : list of float
        The table's means.
    """

    def __init__(
        self, seen: Observation, weights: list[tuple[NDArray, NDArray]], values: list[float]
    ) -> None:
        super().__init__(seen)
        self.weights = [
            (torch.as_tensor(index), torch.as_tensor(weight, dtype=torch.float32))
            for index, weight in weights
        ]
        self.values = torch.as_tensor(values, dtype=torch.float32)

    def means(self, simulated: torch.Tensor) -> torch.Tensor:
        """Return the regional means of an image."""
        flat = simulated.reshape(-1)
        return torch.stack([(flat[index] * weight).sum() for index, weight in self.weights])

    def loss(self, fields: Fields) -> torch.Tensor:
        """Return the mean squared difference of regional means, cortex about 1."""
        own = self.means(self.blurred(fields))
        return ((own - self.values / self.scale_of(own)) ** 2).mean()

    def scale_of(self, own: torch.Tensor) -> torch.Tensor:
        """Return the factor by which the simulated means fit the table best."""
        return (self.values * own).sum() / (own * own).sum()


def _stack(tissue: GroupTissue, relative: NDArray) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
    """Return cortex in one image, every other grey region by itself, and their codes."""
    cortex = set(codes_of_tissue("cortex"))
    total = np.zeros(GRID.shape, np.float32)
    for code in cortex:
        total += np.float32(relative[code]) * tissue.grey[code]
    codes = [code for code in GREY if code not in cortex]
    rest = np.stack([np.float32(relative[code]) * tissue.grey[code] for code in codes])
    return torch.from_numpy(total), torch.from_numpy(rest.astype(np.float32)), codes


def upsample(coarse: torch.Tensor) -> torch.Tensor:
    """Interpolate from `LATTICE` to `GRID`, linearly."""
    return functional.interpolate(
        coarse[None, None], size=GRID.shape, mode="trilinear", align_corners=True
    )[0, 0]


def blur(image: torch.Tensor, fwhm_mm: float) -> torch.Tensor:
    """Smooth by a Gaussian, air outside."""
    sigma = fwhm_mm / math.sqrt(8 * math.log(2)) / 2.0
    radius = math.ceil(3 * sigma)
    kernel = torch.exp(-((torch.arange(-radius, radius + 1) / sigma) ** 2) / 2)
    kernel = kernel / kernel.sum()
    smooth = image[None, None]
    for axis in range(3):
        shape, padding = [1, 1, 1, 1, 1], [0, 0, 0]
        shape[axis + 2], padding[axis] = len(kernel), radius
        smooth = functional.conv3d(smooth, kernel.reshape(shape), padding=padding)
    return smooth[0, 0]


def roughness(coarse: torch.Tensor) -> torch.Tensor:
    """Return the mean squared step between neighbours on the lattice."""
    return sum((coarse.diff(dim=axis) ** 2).mean() for axis in range(3))


def fit(
    models: list[Forward], prior: Prior, penalties: Penalties, initial: Fields | None = None
) -> Fields:
    """Fit one set of fields to one or more maps or tables."""
    fields = initial or initial_fields(prior)
    parameters = [fields.grey, fields.white, fields.outside, fields.base, fields.fluid]
    optimiser = torch.optim.LBFGS(
        parameters, max_iter=penalties.iterations, history_size=12, line_search_fn="strong_wolfe",
        tolerance_change=1e-8,
    )  # fmt: skip

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = torch.zeros(())
        for model in models:
            loss = loss + model.seen.weight * model.loss(fields)
        loss = loss + penalties.grey_smooth * roughness(fields.grey)
        loss = loss + penalties.white_smooth * roughness(fields.white)
        loss = loss + penalties.outside_smooth * roughness(fields.outside)
        loss = loss + penalties.base * (fields.base**2).mean()
        level = (fields.grey**2).mean() + (fields.white**2).mean() + (fields.outside**2).mean()
        loss = loss + penalties.level * level + 0.001 * (fields.fluid**2).sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    return fields


def prior_from(mean: NDArray, cortex: float, white: float, scalp: float) -> Prior:
    """Return a prior from uptake by region code, relative to the mean of cortex."""
    base = np.asarray(mean, float) / cortex
    base[codes_of_tissue("cortex")] = 1.0
    fluid, plexus = mean[CODES["fluid"]] / cortex, mean[CODES["choroid_plexus"]] / cortex
    return Prior(base, white / cortex, fluid, plexus, scalp / cortex)


def normative_fdg() -> NDArray[np.float64]:
    """Return FDG's uptake before blur by region code, solved from 537 adults (decision 12)."""
    table = read_packaged_table("fdg_normative.csv")
    mean = tracer_model("FDG").mean.copy()
    mean[[CODES[name] for name in table["region"]]] = table["before_blur"].astype(float)
    mean[codes_of_tissue("csf")] = FLUID
    return mean


def tabulated(tracer: str) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return mean and disease by region code, and the scalp's mean, of ``uptake.csv``."""
    table = read_packaged_table("uptake.csv")
    rows = table[table["tracer"] == tracer].set_index("region")
    mean = [float(rows.loc[each.kind, "mean"]) if code else 0 for code, each in enumerate(REGIONS)]
    return np.array(mean), tracer_model(tracer).disease, float(rows.loc["scalp", "mean"])


def spots_on_lattice(
    spots: tuple[tuple[tuple[float, float, float], float, float], ...],
) -> NDArray[np.float64]:
    """Return the factor on `LATTICE` that raises places of both sides.

    Parameters
    ----------
    spots : tuple of (place, size, rise)
        MNI coordinates on the right (mm), standard deviation (mm), relative rise in the middle.
    """
    points = np.indices(LATTICE) * 2.0 * LATTICE_STEP + GRID.affine[:3, 3].reshape(3, 1, 1, 1)
    rise = np.ones(LATTICE)
    for (x, y, z), size, amount in spots:
        for side in (x, -x):
            distance = ((points - np.reshape([side, y, z], (3, 1, 1, 1))) ** 2).sum(axis=0)
            rise += amount * np.exp(-distance / size**2 / 2)
    return rise
