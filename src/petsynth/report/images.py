"""Images of an evaluation: one subject, the best, the median and the worst, errors in MNI space."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from petsynth.data.reference import reference_region
from petsynth.evaluation.evaluate import Evaluation
from petsynth.evaluation.examples import Example
from petsynth.evaluation.mni_space import ErrorMap
from petsynth.figures.panels import (
    SIGNED_COLOURS,
    SYNTHETIC_LABEL,
    Panel,
    View,
    difference_panel,
    draw_panels,
    mri_panel,
    pet_panel,
    signed_panel,
    unit_label,
)
from petsynth.slicing import ALL_PLANES, Plane

_DIFFERENCE_FRACTION = 0.5
"""Colours of the difference end at this fraction of the PET scale."""
MOST_MODELS = 4
"""Models that figures of several subjects or regions show: the first ones that were named."""
_RANKS = {"best": "smallest", "median": "median", "worst": "largest"}


@dataclass(frozen=True)
class ReportFigure:
    """A figure with its file name and caption."""

    name: str
    figure: Figure
    caption: str


def draw_subjects(evaluation: Evaluation) -> list[ReportFigure]:
    """Draw the best, the median and the worst subject, each once; none where there is only one."""
    if len(evaluation.examples) < 2:
        return []
    view, shown = View("axial", evaluation.data.grid), shown_models(evaluation)
    rows = []
    ranks: dict[str, list[str]] = {}  # of two subjects the better one is the median, too
    for rank, example in evaluation.examples.items():
        ranks.setdefault(example.participant, []).append(_RANKS[rank])
    examples = {each.participant: each for each in evaluation.examples.values()}
    for participant, example in examples.items():
        panels: list[Panel | None] = [*_anatomy(evaluation, example, view)]
        for name in shown:
            if name not in example.synthetic_pets:  # another tool's, which lacks this subject
                panels += [None, None]
                continue
            synthetic, signed, _ = _compared(evaluation, example, view, name)
            panels += [dataclasses.replace(synthetic, title=f"Synthetic PET\n{name}"), signed]
        rows.append((f"{' and '.join(ranks[participant])} error\n{participant}", panels))
    settings = evaluation.settings
    figure = draw_panels(
        rows,
        title=f"{settings.tracer} PET of {len(rows)} subjects, middle axial slice",
        simulated=evaluation.data.simulated,
    )
    caption = (
        "Subjects with the smallest, the median and the largest brain MAE, averaged over models: "
        f"MRI, reference PET, and of {name_models(shown, evaluation)} the synthetic PET and its "
        "difference from the reference (red: too high, blue: too low)."
    )
    return [ReportFigure("subjects.png", figure, caption)]


def draw_error_maps(evaluation: Evaluation) -> list[ReportFigure]:
    """Draw where in MNI space the models err; none where no subject was brought there."""
    maps = {name: evaluation.error_maps[name] for name in shown_models(evaluation) if
            name in evaluation.error_maps}  # fmt: skip
    if not maps:
        return []
    highest = max(float(np.nanmax(each.absolute.data)) for each in maps.values())
    limit = (
        max(float(np.nanpercentile(np.abs(each.error.data), 99.5)) for each in maps.values())
        or highest
    )
    unit = unit_of_pet(evaluation)
    rows = [(name, _map_panels(each, limit, highest, unit)) for name, each in maps.items()]
    subjects = next(iter(maps.values())).subjects
    figure = draw_panels(
        rows,
        title=f"Error in MNI space, mean over {subjects} scans",
        simulated=evaluation.data.simulated,
    )
    caption = (
        f"Synthetic minus reference PET of {name_models(list(maps), evaluation)}, deformed to MNI "
        f"space (ICBM 2009a symmetric), mean over {subjects} scans, where at least half of them "
        "have brain. Left: with its sign (red: too high); right: the absolute difference. Maps of "
        "few scans show these scans more than the model."
    )
    return [ReportFigure("error_maps.png", figure, caption)]


def _map_panels(found: ErrorMap, limit: float, highest: float, unit: str) -> list[Panel]:
    """Return three planes of a map with its sign, and three without."""
    panels = []
    for kind, volume, colours, limits in (
        ("Mean error", found.error, SIGNED_COLOURS, (-limit, limit)),
        ("Mean absolute error", found.absolute, "viridis", (0.0, highest)),
    ):
        for plane in ALL_PLANES:
            view = View(plane, volume.grid)
            title, image = f"{kind}\n{plane}", view.cut(volume.data)
            panels.append(
                Panel(image, title, colours, limits, unit, label=SYNTHETIC_LABEL, view=view)
            )
    return panels


def draw_example(evaluation: Evaluation, plane: Plane, who: str) -> Figure:
    """Draw a slice of the median subject: T1 and reference once, then a row per model."""
    settings, example = evaluation.settings, evaluation.example
    view = View(plane, evaluation.data.grid)
    anatomy = _anatomy(evaluation, example, view)
    drawn: list[tuple[str, list[Panel | None]]] = []
    for name in example.synthetic_pets:
        free: list[Panel | None] = [None] * len(anatomy)  # T1 and reference are shown once
        start = free if drawn else anatomy
        drawn.append((name, [*start, *_compared(evaluation, example, view, name)]))
    return draw_panels(
        drawn,
        title=f"{settings.tracer} PET of {who}, middle {plane} slice",
        simulated=evaluation.data.simulated,
    )


def _anatomy(evaluation: Evaluation, example: Example, view: View) -> list[Panel | None]:
    """Return the T1 and the reference PET of a subject."""
    return [
        mri_panel(view.cut(example.mri), view=view),
        pet_panel(
            view.cut(example.pet),
            evaluation.settings.pet_scale,
            unit_of_pet(evaluation),
            view=view,
            simulated=evaluation.data.simulated,
        ),
    ]


def _compared(evaluation: Evaluation, example: Example, view: View, name: str) -> list[Panel]:
    """Return a model's PET of a subject, its signed and its absolute difference."""
    highest, unit = evaluation.settings.pet_scale, unit_of_pet(evaluation)
    pet, synthetic_pet = view.cut(example.pet), view.cut(example.synthetic_pets[name])
    limit = _DIFFERENCE_FRACTION * highest
    return [
        pet_panel(synthetic_pet, highest, unit, synthetic=True, view=view),
        signed_panel(pet, synthetic_pet, limit, unit, view=view),
        difference_panel(pet, synthetic_pet, limit, unit, view=view),
    ]


def shown_models(evaluation: Evaluation) -> list[str]:
    """Return the models that a figure of several subjects or regions has room for."""
    return [method.name for method in evaluation.of_kind("model")][:MOST_MODELS]


def name_models(shown: Sequence[str], evaluation: Evaluation) -> str:
    """Name models in a caption, and say if there are more."""
    left = len(evaluation.of_kind("model")) - len(shown)
    more = f" (the first {len(shown)} of {len(shown) + left} models)" if left else ""
    return ", ".join(shown) + more


def unit_of_pet(evaluation: Evaluation) -> str:
    """Return the unit of the PET with its reference region, as every panel has it."""
    return unit_label(evaluation.settings.unit, reference_region(evaluation.data))
