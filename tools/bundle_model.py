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

from petsynth.data.prepared import PreparedData
from petsynth.inference.run import CONFIG, WEIGHTS, load_run
from petsynth.networks.weights import save_weights
from petsynth.systems.base import TrainedGenerator
from petsynth.training.calibration import measure_std_factor

LICENCE = "CC BY-SA 3.0 (trained on IXI, brain-development.org)"
PRETRAINED = Path(__file__).parents[1] / "src/petsynth/pretrained"


def main(name: str, run_folder: str, prepared: str) -> None:
    """Write the folder of the pretrained model."""
    run, data = load_run(run_folder), PreparedData(prepared)
    model = TrainedGenerator(run.generator, run.device, run.pet_scale, run.metadata)
    measured = [*data.participants("validation"), *data.participants("train")]
    factor = measure_std_factor(run.system, model, data, measured)
    calibration = {"error_to_std": round(factor, 4)}
    metadata = run.metadata | {"name": name, "licence": LICENCE} | calibration
    target = PRETRAINED / name
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(run.folder / CONFIG, target / CONFIG)
    shutil.copy(run.folder / "data.json", target / "data.json")
    save_weights(target / WEIGHTS, run.generator.half(), metadata)
    checksum = hashlib.sha256((target / WEIGHTS).read_bytes()).hexdigest()
    print(f"error_to_std {metadata['error_to_std']}\n{name}: {checksum}")


if __name__ == "__main__":
    main(*sys.argv[1:])
