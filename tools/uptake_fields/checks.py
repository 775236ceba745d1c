"""Compare a simulated mean with a real map at the blur where they agree best."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from uptake_fields.fit import blur
from uptake_fields.group import GREY, GroupTissue

from petsynth.simulation.regions import REGIONS

EXTRA_BLUR_MM = range(0, 13)


def compare(
    real: NDArray, simulated: NDArray, tissue: GroupTissue, brain: NDArray[np.bool_]
) -> dict:
    """Return correlations, the regional root mean square and both contrasts.

    Parameters
    ----------
    real, simulated : (X, Y, Z) float array
        On `GRID`.
    tissue : GroupTissue
        Says where regions are: more than half of a voxel, and more than 20 voxels.
    brain : (X, Y, Z) bool array
        Voxels that are compared.
    """
    image = torch.as_tensor(simulated)
    blurred = {fwhm: blur(image, max(fwhm, 0.1)).numpy() for fwhm in EXTRA_BLUR_MM}
    agreement = {fwhm: _r(real[brain], each[brain]) for fwhm, each in blurred.items()}
    extra = max(agreement, key=lambda fwhm: agreement[fwhm])
    own = blurred[extra]
    table = {}
    for code in GREY:
        inside = tissue.grey[code] > 0.5
        if inside.sum() > 20:
            table[REGIONS[code].name] = (real[inside].mean(), own[inside].mean())
    values = np.array(list(table.values()), float)
    values /= values.mean(axis=0)
    ratio = values[:, 1] / values[:, 0]
    grey = tissue.grey.sum(axis=0, dtype=np.float32) > 0.6
    white = tissue.white > 0.9
    return {
        "extra_blur_mm": extra,
        "voxel_r": round(agreement[extra], 4),
        "regional_r": round(_r(*values.T), 4),
        "regional_rms_percent": round(float(100 * np.sqrt(((ratio - 1) ** 2).mean())), 2),
        "grey_to_white": [
            round(float(each[grey].mean() / each[white].mean()), 3) for each in (real, own)
        ],
        "percent": {
            name: round(100 * (each - 1), 1) for name, each in zip(table, ratio, strict=True)
        },
    }


def _r(first: NDArray, second: NDArray) -> float:
    return float(np.corrcoef(first, second)[0, 1])
