"""What is measured on a pair of PET images, where, and with which data range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petsynth.data.prepared import static_mean
from petsynth.evaluation.paper_b import (
    DEPTHS_MM,
    measure_depths,
    measure_frames,
    measure_intensities,
)
from petsynth.metrics.image import (
    combine_scales,
    mae,
    mean_similarity,
    ms_ssim_scales,
    mse,
    nrmse,
    pearson_r,
    psnr,
    rmse,
    ssim,
)
from petsynth.metrics.similarity import WINDOW_RADIUS, similarity_maps, similarity_pyramid
from petsynth.slicing import middle_slice, take_slices
from petsynth.volume import BoolArray, FloatArray

_VOXELWISE = ("mae", "rmse", "nrmse", "psnr", "ssim", "ms_ssim", "pearson_r")

REGIONS: dict[str, tuple[str, ...]] = {
    "middle_slice": ("mse", "psnr", "ssim"),
    "axial_slices": ("mse", "psnr", "ssim"),
    "volume": _VOXELWISE,
    "brain": _VOXELWISE,
    "frames": ("psnr", "ssim", "rmse"),
    "intensities": ("out_of_range", "distance", "near_zero"),
    "depth": tuple(DEPTHS_MM),
}
"""Measures of each region; paper A's table 1 is ``middle_slice``, paper B's tables ``frames``."""

LOWER_IS_BETTER = frozenset(
    {"mse", "mae", "rmse", "nrmse", "out_of_range", "distance", "near_zero", *DEPTHS_MM}
)

TITLES = {
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
    "rim": "MAE, 0-10 mm deep",
    "middle": "MAE, 10-25 mm deep",
    "centre": "MAE, deeper than 25 mm",
}

REGION_TITLES = {
    "middle_slice": "middle axial slice",
    "axial_slices": "all axial slices with brain",
    "volume": "whole volume",
    "brain": "brain",
    "frames": "whole volume, all frames",
    "intensities": "intensities, all frames",
    "depth": "by distance from the brain's surface",
}

SUVR_RANGE = {"FDG": 2.5, "AV45": 3.0, "AV1451": 4.0}
"""Data range of each tracer in SUVR; see docs/decisions/0040."""

GREY_LEVELS = 255.0
"""Data range of paper A's table 1."""

Scores = dict[str, dict[str, float]]
"""Region -> measure -> value."""


@dataclass(frozen=True)
class Ruler:
    """The constants that make measurements comparable.

    Parameters
    ----------
    pet_scale : float
        PET value that becomes grey level 255: the training set's constant.
    data_range : float
        Data range of PSNR, SSIM, MS-SSIM and NRMSE outside the grey-level regions.
    unit : str
        Unit of both, and of the PET.
    tracer : str
        What the PET shows.
    """

    pet_scale: float
    data_range: float
    unit: str
    tracer: str

    def grey_levels(self, pet: NDArray) -> FloatArray:
        """Map PET to 0-255: 0 stays 0, ``pet_scale`` becomes 255, the rest is clipped."""
        return np.clip(np.asarray(pet, dtype=float) / self.pet_scale, 0, 1) * GREY_LEVELS


def choose_range(tracer: str, unit: str, pet_scale: float, given: float | None = None) -> float:
    """Return the data range in PET units: given, fixed per tracer, or the PET scale.

    Examples
    --------
    >>> choose_range("FDG", "SUVR", pet_scale=1.7), choose_range("FDG", "Bq/mL", pet_scale=9e3)
    (2.5, 9000.0)
    """
    if given is not None:
        return given
    return SUVR_RANGE.get(tracer, pet_scale) if unit.upper() == "SUVR" else pet_scale


def measure(
    pet: NDArray,
    synthetic_pet: NDArray,
    mask: BoolArray,
    ruler: Ruler,
    voxel_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> Scores:
    """Measure a pair of volumes in every region.

    Parameters
    ----------
    pet, synthetic_pet : (X, Y, Z) or (X, Y, Z, T) array
        In PET units. If both have frames, the regions ``frames`` and ``intensities`` run over
        them; everything else, and these too if one is static, is of the means over frames.
    mask : (X, Y, Z) bool array
        Brain.
    ruler : Ruler
        Data ranges.
    voxel_mm : tuple of 3 float
        Edges of a voxel, for distances from the brain's surface.

    Returns
    -------
    dict of dict of float
        `REGIONS`; PSNR is infinite and correlation NaN where they are undefined. Without
        ``frames`` if the real PET has several and the synthetic one has one.
    """
    static = static_mean(pet), static_mean(synthetic_pet)
    in_full = (pet, synthetic_pet) if pet.shape == synthetic_pet.shape else static
    scores = {
        "middle_slice": measure_middle_slice(*static, ruler),
        "axial_slices": measure_axial_slices(*static, mask, ruler),
        **measure_volume(*static, mask, ruler),
        "intensities": measure_intensities(in_full[0], in_full[1], ruler.data_range),
        "depth": measure_depths(static[0], static[1], mask, voxel_mm),
    }
    if pet.shape == synthetic_pet.shape:
        scores["frames"] = measure_frames(pet, synthetic_pet, ruler.data_range)
    return scores


def measure_middle_slice(pet: NDArray, synthetic_pet: NDArray, ruler: Ruler) -> dict[str, float]:
    """Measure the middle axial slice on 0-255, on the slice itself (paper A, section 2.5)."""
    return measure_slice(
        ruler.grey_levels(middle_slice(pet)), ruler.grey_levels(middle_slice(synthetic_pet))
    )


def measure_slice(levels_HW: FloatArray, synthetic_levels_HW: FloatArray) -> dict[str, float]:
    """Measure a pair of slices in grey levels."""
    pair = (levels_HW, synthetic_levels_HW)
    return {
        "mse": mse(*pair),
        "psnr": psnr(*pair, GREY_LEVELS),
        "ssim": ssim(*pair, GREY_LEVELS),
    }


def measure_axial_slices(
    pet: NDArray, synthetic_pet: NDArray, mask: BoolArray, ruler: Ruler
) -> dict[str, float]:
    """Average the slice measures over all axial slices that hold brain.

    Each slice is measured as the middle one is; the mean is over the slices of the subject.
    """
    with_brain = take_slices(mask, "axial").any(axis=(1, 2))
    levels = ruler.grey_levels(take_slices(pet, "axial")[with_brain])
    synthetic_levels = ruler.grey_levels(take_slices(synthetic_pet, "axial")[with_brain])
    errors = ((levels - synthetic_levels) ** 2).mean(axis=(1, 2))
    with np.errstate(divide="ignore"):
        ratios = 10 * np.log10(GREY_LEVELS**2 / errors)
    similarity, _ = similarity_maps(levels, synthetic_levels, GREY_LEVELS, axes=(1, 2))
    inside = slice(WINDOW_RADIUS, -WINDOW_RADIUS)
    return {
        "mse": float(errors.mean()),
        "psnr": float(ratios.mean()),
        "ssim": float(similarity[:, inside, inside].mean()),
    }


def measure_volume(pet: NDArray, synthetic_pet: NDArray, mask: BoolArray, ruler: Ruler) -> Scores:
    """Measure the whole volume and the brain, in PET units."""
    pet, synthetic_pet = np.asarray(pet, dtype=float), np.asarray(synthetic_pet, dtype=float)
    mask = np.asarray(mask)
    scales = ms_ssim_scales(pet.shape)
    pyramid = similarity_pyramid(pet, synthetic_pet, ruler.data_range, scales)
    scores = {}
    for region, where in (("volume", None), ("brain", mask)):
        scores[region] = {
            "mae": mae(pet, synthetic_pet, where),
            "rmse": rmse(pet, synthetic_pet, where),
            "nrmse": nrmse(pet, synthetic_pet, ruler.data_range, where),
            "psnr": psnr(pet, synthetic_pet, ruler.data_range, where),
            "ssim": mean_similarity(pyramid[0][0], where),
            "ms_ssim": combine_scales(pyramid, where),
            "pearson_r": pearson_r(pet, synthetic_pet, where),
        }
    return scores


def unit_of(name: str, ruler: Ruler) -> str:
    """Return the unit of a measure; empty for a pure number."""
    if name == "psnr":
        return "dB"
    if name == "mse":
        return "grey levels²"
    return ruler.unit if name in ("mae", "rmse", "distance", "near_zero", *DEPTHS_MM) else ""
