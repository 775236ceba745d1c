"""How good is a pretrained model on simulated PET, told what is known of a subject and not told?

    python benchmarks/pretrained_told.py --data PREPARED --models petsynth-av1451 [RUN ...] \\
        [--split test]

Inside the brain of each subject of the split: Pearson r of prediction and PET, both smoothed to
`RESOLUTION_MM`, mean absolute error and bias (SUVR) as they are; r and error against the noise-free
part of the simulated PET, which T1, age, diagnosis and status determine; and the predicted standard
deviation over the error (root mean squares). Once with the covariates of the data, once with the T1
alone. Prints one JSON object as its last line, means over the subjects.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from petsynth.data.prepared import PreparedData
from petsynth.inference.pretrained import load_model
from petsynth.inference.run import choose_device
from petsynth.metrics.image import mae, pearson_r
from petsynth.systems.base import Prediction, PredictionSettings, SubjectInfo
from pretrained_model import PET_FWHM_MM, RESOLUTION_MM, smooth


def measured(
    made: Prediction, pet: NDArray, truth: NDArray | None, mask: NDArray, mm: float
) -> dict[str, float]:
    """Return the metrics of one prediction."""
    mean, std = made.mean, made.std
    extra = float(np.sqrt(RESOLUTION_MM**2 - PET_FWHM_MM**2))
    blurred = smooth(mean, extra, mm)
    found = {
        "r": pearson_r(smooth(pet, extra, mm), blurred, mask),
        "mae": mae(pet, mean, mask),
        "bias": float((mean - pet)[mask].mean()),
    }
    if truth is not None:
        found["r_noise_free"] = pearson_r(smooth(truth, extra, mm), blurred, mask)
        found["mae_noise_free"] = mae(truth, mean, mask)
    if std is not None:
        squares = (std[mask] ** 2).mean() / ((mean - pet)[mask] ** 2).mean()
        found["std_over_error"] = float(np.sqrt(squares))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--split", default="test", choices=("test", "validation"))
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    choose_device("cpu", options.threads)
    data = PreparedData(options.data)
    mm = data.grid.voxel_mm[0]
    found: dict[str, dict[str, dict[str, float]]] = {}
    for model in options.models:
        run = load_model(model)
        values: dict[str, dict[str, list[float]]] = {
            told: defaultdict(list) for told in ("told", "T1 alone")
        }
        for name in data.participants(options.split):
            mask, pet = np.asarray(data.mask(name)), np.asarray(data.static_pet(name))
            truth = data.noise_free(name)
            truth = None if truth is None else np.asarray(truth)
            for told, of_told in values.items():
                covariates = data.covariates(name) if told == "told" else {}
                t1 = np.asarray(data.mri(name))
                made = run.predict(t1, PredictionSettings(), SubjectInfo(mask, covariates))
                for key, value in measured(made, pet, truth, mask, mm).items():
                    of_told[key].append(value)
        found[model] = {
            told: {key: round(float(np.mean(each)), 4) for key, each in of_told.items()}
            for told, of_told in values.items()
        }
        print(model, json.dumps(found[model]), flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
