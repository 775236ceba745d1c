"""What do MNI coordinates and the population's PET bring, each for itself?

    python benchmarks/location.py --data PREPARED --out RESULT.json [--steps 400] [--seeds 0 1]

Trains the pretrained models' network with each setting of `data.location`, from scratch, with the
same subjects, steps and seeds, and measures it on the test subjects, told nothing but the T1: mean
absolute error (SUVR) and Pearson r inside the brain, and the population PET deformed to each
subject beside it. Every figure is written to RESULT.json as soon as it is known, and a run that
goes on does not repeat it. Prints one JSON object as its last line.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from petsynth.config import parse_config, read_toml
from petsynth.data.prepared import PreparedData
from petsynth.evaluation.baselines import PopulationPet
from petsynth.inference import PredictionSettings, SubjectInfo, load_run
from petsynth.io.atomic import write_json
from petsynth.metrics.image import mae, pearson_r
from petsynth.training.trainer import train

LOCATIONS = ("none", "coordinates", "population", "both")


def measured(data: PreparedData, predictions: dict[str, NDArray]) -> dict[str, list[float]]:
    """Return the error and the correlation inside the brain, a figure for each subject."""
    found: dict[str, list[float]] = {"mae": [], "pearson_r": []}
    for name, predicted in predictions.items():
        pet, mask = data.static_pet(name), data.mask(name)
        found["mae"].append(mae(pet, predicted, mask))
        found["pearson_r"].append(pearson_r(pet, predicted, mask))
    return found


def trained(
    data: PreparedData, location: str, seed: int, options: argparse.Namespace
) -> dict[str, list[float]]:
    """Train with one setting and measure it."""
    content = read_toml(options.config) | {"seed": seed}
    content["data"] |= {"location": location}
    content["training"] |= {"epochs": options.steps, "max_steps": options.steps}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "run"
        train(parse_config(content), data, folder, threads=options.threads)
        run = load_run(folder)
        predictions = {}
        for name in data.participants("test"):
            known = SubjectInfo(data.mask(name))
            t1 = np.asarray(run.system.read_t1(data, name))
            predictions[name] = run.predict(t1, PredictionSettings(), known).mean
        shutil.rmtree(folder)
    return measured(data, predictions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", default="petsynth-fdg.toml")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    data = PreparedData(options.data)
    results: dict = {"steps": options.steps}
    if options.out.exists():
        results = json.loads(options.out.read_text())
    if "population_pet" not in results:
        population = PopulationPet(data)
        names = data.participants("test")
        results["population_pet"] = measured(
            data, {name: population.predict(name) for name in names}
        )
        write_json(options.out, results)
    for seed in options.seeds:
        for location in LOCATIONS:
            of_location = results.setdefault(location, {})
            if str(seed) not in of_location:
                of_location[str(seed)] = trained(data, location, seed, options)
                write_json(options.out, results)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
