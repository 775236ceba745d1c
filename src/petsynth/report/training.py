"""Loss curves of the models of an evaluation, from the logs in their run folders."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from petsynth.errors import InputError
from petsynth.evaluation.models import Model
from petsynth.figures.curves import CurvePanel, draw_curves
from petsynth.io.text import exists, read_text
from petsynth.report.images import ReportFigure
from petsynth.training.run_folder import RunFolder

_NO_LOSS = ("step", "epoch", "seconds")
_VALIDATION = "brain_mae"


def draw_training(models: Sequence[Model]) -> list[ReportFigure]:
    """Draw the losses by step, and the error on the validation subjects where it was measured.

    Pretrained models come without their logs and are left out, as is a log that cannot be read.
    """
    panels = []
    for model in models:
        folder = RunFolder(model.run.folder)
        losses = _read(folder.train_log)
        steps = losses.get("step")
        curves = {name: values for name, values in losses.items() if name not in _NO_LOSS}
        if steps is not None and len(steps) and curves:
            shown = {name: (steps, values) for name, values in curves.items()}
            panels.append(CurvePanel(f"{model.name}: training", shown, "loss"))
        validation = _read(folder.validation_log)
        if len(validation.get("step", ())) and _VALIDATION in validation:
            curve = {"brain MAE": (validation["step"], validation[_VALIDATION])}
            label = f"validation error, {model.run.unit}"
            panels.append(CurvePanel(f"{model.name}: validation", curve, label))
    if not panels:
        return []
    figure = draw_curves(
        panels,
        title="Training of the models",
        simulated=any(model.run.simulated for model in models),
    )
    caption = (
        "Training of the models: means of the loss terms between two rows of train_log.csv, and "
        "the error on the validation subjects from validation_log.csv. Logarithmic where all "
        "values are positive. Models without a log (pretrained ones) are not shown."
    )
    return [ReportFigure("training.png", figure, caption)]


def _read(path: Path) -> dict[str, NDArray[np.float64]]:
    """Return the columns of a log; none where it is missing or damaged."""
    try:
        if not exists(path):
            return {}
        rows = list(csv.DictReader(io.StringIO(read_text(path))))
        columns = rows[0] if rows else {}
        return {name: np.array([float(row[name]) for row in rows]) for name in columns}
    except (InputError, ValueError, TypeError, KeyError, csv.Error):
        return {}
