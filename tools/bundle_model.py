"""Bundle a trained run with the package: half precision, with licence and calibration.

    python tools/bundle_model.py NAME RUN PREPARED

The expected error becomes a standard deviation by one factor, measured on the validation and the
training subjects of the prepared data: the root mean square of the error over what was expected,
inside the brain. Most of that error is what no T1 tells, such as a level or how much tau. It cannot
be learnt by heart from the noise-free target, and a dozen validation subjects tell too little of
it.

Prints the checksum that belongs into `petsynth.inference.pretrained`. The model card is written by
hand.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

import numpy as np

from petsynth.data.prepared import PreparedData
from petsynth.inference.run import CONFIG, WEIGHTS, Run, load_run
from petsynth.networks.weights import save_weights
from petsynth.systems.base import PredictionSettings, SubjectInfo
from petsynth.systems.unet25d.system import NORMAL_ERROR_TO_STD

LICENCE = "CC BY-SA 3.0 (trained on IXI, brain-development.org)"
PRETRAINED = Path(__file__).parents[1] / "src/petsynth/pretrained"


def main(name: str, run_folder: str, prepared: str) -> None:
    """Write the folder of the pretrained model."""
    run, data = load_run(run_folder), PreparedData(prepared)
    calibration = {"error_to_std": error_to_std(run, data)}
    metadata = run.metadata | {"name": name, "licence": LICENCE} | calibration
    target = PRETRAINED / name
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(run.folder / CONFIG, target / CONFIG)
    shutil.copy(run.folder / "data.json", target / "data.json")
    save_weights(target / WEIGHTS, run.generator.half(), metadata)
    checksum = hashlib.sha256((target / WEIGHTS).read_bytes()).hexdigest()
    print(f"error_to_std {metadata['error_to_std']}\n{name}: {checksum}")


def error_to_std(run: Run, data: PreparedData) -> float:
    """Return the factor that makes standard deviations of expected errors."""
    factor = run.metadata.get("error_to_std", NORMAL_ERROR_TO_STD)
    squares = []
    for name in [*data.participants("validation"), *data.participants("train")]:
        known = SubjectInfo(data.mask(name), data.covariates(name))
        prediction = run.predict(np.asarray(data.mri(name)), PredictionSettings(), known)
        mask, pet = np.asarray(data.mask(name)), np.asarray(data.static_pet(name))
        assert prediction.std is not None
        expected = prediction.std[mask] / factor
        squares.append(np.mean(((pet[mask] - prediction.mean[mask]) / expected) ** 2))
    return round(float(np.sqrt(np.mean(squares))), 4)


if __name__ == "__main__":
    main(*sys.argv[1:])
