"""Measure any synthetic PET against its reference: what ``petsynth measure`` does with a pair.

No model is needed. Definitions are those of `petsynth.metrics`; values are in PET units, unclipped,
in all three domains (``petsynth evaluate`` measures paper A's middle slice in grey levels).
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsynth.errors import ArgumentError
from petsynth.evaluation.domains import SUVR_RANGE
from petsynth.evaluation.pair_images import (
    ImageLike,
    PetImage,
    find_reference_brain,
    onto_grid,
    read_pet_image,
    unite,
)
from petsynth.evaluation.statistics import describe, estimate_paired
from petsynth.io.bids.tracers import tracer_of
from petsynth.metrics.agreement import concordance
from petsynth.metrics.image import (
    mae,
    ms_ssim_scales,
    multi_scale_index,
    nrmse,
    pearson_r,
    psnr,
    rmse,
    similarity_weights,
)
from petsynth.metrics.similarity import WINDOW_RADIUS, similarity_pyramid
from petsynth.slicing import middle_slice
from petsynth.volume import BoolArray, FloatArray

PAIR_DOMAINS = ("volume", "brain", "middle_slice")
PAIR_METRICS = ("psnr", "ssim", "ms_ssim", "mae", "rmse", "nrmse", "pearson_r", "concordance")

_OTHER_UNIT = 5.0
"""Ratio of the means in the brain from which on the unit is doubted."""


@dataclass(frozen=True)
class Measurement:
    """What was measured on a pair, and how.

    Parameters
    ----------
    name, reference, synthetic : str
        Of the pair and of its images.
    tracer, unit : str
        Tracer (empty if unknown) and unit of both images.
    data_range : float
        Of PSNR, SSIM, MS-SSIM and NRMSE, in the unit.
    data_range_source : str
        Where it is from.
    brain : str
        How the brain was found.
    slice_mm : float
        Height (z) of the middle axial slice at its centre.
    values : dict of dict of float
        Domain -> metric -> value; PSNR is infinite without error, NaN is undefined.
    voxels, uncovered : dict of int
        Domain -> voxels that were measured, and that were left out since one of the images does
        not cover them.
    notes : tuple of str
        What was done to the images.
    remarks : tuple of str
        What the user should look at.
    """

    name: str
    reference: str
    synthetic: str
    tracer: str
    unit: str
    data_range: float
    data_range_source: str
    brain: str
    slice_mm: float
    values: dict[str, dict[str, float]]
    voxels: dict[str, int]
    uncovered: dict[str, int]
    notes: tuple[str, ...]
    remarks: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: infinite and undefined ones become None."""
        content = asdict(self)
        content["values"] = {
            domain: {key: value if np.isfinite(value) else None for key, value in metrics.items()}
            for domain, metrics in self.values.items()
        }
        return content


def measure(
    reference: ImageLike,
    synthetic: ImageLike,
    *,
    mask: ImageLike | None = None,
    t1: ImageLike | None = None,
    tracer: str = "",
    unit: str = "",
    data_range: tuple[float, str] | float | None = None,
    name: str = "",
) -> Measurement:
    """Measure a pair.

    Parameters
    ----------
    reference, synthetic : str, Path or nibabel image
        PET in any orientation and voxel size, in one world; the synthetic image is resampled onto
        the reference's grid where its own differs.
    mask, t1 : str, Path or nibabel image, optional
        The brain, or where to find it; see `find_reference_brain`.
    tracer, unit : str
        For images whose sidecars do not tell them.
    data_range : float, or (float, str), optional
        In the unit, with where it is from; see `declared_range` and `range_of` if left out.
    name : str
        Of the pair; the reference's if left out.

    Raises
    ------
    InputError
        If an image cannot be used, or the images differ in tracer or unit.
    ArgumentError
        If the data range is not positive.
    """
    first, second = read_pet_image(reference, "reference"), read_pet_image(synthetic, "synthetic")
    tracer, unit = unite(first, second, tracer_of(tracer), unit)
    if data_range is None:
        data_range = declared_range(tracer, unit) or range_of([first.limits])
    value, source = data_range if isinstance(data_range, tuple) else (data_range, "given")
    if not 0 < value < float("inf"):
        raise ArgumentError(f"data range {value:g}: must be positive and finite")
    grid = first.volume.grid
    moved = onto_grid(second, grid)
    brain, brain_source = find_reference_brain(first, mask, t1)
    values, voxels, uncovered = compute_pair_metrics(
        first.volume.data, moved.volume.data, brain, value
    )
    middle = (*((np.array(grid.shape[:2]) - 1) / 2), grid.shape[2] // 2, 1)
    return Measurement(
        name or Path(first.name).name,
        first.name,
        second.name,
        tracer,
        unit,
        float(value),
        source,
        brain_source,
        float((np.asarray(grid.affine) @ middle)[2]),
        values,
        voxels,
        uncovered,
        (*first.notes, *moved.notes),
        tuple(_remarks(reference, synthetic, first, second, moved, brain, uncovered)),
    )


def declared_range(tracer: str, unit: str) -> tuple[float, str] | None:
    """Return the data range that is fixed for a tracer in SUVR, or None if there is none.

    Examples
    --------
    >>> declared_range("FDG", "SUVR"), declared_range("FDG", "Bq/mL")
    ((2.5, 'fixed for FDG in SUVR'), None)
    """
    if unit != "SUVR" or tracer not in SUVR_RANGE:
        return None
    return SUVR_RANGE[tracer], f"fixed for {tracer} in SUVR"


def range_of(limits: Sequence[tuple[float, float]]) -> tuple[float, str]:
    """Return the distance between the lowest and the highest value of all reference images.

    Examples
    --------
    >>> range_of([(0.0, 2.0), (-0.5, 1.5)])[0]
    2.5
    """
    low, high = min(low for low, _ in limits), max(high for _, high in limits)
    count = f"{len(limits)} reference image{'s' if len(limits) > 1 else ''}"
    return high - low, f"highest minus lowest value of {count}; none is fixed for tracer and unit"


def compute_pair_metrics(
    reference: NDArray[Any], synthetic: NDArray[Any], brain: BoolArray, data_range: float
) -> tuple[dict[str, dict[str, float]], dict[str, int], dict[str, int]]:
    """Compute `PAIR_METRICS` in `PAIR_DOMAINS`.

    Parameters
    ----------
    reference, synthetic : (X, Y, Z) array
        NaN where nothing was measured: left out of all metrics. SSIM and MS-SSIM leave out windows
        that reach there.
    brain : (X, Y, Z) bool array
        The brain.
    data_range : float
        In the images' unit.

    Returns
    -------
    values, voxels, uncovered : dict
        As in `Measurement`.
    """
    covered = np.isfinite(reference) & np.isfinite(synthetic)
    a, b = (np.where(covered, image, 0) for image in (reference, synthetic))
    pyramid = _pyramid(a, b, data_range)
    everywhere = np.ones(covered.shape, bool)
    cut = [middle_slice(image) for image in (a, b, covered)]
    slices = (cut[0], cut[1], cut[2].astype(bool))
    jobs = {
        "volume": (a, b, covered, None, pyramid),
        "brain": (a, b, covered, brain, pyramid),
        "middle_slice": (*slices, None, _pyramid(*slices[:2], data_range)),
    }
    values, voxels, uncovered = {}, {}, {}
    for domain, (one, other, there, mask, maps) in jobs.items():
        region = mask if mask is not None else everywhere if one.ndim == 3 else there | True
        values[domain] = _measure_domain(one, other, there, mask, maps, data_range)
        voxels[domain] = int((region & there).sum())
        uncovered[domain] = int((region & ~there).sum())
    return values, voxels, uncovered


_POSSIBLE = {
    **dict.fromkeys(("ssim", "ms_ssim", "pearson_r", "concordance"), (-1.0, 1.0)),
    **dict.fromkeys(("mae", "rmse", "nrmse"), (0.0, math.inf)),
}
"""Values that a metric can have, where not all."""


def summarise_metric(metric: str, values: Sequence[float]) -> dict[str, float | int | None]:
    """Return mean, std, n and the ends of the 95 % t interval of the mean, of finite values.

    The interval ends where the metric's values do: no error is below 0, no correlation above 1.

    Examples
    --------
    The quantile of t with 2 degrees of freedom is 4.303; 2 ± 4.303 / sqrt(3).

    >>> found = summarise_metric("psnr", [1.0, 2.0, 3.0])
    >>> round(found["low"], 3), round(found["high"], 3)
    (-0.484, 4.484)
    >>> summarise_metric("mae", [1.0, 2.0, 3.0])["low"]
    0.0
    """
    found = describe(values)
    ends: dict[str, float | None] = {"low": None, "high": None}
    if int(found["n"] or 0) > 1:
        estimate = estimate_paired(np.array([values]), np.zeros((1, len(values))))
        half = estimate.half_width()
        low, high = _POSSIBLE.get(metric, (-math.inf, math.inf))
        ends = {"low": max(low, estimate.mean - half), "high": min(high, estimate.mean + half)}
    return {**found, **ends}


def _pyramid(
    a: FloatArray, b: FloatArray, data_range: float
) -> list[tuple[FloatArray, FloatArray]]:
    """Return the maps of similarity; none if the images are smaller than the window."""
    if min(a.shape) < 2 * WINDOW_RADIUS + 1:
        return []
    return similarity_pyramid(a, b, data_range, ms_ssim_scales(a.shape))


def _measure_domain(
    a: FloatArray,
    b: FloatArray,
    covered: BoolArray,
    mask: BoolArray | None,
    pyramid: list[tuple[FloatArray, FloatArray]],
    data_range: float,
) -> dict[str, float]:
    where = covered if mask is None else covered & mask
    if not where.any():
        return dict.fromkeys(PAIR_METRICS, float("nan"))
    first, second = a[where], b[where]
    indices = {"ssim": float("nan"), "ms_ssim": float("nan")}
    if pyramid:
        weights = similarity_weights(covered, mask)
        if weights.any():
            indices["ssim"] = float(np.average(pyramid[0][0], weights=weights))
        indices["ms_ssim"] = multi_scale_index(pyramid, mask, covered)
    found = {
        "psnr": psnr(first, second, data_range),
        **indices,
        "mae": mae(first, second),
        "rmse": rmse(first, second),
        "nrmse": nrmse(first, second, data_range),
        "pearson_r": pearson_r(first, second),
        "concordance": concordance(first, second),
    }
    return {metric: found[metric] for metric in PAIR_METRICS}


def _remarks(
    reference: ImageLike,
    synthetic: ImageLike,
    first: PetImage,
    second: PetImage,
    moved: PetImage,
    brain: BoolArray,
    uncovered: dict[str, int],
) -> list[str]:
    remarks = []
    files = [image for image in (reference, synthetic) if isinstance(image, str | Path)]
    if reference is synthetic or (len(files) == 2 and os.path.samefile(*files)):
        remarks.append("reference and synthetic are the same image")
    elif np.array_equal(first.volume.data, moved.volume.data, equal_nan=True):
        remarks.append("the images are identical, voxel by voxel")
    if first.space != second.space:
        spaces = [image.space or "none" for image in (first, second)]
        remarks.append(
            f"the names say different spaces ({spaces[0]} and {spaces[1]}): are the images aligned?"
        )
    inside = brain & np.isfinite(first.volume.data) & np.isfinite(moved.volume.data)
    if not inside.any():
        remarks.append("no voxel of the brain is covered by both images")
    elif not _are_alike(*(float(each.volume.data[inside].mean()) for each in (first, moved))):
        remarks.append(
            f"the means in the brain differ {_OTHER_UNIT:g}-fold or more: is the unit the same?"
        )
    left_out = [f"{count} in {domain}" for domain, count in uncovered.items() if count]
    if left_out:
        remarks.append(f"voxels that one image does not cover, left out: {', '.join(left_out)}")
    return remarks


def _are_alike(mean: float, other: float) -> bool:
    """Whether two means may be of one unit."""
    return abs(mean) / _OTHER_UNIT < abs(other) < abs(mean) * _OTHER_UNIT
