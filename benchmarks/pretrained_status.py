"""Does a pretrained amyloid or tau model tell who is positive, beyond the atrophy?

    python benchmarks/pretrained_status.py --data PREPARED --model petsynth-av45

The mean SUVR of the tracer's cortex, in the (simulated) PET and in the prediction, over the test
subjects: their correlation over everyone, within controls and within patients, and how widely both
spread. A conditional mean is close to the group's level in everyone and spreads less than the PET.
Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from petsynth.data.prepared import PreparedData
from petsynth.inference.pretrained import load_model
from petsynth.simulation.regions import REGIONS
from petsynth.systems.base import PredictionSettings
from pretrained_model import TestSubject, ixi_subjects

TARGETS = {
    "AV45": ("frontal", "parietal", "precuneus", "cingulate", "lateral_temporal"),
    "AV1451": ("mesial_temporal", "lateral_temporal"),
}
"""Cortical regions whose names hold one of these words."""


def target_mean(image: NDArray, subject: TestSubject, regions: NDArray, tracer: str) -> float:
    """Return the mean of an image over the tracer's cortex."""
    codes = [
        code
        for code in np.unique(regions)
        if code and any(word in REGIONS[code].name for word in TARGETS[tracer])
    ]
    return float(image[np.isin(regions, codes) & subject.mask].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", required=True)
    args = parser.parse_args()
    data, run = PreparedData(args.data), load_model(args.model)
    affine = np.asarray(data.grid.affine)
    pairs, diagnoses = [], []
    for subject in ixi_subjects(data):
        regions = subject.regions(affine)
        predicted = run.predict(np.asarray(subject.mri), PredictionSettings()).mean
        pairs.append(
            [
                target_mean(image, subject, regions, data.tracer)
                for image in (subject.pet, predicted)
            ]
        )
        diagnoses.append(data.diagnosis(subject.name))
    values = np.array(pairs)
    result: dict[str, object] = {"tracer": data.tracer, "regions": TARGETS[data.tracer]}
    for group in ("everyone", "CN", "AD"):
        inside = np.array([group in ("everyone", each) for each in diagnoses])
        pet, predicted = values[inside].T
        result[group] = {
            "subjects": int(inside.sum()),
            "r": round(float(np.corrcoef(pet, predicted)[0, 1]), 3),
            "pet_mean_std": [round(float(pet.mean()), 3), round(float(pet.std(ddof=1)), 3)],
            "predicted_mean_std": [
                round(float(predicted.mean()), 3),
                round(float(predicted.std(ddof=1)), 3),
            ],
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
