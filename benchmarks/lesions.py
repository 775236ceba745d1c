"""Do methods draw the uptake of a lesion or fill in normal uptake, and do few lesions suffice?

    petsynth simulate without --labels-from IXI --subjects 40 --voxel-mm 2 --lesions 0
    petsynth simulate with --labels-from IXI --subjects 40 --voxel-mm 2 --lesions 1
    (prepare both with --voxel-mm 4 and the same --split)
    python benchmarks/lesions.py without_prepared with_prepared --bids with --out RESULT.json

Both cohorts are the same people, once healthy, once with a lesion. Each system is trained from
scratch without lesions, with a lesion in about 10 % of the training subjects (as many of each kind)
and with one in each; then it predicts everybody who is not a training subject with and without the
lesion. Of each person, inside the lesion that the T1 shows and within 10 mm around it:

- mean absolute error and absolute difference of the mean uptake, in SUVR;
- *drawn*: what the lesion changes in the mean of the synthetic PET, as a fraction of what it
  changes in the mean of the simulated PET, by regression through the origin over people: 1 if it is
  drawn, 0 if normal uptake is filled in.

The population PET deformed to the person, of people without lesions, stands beside. Every figure is
written to RESULT.json as soon as it is known, and a run that goes on does not repeat it. Prints
Markdown.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from petsynth.config import parse_config, read_toml
from petsynth.data.prepared import PreparedData
from petsynth.evaluation.baselines import PopulationPet
from petsynth.evaluation.parts import compute_lesion_metrics
from petsynth.inference.run import choose_device, load_run
from petsynth.io.atomic import write_json
from petsynth.simulation.lesions import KINDS
from petsynth.systems.base import PredictionSettings, SubjectInfo
from petsynth.training.trainer import train

# As in experiments/league.sh, with updates that take about two minutes each on one thread.
SYSTEMS: dict[str, tuple[str, dict[str, dict[str, Any]], int]] = {
    "pix2pix-axial": ("small/pix2pix-axial.toml", {"data": {"padded_size": 64}}, 2500),
    "unet25d": (
        "petsynth-fdg.toml",
        {
            "data": {"target": "pet", "padded_size": 64},
            "generator": {"filters": 16, "max_filters": 96, "levels": 3},
            "training": {"workers": 0},
        },
        1300,
    ),
    "pet-bridge": ("small/pet-bridge.toml", {}, 620),
}
TRAININGS = {"none": 0.0, "10 %": 0.1, "all": 1.0}
POPULATION = "baseline-population-pet"
Predict = Callable[[PreparedData, str], NDArray[np.floating]]


def with_lesions(
    healthy: PreparedData, ill: PreparedData, kinds: dict[str, str], fraction: float, folder: Path
) -> PreparedData:
    """Write prepared data whose training subjects have lesions, as many of each kind, in part."""
    names = healthy.participants("train")
    each = round(fraction * len(names) / len(KINDS))
    chosen = {name for kind in KINDS for name in [n for n in names if kinds[n] == kind][:each]}
    if fraction == 1:
        chosen = set(names)
    shutil.copytree(healthy.folder, folder)
    for name in chosen:
        for path in (ill.folder / "arrays").glob(f"{name}_*.npy"):
            shutil.copy(path, folder / "arrays" / path.name)
    return PreparedData(folder)


def trained(system: str, data: PreparedData, seed: int, folder: Path) -> Predict:
    """Train a system; return how it predicts."""
    config, tables, steps = SYSTEMS[system]
    content = read_toml(config) | {"seed": seed}
    for table, values in tables.items():
        content[table] |= values
    content["training"] |= {
        "epochs": 100_000,
        "max_steps": steps,
        "validate_every": 100_000,
        "samples_every": 100_000,
        "precision": "auto",
    }
    train(parse_config(content), data, folder, threads=1)
    run = load_run(folder)

    def predict(of: PreparedData, name: str) -> NDArray[np.floating]:
        known = SubjectInfo(np.asarray(of.mask(name)), of.covariates(name))
        return run.predict(np.asarray(of.mri(name)), PredictionSettings(), known).mean

    return predict


def measured(
    predict: Predict, healthy: PreparedData, ill: PreparedData
) -> dict[str, dict[str, float]]:
    """Return the figures of each person, and what the lesion changes in both PETs."""
    found = {}
    for name in [*ill.participants("validation"), *ill.participants("test")]:
        lesion, mask = ill.lesion(name), np.asarray(ill.mask(name))
        if lesion is None or not (lesion & mask).any():
            continue
        inside = np.asarray(lesion) & mask
        synthetic, pet = predict(ill, name), np.asarray(ill.static_pet(name))
        before, pet_before = predict(healthy, name), np.asarray(healthy.static_pet(name))
        metrics = compute_lesion_metrics(pet, synthetic, lesion, mask, ill.grid.voxel_mm)
        elsewhere = mask & ~inside
        found[name] = metrics | {
            "brain_mae": float(np.abs(synthetic - pet)[elsewhere].mean()),
            "change": float(pet[inside].mean() - pet_before[inside].mean()),
            "synthetic_change": float(synthetic[inside].mean() - before[inside].mean()),
        }
    return found


def drawn(people: list[dict[str, float]]) -> float:
    """Return the fraction of the lesions' change that is drawn."""
    true = np.array([each["change"] for each in people])
    synthetic = np.array([each["synthetic_change"] for each in people])
    return float((true * synthetic).sum() / (true**2).sum())


def table(results: dict[str, Any], kinds: dict[str, str]) -> list[str]:
    """Return the rows of the table: means over people and seeds, *drawn* by kind as well."""
    head = [
        "",
        "lesions in training",
        "inside: MAE",
        "mean",
        "around: MAE",
        "mean",
        "elsewhere: MAE",
    ]
    head += ["drawn", *(f"drawn, {kind}" for kind in KINDS)]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for method, trainings in results.items():
        for training, seeds in trainings.items():
            rows = [(name, row) for people in seeds.values() for name, row in people.items()]
            cells = [
                f"{np.nanmean([row[key] for _, row in rows]):.3f}"
                for key in ("inside_mae", "inside_mean", "around_mae", "around_mean", "brain_mae")
            ]
            cells.append(f"{drawn([row for _, row in rows]):.2f}")
            for kind in KINDS:
                cells.append(f"{drawn([row for name, row in rows if kinds[name] == kind]):.2f}")
            lines.append(f"| {method} | {training} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("healthy", type=Path, help="prepared, --lesions 0")
    parser.add_argument("ill", type=Path, help="prepared, --lesions 1")
    parser.add_argument("--bids", type=Path, required=True, help="of the second")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=list(SYSTEMS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    choose_device("cpu", options.threads)
    healthy, ill = PreparedData(options.healthy), PreparedData(options.ill)
    people = pd.read_csv(options.bids / "participants.tsv", sep="\t", index_col="participant_id")
    kinds: dict[str, str] = people["lesion"].to_dict()
    results: dict[str, Any] = {}
    if options.out.exists():
        results = json.loads(options.out.read_text())
    if POPULATION not in results:
        population = PopulationPet(healthy)
        of = {"": measured(lambda data, name: population.predict(name), healthy, ill)}
        results[POPULATION] = {"": of}
        write_json(options.out, results)
    for seed in options.seeds:
        for training, fraction in TRAININGS.items():
            with tempfile.TemporaryDirectory() as scratch:
                data = with_lesions(healthy, ill, kinds, fraction, Path(scratch) / "data")
                for system in options.systems:
                    known = results.setdefault(system, {}).setdefault(training, {})
                    if str(seed) in known:
                        continue
                    predict = trained(system, data, seed, Path(scratch) / system)
                    known[str(seed)] = measured(predict, healthy, ill)
                    write_json(options.out, results)
    print(*table(results, kinds), sep="\n")


if __name__ == "__main__":
    main()
