"""Pictures during training: real MRI, real PET, synthetic PET."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from petsynth.data.prepared import PreparedData, static_mean
from petsynth.slicing import AXIS, Plane, middle_slice
from petsynth.systems.base import Training

SUBJECTS = 2
"""How many subjects a picture shows."""


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

    rows = []
    for participant in sample_subjects(data):
        volumes = (
            data.mri(participant),
            data.static_pet(participant),
            static_mean(training.infer_pet(participant), data.frame_durations),
        )
        for plane in training.planes:
            mri, pet, synthetic_pet = (np.asarray(middle_slice(each, plane)) for each in volumes)
            edge, highest, unit = _pixel_mm(data, plane), data.pet_scale, data.unit
            panels = (
                mri_panel(mri, voxel_mm=edge),
                pet_panel(pet, highest, unit, voxel_mm=edge, simulated=data.simulated),
                pet_panel(synthetic_pet, highest, unit, synthetic=True, voxel_mm=edge),
            )
            rows.append((f"{data.split(participant)}: {participant}, {plane}", panels))
    save_png(draw_panels(rows, title=title, simulated=data.simulated), path, dots_per_inch=80)


def _pixel_mm(data: PreparedData, plane: Plane) -> tuple[float, float]:
    columns, rows = (edge for axis, edge in enumerate(data.grid.voxel_mm) if axis != AXIS[plane])
    return rows, columns
