"""A PET's mean in each region of a label image, or in words why there is none.

Only voxels that the PET's field of view covers count. A region that is not there, too small or
mostly outside the field of view has no mean (NaN, ``n/a`` in tables), never 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsynth.preprocessing.pet.suvr import MIN_COVERED_TO_USE
from petsynth.preprocessing.resampling import covered_mean

MIN_ML = 0.2
"""Volume of a region in mL below which it has no mean: a sphere of 7 mm, about a PET's
resolution."""
NAN = float("nan")


@dataclass(frozen=True)
class RegionMean:
    """The mean of a PET in one region.

    Parameters
    ----------
    mean : float
        In the PET's unit; NaN where there is none.
    ml : float
        Volume of the region, covered or not.
    covered_fraction : float
        Fraction of the region inside the PET's field of view, 0 to 1; NaN where it is not there.
    note : str
        Why there is no mean; empty if there is one.
    """

    mean: float
    ml: float
    covered_fraction: float
    note: str = ""


def label_means(
    labels: NDArray[np.integer],
    pet: NDArray[Any],
    voxel_ml: float,
    wanted: Iterable[int],
) -> dict[int, RegionMean]:
    """Return the mean of each region of a label image, by its label.

    Parameters
    ----------
    labels : (X, Y, Z) integer array
        0 is background.
    pet : (X, Y, Z) float array
        On the same voxels; NaN where the PET measured nothing.
    voxel_ml : float
        Volume of a voxel.
    wanted : iterable of int
        The labels that are wanted, whether they occur or not.

    Examples
    --------
    >>> labels, pet = np.array([1, 1, 2, 2]), np.array([1.0, 3.0, 5.0, np.nan])
    >>> found = label_means(labels, pet, 1.0, [1, 2, 3])
    >>> found[1].mean, found[2].mean, found[2].covered_fraction, found[3].note
    (2.0, 5.0, 0.5, 'not in the labels')
    """
    inside = labels > 0
    numbers, values = labels[inside], np.asarray(pet)[inside].astype(np.float64)
    covered = np.isfinite(values)
    size = int(numbers.max(initial=0)) + 1
    counts = np.bincount(numbers, minlength=size)
    used = np.bincount(numbers[covered], minlength=size)
    sums = np.bincount(numbers[covered], weights=values[covered], minlength=size)
    return {
        label: _checked(counts[label], used[label], sums[label], voxel_ml)
        if label < size
        else RegionMean(NAN, 0.0, NAN, "not in the labels")
        for label in wanted
    }


def mask_mean(mask: NDArray[np.bool_], pet: NDArray[Any], voxel_ml: float) -> RegionMean:
    """Return the mean in a mask, (X, Y, Z) bool on the PET's voxels; see `label_means`."""
    values = np.asarray(pet)[mask]
    if not values.size:
        return RegionMean(NAN, 0.0, NAN, "not in the labels")
    mean, fraction = covered_mean(values)
    used = round(fraction * values.size)
    return _checked(values.size, used, mean * used if used else 0.0, voxel_ml)


def _checked(count: int, used: int, total: float, voxel_ml: float) -> RegionMean:
    """Return a mean, or why it is none."""
    ml = float(count) * voxel_ml
    if not count:
        return RegionMean(NAN, 0.0, NAN, "not in the labels")
    fraction = float(used) / float(count)
    if ml < MIN_ML:
        return RegionMean(NAN, ml, fraction, f"too small: {ml:.2f} mL, needed are {MIN_ML:g} mL")
    if not used:
        return RegionMean(NAN, ml, 0.0, "outside the PET's field of view")
    if fraction < MIN_COVERED_TO_USE:
        return RegionMean(
            NAN,
            ml,
            fraction,
            f"the PET covers {fraction:.0%} of it, needed are {MIN_COVERED_TO_USE:.0%}",
        )
    return RegionMean(float(total) / float(used), ml, fraction)


def pooled(parts: list[RegionMean]) -> float:
    """Return the mean over several regions together, by their covered volume; NaN if one has none.

    Examples
    --------
    >>> pooled([RegionMean(1.0, 3.0, 1.0), RegionMean(2.0, 2.0, 0.5)])
    1.25
    """
    weights = np.array([each.ml * each.covered_fraction for each in parts])
    means = np.array([each.mean for each in parts])
    if not parts or not np.isfinite(means).all():
        return NAN
    return float((weights * means).sum() / weights.sum())
