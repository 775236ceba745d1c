"""One scan's regional table in memory: what ``petsynth.regions`` does."""

from __future__ import annotations

import warnings
from pathlib import Path

import pandas as pd

from petsynth.errors import PetsynthWarning
from petsynth.regional.atlas import read_atlas
from petsynth.regional.outputs import describe
from petsynth.regional.scan import ScanFiles, ScanSettings, measure_scan


def regions_of_scan(
    pet: str | Path,
    *,
    t1: str | Path | None = None,
    atlas: str | Path = "dkt",
    labels: str | Path | None = None,
    mask: str | Path | None = None,
    reference: str | None = None,
    tracer: str | None = None,
    aligned: bool = False,
) -> pd.DataFrame:
    """Return the regional table of one PET; see `petsynth.regions`."""
    t1, labels, mask = (None if each is None else Path(each) for each in (t1, labels, mask))
    files = ScanFiles(Path(pet), t1, labels, mask)
    settings = ScanSettings(tracer=tracer, reference=reference, aligned=aligned)
    scan = measure_scan(files, settings, None if labels is not None else read_atlas(atlas))
    for warning in scan.warnings:
        warnings.warn(warning, PetsynthWarning, stacklevel=3)
    scan.table.attrs.update(describe(scan))
    return scan.table
