"""Write a scan's regional table: TSV, JSON that explains it, and text to read.

::

    STEM_seg-ATLAS_regions.tsv    a row per region; n/a where there is no value, with a note
    STEM_seg-ATLAS_regions.json   what was measured, and what each column means
    regions.tsv                   the same rows of all scans of a folder

``STEM`` is the PET's name without ``_pet``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from petsynth.io.atomic import write_json, written_together
from petsynth.io.bids.metadata import sidecar_path, write_table
from petsynth.preprocessing.pet.suvr import MIN_COVERED_TO_USE
from petsynth.regional import normative
from petsynth.regional.composites import Composite, composites_of
from petsynth.regional.labels import split_side
from petsynth.regional.means import MIN_ML
from petsynth.regional.scan import ScanRegions
from petsynth.version import __version__

GROUP_TABLE = "regions.tsv"
DIGITS = {
    "suvr": 4,
    "volume_ml": 3,
    "covered_fraction": 3,
    "asymmetry_percent": 2,
    "z": 2,
    "centiloid": 1,
}
COLUMN_MEANINGS = {
    "kind": "region: of the atlas or segmentation; composite: a mean over regions that a "
    "publication defined; reference: a reference region; normative: a region of the table that "
    "z-scores go by",
    "label": "Number in the label image",
    "suvr": "Mean over the voxels that the PET's field of view covers, divided by the mean of the "
    "reference region; of composites and normative regions by the one that their note names",
    "volume_ml": "Volume of the region in mL, covered or not",
    "covered_fraction": "Fraction of the region inside the PET's field of view",
    "asymmetry_percent": "200 (left - right) / (left + right); the same in both sides' rows",
    "z": "(SUVR by pons - mean of the normative table) / its standard deviation",
    "centiloid": "Centiloids, where a conversion is published for this tracer and this way to "
    "find the region",
    "positive": "Whether a composite passes its published threshold",
    "note": "Why there is no value, or what to know of it",
}
_NOT_MEDICAL = "Research use, not for diagnosis"


def result_paths(folder: str | Path, pet: str | Path, atlas: str) -> tuple[Path, Path]:
    """Return where table and JSON of a PET go.

    Examples
    --------
    >>> result_paths("out", "sub-01_trc-18FFDG_pet.nii.gz", "dkt")[0].name
    'sub-01_trc-18FFDG_seg-dkt_regions.tsv'
    """
    stem = Path(pet).name.removesuffix(".gz").removesuffix(".nii").removesuffix("_pet")
    table = Path(folder) / f"{stem}_seg-{atlas}_regions.tsv"
    return table, sidecar_path(table.with_suffix(".nii"))


def write_scan(scan: ScanRegions, folder: str | Path, pet: str | Path) -> Path:
    """Write table and JSON of a scan, both or neither, and return the table's path.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    table, description = result_paths(folder, pet, scan.atlas)
    with written_together():
        write_json(description, describe(scan))
        write_table(table, rounded(scan.table))
    return table


def write_group(tables: dict[str, pd.DataFrame], folder: str | Path) -> Path:
    """Write the rows of all scans into one table.

    Parameters
    ----------
    tables : dict from str to DataFrame
        By the name of the PET file.
    folder : str or Path
        Where it goes.
    """
    parts = []
    for pet, table in tables.items():
        part = rounded(table)
        part.insert(0, "pet", pet)
        parts.append(part)
    path = Path(folder) / GROUP_TABLE
    write_table(path, pd.concat(parts, ignore_index=True))
    return path


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the digits that its figures have."""
    result = table.copy()
    for column, digits in DIGITS.items():
        result[column] = pd.to_numeric(result[column]).round(digits)
    return result


def describe(scan: ScanRegions) -> dict[str, Any]:
    """Return the JSON of a scan: what was measured, and what each column means."""
    content = {
        "Description": f"Regional uptake of one PET. {_NOT_MEDICAL}",
        "GeneratedBy": [{"Name": "petsynth", "Version": __version__}],
        **scan.description,
        "SmallestRegionMillilitres": MIN_ML,
        "SmallestCoveredFraction": MIN_COVERED_TO_USE,
        "Columns": COLUMN_MEANINGS,
        "Composites": {each.name: describe_composite(each) for each in composites_of(scan.tracer)},
        "Warnings": scan.warnings,
    }
    if scan.tracer == normative.TRACER:
        content["ZScores"] = normative.SOURCE
    return content


def describe_composite(composite: Composite) -> dict[str, Any]:
    """Return what a composite is, with its sources, ready for JSON."""
    threshold, conversion = composite.threshold, composite.centiloid
    return {
        "Title": composite.title,
        "ReferenceRegion": composite.reference,
        "Source": composite.source,
        "Caveat": composite.caveat,
        "FiguresReadInTheSource": composite.checked,
        "Threshold": None
        if threshold is None
        else {
            "SUVR": threshold.suvr,
            "Positive": "up to it" if threshold.below else "from it on",
            "Source": threshold.source,
        },
        "Centiloid": None
        if conversion is None
        else {
            "Slope": conversion.slope,
            "Intercept": conversion.intercept,
            "Pipeline": "the subject's own FreeSurfer segmentation"
            if conversion.pipeline == "freesurfer"
            else "standard regions in MNI space",
            "Source": conversion.source,
        },
    }


def format_scan(scan: ScanRegions) -> str:
    """Return a scan's table as text: composites, then regions with both sides in a row."""
    about = scan.description
    reference = about["ReferenceRegion"]
    lines = [
        f"{about['PET']}: {scan.tracer}, SUVR, reference region {reference}; {about['Atlas']}",
        *(f"warning: {warning}" for warning in scan.warnings),
        "",
    ]
    composites = scan.table[scan.table["kind"] == "composite"]
    for row in composites.to_dict("records"):
        facts = [f"{row['region']}: {_shown(row['suvr'], 'suvr')}"]
        if row["positive"] is not None and row["positive"] == row["positive"]:
            word = "positive" if row["positive"] == "yes" else "negative"
            facts.append(f"{word} at the published threshold, which holds for its own pipeline")
        if row["centiloid"] == row["centiloid"] and row["centiloid"] is not None:
            facts.append(f"{_shown(row['centiloid'], 'centiloid')} Centiloids")
        lines.append(f"{', '.join(facts)} ({row['note']})")
    return "\n".join([*lines, "", *_region_lines(scan.table), "", _NOT_MEDICAL + "."])


def _region_lines(table: pd.DataFrame) -> list[str]:
    rows = table[table["kind"].isin(["region", "reference"])].to_dict("records")
    sides: dict[str, dict[str, Any]] = {}
    for row in rows:
        base, side = split_side(row["region"])
        sides.setdefault(base, {})[side or "whole"] = row
    width = max(map(len, sides), default=0)
    lines = [f"{'region':<{width}}{'left':>10}{'right':>10}{'asymmetry':>12}"]
    for base, found in sides.items():
        if "whole" in found:
            cells = f"{_shown(found['whole']['suvr'], 'suvr'):>10}{'':22}"
        else:
            left, right = (found.get(side, {}).get("suvr") for side in ("left", "right"))
            asymmetry = _shown(next(iter(found.values()))["asymmetry_percent"], "asymmetry_percent")
            percent = asymmetry if asymmetry == "n/a" else f"{asymmetry} %"
            cells = f"{_shown(left, 'suvr'):>10}{_shown(right, 'suvr'):>10}{percent:>12}"
        lines.append(f"{base:<{width}}{cells}  {_notes(found)}".rstrip())
    return lines


def _notes(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the notes of a region's sides, once where they are the same."""
    notes = {side: str(row["note"]) for side, row in rows.items() if row["note"]}
    if len(notes) == len(rows) and len(set(notes.values())) == 1:
        return next(iter(notes.values()))
    return "; ".join(f"{side}: {note}" for side, note in notes.items())


def _shown(value: Any, column: str) -> str:
    if value is None or value != value:
        return "n/a"
    return f"{value:.{min(DIGITS[column], 3)}f}"
