"""How good the generator is during training: metrics of the validation subjects, and pictures.

The metrics are evaluation's own; a picture shows MRI, reference PET and synthetic PET.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsynth.data.prepared import PreparedData, static_mean
from petsynth.data.reference import reference_region
from petsynth.io.bids.names import participant_of
from petsynth.metrics.coverage import unmeasured_voxels
from petsynth.metrics.image import mae, mse, psnr, ssim
from petsynth.systems.base import Training

METRICS = ("brain_mae", "mae", "mse", "psnr", "ssim")
"""Columns of the validation log: mean over subjects, in PET units; whole volume if not brain."""

SUBJECTS = 2
"""How many subjects a picture shows."""


def validate(infer_pet: Callable[[str], NDArray[Any]], data: PreparedData) -> dict[str, float]:
    """Measure all validation subjects, and average: first over each participant's visits.

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
                _brain_mae(pet, synthetic_pet, data.mask(participant)),
                mae(pet, synthetic_pet),
                mse(pet, synthetic_pet),
                psnr(pet, synthetic_pet, data.pet_scale),
                ssim(pet, synthetic_pet, data.pet_scale),
            )
        )
    means = [np.mean(visits, axis=0) for visits in rows.values()]
    return dict(zip(METRICS, np.mean(means, axis=0).tolist(), strict=True))


def _brain_mae(pet: NDArray[Any], synthetic_pet: NDArray[Any], mask: NDArray[np.bool_]) -> float:
    """Return the error in the brain as far as the PET covers it; NaN if it covers none."""
    measured = mask & ~unmeasured_voxels(pet, mask)
    return mae(pet, synthetic_pet, measured) if measured.any() else float("nan")


def sample_subjects(data: PreparedData) -> list[str]:
    """Return whom to show: validation subjects, or training subjects if there are none."""
    return (data.participants("validation") or data.participants("train"))[:SUBJECTS]


def write_samples(path: Path, training: Training[Any], data: PreparedData, *, title: str) -> None:
    """Write a picture of the middle slices of a few subjects.

    Parameters
    ----------
    path : Path
        Of the PNG.
    training : Training
        What is trained; its planes are the rows. Of several frames the mean is shown.
    data : PreparedData
        Whose subjects are shown.
    title : str
        Above the picture.
    """
    # matplotlib takes a second to import, which a training without pictures need not pay.
    from petsynth.figures.panels import draw_panels, mri_panel, pet_panel
    from petsynth.figures.save import save_png
    from petsynth.figures.view import View, unit_label

    unit = unit_label(data.unit, reference_region(data))
    rows = []
    for participant in sample_subjects(data):
        volumes = (
            data.mri(participant),
            data.static_pet(participant),
            static_mean(training.infer_pet(participant), data.frame_durations),
        )
        for plane in training.planes:
            view, highest = View(plane, data.grid), data.pet_scale
            mri, pet, synthetic_pet = (view.cut(each) for each in volumes)
            panels = (
                mri_panel(mri, view=view),
                pet_panel(pet, highest, unit, view=view, simulated=data.simulated),
                pet_panel(synthetic_pet, highest, unit, synthetic=True, view=view),
            )
            rows.append((f"{data.split(participant)}: {participant}, {plane}", panels))
    save_png(draw_panels(rows, title=title, simulated=data.simulated), path, dots_per_inch=80)
