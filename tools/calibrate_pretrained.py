"""Measure anew how large a pretrained model's standard deviation should be.

    python tools/calibrate_pretrained.py NAME PREPARED

Whatever changes the mean (`tools/correct_pretrained.py`, `tools/shrink_pretrained.py`) or the
simulation changes the error, too. As `tools/bundle_model.py` does, this measures the validation and
the training subjects of the prepared data and writes the factor into the weights' metadata; mean
and pattern stay. Prints the factor before and after, and the new checksum for
`petsynth.inference.pretrained`.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from petsynth.data.prepared import PreparedData
from petsynth.inference.pretrained import load_model
from petsynth.inference.run import WEIGHTS
from petsynth.io.atomic import atomic_path
from petsynth.networks.weights import copy_weights
from petsynth.systems.base import TrainedGenerator
from petsynth.training.calibration import measure_std_factor


def main(name: str, prepared: str) -> None:
    """Write the factor into the pretrained model's weights file."""
    run, data = load_model(name), PreparedData(prepared)
    model = TrainedGenerator(run.generator, run.device, run.pet_scale, run.metadata)
    measured = [*data.participants("validation"), *data.participants("train")]
    factor = round(measure_std_factor(run.system, model, data, measured), 4)
    print(f"{len(measured)} subjects: {run.metadata['error_to_std']} -> {factor}")
    weights: Path = run.folder / WEIGHTS
    with atomic_path(weights) as temporary:
        copy_weights(weights, temporary, {"error_to_std": factor})
    print(f"{name}: {hashlib.sha256(weights.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
