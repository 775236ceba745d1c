"""Make the tables of docs/results/league.md from what experiments/league.sh left.

    python benchmarks/league_table.py OUT [--tracers FDG AV45 AV1451] [--threads 1]

For each tracer, every system and baseline: metrics inside the brain, agreement of regions over
subjects, means over test subjects and seeds; differences from the baseline with the least error
(`BASELINE`) and from the system with the least error, with intervals over subjects and seeds that
hold together with 95 %; parameters, updates, seconds of a step on one thread (of the stage timing),
of all updates, and of one prediction (measured here, one T1 at a time); what pet-bridge's intervals
hold. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors import safe_open

from petsynth.data.prepared import PreparedData
from petsynth.evaluation.statistics import adjust_family, estimate_paired
from petsynth.inference.run import choose_device, load_run
from petsynth.systems.base import PredictionSettings, SubjectInfo

METRICS = {
    "brain_mae": "MAE (SUVR)",
    "brain_pearson_r": "r",
    "brain_psnr": "PSNR (dB)",
    "brain_ssim": "SSIM",
    "brain_ms_ssim": "MS-SSIM",
}
BASELINE = "baseline-population-pet"
COMPARED = ("brain_mae", "brain_pearson_r", "brain_ssim")
_SEED = re.compile(r"-seed\d+$")
TIMED = 3
"""Test subjects whose prediction is timed."""


def values_of(metrics: pd.DataFrame, system: str, name: str) -> NDArray[np.float64]:
    """Return a metric of a system, runs x test subjects."""
    rows = metrics[metrics["system"] == system]
    return rows.pivot(index="method", columns="participant_id", values=name).to_numpy(float)


def bare(name: str, tracer: str) -> str:
    """Return a system's name without tracer and seed.

    ``ganbert (FDG-ganbert-seed0)`` is a run of several, ``ganbert-FDG-ganbert-seed0`` its images.
    """
    return _SEED.sub("", name.split(" (")[0].rpartition(f"{tracer}-")[2])


def quality(folder: Path, tracer: str) -> tuple[list[str], pd.DataFrame]:
    """Return the rows of the table of metrics and agreement, and the metrics themselves."""
    metrics = pd.read_csv(folder / "metrics.tsv", sep="\t", na_values="n/a")
    metrics = metrics[metrics["kind"].isin(["model", "baseline"])]
    metrics = metrics[metrics["method"] != "baseline-between-subjects"]
    metrics["system"] = [bare(each, tracer) for each in metrics["method"]]
    regions = pd.read_csv(folder / "agreement.tsv", sep="\t", na_values="n/a")
    regions = regions[regions["kind"] == "region"]
    regions["system"] = [bare(each, tracer) for each in regions["method"]]
    order = metrics.groupby("system")["brain_mae"].mean().sort_values().index
    head = ["", *METRICS.values(), "regional error (SUVR)", "r over subjects"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for system in order:
        found = [values_of(metrics, system, name).mean() for name in METRICS]
        of_regions = regions[regions["system"] == system]
        cells = [f"{found[0]:.3f}", f"{found[1]:.3f}", f"{found[2]:.1f}"]
        cells += [f"{each:.3f}" for each in found[3:]]
        cells += [f"{of_regions[name].mean():.3f}" for name in ("absolute_error", "r")]
        lines.append(f"| {system} | {' | '.join(cells)} |")
    return lines, metrics


def differences(metrics: pd.DataFrame) -> list[str]:
    """Return the rows of the table of differences, all of them one family."""
    models = metrics[metrics["kind"] == "model"]
    systems = list(models.groupby("system")["brain_mae"].mean().sort_values().index)
    pairs = [(each, BASELINE) for each in systems] + [(each, systems[0]) for each in systems[1:]]
    wanted = [(*pair, name) for pair in pairs for name in COMPARED]
    adjusted = adjust_family(
        [
            estimate_paired(values_of(metrics, first, name), values_of(metrics, second, name))
            for first, second, name in wanted
        ]
    )
    found = dict(zip(wanted, adjusted, strict=True))
    head = ["", "minus", *(METRICS[name] for name in COMPARED)]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for first, second in pairs:
        cells = []
        for name in COMPARED:
            each = found[first, second, name]
            low, high = each.simultaneous_low, each.simultaneous_high
            cells.append(f"{each.mean:+.3f} ({low:+.3f} to {high:+.3f})")
        lines.append(f"| {first} | {second} | {' | '.join(cells)} |")
    return lines


def cost(out: Path, tracer: str) -> list[str]:
    """Return the rows of the table of sizes and times."""
    head = ["", "parameters", "updates", "a step", "all updates", "a prediction"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    steps = pd.read_csv(out / "steps.tsv", sep="\t", header=None, index_col=0)[1]
    runs = sorted((out / "runs").glob(f"{tracer}-*-seed*/"))
    for system in sorted({bare(run.name, tracer) for run in runs}):
        own = [run for run in runs if bare(run.name, tracer) == system]
        updates = int(pd.read_csv(own[0] / "train_log.csv")["step"].iloc[-1])
        with safe_open(own[0] / "model.safetensors", "np") as file:
            parameters = sum(int(np.prod(file.get_slice(key).get_shape())) for key in file.keys())  # noqa: SIM118
        run = load_run(own[0])
        data = PreparedData(out / tracer / ("paper-a" if run.t1_grid is None else "paper-b"))
        seconds = []
        for name in data.participants("test")[:TIMED]:
            known = SubjectInfo(np.asarray(data.mask(name)), data.covariates(name))
            t1 = np.asarray(run.system.read_t1(data, name))
            start = time.perf_counter()
            run.predict(t1, PredictionSettings(), known)
            seconds.append(time.perf_counter() - start)
        one = float(np.median(seconds))
        lines.append(cost_row(system, parameters, updates, steps[system], one))
    references = [
        json.loads(path.read_text()) for path in (out / "reference").glob(f"{tracer}-*.json")
    ]
    if references:
        parameters, *times = (
            float(np.median([each[key] for each in references]))
            for key in ("parameters", "steps", "step_seconds", "prediction_seconds")
        )
        lines.append(cost_row("reference-pix2pix", parameters, *times))
    return lines


def cost_row(name: str, parameters: float, updates: float, step: float, one: float) -> str:
    """Return a row of the table of sizes and times; seconds of a step and of a prediction."""
    cells = [name, f"{parameters / 1e6:.2f} million", f"{updates:,.0f}", f"{step:.3f} s"]
    return f"| {' | '.join(cells)} | {updates * step:.0f} s | {one:.1f} s |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--tracers", nargs="+", default=["FDG", "AV45", "AV1451"])
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    choose_device("cpu", options.threads)
    for tracer in options.tracers:
        lines, metrics = quality(options.out / f"evaluation-{tracer}", tracer)
        subjects = metrics["participant_id"].nunique()
        print(f"\n## {tracer}, {subjects} test subjects\n", *lines, sep="\n")
        print("", *differences(metrics), sep="\n")
        print("", *cost(options.out, tracer), sep="\n")
    for path in sorted(options.out.glob("spread-*.json")):
        print(f"\n{path.stem}: {json.loads(path.read_text())}")


if __name__ == "__main__":
    main()
