"""Figures of an evaluation: paper A's 1 to 3, paper B's 1, 2, 4, 5 and 7, and errors by depth.

Paper B's figures 4 and 5 are one here: the reference PET beside what each method makes of it,
frame by frame; which tracer it is depends on the data.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from petsynth.evaluation.domains import DOMAINS, LOWER_IS_BETTER
from petsynth.evaluation.evaluate import Evaluation
from petsynth.figures.distributions import (
    FEWEST_FOR_BOX,
    BoxPanel,
    HistogramPanel,
    draw_boxplots,
    draw_histograms,
)
from petsynth.figures.panels import Panel, View, draw_panels, mri_panel, pet_panel
from petsynth.report.images import ReportFigure, draw_example, unit_of_pet
from petsynth.report.tables import KIND_TITLES, title_of
from petsynth.slicing import Plane

_SUBJECTS = 5
"""Subjects of paper B's figure 2, as in the paper."""


def draw_paper_a_figures(evaluation: Evaluation) -> list[ReportFigure]:
    """Draw paper A's three figures."""
    settings, example = evaluation.settings, evaluation.example
    who = f"{example.participant} ({evaluation.data.diagnosis(example.participant)})"
    figures = [
        ReportFigure(
            "figure1_boxplots.png",
            _draw_boxes(evaluation),
            "Figure 1. Reference and compared PET on the middle axial slice, data range 255 = "
            f"{settings.pet_scale:.4g} {settings.unit}. A dot is a subject; boxes show quartiles, "
            f"from {FEWEST_FOR_BOX} subjects on.",
        )
    ]
    planes: tuple[tuple[int, Plane], ...] = ((2, "axial"), (3, "sagittal"))
    for number, plane in planes:
        note = "" if plane == "axial" else ", cut from the volume of predicted slices"
        figures.append(
            ReportFigure(
                f"figure{number}_{plane}.png",
                draw_example(evaluation, plane, who),
                f"Figure {number}. Middle {plane} slice of {who}{note}: MRI and reference PET, "
                "which are the same for all models, then for each model the synthetic PET, the "
                "difference with its sign (red: too high) and the absolute difference. The "
                "subject is the one with the median brain MAE over models.",
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
            f"dot is a subject; boxes show quartiles, from {FEWEST_FOR_BOX} subjects on.",
        ),
    ]


def _draw_boxes(evaluation: Evaluation) -> Figure:
    panels = [
        BoxPanel(
            f"{title_of(evaluation, name)}, "
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


def _draw_intensities(evaluation: Evaluation) -> Figure:
    data, names = evaluation.data, evaluation.participants[:_SUBJECTS]
    panels = [
        HistogramPanel("T1, conformed", {name: data.t1(name) for name in names}, "0 to 255"),
        HistogramPanel(f"{data.tracer} PET", {name: data.pet(name) for name in names}, data.unit),
    ]
    return draw_histograms(panels, title="Intensities", simulated=data.simulated)


def _draw_frames(evaluation: Evaluation) -> Figure:
    settings, example, data = evaluation.settings, evaluation.example, evaluation.data
    view, unit = View("axial", data.grid), unit_of_pet(evaluation)
    rows = []
    for frame in range(data.frames):
        reference = view.cut(_frame(example.frames, frame))
        panels: list[Panel | None] = [
            None if frame else mri_panel(view.cut(example.mri), view=view),
            pet_panel(reference, settings.pet_scale, unit, view=view, simulated=data.simulated),
        ]
        for name, frames in example.synthetic_frames.items():
            image = view.cut(_frame(frames, frame))
            panels.append(
                pet_panel(image, settings.pet_scale, unit, view=view, synthetic=True, title=name)
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
            f"{title_of(evaluation, name)}, smaller is better",
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
