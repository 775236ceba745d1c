"""Is a pretrained model's standard deviation as large as its error? And a picture.

On the test subjects of prepared data: the voxels of all brains are sorted by the predicted
standard deviation into ten bins; in each, the root mean square of the error is set against the
predicted standard deviation (the reliability curve), with the fraction of voxels whose error is
below one and two of them. Writes the curve and a picture of one subject; prints one JSON object as
its last line.

    python benchmarks/pretrained_uncertainty.py --data PREPARED --figures docs/images [--model NAME]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from petsynth.data.prepared import PreparedData
from petsynth.figures.panels import draw_panels, mri_panel, pet_panel, uncertainty_panel
from petsynth.figures.save import save_png
from petsynth.inference.pretrained import load_model
from petsynth.inference.run import Run
from petsynth.log import Progress, messages_on_stderr
from petsynth.slicing import Plane, middle_slice
from petsynth.systems.base import PredictionSettings, SubjectInfo

BINS = 10
ROWS: tuple[Plane, ...] = ("axial", "coronal", "sagittal")


def known_of(data: PreparedData, name: str) -> SubjectInfo:
    """Return what the model may know of a subject beside the T1."""
    return SubjectInfo(data.mask(name), data.covariates(name))


def gather(data: PreparedData, run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Return predicted standard deviation and absolute error of every brain voxel."""
    deviations, errors = [], []
    names = data.participants("test")
    with Progress("predicting", total=len(names)) as progress:
        for name in names:
            prediction = run.predict(
                np.asarray(data.mri(name)), PredictionSettings(), known_of(data, name)
            )
            assert prediction.std is not None
            mask = np.asarray(data.mask(name))
            deviations.append(prediction.std[mask])
            errors.append(np.abs(prediction.mean - data.static_pet(name))[mask])
            progress.advance()
    return np.concatenate(deviations), np.concatenate(errors)


def reliability(deviation: np.ndarray, error: np.ndarray) -> list[dict[str, float]]:
    """Return the curve, a point per bin of equally many voxels."""
    order = np.array_split(np.argsort(deviation), BINS)
    return [
        {
            "predicted": round(float(np.sqrt((deviation[part] ** 2).mean())), 4),
            "observed": round(float(np.sqrt((error[part] ** 2).mean())), 4),
        }
        for part in order
    ]


def draw_curve(points: list[dict[str, float]], subjects: int, path: Path) -> None:
    """Draw predicted against observed."""
    figure, axes = plt.subplots(figsize=(4, 4), layout="constrained")
    predicted, observed = ([point[name] for point in points] for name in ("predicted", "observed"))
    limit = 1.1 * max(*predicted, *observed)
    axes.plot([0, limit], [0, limit], color="0.6", linestyle="--", label="as large as the error")
    axes.plot(predicted, observed, marker="o", label=f"{subjects} test subjects (simulated PET)")
    axes.set(xlim=(0, limit), ylim=(0, limit))
    axes.set(xlabel="predicted standard deviation (SUVR)", ylabel="root mean square error (SUVR)")
    axes.legend()
    save_png(figure, path)


def draw_subject(data: PreparedData, run: Run, path: Path) -> None:
    """Show T1, simulated PET, synthetic PET and standard deviation of the first test subject."""
    name = data.participants("test")[0]
    prediction = run.predict(np.asarray(data.mri(name)), PredictionSettings(), known_of(data, name))
    assert prediction.std is not None
    highest = float(np.percentile(prediction.std, 99.9))
    rows = []
    for plane in ROWS:
        mri, pet, mean, std = (
            np.asarray(middle_slice(image, plane))
            for image in (
                data.mri(name),
                data.static_pet(name),
                prediction.mean,
                prediction.std,
            )
        )
        panels = (
            mri_panel(mri),
            pet_panel(pet, run.pet_scale, run.unit, simulated=True),
            pet_panel(mean, run.pet_scale, run.unit, synthetic=True),
            uncertainty_panel(std, highest, run.unit),
        )
        rows.append((plane, panels))
    figure = draw_panels(rows, title=f"{run.name} on a test subject (IXI)", simulated=True)
    save_png(figure, path, dots_per_inch=70)


@messages_on_stderr()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--figures", type=Path, required=True)
    parser.add_argument("--model", default="petsynth-fdg")
    args = parser.parse_args()
    data, run = PreparedData(args.data), load_model(args.model)
    deviation, error = gather(data, run)
    points = reliability(deviation, error)
    subjects, figure = len(data.participants("test")), f"pretrained-{data.tracer.lower()}"
    draw_curve(points, subjects, args.figures / f"{figure}-reliability.png")
    draw_subject(data, run, args.figures / f"{figure}-panel.png")
    result = {
        "model": run.name,
        "subjects": subjects,
        "curve": points,
        "below_one": round(float((error < deviation).mean()), 3),
        "below_two": round(float((error < 2 * deviation).mean()), 3),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
