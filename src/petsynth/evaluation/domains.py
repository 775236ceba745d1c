"""What is measured on a pair of PET images: metrics, in each evaluation domain.

An evaluation domain is the part of the images that metrics run over, with its grey values: the
middle axial slice in grey levels (paper A's table 1), the whole volume or the brain in PET units,
all frames (paper B's tables 1 and 2), and two that paper B shows in figures alone: the
distribution of intensities, and the error by depth. Metrics of these two are ours.

References
----------
Paper A, section 2.5 and table 1.
Shin et al., GANBERT (paper B): tables 1 and 2; section 5.2 ("the image quality of the center of
the brain region is not as good"); section A.2 and figure 7 (range of the values, details around
zero).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from petsynth.data.prepared import static_mean
from petsynth.evaluation.parts import (
    DEPTHS_MM,
    LESION_METRICS,
    compute_depth_metrics,
    compute_lesion_metrics,
)
from petsynth.metrics.coverage import blank, unmeasured_voxels, windows_inside
from petsynth.metrics.image import (
    mean_similarity,
    ms_ssim_scales,
    mse,
    multi_scale_index,
    psnr,
    rmse,
    ssim,
    voxel_errors,
)
from petsynth.metrics.similarity import WINDOW_RADIUS, similarity_maps, similarity_pyramid
from petsynth.slicing import middle_slice, take_slices
from petsynth.volume import BoolArray, FloatArray

NEAR_ZERO = 0.05
"""Reference PET of at most this fraction of the data range counts as near zero."""

_QUANTILES = 2001

_VOLUME_METRICS = ("mae", "rmse", "nrmse", "psnr", "ssim", "ms_ssim", "pearson_r")

DOMAINS: dict[str, tuple[str, ...]] = {
    "middle_slice": ("mse", "psnr", "ssim"),
    "axial_slices": ("mse", "psnr", "ssim"),
    "volume": _VOLUME_METRICS,
    "brain": _VOLUME_METRICS,
    "frames": ("psnr", "ssim", "rmse"),
    "intensities": ("out_of_range", "distance", "near_zero"),
    "depth": tuple(DEPTHS_MM),
    "lesion": tuple(LESION_METRICS),
}
"""Metrics of each domain; paper A's table 1 is ``middle_slice``, paper B's tables ``frames``."""

LOWER_IS_BETTER = frozenset(
    {
        "mse",
        "mae",
        "rmse",
        "nrmse",
        "out_of_range",
        "distance",
        "near_zero",
        *DEPTHS_MM,
        *LESION_METRICS,
    }
)

METRIC_TITLES = {
    "mse": "MSE",
    "mae": "MAE",
    "rmse": "RMSE",
    "nrmse": "NRMSE",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "ms_ssim": "MS-SSIM",
    "pearson_r": "Pearson r",
    "out_of_range": "out of range",
    "distance": "distance of intensities",
    "near_zero": "MAE near zero",
    "rim": "MAE 0-10 mm deep",
    "middle": "MAE 10-25 mm deep",
    "centre": "MAE deeper than 25 mm",
    **LESION_METRICS,
}

DOMAIN_TITLES = {
    "middle_slice": "middle axial slice",
    "axial_slices": "all axial slices with brain",
    "volume": "whole volume",
    "brain": "brain",
    "frames": "whole volume, all frames",
    "intensities": "intensities, all frames",
    "depth": "by distance from the brain's surface",
    "lesion": "inside lesions and around them",
}

SUVR_RANGE = {"FDG": 2.5, "AV45": 3.0, "AV1451": 4.0}
"""Data range of each tracer in SUVR; see docs/decisions/0040."""

GREY_LEVELS = 255.0
"""Data range of paper A's table 1."""

Scores = dict[str, dict[str, float]]
"""Domain -> metric -> value."""


@dataclass(frozen=True)
class MetricSettings:
    """The constants that make metrics of different images comparable.

    Parameters
    ----------
    pet_scale : float
        PET value that becomes grey level 255: the training set's constant.
    data_range : float
        Data range of PSNR, SSIM, MS-SSIM and NRMSE outside the grey-level domains.
    unit : str
        Unit of both, and of the PET.
    tracer : str
        What the PET shows.
    """

    pet_scale: float
    data_range: float
    unit: str
    tracer: str

    def grey_levels(self, pet: NDArray[Any]) -> FloatArray:
        """Map PET to 0-255: 0 stays 0, ``pet_scale`` becomes 255, the rest is clipped."""
        return np.clip(np.asarray(pet, dtype=float) / self.pet_scale, 0, 1) * GREY_LEVELS


def choose_data_range(
    tracer: str, unit: str, pet_scale: float, given: float | None = None
) -> float:
    """Return the data range in PET units: given, fixed per tracer, or the PET scale.

    Examples
    --------
    >>> choose_data_range("FDG", "SUVR", pet_scale=1.7)
    2.5
    >>> choose_data_range("FDG", "Bq/mL", pet_scale=9e3)
    9000.0
    """
    if given is not None:
        return given
    return SUVR_RANGE.get(tracer, pet_scale) if unit.upper() == "SUVR" else pet_scale


def unit_of(name: str, settings: MetricSettings) -> str:
    """Return the unit of a metric; empty for a pure number."""
    if name == "psnr":
        return "dB"
    if name == "mse":
        return "grey levels²"
    errors = ("mae", "rmse", "distance", "near_zero", *DEPTHS_MM, *LESION_METRICS)
    return settings.unit if name in errors else ""


def compute_metrics(
    pet: NDArray[Any],
    synthetic_pet: NDArray[Any],
    mask: BoolArray,
    settings: MetricSettings,
    voxel_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
    durations: Sequence[float] | None = None,
    lesion: BoolArray | None = None,
) -> Scores:
    """Compute all metrics of a pair of volumes, in every domain.

    Parameters
    ----------
    pet, synthetic_pet : (X, Y, Z) or (X, Y, Z, T) array
        In PET units. If both have frames, the domains ``frames`` and ``intensities`` run over
        them; everything else, and these too if one is static, is of the means over frames.
    mask : (X, Y, Z) bool array
        Brain. Its voxels that ``pet`` did not measure are left out of everything; see
        `petsynth.metrics.coverage`.
    settings : MetricSettings
        Data ranges.
    voxel_mm : tuple of 3 float
        Edges of a voxel, for distances from the brain's surface.
    durations : sequence of float, optional
        Of the frames: weights of the means over frames. Equal weights if left out.
    lesion : (X, Y, Z) bool array, optional
        Where the T1 shows a lesion; without it there is no domain ``lesion``.

    Returns
    -------
    dict of dict of float
        `DOMAINS`; PSNR is infinite and correlation NaN where they are undefined, and all are NaN
        where no voxel of the brain was measured. Without ``frames`` if the reference PET has
        several and the synthetic one has one.
    """
    left_out = unmeasured_voxels(pet, mask)
    counted, brain = ~left_out, np.asarray(mask) & ~left_out
    if not brain.any():
        return {domain: dict.fromkeys(names, float("nan")) for domain, names in DOMAINS.items()}
    pet, synthetic_pet = blank(pet, left_out), blank(synthetic_pet, left_out)
    static = static_mean(pet, durations), static_mean(synthetic_pet, durations)
    in_full = (pet, synthetic_pet) if pet.shape == synthetic_pet.shape else static
    scores = {
        "middle_slice": compute_middle_slice_metrics(*static, settings, counted),
        "axial_slices": compute_axial_slices_metrics(*static, brain, settings, counted),
        **compute_volume_metrics(*static, brain, settings, counted),
        "intensities": compute_intensity_metrics(
            in_full[0][counted], in_full[1][counted], settings.data_range
        ),
        "depth": compute_depth_metrics(static[0], static[1], mask, voxel_mm, counted),
    }
    if lesion is not None:
        scores["lesion"] = compute_lesion_metrics(*static, lesion, brain, voxel_mm)
    if pet.shape == synthetic_pet.shape:
        is_static = pet.ndim == 3  # then the frames are the volume, which is measured already
        scores["frames"] = (
            {name: scores["volume"][name] for name in DOMAINS["frames"]}
            if is_static
            else compute_frames_metrics(pet, synthetic_pet, settings.data_range, counted)
        )
    return scores


def compute_middle_slice_metrics(
    pet: NDArray[Any],
    synthetic_pet: NDArray[Any],
    settings: MetricSettings,
    counted: BoolArray | None = None,
) -> dict[str, float]:
    """Compare the middle axial slices on 0-255, on the slice itself (paper A, section 2.5)."""
    return compute_slice_metrics(
        settings.grey_levels(middle_slice(pet)),
        settings.grey_levels(middle_slice(synthetic_pet)),
        None if counted is None else middle_slice(counted),
    )


def compute_slice_metrics(
    levels_HW: FloatArray, synthetic_levels_HW: FloatArray, counted_HW: BoolArray | None = None
) -> dict[str, float]:
    """Compare a pair of slices in grey levels, where ``counted``; NaN if that is nowhere."""
    pair = (levels_HW, synthetic_levels_HW)
    where = None if counted_HW is None or counted_HW.all() else counted_HW
    inside = None if where is None else windows_inside(where)
    if inside is not None and not inside.any():
        return dict.fromkeys(DOMAINS["middle_slice"], float("nan"))
    return {
        "mse": mse(*pair, where),
        "psnr": psnr(*pair, GREY_LEVELS, where),
        "ssim": ssim(*pair, GREY_LEVELS, inside),
    }


def compute_axial_slices_metrics(
    pet: NDArray[Any],
    synthetic_pet: NDArray[Any],
    mask: BoolArray,
    settings: MetricSettings,
    counted: BoolArray,
) -> dict[str, float]:
    """Average the metrics of a slice over all axial slices that hold brain.

    Each slice is compared as the middle one is; the mean is over the slices of the subject.
    """
    with_brain = take_slices(mask, "axial").any(axis=(1, 2))
    where = take_slices(counted, "axial")[with_brain]
    everywhere = bool(where.all())
    pets, synthetic_pets = (
        np.ascontiguousarray(take_slices(image, "axial")[with_brain])
        for image in (pet, synthetic_pet)
    )
    errors = np.empty(len(pets))
    pair = np.empty((2, *pets.shape), np.float32)
    for number, some in enumerate(where):
        slices = [settings.grey_levels(image[number]) for image in (pets, synthetic_pets)]
        squares = (slices[0] - slices[1]) ** 2
        errors[number] = squares.mean() if everywhere else squares.mean(where=some)
        pair[:, number] = slices
    with np.errstate(divide="ignore"):
        ratios = 10 * np.log10(GREY_LEVELS**2 / errors)
    similarity, _ = similarity_maps(pair[0], pair[1], GREY_LEVELS, axes=(1, 2), valid=True)
    inside = where[:, WINDOW_RADIUS:-WINDOW_RADIUS, WINDOW_RADIUS:-WINDOW_RADIUS]
    means = [
        float(map_.mean() if everywhere else map_[some].mean())
        for map_, some in zip(similarity, inside, strict=True)
        if some.any()
    ]
    return {
        "mse": float(errors.mean()),
        "psnr": float(ratios.mean()),
        "ssim": float(np.mean(means)) if means else float("nan"),
    }


def compute_volume_metrics(
    pet: NDArray[Any],
    synthetic_pet: NDArray[Any],
    mask: BoolArray,
    settings: MetricSettings,
    counted: BoolArray | None = None,
) -> Scores:
    """Compare whole volumes where ``counted``, and brains, in PET units."""
    everywhere = None if counted is None or counted.all() else counted
    inside = None if everywhere is None else windows_inside(everywhere)
    scales = ms_ssim_scales(pet.shape)
    pyramid = similarity_pyramid(pet, synthetic_pet, settings.data_range, scales)
    mask = np.asarray(mask)
    scores = {}
    for domain, where, windows in (("volume", everywhere, inside), ("brain", mask, mask)):
        found = voxel_errors(pet, synthetic_pet, settings.data_range, where)
        found["ssim"] = mean_similarity(pyramid[0][0], windows)
        found["ms_ssim"] = multi_scale_index(pyramid, windows)
        scores[domain] = {name: found[name] for name in DOMAINS[domain]}
    return scores


def compute_frames_metrics(
    pet: NDArray[Any],
    synthetic_pet: NDArray[Any],
    data_range: float,
    counted: BoolArray | None = None,
) -> dict[str, float]:
    """Compare a pair of (X, Y, Z) or (X, Y, Z, T) volumes: paper B's tables 1 and 2.

    Errors run over all voxels of all frames where ``counted``; SSIM is the mean over the frames.
    """
    is_whole = counted is None or counted.all()
    inside = None if counted is None or is_whole else windows_inside(counted)
    pairs = zip(_frames(pet), _frames(synthetic_pet), strict=True)
    similarities = [ssim(*pair, data_range, inside) for pair in pairs]
    values = (pet, synthetic_pet) if is_whole else (pet[counted], synthetic_pet[counted])
    return {
        "psnr": psnr(*values, data_range),
        "ssim": float(np.mean(similarities)),
        "rmse": rmse(*values),
    }


def compute_intensity_metrics(
    pet: NDArray[Any], synthetic_pet: NDArray[Any], data_range: float
) -> dict[str, float]:
    """Compare the values of a pair of images, of the same shape.

    Returns
    -------
    dict of float
        ``out_of_range``: fraction of the synthetic voxels below the lowest or above the highest
        reference value; ``distance``: the 1-Wasserstein distance of the two distributions, in PET
        units, from 2,001 quantiles of each; ``near_zero``: mean absolute error where the
        reference PET is near zero, NaN if it is nowhere.

    Examples
    --------
    >>> pet = np.array([0.0, 1.0, 2.0, 3.0])
    >>> compute_intensity_metrics(pet, pet + 2.0, data_range=4.0)["out_of_range"]
    0.5
    """
    probabilities = np.linspace(0, 1, _QUANTILES)
    reference, synthetic = pet.ravel(), synthetic_pet.ravel()
    quantiles = [_quantiles(values, probabilities) for values in (reference, synthetic)]
    beyond = (synthetic < reference.min()) | (synthetic > reference.max())
    is_near = np.abs(reference) <= np.float64(NEAR_ZERO * data_range)
    error = np.abs(synthetic[is_near].astype(float) - reference[is_near])
    return {
        "out_of_range": float(beyond.mean()),
        "distance": float(stats.wasserstein_distance(*quantiles)),
        "near_zero": float(error.mean()) if len(error) else float("nan"),
    }


def _quantiles(values: NDArray[Any], probabilities: FloatArray) -> FloatArray:
    """Return what `numpy.quantile` does; for so many of them sorting is faster than partitioning.

    Examples
    --------
    >>> _quantiles(np.array([4.0, 1.0, 2.0]), np.array([0, 0.25, 1])).tolist()
    [1.0, 1.5, 4.0]
    """
    ordered = np.sort(values)
    places = probabilities * (len(ordered) - 1)
    below = np.floor(places).astype(int)
    above = np.minimum(below + 1, len(ordered) - 1)
    lower, upper = ordered[below].astype(float), ordered[above].astype(float)
    return np.asarray(lower + (places - below) * (upper - lower))


def _frames(image: NDArray[Any]) -> NDArray[Any]:
    return image[np.newaxis] if image.ndim == 3 else np.moveaxis(image, 3, 0)
