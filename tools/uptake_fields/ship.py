"""Write fitted fields into the package: ``pattern_TRACER.npz`` and ``pattern_means.csv``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import ndimage
from uptake_fields.fit import Fields, upsample
from uptake_fields.group import GroupTissue

from petsynth.simulation.regions import REGIONS, codes_of, codes_of_tissue

PACKAGE = Path(__file__).parents[2] / "src/petsynth/simulation"
OUTLIER = 1.25
"""Largest factor between a value of a field and the median around it."""
HEADER = """# Mean SUVR before blur by kind of region; pattern_TRACER.npz varies it in space.
# Made by tools/derive_uptake_fields.py from real group maps: see there for sources and licences.
"""


def ship(
    tracer: str,
    fields: Fields,
    tissue: GroupTissue,
    cortex_suvr: float,
    cerebellum: float = 1.0,
    rise: NDArray | None = None,
) -> None:
    """Write one tracer's fields and means.

    Parameters
    ----------
    tracer : str
        ``FDG``, ``AV45`` or ``AV1451``.
    fields : Fields
        Fitted, relative to cortex.
    tissue : GroupTissue
        Where each field's mean is made 1: in cortex, and in white matter.
    cortex_suvr : float
        Mean uptake of cortex before blur.
    cerebellum : float
        Factor for the means of cerebellar cortex and white matter.
    rise : (x, y, z) float array, optional
        Factor for the grey field, for off-target places.
    """
    with torch.no_grad():
        grey, white = (torch.exp(upsample(each)).numpy() for each in (fields.grey, fields.white))
        cortex = sum(tissue.grey[code].astype(np.float32) for code in codes_of_tissue("cortex"))
        grey_mean = float((grey * cortex).sum() / cortex.sum())
        white_mean = float((white * tissue.white).sum() / tissue.white.sum())
        unit = cortex_suvr / grey_mean
        base = fields.prior.base * np.exp(fields.base.numpy()) * cortex_suvr
        fluid = fields.prior.fluid * float(torch.exp(fields.fluid)) * unit
        rows = [("cortex", cortex_suvr)]
        kinds = {REGIONS[code].kind: None for code in codes_of_tissue("cerebellum", "deep")}
        base[codes_of("cerebellar_cortex")] *= cerebellum
        rows += [(kind, float(base[codes_of(kind)].mean())) for kind in kinds]
        suvr = fields.prior.white * white_mean * unit
        rows += [("white_matter", suvr), ("cerebellar_white_matter", suvr * cerebellum)]
        rows += [("fluid", fluid), ("ventricle", fluid)]
        coarse = {
            "grey": limit_outliers(torch.exp(fields.grey).numpy())
            * (1 if rise is None else rise)
            / grey_mean,
            "white": limit_outliers(torch.exp(fields.white).numpy()) / white_mean,
        }
    write_pattern(tracer, **coarse)
    _write_means(tracer, rows)


def write_pattern(tracer: str, grey: NDArray, white: NDArray) -> None:
    """Write ``pattern_TRACER.npz``: factors in hundredths."""
    packed = {
        name: np.rint(100 * each).clip(0, 255).astype(np.uint8)
        for name, each in (("grey", grey), ("white", white))
    }
    np.savez_compressed(PACKAGE / f"pattern_{tracer}.npz", **packed)


def limit_outliers(field: NDArray) -> NDArray:
    """Bring single values that the fit drove away from all their neighbours back to them.

    Parameters
    ----------
    field : (x, y, z) float array
        Positive values on the lattice.

    Returns
    -------
    (x, y, z) float array
        Within a factor of `OUTLIER` of the median of the 27 values around each.
    """
    median = ndimage.median_filter(field, 3)
    return np.clip(field, median / OUTLIER, median * OUTLIER)


def _write_means(tracer: str, rows: list[tuple[str, float]]) -> None:
    target = PACKAGE / "pattern_means.csv"
    new = pd.DataFrame([(tracer, *row) for row in rows], columns=["tracer", "region", "mean"])
    if target.exists():
        old = pd.read_csv(target, comment="#")
        new = pd.concat([old[old["tracer"] != tracer], new], ignore_index=True)
    new["mean"] = new["mean"].astype(float)
    new = new.sort_values("tracer", kind="stable")
    target.write_text(HEADER + new.round(4).to_csv(index=False), encoding="utf-8")
