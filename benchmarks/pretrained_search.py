"""Which size and loss is best for the pretrained model: candidate runs on the validation subjects.

Measures each run as `pretrained_model.py` measures the pretrained model (everything smoothed to
8 mm, scaled to the same mean, inside the brain), but on the validation subjects of the prepared
data, so that the test subjects are kept for the final comparison. The error before smoothing is
that of the training's own validation. Prints one JSON object.

    python benchmarks/pretrained_search.py --data PREPARED --runs RUN [RUN ...]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd

from petsynth.data.prepared import PreparedData
from petsynth.evaluation.domains import choose_data_range
from petsynth.inference.pretrained import load_model
from petsynth.log import Progress, messages_on_stderr
from petsynth.systems.base import PredictionSettings
from pretrained_model import ixi_subjects, measure

FIGURES = (
    *("r", "ssim_scaled", "regional_r", "regional_error_percent_scaled", "grey_to_white"),
    *("ssim_unscaled", "mae_unscaled"),
)


@messages_on_stderr()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, nargs="+", required=True)
    args = parser.parse_args()
    data = PreparedData(args.data)
    affine = np.asarray(data.grid.affine)
    subjects = ixi_subjects(data, "validation")
    data_range = choose_data_range(data.tracer, data.unit, data.pet_scale)
    table = {}
    with Progress("measuring", total=len(args.runs) * len(subjects)) as progress:
        for folder in args.runs:
            run = load_model(folder)
            rows, seconds = [], []
            for subject in subjects:
                start = time.perf_counter()
                pet = run.predict(np.asarray(subject.mri), PredictionSettings(), subject.known).mean
                seconds.append(time.perf_counter() - start)
                rows.append(measure(subject, pet, affine, data_range))
                progress.advance(note=folder.name)
            last = pd.read_csv(folder / "validation_log.csv").iloc[-1]
            table[folder.name] = {
                "parameters": sum(each.numel() for each in run.generator.parameters()),
                "steps": int(last["step"]),
                **{name: round(float(np.mean([row[name] for row in rows])), 4) for name in FIGURES},
                "brain_mae": round(float(last["brain_mae"]), 4),
                "seconds": round(float(np.median(seconds)), 2),
            }
    print(json.dumps({"validation_subjects": len(subjects), "runs": table}))


if __name__ == "__main__":
    main()
