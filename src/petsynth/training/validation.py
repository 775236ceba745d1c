"""How good the generator is on the validation subjects, with evaluation's own metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsynth.data.prepared import PreparedData, static_mean
from petsynth.io.bids.names import participant_of
from petsynth.metrics.image import mae, mse, psnr, ssim

METRICS = ("brain_mae", "mae", "mse", "psnr", "ssim")
"""Columns of the validation log: mean over subjects, in PET units; whole volume if not brain."""


def validate(infer_pet: Callable[[str], NDArray[Any]], data: PreparedData) -> dict[str, float]:
    """Measure all validation subjects, and average: first over each person's visits.

    Parameters
    ----------
    infer_pet : function from str to (X, Y, Z) or (X, Y, Z, T) array
        A subject's synthetic PET, in PET units; the mean over frames is measured.
    data : PreparedData
        With at least one validation subject.

    Returns
    -------
    dict of float
        `METRICS`; the data range of PSNR and SSIM is the training set's PET scale.
    """
    rows: dict[str, list[tuple[float, ...]]] = {}
    for participant in data.participants("validation"):
        pet = np.asarray(data.static_pet(participant))
        synthetic_pet = static_mean(infer_pet(participant), data.frame_durations)
        rows.setdefault(participant_of(participant), []).append(
            (
                mae(pet, synthetic_pet, data.mask(participant)),
                mae(pet, synthetic_pet),
                mse(pet, synthetic_pet),
                psnr(pet, synthetic_pet, data.pet_scale),
                ssim(pet, synthetic_pet, data.pet_scale),
            )
        )
    people = [np.mean(visits, axis=0) for visits in rows.values()]
    return dict(zip(METRICS, np.mean(people, axis=0).tolist(), strict=True))
