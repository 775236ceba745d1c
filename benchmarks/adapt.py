"""How many pairs of a new site are enough, with pretrained weights and without?

    python benchmarks/adapt.py --data SITE_PREPARED [--pairs 5 10 20 40 87]

SITE_PREPARED is a simulated second site (another pattern, point spread and T1s), prepared at the
model's voxel size with training and test subjects. For each number of training pairs and each seed
the model is trained from scratch and from the pretrained weights; the error is the mean absolute
error inside the brain of the test subjects. The unadapted model and the deformed population PET are
measured on the same subjects. Prints one JSON object as its last line.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

from petsynth.config import parse_config, read_toml
from petsynth.data.prepared import PreparedData
from petsynth.evaluation.population import PopulationPet
from petsynth.inference import PredictionSettings, SubjectInfo, load_model, load_run
from petsynth.inference.pretrained import find_weights
from petsynth.io.bids.metadata import write_table
from petsynth.io.text import read_table
from petsynth.metrics.image import mae
from petsynth.training.initial_weights import Start, adapt_config
from petsynth.training.trainer import train


def site_with(data: PreparedData, pairs: int, seed: int, folder: Path) -> PreparedData:
    """Return the prepared data with fewer training subjects, without copying arrays."""
    shutil.copytree(data.folder, folder, ignore=shutil.ignore_patterns("arrays", "sub-*"))
    (folder / "arrays").symlink_to((data.folder / "arrays").resolve())
    table = read_table(folder / "split.tsv")
    train_rows = table.index[table["split"] == "train"]
    kept = np.random.default_rng(seed).permutation(train_rows)[:pairs]
    rows = [index for index in table.index if index not in train_rows or index in kept]
    write_table(folder / "split.tsv", table.loc[rows])
    return PreparedData(folder)


def error_of(run, data: PreparedData) -> float:
    """Return the mean over test subjects of the mean absolute error inside the brain."""
    errors = []
    for name in data.participants("test"):
        t1 = np.asarray(run.system.read_t1(data, name))
        known = SubjectInfo(data.mask(name), data.covariates(name))
        pet = run.predict(t1, PredictionSettings(), known).mean
        errors.append(mae(data.static_pet(name), pet, data.mask(name)))
    return float(np.mean(errors))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pretrained", default="petsynth-fdg")
    parser.add_argument("--config", default="petsynth-fdg.toml")
    parser.add_argument("--pairs", type=int, nargs="+", default=[5, 10, 20, 40, 87])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    data = PreparedData(options.data)
    population = PopulationPet(data)
    results = {
        "unadapted": error_of(load_model(options.pretrained), data),
        "population_pet": float(
            np.mean(
                [
                    mae(data.static_pet(name), population.predict(name), data.mask(name))
                    for name in data.participants("test")
                ]
            )
        ),
        "unit": data.unit,
        "test_subjects": len(data.participants("test")),
        "scratch": {},
        "adapted": {},
    }
    start = Start(find_weights(options.pretrained))
    for pairs in options.pairs:
        for kind in ("scratch", "adapted"):
            errors = []
            for seed in range(options.seeds):
                config = parse_config(read_toml(options.config) | {"seed": seed})
                with tempfile.TemporaryDirectory() as scratch:
                    site = site_with(data, pairs, seed, Path(scratch) / "site")
                    run = Path(scratch) / "run"
                    adapted = kind == "adapted"
                    train(
                        adapt_config(config, start.weights) if adapted else config,
                        site,
                        run,
                        threads=options.threads,
                        start=start if adapted else None,
                    )
                    errors.append(error_of(load_run(run), site))
            results[kind][pairs] = errors
            print(json.dumps({kind: {pairs: errors}}), flush=True)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
