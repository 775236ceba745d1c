"""One table of a scan: regions, composites, reference regions, z-scores.

Asymmetry is 200 (left - right) / (left + right), in percent: positive where the left side has
more. It needs both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from petsynth.regional.atlas import Atlas
from petsynth.regional.composites import Composite, composites_of, measure_composite
from petsynth.regional.labels import split_side
from petsynth.regional.means import NAN, RegionMean
from petsynth.regional.normative import REFERENCE, TRACER, z_scores

COLUMNS = (
    "region", "kind", "hemisphere", "label", "suvr", "volume_ml", "covered_fraction",
    "asymmetry_percent", "z", "centiloid", "positive", "note",
)  # fmt: skip
"""``kind``: region, composite, reference or normative (a region of the normative table)."""


@dataclass(frozen=True)
class ScanMeans:
    """What was measured of one PET image.

    Parameters
    ----------
    regions : mapping from int to RegionMean
        By label of the atlas, in the image's unit.
    references : mapping from str to RegionMean
        Reference regions and masks by name, likewise; those that could be laid over the image.
    divisor : float
        What values are divided by to become SUVR: the mean of ``reference``, or 1 for an image
        that is in SUVR.
    reference : str
        Reference region of the SUVR; empty where the image came in SUVR of an unknown one.
    """

    regions: Mapping[int, RegionMean]
    references: Mapping[str, RegionMean]
    divisor: float = 1.0
    reference: str = ""

    def by_name(self, atlas: Atlas) -> dict[str, RegionMean]:
        """Return the regions by name."""
        return {name: self.regions[label] for label, name in atlas.names.items()}


@dataclass(frozen=True)
class Labelling:
    """What the labels are, for everything that follows from them.

    Parameters
    ----------
    atlas : Atlas
        Names and scheme.
    tracer : str
        Everyday name.
    is_own_segmentation : bool
        Whether the labels are the subject's own, not an atlas'.
    """

    atlas: Atlas
    tracer: str
    is_own_segmentation: bool = False

    @property
    def composites(self) -> tuple[Composite, ...]:
        """The tracer's composites."""
        return composites_of(self.tracer)


def asymmetry_percent(left: float, right: float) -> float:
    """Return 200 (left - right) / (left + right); NaN if a side has no value.

    Examples
    --------
    >>> round(asymmetry_percent(1.1, 0.9), 6)
    20.0
    """
    total = left + right
    return 200 * (left - right) / total if total > 0 else NAN


def build_table(means: ScanMeans, labelling: Labelling) -> pd.DataFrame:
    """Return a row per region, composite, reference region and region of the normative table.

    Parameters
    ----------
    means : ScanMeans
        Of one image.
    labelling : Labelling
        What its labels are.

    Returns
    -------
    DataFrame
        The columns of `COLUMNS`; NaN or None where there is no value, ``note`` says why.
    """
    rows = [
        *_region_rows(means, labelling.atlas),
        *_composite_rows(means, labelling),
        *_reference_rows(means),
        *_normative_rows(means, labelling),
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["label"] = table["label"].astype("Int64")
    table["positive"] = table["positive"].astype(object)
    return table


def _region_rows(means: ScanMeans, atlas: Atlas) -> list[dict[str, Any]]:
    pairs: dict[str, dict[str, float]] = {}
    for label, name in atlas.names.items():
        base, side = split_side(name)
        if side is not None:
            pairs.setdefault(base, {})[side] = means.regions[label].mean
    rows = []
    for label, name in atlas.names.items():
        base, side = split_side(name)
        sides = pairs.get(base, {}) if side is not None else {}
        found = means.regions[label]
        rows.append(
            _row(name, "region", found.mean / means.divisor, found)
            | {
                "hemisphere": side,
                "label": label,
                "asymmetry_percent": asymmetry_percent(
                    sides.get("left", NAN), sides.get("right", NAN)
                ),
            }
        )
    return rows


def _composite_rows(means: ScanMeans, labelling: Labelling) -> list[dict[str, Any]]:
    rows = []
    regions = means.by_name(labelling.atlas)
    for composite in labelling.composites:
        found = measure_composite(
            composite,
            regions,
            means.references,
            labelling.atlas.scheme,
            is_own_segmentation=labelling.is_own_segmentation,
        )
        notes = [f"SUVR by {composite.reference}", found.note]
        if np.isfinite(found.suvr) and not np.isfinite(found.centiloid) and composite.centiloid:
            notes.append(f"no Centiloids: {found.centiloid_note}")
        rows.append(
            dict.fromkeys(COLUMNS)
            | {
                "region": composite.name,
                "kind": "composite",
                "suvr": found.suvr,
                "centiloid": found.centiloid,
                "positive": None
                if found.is_positive is None
                else ("yes" if found.is_positive else "no"),
                "note": "; ".join(filter(None, notes)),
            }
        )
    return rows


def _reference_rows(means: ScanMeans) -> list[dict[str, Any]]:
    return [
        _row(name, "reference", found.mean / means.divisor, found)
        for name, found in means.references.items()
    ]


def _normative_rows(means: ScanMeans, labelling: Labelling) -> list[dict[str, Any]]:
    scheme = labelling.atlas.scheme
    if labelling.tracer != TRACER or scheme is None:
        return []
    scores = z_scores(means.regions, means.references.get(REFERENCE), scheme)
    return [
        dict.fromkeys(COLUMNS)
        | {
            "region": f"normative_{name}",
            "kind": "normative",
            "hemisphere": split_side(name)[1],
            "suvr": score.suvr,
            "volume_ml": score.ml or NAN,
            "z": score.z,
            "note": score.note or "SUVR by pons",
        }
        for name, score in scores.items()
    ]


def _row(name: str, kind: str, suvr: float, found: RegionMean) -> dict[str, Any]:
    return dict.fromkeys(COLUMNS) | {
        "region": name,
        "kind": kind,
        "suvr": suvr,
        "volume_ml": found.ml or NAN,  # what is not in the labels has no volume of 0
        "covered_fraction": found.covered_fraction,
        "note": found.note,
    }
