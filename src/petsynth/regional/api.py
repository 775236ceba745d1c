"""One scan's regional table in memory: what ``petsynth.regions`` does."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import pandas as pd

from petsynth.errors import PetsynthWarning
from petsynth.io.formats import AnyImage, save_image
from petsynth.regional.atlas import read_atlas
from petsynth.regional.outputs import describe
from petsynth.regional.scan import ScanFiles, ScanSettings, measure_scan


def regions_of_scan(
    pet: AnyImage,
    *,
    t1: AnyImage | None = None,
    atlas: str | Path = "dkt",
    labels: AnyImage | None = None,
    mask: AnyImage | None = None,
    reference: str | None = None,
    tracer: str | None = None,
    aligned: bool = False,
) -> pd.DataFrame:
    """Return the regional table of one PET; see `petsynth.regions`."""
    settings = ScanSettings(tracer=tracer, reference=reference, aligned=aligned)
    with tempfile.TemporaryDirectory(prefix="petsynth-") as folder:
        files = ScanFiles(
            _file(pet, "pet", folder),
            None if t1 is None else _file(t1, "T1", folder),
            None if labels is None else _file(labels, "labels", folder),
            None if mask is None else _file(mask, "mask", folder),
        )
        scan = measure_scan(files, settings, None if labels is not None else read_atlas(atlas))
    for warning in scan.warnings:
        warnings.warn(warning, PetsynthWarning, stacklevel=3)
    scan.table.attrs.update(describe(scan))
    return scan.table


def _file(image: AnyImage, name: str, folder: str) -> Path:
    """Return a file as it is, and one of what is in memory."""
    return Path(image) if isinstance(image, str | Path) else save_image(image, folder, name)
