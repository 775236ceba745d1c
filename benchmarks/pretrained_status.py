"""Does a pretrained amyloid or tau model tell who is positive: from the T1, and if it is told?

    python benchmarks/pretrained_status.py --data PREPARED --model petsynth-av45

The mean SUVR of the tracer's cortex, in the (simulated) PET and in the prediction, over the test
subjects: their correlation over everyone, within controls and within patients, and how widely both
spread. A conditional mean is close to the group's level in everyone and spreads less than the PET.
Once from the T1 alone and once with the covariates of the prepared data. Prints one JSON object.
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
from petsynth.systems.base import PredictionSettings, SubjectInfo
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


def status_of(data: PreparedData, name: str) -> float:
    """Return 1 for positive, -1 for negative: amyloid or tau, whichever the tracer shows."""
    known = data.covariates(name)
    return known["amyloid" if data.tracer == "AV45" else "tau"]


def summarise(values: NDArray, diagnoses: list[str], status: NDArray) -> dict[str, object]:
    """Compare predicted with measured SUVR, by group, and with the true status.

    A PET is called positive above the middle between the mean measured SUVR of the positive and of
    the negative.
    """
    result: dict[str, object] = {}
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
    pet, predicted = values.T
    threshold = (pet[status > 0].mean() + pet[status < 0].mean()) / 2
    result["threshold"] = round(float(threshold), 3)
    for name, image in (("pet", pet), ("predicted", predicted)):
        sensitivity = float((image[status > 0] > threshold).mean())
        specificity = float((image[status < 0] <= threshold).mean())
        result[f"{name}_sensitivity_specificity"] = [round(sensitivity, 3), round(specificity, 3)]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", required=True)
    args = parser.parse_args()
    data, run = PreparedData(args.data), load_model(args.model)
    affine = np.asarray(data.grid.affine)
    subjects = ixi_subjects(data)
    diagnoses = [data.diagnosis(subject.name) for subject in subjects]
    status = np.array([status_of(data, subject.name) for subject in subjects])
    result: dict[str, object] = {"tracer": data.tracer, "regions": TARGETS[data.tracer]}
    for kind in ("T1 alone", "covariates"):
        pairs = []
        for subject in subjects:
            regions = subject.regions(affine)
            told = subject.known if kind == "covariates" else SubjectInfo(subject.mask)
            predicted = run.predict(np.asarray(subject.mri), PredictionSettings(), told).mean
            pairs.append(
                [
                    target_mean(image, subject, regions, data.tracer)
                    for image in (subject.pet, predicted)
                ]
            )
        result[kind] = summarise(np.array(pairs), diagnoses, status)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
