"""Figures of an evaluation: paper A's 1 to 3, paper B's 1, 2, 4, 5 and 7, and errors by depth.

Paper B's figures 4 and 5 are one here: the reference PET beside what each method makes of it,
frame by frame; which tracer it is depends on the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from petsynth.evaluation.domains import DOMAINS, LOWER_IS_BETTER, METRIC_TITLES
from petsynth.evaluation.evaluate import Evaluation
from petsynth.figures.distributions import BoxPanel, HistogramPanel, draw_boxplots, draw_histograms
from petsynth.figures.panels import difference_panel, draw_panels, mri_panel, pet_panel
from petsynth.slicing import AXIS, Plane, middle_slice

KIND_TITLES = {
    "model": "model",
    "baseline": "baseline",
    "control": "control: another subject's T1",
    "upper-bound": "upper bound",
}
"""How the figures and tables call the kinds of methods."""

_DIFFERENCE_FRACTION = 0.5
"""Colours of the difference end at this fraction of the PET scale."""
_SUBJECTS = 5
"""Subjects of paper B's figure 2, as in the paper."""


@dataclass(frozen=True)
class ReportFigure:
    """A figure with its file name and caption."""

    name: str
    figure: Figure
    caption: str


def draw_paper_a_figures(evaluation: Evaluation) -> list[ReportFigure]:
    """Draw paper A's three figures."""
    settings, example = evaluation.settings, evaluation.example
    who = f"{example.participant} ({evaluation.data.diagnosis(example.participant)})"
    figures = [
        ReportFigure(
            "figure1_boxplots.png",
            _draw_boxes(evaluation),
            "Figure 1. Reference and compared PET on the middle axial slice, data range 255 = "
            f"{settings.pet_scale:.4g} {settings.unit}. A dot is a subject; boxes show quartiles.",
        )
    ]
    planes: tuple[tuple[int, Plane], ...] = ((2, "axial"), (3, "sagittal"))
    for number, plane in planes:
        note = "" if plane == "axial" else ", cut from the volume of predicted slices"
        figures.append(
            ReportFigure(
                f"figure{number}_{plane}.png",
                _draw_example(evaluation, plane, who),
                f"Figure {number}. Middle {plane} slice of {who}{note}: MRI, reference PET, "
                "synthetic PET and their absolute difference for each model. The subject is the "
                "one with the median brain MAE over models.",
            )
        )
    return figures


def draw_paper_b_figures(evaluation: Evaluation) -> list[ReportFigure]:
    """Draw paper B's figures; for data that are prepared for paper B."""
    example, tracer = evaluation.example, evaluation.settings.tracer
    simulated = " (simulated)" if evaluation.data.simulated else ""
    return [
        ReportFigure(
            "paper-b_figure2_intensities.png",
            _draw_intensities(evaluation),
            f"Paper B, figure 2. Intensities of the conformed T1 and of the {tracer} PET"
            f"{simulated} of up to five subjects.",
        ),
        ReportFigure(
            "paper-b_figures4-5_frames.png",
            _draw_frames(evaluation),
            f"Paper B, figures 1, 4 and 5. Middle axial slice of {example.participant}: T1, "
            f"{tracer} PET{simulated} and what each model makes of it, frame by frame.",
        ),
        ReportFigure(
            "paper-b_figure7_distributions.png",
            _draw_distributions(evaluation),
            f"Paper B, figure 7. Intensities of the reference{simulated} and the synthetic PET of "
            f"{example.participant}, all voxels of all frames. Means over all subjects: fraction "
            "of synthetic voxels beyond the reference range, and Wasserstein distance.",
        ),
        ReportFigure(
            "paper-b_depth.png",
            _draw_depth(evaluation),
            "Mean absolute error by distance from the brain's surface (paper B, section 5.2). A "
            "dot is a subject; boxes show quartiles.",
        ),
    ]


def _draw_boxes(evaluation: Evaluation) -> Figure:
    panels = [
        BoxPanel(
            f"{METRIC_TITLES[name]}{' (dB)' if name == 'psnr' else ''}, "
            f"{'smaller' if name in LOWER_IS_BETTER else 'larger'} is better",
            {
                method.name: evaluation.values(method.name, "middle_slice", name)
                for method in evaluation.methods
            },
        )
        for name in DOMAINS["middle_slice"]
    ]
    kinds = {method.name: KIND_TITLES[method.kind] for method in evaluation.methods}
    return draw_boxplots(
        panels,
        kinds,
        title=f"{evaluation.settings.tracer} PET, middle axial slice",
        simulated=evaluation.data.simulated,
    )


def _draw_example(evaluation: Evaluation, plane: Plane, who: str) -> Figure:
    settings, example = evaluation.settings, evaluation.example
    columns, rows = (
        edge for axis, edge in enumerate(evaluation.data.grid.voxel_mm) if axis != AXIS[plane]
    )
    pixel = (rows, columns)
    highest, unit = settings.pet_scale, settings.unit
    mri, pet = (np.asarray(middle_slice(each, plane)) for each in (example.mri, example.pet))
    drawn = []
    for name, volume in example.synthetic_pets.items():
        synthetic_pet = np.asarray(middle_slice(volume, plane))
        panels = [
            mri_panel(mri, voxel_mm=pixel),
            pet_panel(pet, highest, unit, voxel_mm=pixel, simulated=evaluation.data.simulated),
            pet_panel(synthetic_pet, highest, unit, synthetic=True, voxel_mm=pixel),
            difference_panel(
                pet, synthetic_pet, _DIFFERENCE_FRACTION * highest, unit, voxel_mm=pixel
            ),
        ]
        drawn.append((name, panels))
    side = "front on the right" if plane == "sagittal" else "left side on the left"
    return draw_panels(
        drawn,
        title=f"{settings.tracer} PET of {who}, middle {plane} slice, {side}",
        simulated=evaluation.data.simulated,
    )


def _draw_intensities(evaluation: Evaluation) -> Figure:
    data, names = evaluation.data, evaluation.participants[:_SUBJECTS]
    panels = [
        HistogramPanel("T1, conformed", {name: data.t1(name) for name in names}, "0 to 255"),
        HistogramPanel(f"{data.tracer} PET", {name: data.pet(name) for name in names}, data.unit),
    ]
    return draw_histograms(panels, title="Intensities", simulated=data.simulated)


def _draw_frames(evaluation: Evaluation) -> Figure:
    settings, example, data = evaluation.settings, evaluation.example, evaluation.data
    rows = []
    for frame in range(data.frames):
        reference = _frame(example.frames, frame)
        panels = [
            mri_panel(middle_slice(example.mri)),
            pet_panel(
                middle_slice(reference), settings.pet_scale, settings.unit, simulated=data.simulated
            ),
        ]
        for name, frames in example.synthetic_frames.items():
            image = middle_slice(_frame(frames, frame))
            panels.append(
                pet_panel(image, settings.pet_scale, settings.unit, synthetic=True, title=name)
            )
        rows.append((f"frame {frame + 1} of {data.frames}", panels))
    return draw_panels(
        rows, title=f"{settings.tracer} PET of {example.participant}", simulated=data.simulated
    )


def _draw_distributions(evaluation: Evaluation) -> Figure:
    example, data = evaluation.example, evaluation.data
    panels = []
    for name, frames in example.synthetic_frames.items():
        reference = example.frames if frames.shape == example.frames.shape else example.pet
        beyond, distance = (
            np.nanmean(evaluation.values(name, "intensities", metric))
            for metric in ("out_of_range", "distance")
        )
        panels.append(
            HistogramPanel(
                f"{name}\n{beyond:.2%} out of range, distance {distance:.4g} {data.unit}",
                {"reference": reference, "synthetic": frames},
                data.unit,
                synthetic=True,
            )
        )
    return draw_histograms(
        panels, title=f"{data.tracer} PET of {example.participant}", simulated=data.simulated
    )


def _draw_depth(evaluation: Evaluation) -> Figure:
    shown = [method for method in evaluation.methods if method.predict is not None]
    panels = [
        BoxPanel(
            f"{METRIC_TITLES[name]} ({evaluation.settings.unit}), smaller is better",
            {method.name: evaluation.values(method.name, "depth", name) for method in shown},
        )
        for name in DOMAINS["depth"]
    ]
    return draw_boxplots(
        panels,
        {method.name: KIND_TITLES[method.kind] for method in shown},
        title="Error by distance from the brain's surface",
        simulated=evaluation.data.simulated,
    )


def _frame(frames: NDArray[Any], number: int) -> NDArray[Any]:
    return frames if frames.ndim == 3 else frames[..., number]
