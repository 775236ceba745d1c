"""Do the intervals of a stochastic model's samples hold as many voxels as they say?

    python benchmarks/spread_coverage.py --data PREPARED --model RUN [--samples 20]

For each test subject, mean and standard deviation over the samples; of the voxels inside the brain,
the fraction whose reference PET lies within the interval that would hold 50 % and 90 % of a normal
distribution. A calibrated spread holds about as many; a spread that is too small holds fewer.
Prints one JSON object as its last line: the fraction for each interval, over all subjects and the
lowest and highest subject, the spread over the error (root mean squares), and the seconds per
subject of all samples.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from scipy import stats

from petsynth.data.prepared import PreparedData
from petsynth.inference.run import choose_device, load_run
from petsynth.systems.base import PredictionSettings, SubjectInfo

INTERVALS = (0.5, 0.9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    choose_device("cpu", options.threads)
    data, run = PreparedData(options.data), load_run(options.model)
    held: dict[float, list[float]] = {each: [] for each in INTERVALS}
    ratios, seconds = [], []
    settings = PredictionSettings(samples=options.samples)
    for name in data.participants("test"):
        mask = np.asarray(data.mask(name))
        known = SubjectInfo(mask, data.covariates(name))
        start = time.perf_counter()
        prediction = run.predict(np.asarray(data.mri(name)), settings, known)
        seconds.append(time.perf_counter() - start)
        assert prediction.std is not None
        std = prediction.std[mask]
        error = np.abs(prediction.mean - data.static_pet(name))[mask]
        for each, fractions in held.items():
            fractions.append(float((error <= stats.norm.ppf((1 + each) / 2) * std).mean()))
        ratios.append(float(np.sqrt((std**2).mean() / (error**2).mean())))
    found = {
        f"{each:.0%}": {
            "mean": round(float(np.mean(fractions)), 3),
            "lowest": round(min(fractions), 3),
            "highest": round(max(fractions), 3),
        }
        for each, fractions in held.items()
    }
    rest = {
        "spread_over_error": round(float(np.mean(ratios)), 3),
        "samples": options.samples,
        "subjects": len(ratios),
        "seconds_per_subject": round(float(np.median(seconds)), 1),
    }
    print(json.dumps(found | rest))


if __name__ == "__main__":
    main()
