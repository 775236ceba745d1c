"""How much tracer each region takes up: normal values, variation between subjects, disease.

All values are SUVR before the scanner's blur. The tables stand beside this file, each row of
`uptake.csv` with its source: `fdg_normative.csv` (derived from 537 cognitively normal adults,
see `tools/derive_fdg_uptake.py`), `fdg_ageing.csv` (change with age) and `uptake.csv` (everything
else).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from petsynth.simulation.anatomy import Anatomy
from petsynth.simulation.fields import FloatField, coarse_lattice, random_field, refine
from petsynth.simulation.lesions import Lesion
from petsynth.simulation.participants import Participant, Tracer
from petsynth.simulation.pattern import Pattern, pattern_of, read_pattern
from petsynth.simulation.regions import (
    CODES,
    REGIONS,
    codes_of,
    codes_of_tissue,
    lateral_sign,
    read_packaged_table,
)
from petsynth.simulation.soft_tissue import meninges
from petsynth.volume import FloatArray, Grid

NORMATIVE_AGE = 70.0
"""Age in years at which the normative means hold."""
LEVEL_SD = 0.08
"""Logarithmic standard deviation, between scans, of the whole image (dose, reference region)."""
HEMISPHERE_SD = 0.015
"""Standard deviation of how much more the left hemisphere takes up than the mean of both."""
WHITE_SD = 0.2
"""Logarithmic standard deviation, between scans, of white matter relative to grey matter."""
GREY_TO_WHITE = (1.5, 4.0)
"""Limits of FDG's ratio of cortex to white matter before blur."""
RIM_SUVR = 0.9
"""Mean of flortaucipir in meninges and inner skull before blur (Baker et al., J Nucl Med 60, 2019:
off-target signal there is frequent and varies; the figure is a design value)."""
RIM_SD = 0.5
"""Its logarithmic standard deviation between subjects."""
RIM_SPOTS = (0.4, 15.0)
"""Relative standard deviation and smoothness (mm) of its variation from place to place."""
SCALP_SD = 0.3
"""Logarithmic standard deviation, between subjects, of the uptake outside the brain."""
FACTOR_LIMIT = 2.5
"""Common factors are cut off here, in standard deviations, so that no scan is absurd."""
FOCAL_COUNT = 2.0
"""Mean number of focal changes that no T1 shows (Poisson)."""
FOCAL_CHANGE = (-0.30, 0.15)
"""Range of their relative change of uptake at the middle."""
FOCAL_SIZE_MM = (6.0, 14.0)
"""Range of their size (standard deviation of a Gaussian)."""

TIME_CONSTANT = 2 / 3
"""Fraction of the scan after which the change of uptake over time has slowed down by a factor of e:
20 of 30 minutes (Phelps et al., Ann Neurol 6, 1979: FDG's rise flattens; a design value)."""


@dataclass(frozen=True)
class TracerModel:
    """A tracer's uptake by region code (R = number of codes).

    Parameters
    ----------
    mean : (R,) float array
        SUVR of healthy subjects, before blur.
    loadings : (R, K) float array
        Relative change per unit of each of K independent factors.
    residual : (R,) float array
        Relative standard deviation of what is the region's own.
    disease : (R,) float array
        Relative change at full burden.
    onset : (R,) float array
        Burden at which the region begins to change, 0 to 1.
    drift : (R,) float array
        Relative change from the first to the second of two frames.
    ageing : (R,) float array
        Relative change per decade.
    scalp : float
        SUVR of the soft tissue outside the brain.
    """

    mean: FloatArray
    loadings: FloatArray
    residual: FloatArray
    disease: FloatArray
    onset: FloatArray
    drift: FloatArray
    ageing: FloatArray
    scalp: float

    def expected(
        self, burden: float, age: float = NORMATIVE_AGE, asymmetry: float = 0.0
    ) -> FloatArray:
        """Return the mean uptake of subjects with this burden, shape (R,).

        Parameters
        ----------
        burden : float
            How much of the disease pattern there is, 0 to 1.
        age : float
            In years; NaN counts as `NORMATIVE_AGE`.
        asymmetry : float
            How much more of it the left side has, -1 to 1.
        """
        sided = burden * (1 + asymmetry * lateral_sign())
        reached = np.clip((sided - self.onset) / (1 - self.onset), 0, 1)
        decades = 0.0 if np.isnan(age) else (age - NORMATIVE_AGE) / 10
        return self.mean * (1 + decades * self.ageing) * (1 + reached * self.disease)

    def sample(
        self,
        generator: np.random.Generator,
        burden: float,
        age: float = NORMATIVE_AGE,
        asymmetry: float = 0.0,
    ) -> FloatArray:
        """Sample one subject's uptake, shape (R,); parameters as of `expected`."""
        factors = generator.standard_normal(self.loadings.shape[1])
        common = self.loadings @ np.clip(factors, -FACTOR_LIMIT, FACTOR_LIMIT)
        own = self.residual * generator.standard_normal(len(self.residual))
        return np.asarray(self.expected(burden, age, asymmetry) * np.maximum(1 + common + own, 0.2))


@cache
def tracer_model(tracer: Tracer) -> TracerModel:
    """Assemble a tracer's model from the tables."""
    table = read_packaged_table("uptake.csv")
    rows = {row["region"]: row for row in table[table["tracer"] == tracer].to_dict("records")}
    columns = {
        name: np.array(
            [
                _number(rows[region.kind][name]) if code else 0.0
                for code, region in enumerate(REGIONS)
            ]
        )
        for name in ("mean", "disease", "onset", "drift", "residual")
    }
    loadings = _generic_loadings()
    if tracer == "FDG":
        loadings = _apply_normative(columns)
    _apply_pattern_means(columns["mean"], tracer)
    ageing = _ageing() if tracer == "FDG" else np.zeros(len(REGIONS))
    scalp = float(rows["scalp"]["mean"])
    return TracerModel(loadings=loadings, ageing=ageing, scalp=scalp, **columns)


def _ageing() -> FloatArray:
    """Return FDG's relative change per decade by region code; 0 where none is tabulated."""
    table = read_packaged_table("fdg_ageing.csv")
    known = dict(zip(table["region"], table["per_decade"].astype(float), strict=True))
    return np.array([known.get(region.kind, 0.0) for region in REGIONS])


def _number(cell: object) -> float:
    """Return a cell's number; an empty one is left for the normative table to fill."""
    return float(str(cell)) if cell != "" else float("nan")


def _apply_normative(columns: dict[str, FloatArray]) -> FloatArray:
    """Put the measured regions' figures in place; return their factors."""
    table = read_packaged_table("fdg_normative.csv")
    codes = [CODES[name] for name in table["region"]]
    columns["mean"][codes] = table["before_blur"]
    columns["residual"][codes] = table["residual"]
    factors = table.filter(like="factor").to_numpy()
    loadings = np.zeros((len(REGIONS), factors.shape[1]))
    loadings[codes] = factors
    return loadings


def _apply_pattern_means(mean: FloatArray, tracer: Tracer) -> None:
    """Put the regional means in place that belong to a tracer's pattern."""
    table = read_packaged_table("pattern_means.csv")
    for row in table[table["tracer"] == tracer].to_dict("records"):
        kinds = [row["region"]]
        codes = codes_of_tissue("cortex") if row["region"] == "cortex" else codes_of(*kinds)
        mean[codes] = float(row["mean"])


def _generic_loadings() -> FloatArray:
    """Return two factors for tracers without normative data: all tissue, and white matter."""
    loadings = np.zeros((len(REGIONS), 2))
    loadings[1:, 0] = 0.05
    loadings[codes_of("white_matter", "cerebellar_white_matter", "pons", "brain_stem"), 1] = 0.07
    return loadings


def uptake_image(
    anatomy: Anatomy, uptake: FloatArray, scalp: float, pattern: Pattern | None = None
) -> FloatField:
    """Give every voxel its tissue's uptake.

    Parameters
    ----------
    anatomy : Anatomy
        Where the tissue is.
    uptake : (R,) float array
        SUVR by region code.
    scalp : float
        SUVR of the soft tissue outside the brain.
    pattern : Pattern, optional
        (X, Y, Z) factors for the uptake of grey and of white matter.

    Returns
    -------
    (X, Y, Z) float32 array
        SUVR before blur.
    """
    values = uptake.astype(np.float32)
    beside = np.full(len(REGIONS), values[CODES["white_matter"]], np.float32)
    beside[codes_of("cerebellar_cortex", "cerebellar_white_matter")] = values[
        CODES["cerebellar_white_matter"]
    ]
    own = values[anatomy.regions] * anatomy.own
    white = beside[anatomy.regions] * anatomy.white
    if pattern is not None:
        is_grey = np.zeros(len(REGIONS), bool)
        is_grey[codes_of_tissue("cortex", "cerebellum", "deep")] = True
        own *= np.where(is_grey[anatomy.regions], pattern.grey, np.float32(1))
        white *= pattern.white
    image = own + white
    image += values[CODES["fluid"]] * anatomy.fluid
    image += np.float32(scalp) * anatomy.scalp
    return image


def focal_changes(generator: np.random.Generator, anatomy: Anatomy) -> FloatField:
    """Sample places whose grey matter takes up more or less although the T1 is normal there.

    Returns
    -------
    (X, Y, Z) float32 array
        Factor to multiply the uptake by; 1 nearly everywhere.
    """
    factor = np.ones(anatomy.grid.shape, np.float32)
    grey = np.flatnonzero(anatomy.grey > 0.5)
    axes = [np.arange(length, dtype=np.float32) for length in anatomy.grid.shape]
    for _ in range(generator.poisson(FOCAL_COUNT)):
        centre = np.unravel_index(grey[generator.integers(len(grey))], factor.shape)
        size = generator.uniform(*FOCAL_SIZE_MM)
        x, y, z = (
            np.exp(-(((axis - middle) * edge / size) ** 2) / 2)
            for axis, middle, edge in zip(axes, centre, anatomy.grid.voxel_mm, strict=True)
        )
        bump = x[:, None, None] * y[:, None] * z
        factor += np.float32(generator.uniform(*FOCAL_CHANGE)) * bump
    return np.maximum(factor, 0.2)


def scan_variation(generator: np.random.Generator, mean: FloatArray, tracer: Tracer) -> FloatArray:
    """Sample what differs between scans of equal subjects: level, contrast, asymmetry.

    Parameters
    ----------
    generator : numpy Generator
        Source of randomness.
    mean : (R,) float array
        Mean uptake by region code.
    tracer : {"FDG", "AV45", "AV1451"}
        What was injected; FDG's contrast stays within `GREY_TO_WHITE`.

    Returns
    -------
    (R,) float array
        Factor by region code.
    """
    level, white, side = np.clip(generator.standard_normal(3), -FACTOR_LIMIT, FACTOR_LIMIT)
    factor = np.exp(LEVEL_SD * level) * (1 + HEMISPHERE_SD * side * lateral_sign())
    contrast = np.exp(WHITE_SD * white)
    if tracer == "FDG":
        ratio = mean[codes_of_tissue("cortex")].mean() / mean[CODES["white_matter"]]
        low, high = GREY_TO_WHITE
        contrast = ratio / np.clip(ratio / contrast, low, high)
    factor[codes_of_tissue("white")] *= contrast
    return np.asarray(factor)


def rim_variation(generator: np.random.Generator, grid: Grid) -> FloatField:
    """Sample one subject's off-target uptake around the brain, relative to the mean, (X, Y, Z)."""
    sd, smoothness = RIM_SPOTS
    lattice, factor = coarse_lattice(grid)
    spots = refine(random_field(generator, lattice, smoothness), factor, grid.shape)
    strength = np.exp(RIM_SD * np.clip(generator.standard_normal(), -FACTOR_LIMIT, FACTOR_LIMIT))
    return np.asarray(np.maximum(np.float32(strength) * (1 + np.float32(sd) * spots), 0))


def time_course(frames: int) -> list[float]:
    """Return how much of the drift each frame has, relative to the static image.

    The change slows down exponentially (`TIME_CONSTANT`). Frames average to zero, and the second
    half of the scan differs from the first by one drift, however many frames there are.

    Parameters
    ----------
    frames : int
        Number of frames of equal length: 1, or an even number.

    Examples
    --------
    >>> time_course(1), time_course(2)
    ([0.0], [-0.5, 0.5])
    >>> [round(each, 2) for each in time_course(6)]
    [-0.99, -0.46, -0.05, 0.27, 0.52, 0.71]
    """
    if frames == 1:
        return [0.0]
    edges = np.linspace(0, 1, frames + 1)
    values = [
        -TIME_CONSTANT * (math.exp(-start / TIME_CONSTANT) - math.exp(-end / TIME_CONSTANT))
        for start, end in itertools.pairwise(edges)
    ]
    course = np.array(values) - np.mean(values)
    half = frames // 2
    return [float(each) for each in course / (course[half:].mean() - course[:half].mean())]


@dataclass(frozen=True)
class Uptake:
    """What one subject's tissue takes up, before the scanner.

    Parameters
    ----------
    frames : list of (X, Y, Z) float32 arrays
        SUVR per frame, on the T1's grid.
    expected : (X, Y, Z) float32 array
        What the T1 determines of the frames' mean.
    """

    frames: list[FloatField]
    expected: FloatField


def make_uptake(
    generator: np.random.Generator,
    anatomy: Anatomy,
    participant: Participant,
    tracer: Tracer,
    frames: int,
    lesion: Lesion | None = None,
) -> Uptake:
    """Simulate one subject's uptake.

    Parameters
    ----------
    generator : numpy Generator
        Source of randomness.
    anatomy : Anatomy
        The subject's head.
    participant : Participant
        The subject's disease.
    tracer : {"FDG", "AV45", "AV1451"}
        What was injected.
    frames : int
        Number of time points; see `time_course`.
    lesion : Lesion, optional
        What the T1 shows beside the anatomy.
    """
    model = tracer_model(tracer)
    age, asymmetry = participant.age, participant.asymmetry
    sampled = model.sample(generator, participant.burden, age, asymmetry)
    focal = focal_changes(generator, anatomy)
    scalp = model.scalp * float(np.exp(generator.normal(0, SCALP_SD)))
    pattern = pattern_of(anatomy, read_pattern(tracer))
    sampled = sampled * scan_variation(generator, model.mean, tracer)
    simulated = [
        focal * uptake_image(anatomy, sampled * (1 + fraction * model.drift), scalp, pattern)
        for fraction in time_course(frames)
    ]
    known = model.expected(participant.expected_burden, age, asymmetry)
    expected = uptake_image(anatomy, known, model.scalp, pattern)
    if lesion is not None:
        cortex = codes_of_tissue("cortex")
        at = CODES["fluid"]
        simulated = [
            lesion.sampled.apply(frame, float(sampled[at]), float(sampled[cortex].mean()))
            for frame in simulated
        ]
        expected = lesion.expected.apply(expected, float(known[at]), float(known[cortex].mean()))
    if tracer == "AV1451":
        shell = np.float32(RIM_SUVR) * meninges(anatomy.mask, anatomy.grid)
        expected += shell
        own = shell * rim_variation(generator, anatomy.grid)
        for frame in simulated:
            frame += own
    return Uptake(simulated, expected)
