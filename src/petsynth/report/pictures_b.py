"""Paper B's figures 1, 2, 4, 5 and 7 from an evaluation, and errors by depth.

Figures 4 and 5 are one here: the original beside what each method makes of it, frame by frame;
which tracer it is depends on the data.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from petsynth.evaluation.cohort import Evaluation
from petsynth.evaluation.measures import REGIONS, TITLES
from petsynth.figures.distributions import BoxPanel, HistogramPanel, draw_boxplots, draw_histograms
from petsynth.figures.panels import draw_panels, mri_panel, pet_panel
from petsynth.report.pictures import KIND_TITLES, Picture
from petsynth.slicing import middle_slice

_SUBJECTS = 5
"""Subjects of figure 2, as in the paper."""


def draw_pictures_b(evaluation: Evaluation) -> list[Picture]:
    """Draw the figures; for data that are prepared for paper B."""
    example, tracer = evaluation.example, evaluation.ruler.tracer
    simulated = " (simulated)" if evaluation.data.simulated else ""
    return [
        Picture(
            "paper-b_figure2_intensities.png",
            _draw_intensities(evaluation),
            f"Paper B, figure 2. Intensities of the conformed T1 and of the {tracer} PET"
            f"{simulated} of up to five subjects.",
        ),
        Picture(
            "paper-b_figures4-5_frames.png",
            _draw_frames(evaluation),
            f"Paper B, figures 1, 4 and 5. Middle axial slice of {example.participant}: T1, "
            f"{tracer} PET{simulated} and what each model makes of it, frame by frame.",
        ),
        Picture(
            "paper-b_figure7_distributions.png",
            _draw_distributions(evaluation),
            f"Paper B, figure 7. Intensities of the real{simulated} and the synthetic PET of "
            f"{example.participant}, all voxels of all frames. Means over all subjects: share of "
            "synthetic voxels beyond the real range, and Wasserstein distance.",
        ),
        Picture(
            "paper-b_depth.png",
            _draw_depth(evaluation),
            "Mean absolute error by distance from the brain's surface (paper B, section 5.2). A "
            "dot is a subject; boxes show quartiles.",
        ),
    ]


def _draw_intensities(evaluation: Evaluation) -> Figure:
    data, names = evaluation.data, evaluation.participants[:_SUBJECTS]
    panels = [
        HistogramPanel("T1, conformed", {name: data.t1(name) for name in names}, "0 to 255"),
        HistogramPanel(f"{data.tracer} PET", {name: data.pet(name) for name in names}, data.unit),
    ]
    return draw_histograms(panels, title="Intensities", simulated=data.simulated)


def _draw_frames(evaluation: Evaluation) -> Figure:
    ruler, example, data = evaluation.ruler, evaluation.example, evaluation.data
    rows = []
    for frame in range(data.frames):
        real = _frame(example.frames, frame)
        panels = [
            mri_panel(middle_slice(example.mri)),
            pet_panel(middle_slice(real), ruler.pet_scale, ruler.unit, simulated=data.simulated),
        ]
        for name, frames in example.synthetic_frames.items():
            image = middle_slice(_frame(frames, frame))
            panels.append(pet_panel(image, ruler.pet_scale, ruler.unit, synthetic=True, title=name))
        rows.append((f"frame {frame + 1} of {data.frames}", panels))
    return draw_panels(
        rows, title=f"{ruler.tracer} PET of {example.participant}", simulated=data.simulated
    )


def _draw_distributions(evaluation: Evaluation) -> Figure:
    example, data = evaluation.example, evaluation.data
    panels = []
    for name, frames in example.synthetic_frames.items():
        real = example.frames if frames.shape == example.frames.shape else example.pet
        beyond, distance = (
            np.nanmean(evaluation.values(name, "intensities", measure))
            for measure in ("out_of_range", "distance")
        )
        panels.append(
            HistogramPanel(
                f"{name}\n{beyond:.2%} out of range, distance {distance:.4g} {data.unit}",
                {"real": real, "synthetic": frames},
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
            f"{TITLES[name]} ({evaluation.ruler.unit}), smaller is better",
            {method.name: evaluation.values(method.name, "depth", name) for method in shown},
        )
        for name in REGIONS["depth"]
    ]
    return draw_boxplots(
        panels,
        {method.name: KIND_TITLES[method.kind] for method in shown},
        title="Error by distance from the brain's surface",
        simulated=evaluation.data.simulated,
    )


def _frame(frames: np.ndarray, number: int) -> np.ndarray:
    return frames if frames.ndim == 3 else frames[..., number]
