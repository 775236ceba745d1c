"""Paper A's figures 1, 2 and 3 from an evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from petsynth.evaluation.cohort import Evaluation
from petsynth.evaluation.measures import LOWER_IS_BETTER, REGIONS, TITLES
from petsynth.figures.distributions import BoxPanel, draw_boxplots
from petsynth.figures.panels import difference_panel, draw_panels, mri_panel, pet_panel
from petsynth.slicing import AXIS, Plane, middle_slice

KIND_TITLES = {
    "model": "model",
    "baseline": "baseline",
    "control": "control: another subject's T1",
    "ceiling": "ceiling",
}
"""How the figures and tables call the kinds of methods."""

_DIFFERENCE_SHARE = 0.5


@dataclass(frozen=True)
class Picture:
    """A figure with its file name and caption."""

    name: str
    figure: Figure
    caption: str


def draw_pictures(evaluation: Evaluation) -> list[Picture]:
    """Draw the three figures."""
    ruler, example = evaluation.ruler, evaluation.example
    who = f"{example.participant} ({evaluation.data.diagnosis(example.participant)})"
    pictures = [
        Picture(
            "figure1_boxplots.png",
            _draw_boxes(evaluation),
            "Figure 1. Real and compared PET on the middle axial slice, data range 255 = "
            f"{ruler.pet_scale:.4g} {ruler.unit}. A dot is a subject; boxes show quartiles.",
        )
    ]
    planes: tuple[tuple[int, Plane], ...] = ((2, "axial"), (3, "sagittal"))
    for number, plane in planes:
        note = "" if plane == "axial" else ", cut from the volume of predicted slices"
        pictures.append(
            Picture(
                f"figure{number}_{plane}.png",
                _draw_example(evaluation, plane, who),
                f"Figure {number}. Middle {plane} slice of {who}{note}: MRI, real PET, synthetic "
                "PET and their absolute difference for each model. The subject is the one with "
                "the median brain MAE over models.",
            )
        )
    return pictures


def _draw_boxes(evaluation: Evaluation) -> Figure:
    panels = [
        BoxPanel(
            f"{TITLES[name]}{' (dB)' if name == 'psnr' else ''}, "
            f"{'smaller' if name in LOWER_IS_BETTER else 'larger'} is better",
            {
                method.name: evaluation.values(method.name, "middle_slice", name)
                for method in evaluation.methods
            },
        )
        for name in REGIONS["middle_slice"]
    ]
    kinds = {method.name: KIND_TITLES[method.kind] for method in evaluation.methods}
    return draw_boxplots(
        panels,
        kinds,
        title=f"{evaluation.ruler.tracer} PET, middle axial slice",
        simulated=evaluation.data.simulated,
    )


def _draw_example(evaluation: Evaluation, plane: Plane, who: str) -> Figure:
    ruler, example = evaluation.ruler, evaluation.example
    columns, rows = (
        edge for axis, edge in enumerate(evaluation.data.grid.voxel_mm) if axis != AXIS[plane]
    )
    pixel = (rows, columns)
    highest, unit = ruler.pet_scale, ruler.unit
    mri, pet = (np.asarray(middle_slice(each, plane)) for each in (example.mri, example.pet))
    drawn = []
    for name, volume in example.synthetic_pets.items():
        synthetic_pet = np.asarray(middle_slice(volume, plane))
        panels = [
            mri_panel(mri, voxel_mm=pixel),
            pet_panel(pet, highest, unit, voxel_mm=pixel, simulated=evaluation.data.simulated),
            pet_panel(synthetic_pet, highest, unit, synthetic=True, voxel_mm=pixel),
            difference_panel(pet, synthetic_pet, _DIFFERENCE_SHARE * highest, unit, voxel_mm=pixel),
        ]
        drawn.append((name, panels))
    side = "front on the right" if plane == "sagittal" else "left side on the left"
    return draw_panels(
        drawn,
        title=f"{ruler.tracer} PET of {who}, middle {plane} slice, {side}",
        simulated=evaluation.data.simulated,
    )
