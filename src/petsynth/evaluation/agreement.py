"""Agreement over people of regional uptake: does a method tell subjects apart as their PET does?

Similar images are not enough: a PET that is the same for everyone can be very similar to
everyone's, and its regional values correlate with nobody's. The correlation here is over subjects,
region by region.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from petsynth.evaluation.statistics import describe
from petsynth.io.bids.names import participant_of
from petsynth.metrics.agreement import (
    concordance,
    correlation,
    icc_absolute,
    icc_consistency,
    limits_of_agreement,
)
from petsynth.regional.labels import split_side

COLUMNS = (
    "method", "kind", "region", "n", "mean_reference", "mean_synthetic", "error", "absolute_error",
    "loa_low", "loa_high", "r", "r_low", "r_high", "icc21", "icc21_low", "icc21_high", "icc31",
    "icc31_low", "icc31_high", "ccc",
)  # fmt: skip
"""A row per method and region, composite or pair of regions (``kind`` asymmetry, in percent)."""
FEWEST_FOR_CORRELATION = 4
"""Subjects from which a correlation over them is said in words."""
DEFINITIONS = {
    "regions": "mean over the voxels of each region of the atlas, which the deformation of the "
    "subject's T1 brings to both images of a subject alike; what the reference PET does not cover "
    "counts in neither",
    "grey_fraction": "mean probability of grey matter in the region, from the T1 alone (mixture of "
    "three Gaussians)",
    "n": "subjects with a value; a subject's visits are averaged first",
    "error": "mean of synthetic minus reference (Bland and Altman's bias)",
    "absolute_error": "mean of the absolute difference",
    "loa_low, loa_high": "limits of agreement: bias -/+ 1.96 standard deviations of the difference",
    "r": "Pearson's correlation over subjects with Fisher's 95 % interval: whether the method "
    "tells subjects apart; n/a where a side is the same for everyone",
    "icc21": "intraclass correlation ICC(2,1): two-way random effects, absolute agreement, with "
    "95 % interval (Shrout and Fleiss 1979, McGraw and Wong 1996)",
    "icc31": "ICC(3,1): the same for consistency; a constant offset does not lower it",
    "ccc": "Lin's concordance correlation coefficient",
    "asymmetry": "200 (left - right) / (left + right) in percent, of both images",
    "positive": "a composite's SUVR against its published threshold, in both images",
}


def agreement_table(regions: pd.DataFrame) -> pd.DataFrame:
    """Return the agreement of each method with the reference, region by region.

    Parameters
    ----------
    regions : DataFrame
        The columns of `petsynth.evaluation.regional.COLUMNS`: ``participant_id``, ``method``,
        ``kind``, ``region``, ``reference`` and ``synthetic`` are used.

    Returns
    -------
    DataFrame
        The columns of `COLUMNS`, methods and regions in the order of the table.
    """
    values = _by_subject(pd.concat([regions, asymmetries(regions)], ignore_index=True))
    rows = [
        {"method": method, "kind": kind, "region": region}
        | _agree(group["reference"].to_numpy(float), group["synthetic"].to_numpy(float))
        for (method, kind, region), group in values.groupby(
            ["method", "kind", "region"], sort=False
        )
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def asymmetries(regions: pd.DataFrame) -> pd.DataFrame:
    """Return a row per subject, method and pair of regions: both images' asymmetry in percent."""
    of_regions = regions[regions["kind"] == "region"]
    split = of_regions["region"].map(split_side)
    table = of_regions.assign(region=split.str[0], side=split.str[1])
    keys, images = ["participant_id", "method", "region"], ["reference", "synthetic"]
    left = table[table["side"] == "left"][keys + images]
    right = table[table["side"] == "right"][keys + images]
    both = left.merge(right, on=keys, suffixes=("_left", "_right"))
    for image in images:
        sides = both[f"{image}_left"].astype(float), both[f"{image}_right"].astype(float)
        total = sides[0] + sides[1]
        both[image] = (200 * (sides[0] - sides[1]) / total).where(total > 0)
    return both[keys + images].assign(kind="asymmetry")


def summarise_regions(regions: pd.DataFrame, agreement: pd.DataFrame) -> dict[str, Any]:
    """Return by method what the tables come to, ready for JSON.

    Parameters
    ----------
    regions : DataFrame
        As in `agreement_table`, with the composites' ``positive_...`` and ``centiloid_...``.
    agreement : DataFrame
        From `agreement_table`.
    """
    return {
        str(method): {
            "regions": _overview(rows[rows["kind"] == "region"]),
            "asymmetry": _overview(rows[rows["kind"] == "asymmetry"]),
            "composites": _composites(regions[regions["method"] == method]),
        }
        for method, rows in agreement.groupby("method", sort=False)
    }


def median_correlation(agreement: pd.DataFrame, method: str) -> float | None:
    """Return the median over regions of a method's correlation over subjects.

    A correlation that is not defined because the method's values are the same for everyone counts
    as 0. None where there are fewer than `FEWEST_FOR_CORRELATION` subjects or no regions.
    """
    rows = agreement[(agreement["method"] == method) & (agreement["kind"] == "region")]
    rows = rows[rows["n"] >= FEWEST_FOR_CORRELATION]
    return float(rows["r"].fillna(0).median()) if len(rows) else None


def positivity(reference: NDArray[np.bool_], synthetic: NDArray[np.bool_]) -> dict[str, Any]:
    """Return how well a method finds who passes a threshold in the reference PET.

    Parameters
    ----------
    reference, synthetic : (S,) bool array
        Whether each subject passes it.

    Returns
    -------
    dict
        ``sensitivity``, ``specificity`` and ``balanced_accuracy`` are None where nobody is
        positive, or negative, in the reference.

    Examples
    --------
    >>> reference = np.array([True, True, False, False])
    >>> found = positivity(reference, np.array([True, False, False, False]))
    >>> found["sensitivity"], found["specificity"], found["balanced_accuracy"]
    (0.5, 1.0, 0.75)
    """
    positive, negative = int(reference.sum()), int((~reference).sum())
    sensitivity = float(synthetic[reference].mean()) if positive else None
    specificity = float((~synthetic[~reference]).mean()) if negative else None
    balanced = None
    if sensitivity is not None and specificity is not None:
        balanced = (sensitivity + specificity) / 2
    return {
        "positive": positive,
        "negative": negative,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "balanced_accuracy": balanced,
    }


def _by_subject(regions: pd.DataFrame) -> pd.DataFrame:
    """Average a subject's visits, so that nobody counts twice."""
    table = regions.assign(participant_id=regions["participant_id"].map(participant_of))
    keys = ["method", "kind", "region", "participant_id"]
    images = table[["reference", "synthetic"]].astype(float)
    return images.groupby([table[key] for key in keys], sort=False).mean().reset_index()


def _agree(reference: NDArray[np.float64], synthetic: NDArray[np.float64]) -> dict[str, Any]:
    both = np.isfinite(reference) & np.isfinite(synthetic)
    first, second = reference[both], synthetic[both]
    row: dict[str, Any] = {"n": int(both.sum())}
    if not both.any():
        return row
    limits = limits_of_agreement(first, second)
    row |= {
        "mean_reference": float(first.mean()),
        "mean_synthetic": float(second.mean()),
        "error": limits.bias,
        "absolute_error": float(np.abs(second - first).mean()),
        "loa_low": limits.low,
        "loa_high": limits.high,
        "ccc": concordance(first, second) if first.size > 1 else float("nan"),
    }
    ratings = np.column_stack([first, second])
    for name, found in (
        ("r", correlation(first, second)),
        ("icc21", icc_absolute(ratings)),
        ("icc31", icc_consistency(ratings)),
    ):
        row |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    return row


def _overview(rows: pd.DataFrame) -> dict[str, Any]:
    """Return means over regions, and in how many the correlation's interval lies above 0.

    None where there are no intervals: Fisher's needs four subjects.
    """
    low = rows["r_low"].astype(float).dropna()
    return {
        "number": len(rows),
        "error": describe(rows["error"].to_numpy(float)),
        "absolute_error": describe(rows["absolute_error"].to_numpy(float)),
        "r": describe(rows["r"].to_numpy(float)),
        "median_r": _median(rows["r"]),
        "r_interval_above_0": int((low > 0).sum()) if len(low) else None,
        "median_icc21": _median(rows["icc21"]),
        "median_icc31": _median(rows["icc31"]),
        "median_ccc": _median(rows["ccc"]),
    }


def _median(values: pd.Series[Any]) -> float | None:
    numbers = values.astype(float).dropna()
    return float(numbers.median()) if len(numbers) else None


def _composites(regions: pd.DataFrame) -> dict[str, Any]:
    found = {}
    rows = regions[regions["kind"] == "composite"]
    for name, group in rows.groupby("region", sort=False):
        entry: dict[str, Any] = {}
        known = group[group["positive_reference"].notna() & group["positive_synthetic"].notna()]
        if len(known):
            entry["positivity"] = positivity(
                (known["positive_reference"] == "yes").to_numpy(),
                (known["positive_synthetic"] == "yes").to_numpy(),
            )
        difference = group["centiloid_synthetic"].astype(float) - group[
            "centiloid_reference"
        ].astype(float)
        if difference.notna().any():
            entry["centiloid_difference"] = describe(difference.to_numpy(float))
        found[str(name)] = entry
    return found
