"""Lesions that the T1 shows: stroke cavities, tumours, white-matter hyperintensities.

A lesion changes the T1 and the uptake of a finished anatomy. Nothing is displaced by it.

References
----------
.. [1] Feeney and Baron, "Diaschisis", Stroke 17, 1986: tissue that is connected with a stroke,
   around it and in the opposite cerebellum, takes up less although it looks normal.
.. [2] Herholz, Langen, Schiepers and Mountz, "Brain tumors", Seminars in Nuclear Medicine 42,
   2012: low-grade gliomas take up less FDG than cortex, high-grade ones as much or more, around a
   necrotic middle.
.. [3] Wardlaw et al., "Neuroimaging standards for research into small vessel disease", Lancet
   Neurology 12, 2013: white-matter hyperintensities (of T2) are iso- to hypointense on T1.
   All figures here are design values of that order (decision record 0082).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from petsynth.simulation.anatomy import Anatomy
from petsynth.simulation.fields import FloatField, coarse_lattice, random_field, refine
from petsynth.simulation.randomness import generator_for
from petsynth.simulation.regions import REGIONS, codes_of_tissue, lateral_sign
from petsynth.volume import BoolArray, Volume

LesionKind = Literal["stroke", "tumour", "hyperintensities"]
KINDS: tuple[LesionKind, ...] = get_args(LesionKind)

CAVITY, TUMOUR, OEDEMA, HYPERINTENSITY, DIASCHISIS = 1, 2, 3, 4, 5
LABELS = {
    CAVITY: "stroke cavity",
    TUMOUR: "tumour",
    OEDEMA: "oedema around a tumour",
    HYPERINTENSITY: "white-matter hyperintensity",
    DIASCHISIS: "diaschisis: less uptake, not visible in the T1",
}
"""Labels of the truth map."""
VISIBLE = (CAVITY, TUMOUR, OEDEMA, HYPERINTENSITY)
"""Labels that the T1 shows."""

STROKE_RADII_MM = (12.0, 26.0)
TUMOUR_RADII_MM = (10.0, 20.0)
OEDEMA_REACH = 1.6
"""Radii of the oedema, relative to the tumour's."""
SPOTS, SPOT_RADII_MM = (6, 16), (3.0, 8.0)
DEEP_MM = 15.0
"""Least distance of tumours and hyperintensities from the surface of the brain."""
AROUND_STROKE, AROUND_STROKE_MM = (0.10, 0.35), 25.0
"""Relative loss of uptake of grey matter beside a cavity, and how far it reaches."""
OPPOSITE_CEREBELLUM = (0.05, 0.25)
RAISED, LOWERED = (1.2, 2.0), (0.3, 0.6)
"""Uptake of high- and of low-grade tumours, relative to cortex."""
OEDEMA_LOSS = 0.25
SPOT_LOSS = (0.1, 0.3)
_EDGE = 0.2
"""Width of a lesion's edge, relative to its radius."""


@dataclass(frozen=True)
class Uptake:
    """What a lesion does to an uptake image: ``factor * image + fluid * a + tumour * b``.

    Parameters
    ----------
    factor : (X, Y, Z) float32 array
        What is left of the tissue's uptake.
    fluid : (X, Y, Z) float32 array
        Fraction that has become fluid; takes up as fluid does.
    tumour : (X, Y, Z) float32 array
        Uptake of tumour tissue, relative to cortex.
    """

    factor: FloatField
    fluid: FloatField
    tumour: FloatField

    def apply(self, image: FloatField, fluid: float, cortex: float) -> FloatField:
        """Return an uptake image with the lesion.

        Parameters
        ----------
        image : (X, Y, Z) float32 array
            Without it.
        fluid, cortex : float
            Uptake of fluid and of cortex.
        """
        changed = self.factor * image
        changed += np.float32(fluid) * self.fluid
        changed += np.float32(cortex) * self.tumour
        return changed


@dataclass(frozen=True)
class Lesion:
    """One subject's lesion on the grid of its T1.

    Parameters
    ----------
    kind : str
        See `LesionKind`.
    labels : (X, Y, Z) uint8 array
        See `LABELS`.
    mri : Volume
        The T1 with it.
    sampled, expected : Uptake
        What it does to this subject's uptake, and to that of subjects whose T1 looks the same.
    """

    kind: LesionKind
    labels: NDArray[np.uint8]
    mri: Volume
    sampled: Uptake
    expected: Uptake

    @property
    def visible(self) -> BoolArray:
        """Where the T1 shows it."""
        return np.isin(self.labels, VISIBLE)


def lesion_kind(seed: int, index: int, fraction: float) -> LesionKind | None:
    """Return which lesion a subject has; None if it has none.

    Parameters
    ----------
    seed, index : int
        Of the cohort, and the subject's place in it.
    fraction : float
        Probability of a lesion. Whoever has one keeps it at a higher probability.

    Examples
    --------
    >>> [lesion_kind(0, index, 0.5) for index in range(4)]
    ['stroke', 'hyperintensities', 'stroke', None]
    """
    return _draw_kind(generator_for(seed, index, "lesion"), fraction)


def _draw_kind(generator: np.random.Generator, fraction: float) -> LesionKind | None:
    has_one, kind = generator.random() < fraction, KINDS[int(generator.integers(len(KINDS)))]
    return kind if has_one else None


def make_lesion(seed: int, index: int, fraction: float, anatomy: Anatomy) -> Lesion | None:
    """Return a subject's lesion; parameters as of `lesion_kind`.

    Parameters
    ----------
    seed, index : int
        Of the cohort, and the subject's place in it.
    fraction : float
        Probability of a lesion.
    anatomy : Anatomy
        The subject's head without it.
    """
    generator = generator_for(seed, index, "lesion")
    kind = _draw_kind(generator, fraction)
    if kind is None:
        return None
    return {"stroke": _stroke, "tumour": _tumour, "hyperintensities": _hyperintensities}[kind](
        generator, anatomy
    )


def with_lesion(anatomy: Anatomy, lesion: Lesion | None) -> Anatomy:
    """Return the anatomy whose T1 shows a lesion; the tissue maps stay those without it."""
    return anatomy if lesion is None else dataclasses.replace(anatomy, mri=lesion.mri)


def _stroke(generator: np.random.Generator, anatomy: Anatomy) -> Lesion:
    """A cavity of fluid in the cortex and below it, with diaschisis."""
    side = 1 if generator.random() < 0.5 else -1
    half = _half(anatomy, side)
    cortex = _is_tissue(anatomy, "cortex")
    centre = _place(generator, cortex & half & (anatomy.own > 0.5), anatomy.mask & half)
    radii = generator.uniform(*STROKE_RADII_MM, 3)
    cavity = _blob(generator, anatomy, centre, radii) * (anatomy.mask & half)
    beside, opposite = generator.uniform(*AROUND_STROKE), generator.uniform(*OPPOSITE_CEREBELLUM)

    distance = ndimage.distance_transform_edt(cavity < 0.5, sampling=anatomy.grid.voxel_mm)
    near = np.exp(-((distance / AROUND_STROKE_MM) ** 2) / 2).astype(np.float32)
    near *= half & (anatomy.grey > 0) & ~_is_tissue(anatomy, "cerebellum")
    across = _is_tissue(anatomy, "cerebellum") & ~half & (anatomy.own > 0)

    def uptake(of_near: float, of_across: float) -> Uptake:
        factor = (1 - np.float32(of_near) * near) * (1 - np.float32(of_across) * across)
        return Uptake((1 - cavity) * factor, cavity, np.zeros_like(cavity))

    labels = np.zeros(cavity.shape, np.uint8)
    labels[((near > 0.5) & (anatomy.grey > 0.5)) | across] = DIASCHISIS
    labels[cavity > 0.5] = CAVITY
    return Lesion(
        "stroke",
        labels,
        _on_t1(anatomy, [(cavity, _Levels.of(anatomy).fluid)]),
        uptake(beside, opposite),
        uptake(float(np.mean(AROUND_STROKE)), float(np.mean(OPPOSITE_CEREBELLUM))),
    )


def _tumour(generator: np.random.Generator, anatomy: Anatomy) -> Lesion:
    """A high-grade tumour with a necrotic middle, or a homogeneous low-grade one, with oedema."""
    raised = generator.random() < 0.5
    centre = _place(generator, _deep(anatomy) & (anatomy.white > 0.8), anatomy.mask)
    radii = generator.uniform(*TUMOUR_RADII_MM, 3)
    whole = _blob(generator, anatomy, centre, radii) * anatomy.mask
    around = _blob(generator, anatomy, centre, OEDEMA_REACH * radii) * anatomy.white * (1 - whole)
    core = _blob(generator, anatomy, centre, 0.5 * radii) * whole if raised else 0 * whole
    levels, limits = _Levels.of(anatomy), RAISED if raised else LOWERED
    level = generator.uniform(*limits)

    def uptake(of_tumour: float) -> Uptake:
        factor = (1 - whole) * (1 - np.float32(OEDEMA_LOSS) * around)
        return Uptake(factor, core, np.float32(of_tumour) * (whole - core))

    labels = np.zeros(whole.shape, np.uint8)
    labels[around > 0.5] = OEDEMA
    labels[whole > 0.5] = TUMOUR
    solid = 0.85 * levels.grey if raised else 0.5 * (levels.grey + levels.fluid)
    necrotic = 0.7 * levels.fluid + 0.3 * levels.grey
    oedema = 0.5 * (levels.white + levels.grey)
    layers = [(around, oedema), (whole - core, solid), (core, necrotic)]
    return Lesion(
        "tumour", labels, _on_t1(anatomy, layers), uptake(level), uptake(float(np.mean(limits)))
    )


def _hyperintensities(generator: np.random.Generator, anatomy: Anatomy) -> Lesion:
    """Spots in deep white matter that look like grey matter in the T1."""
    places = _deep(anatomy) & (anatomy.white > 0.8)
    spots = np.zeros(anatomy.grid.shape, np.float32)
    for _ in range(int(generator.integers(*SPOTS))):
        centre = _place(generator, places, anatomy.mask)
        radii = generator.uniform(*SPOT_RADII_MM, 3)
        np.maximum(spots, _blob(generator, anatomy, centre, radii), out=spots)
    spots *= anatomy.white
    loss = generator.uniform(*SPOT_LOSS)

    def uptake(of_spots: float) -> Uptake:
        nothing = np.zeros_like(spots)
        return Uptake(1 - np.float32(of_spots) * spots, nothing, nothing)

    labels = np.where(spots > 0.5, HYPERINTENSITY, 0).astype(np.uint8)
    mri = _on_t1(anatomy, [(spots, _Levels.of(anatomy).grey)])
    return Lesion("hyperintensities", labels, mri, uptake(loss), uptake(float(np.mean(SPOT_LOSS))))


def _is_tissue(anatomy: Anatomy, tissue: Literal["cortex", "cerebellum"]) -> BoolArray:
    belongs = np.zeros(len(REGIONS), bool)
    belongs[codes_of_tissue(tissue)] = True
    return np.asarray(belongs[anatomy.regions] & anatomy.mask)


def _half(anatomy: Anatomy, side: int) -> BoolArray:
    """Return which voxels lie on the left (1) or right (-1), by where the sided regions lie."""
    sign = lateral_sign()[anatomy.regions] * (anatomy.own > 0.5)
    left, right = (np.argwhere(sign == each).mean(axis=0) for each in (1, -1))
    normal, middle = left - right, (left + right) / 2
    x, y, z = (
        (np.arange(length) - at) * along
        for length, at, along in zip(anatomy.grid.shape, middle, normal, strict=True)
    )
    towards_left = x[:, None, None] + y[:, None] + z
    return np.asarray(towards_left * side > 0)


def _deep(anatomy: Anatomy) -> BoolArray:
    depth = ndimage.distance_transform_edt(np.pad(anatomy.mask, 1), sampling=anatomy.grid.voxel_mm)
    return np.asarray(depth[1:-1, 1:-1, 1:-1] > DEEP_MM)


def _place(
    generator: np.random.Generator, wanted: BoolArray, otherwise: BoolArray
) -> tuple[int, ...]:
    """Sample a voxel of ``wanted``, or of ``otherwise`` where there is none."""
    places = np.flatnonzero(wanted if wanted.any() else otherwise)
    chosen = np.unravel_index(places[int(generator.integers(len(places)))], wanted.shape)
    return tuple(int(each) for each in chosen)


def _blob(
    generator: np.random.Generator,
    anatomy: Anatomy,
    centre: tuple[int, ...],
    radii_mm: NDArray[np.float64],
) -> FloatField:
    """Return an uneven ellipsoid with soft edges, (X, Y, Z), 0 to 1."""
    grid = anatomy.grid
    lattice, factor = coarse_lattice(grid)
    uneven = refine(random_field(generator, lattice, 6.0), factor, grid.shape)
    x, y, z = (
        ((np.arange(length, dtype=np.float32) - middle) * edge / radius) ** 2
        for length, middle, edge, radius in zip(
            grid.shape, centre, grid.voxel_mm, radii_mm, strict=True
        )
    )
    radius = np.sqrt(x[:, None, None] + y[:, None] + z)
    inside = np.clip((1 - radius) / _EDGE + 0.5 * uneven + 0.5, 0, 1)
    return np.where(radius < 1.5, inside, 0).astype(np.float32)


@dataclass(frozen=True)
class _Levels:
    """Brightness of the tissues in a T1."""

    white: float
    grey: float
    fluid: float

    @classmethod
    def of(cls, anatomy: Anatomy) -> _Levels:
        fluid = anatomy.mask * (1 - anatomy.white - anatomy.grey)
        return cls(
            *(
                _median(anatomy.mri.data, fraction)
                for fraction in (anatomy.white, anatomy.grey, fluid)
            )
        )


def _median(mri: FloatField, fraction: FloatField) -> float:
    """Return the brightness where a tissue is purest; 0 where there is none of it."""
    purest = float(fraction.max())
    return float(np.median(mri[fraction >= 0.9 * purest])) if purest > 0 else 0.0


def _on_t1(anatomy: Anatomy, layers: list[tuple[FloatField, float]]) -> Volume:
    """Return the T1 in which some voxels are as bright as given; shading and noise stay.

    Parameters
    ----------
    anatomy : Anatomy
        With the T1.
    layers : list of ((X, Y, Z) array, float)
        Fraction of each voxel that is changed, and the brightness that it gets.
    """
    levels, mri = _Levels.of(anatomy), anatomy.mri.data.astype(np.float32)
    fluid = anatomy.mask * (1 - anatomy.white - anatomy.grey)
    was = levels.white * anatomy.white + levels.grey * anatomy.grey + levels.fluid * fluid
    was = np.maximum(was, 0.2 * max(levels.white, levels.grey, 1e-6))
    factor = np.ones_like(mri)
    for part, brightness in layers:
        factor += part * (np.float32(brightness) / was - 1)
    return anatomy.mri.with_data(np.maximum(mri * factor, 0).astype(anatomy.mri.data.dtype))
