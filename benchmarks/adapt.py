"""How many pairs of a new site are enough, with pretrained weights and without?

    python benchmarks/adapt.py --data SITE_PREPARED --out CURVE.json \\
        [--pairs 5 10 20 40] [--adapted-steps 60] [--scratch-steps 600]

SITE_PREPARED is a simulated second site (`benchmarks/second_site.py`: another pattern, point spread
and T1s), prepared at the model's voxel size with training and test subjects. For each number of
training pairs and each seed the model is trained from scratch and from the pretrained weights; the
error is the mean absolute error inside the brain of the test subjects. The unadapted model, as it
is and with its level brought to the training subjects', and the deformed population PET (of all
training subjects) are measured on the same subjects. Every error is written to CURVE.json as soon
as it is known, and a run that goes on does not repeat it. Prints one JSON object as its last line.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

from petsynth.config import parse_config, read_toml
from petsynth.data.prepared import PreparedData
from petsynth.evaluation.baselines import PopulationPet
from petsynth.inference import PredictionSettings, SubjectInfo, load_model, load_run
from petsynth.inference.pretrained import find_weights
from petsynth.inference.run import Run
from petsynth.io.atomic import write_json
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


def error_of(run: Run, data: PreparedData, factor: float = 1.0) -> float:
    """Return the mean over test subjects of the mean absolute error inside the brain."""
    errors = []
    for name in data.participants("test"):
        t1 = np.asarray(run.system.read_t1(data, name))
        known = SubjectInfo(data.mask(name), data.covariates(name))
        pet = run.predict(t1, PredictionSettings(), known).mean
        errors.append(mae(data.static_pet(name), factor * pet, data.mask(name)))
    return float(np.mean(errors))


def trained_error(
    data: PreparedData, kind: str, pairs: int, seed: int, options: argparse.Namespace
) -> float:
    """Train on some pairs and return the error."""
    steps = options.adapted_steps if kind == "adapted" else options.scratch_steps
    content = read_toml(options.config)
    training = content.get("training", {}) | {"epochs": steps, "max_steps": steps}
    config = parse_config(content | {"seed": seed, "training": training})
    start = Start(find_weights(options.pretrained)) if kind == "adapted" else None
    if start is not None:
        adapted = adapt_config(config, start.weights)
        config = dataclasses.replace(adapted, training=config.training)
    with tempfile.TemporaryDirectory() as scratch:
        site = site_with(data, pairs, seed, Path(scratch) / "site")
        train(config, site, Path(scratch) / "run", threads=options.threads, start=start)
        return error_of(load_run(Path(scratch) / "run"), site)


def error_without_training(data: PreparedData, pretrained: str) -> dict[str, float]:
    """Return the errors of what needs no training, or nothing but one factor."""
    run = load_model(pretrained)
    factors = []
    for name in data.participants("train"):
        known = SubjectInfo(data.mask(name), data.covariates(name))
        pet = run.predict(np.asarray(run.system.read_t1(data, name)), PredictionSettings(), known)
        inside = data.mask(name)
        factors.append(data.static_pet(name)[inside].mean() / pet.mean[inside].mean())
    population = PopulationPet(data)
    of_population = [
        mae(data.static_pet(name), population.predict(name), data.mask(name))
        for name in data.participants("test")
    ]
    return {
        "unadapted": error_of(run, data),
        "unadapted_level": error_of(run, data, float(np.mean(factors))),
        "population_pet": float(np.mean(of_population)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pretrained", default="petsynth-fdg")
    parser.add_argument("--config", default="petsynth-fdg.toml")
    parser.add_argument("--pairs", type=int, nargs="+", default=[5, 10, 20, 40, 87])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--kinds", nargs="+", default=["adapted", "scratch"])
    parser.add_argument("--adapted-steps", type=int, default=60)
    parser.add_argument("--scratch-steps", type=int, default=600)
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    data = PreparedData(options.data)
    results = {
        "unit": data.unit,
        "test_subjects": len(data.participants("test")),
        "adapted_steps": options.adapted_steps,
        "scratch_steps": options.scratch_steps,
        "adapted": {},
        "scratch": {},
    }
    if options.out.exists():
        results = json.loads(options.out.read_text())
    if "unadapted" not in results:
        results |= error_without_training(data, options.pretrained)
        write_json(options.out, results)
    for seed in options.seeds:
        for pairs in options.pairs:
            for kind in options.kinds:
                errors = results[kind].setdefault(str(pairs), {})
                if str(seed) not in errors:
                    errors[str(seed)] = trained_error(data, kind, pairs, seed, options)
                    write_json(options.out, results)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
