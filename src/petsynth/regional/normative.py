"""Z-scores of regional FDG against cognitively normal adults.

The adults' uptake is relative to the pons as its source segmented it (their own pons region
averages 0.93), blurred by the scanner, of unknown age. A z-score says how far a region's mean,
divided by this program's pons, lies from theirs; it is a hint, no diagnosis.

References
----------
FDG-NeuroSegmenter (NM-Radiopharmacology, MIT licence): 537 adults; see
``simulation/fdg_normative.csv``.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from petsynth.regional.means import NAN, RegionMean, pooled
from petsynth.simulation.regions import REGIONS, Scheme, label_table, read_packaged_table

TRACER = "FDG"
REFERENCE = "pons"
SOURCE = (
    "537 cognitively normal adults of unknown age (FDG-NeuroSegmenter, MIT), uptake relative to "
    "the pons, blurred by the scanner: mean and standard deviation per region; their pons is "
    "segmented otherwise than ours, which shifts all z-scores alike"
)
_SKIPPED = ("pons", "white_matter", "cerebellar_white_matter")


@dataclass(frozen=True)
class ZScore:
    """A region of the table in one scan.

    Parameters
    ----------
    suvr : float
        Relative to the pons; NaN if there is none.
    z : float
        (suvr - mean) / standard deviation; NaN if there is none.
    ml : float
        Volume of the region.
    note : str
        Why there is none.
    """

    suvr: float
    z: float
    ml: float
    note: str = ""


@functools.cache
def normative_values() -> dict[str, tuple[float, float]]:
    """Return mean and standard deviation by region, relative to the pons.

    Examples
    --------
    >>> mean, std = normative_values()["precuneus_left"]
    >>> round(mean, 3), round(std, 3)
    (1.498, 0.146)
    """
    values = {}
    for row in read_packaged_table("fdg_normative.csv").to_dict("records"):
        if row["region"] in _SKIPPED or row["measured"] in ("", None):
            continue
        mean = float(row["measured"])
        parts = [
            float(value) for key, value in row.items() if str(key).startswith(("factor", "resid"))
        ]
        values[str(row["region"])] = (mean, mean * float(np.sqrt(np.sum(np.square(parts)))))
    return values


def z_scores(
    regions: Mapping[int, RegionMean], pons: RegionMean | None, scheme: Scheme
) -> dict[str, ZScore]:
    """Return a z-score for every region of the table.

    Parameters
    ----------
    regions : mapping from int to RegionMean
        By label; in any unit.
    pons : RegionMean or None
        Of the same image; None where it could not be measured.
    scheme : {"freesurfer", "muse"}
        Of the labels.
    """
    parts: dict[str, list[RegionMean]] = defaultdict(list)
    table = label_table(scheme)
    for label, mean in regions.items():
        if label in table:
            parts[REGIONS[table[label]].name].append(mean)
    return {
        name: _score(parts.get(name, []), pons, *values)
        for name, values in normative_values().items()
        if name in parts or _is_expected(name, parts)
    }


def _is_expected(name: str, parts: Mapping[str, list[RegionMean]]) -> bool:
    """Whether labels tell regions of this kind apart at all: the other side is there."""
    other = name.replace("_left", "_right") if "_left" in name else name.replace("_right", "_left")
    return other in parts


def _score(parts: list[RegionMean], pons: RegionMean | None, mean: float, std: float) -> ZScore:
    ml = sum(each.ml for each in parts)
    if not parts:
        return ZScore(NAN, NAN, 0.0, "not in the labels")
    if pons is None:
        return ZScore(NAN, NAN, ml, "the pons could not be measured: give the T1")
    if not pons.mean > 0:
        return ZScore(NAN, NAN, ml, f"pons: {pons.note or 'its mean is not positive'}")
    suvr = pooled(parts) / pons.mean
    if not np.isfinite(suvr):
        return ZScore(NAN, NAN, ml, next(each.note for each in parts if each.note))
    return ZScore(suvr, (suvr - mean) / std, ml)
