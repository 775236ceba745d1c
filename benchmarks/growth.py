"""How do time and memory grow with voxels and subjects?

    python benchmarks/growth.py [--figure docs/images/growth.png] [--threads 2]

Each point is a command in a process of its own, with its seconds and its largest resident memory:
`petsynth predict` by the voxels of the T1, `petsynth train` (seconds a step, pet-bridge) by the
voxels of the PET, `petsynth prepare` by subjects, `petsynth measure` by pairs. (By processes:
`prepare_scaling.py`.)
Everything is simulated or a phantom. The exponent is that of the last two points (2: four times
for twice as many), where starting Python no longer counts as much. Draws the points; prints one
JSON object as its last line.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from nibabel.processing import conform

from petsynth.figures.save import save_png
from petsynth.simulation.cohort import simulate_cohort
from petsynth.systems.phantoms import write_phantoms

SIDES = (96, 128, 192, 256, 384)
"""Voxels along an edge of the T1s, whose field of view is 256 mm."""
PET_MM = (8.0, 6.0, 4.0, 3.0)
SUBJECTS = (1, 2, 4, 8)
PAIRS = (8, 32, 128)
STEPS = 40


def command(words: list[str], threads: int) -> tuple[float, float]:
    """Run `petsynth` with these words; return seconds and the largest resident GiB."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "petsynth", *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"petsynth {' '.join(words)}: status {status}")
    return time.perf_counter() - start, usage.ru_maxrss / 2**20


def predict(folder: Path, bids: Path, threads: int) -> list[dict[str, float]]:
    """By the voxels of a T1."""
    rows = []
    t1 = nib.load(next(bids.glob("sub-*/anat/*_T1w.nii.gz")))
    for side in SIDES:
        path = folder / f"sub-{side}_T1w.nii.gz"
        nib.save(conform(t1, (side,) * 3, (256 / side,) * 3), path)
        out = str(folder / f"predicted{side}")
        seconds, gib = command(
            ["predict", str(path), "--out", out, "--threads", str(threads)], threads
        )
        rows.append({"n": side**3, "seconds": seconds, "gib": gib})
    return rows


def train(folder: Path, threads: int) -> list[dict[str, float]]:
    """Seconds a step by the voxels of a PET."""
    rows = []
    for mm in PET_MM:
        data = write_phantoms(folder / f"phantoms{mm}", {"train": 4}, voxel_mm=mm)
        run = folder / f"run{mm}"
        options = {"max-steps": STEPS, "log-every": 1, "samples-every": 1000, "precision": "auto"}
        words = ["train", "small/pet-bridge.toml", "--data", str(data), "--out", str(run)]
        for name, value in options.items():
            words += [f"--training.{name}", str(value)]
        _, gib = command([*words, "--threads", str(threads)], threads)
        log = pd.read_csv(run / "train_log.csv")
        taken = log.iloc[[4, -1]].diff().iloc[-1]  # the log gives tenths of a second
        step = float(taken["seconds"] / taken["step"])
        voxels = int(np.prod(np.load(next((data / "arrays").glob("*_pet.npy")), "r").shape))
        rows.append({"n": voxels, "seconds": step, "gib": gib})
    return rows


def prepare(folder: Path, bids: Path, threads: int) -> list[dict[str, float]]:
    """By subjects, one after the other."""
    labels = sorted(each.name.removeprefix("sub-") for each in bids.glob("sub-*"))
    rows = []
    for count in SUBJECTS:
        out = folder / f"prepared{count}"
        words = ["prepare", str(bids), str(out), "participant", "--skip-bids-validation"]
        words += ["--voxel-mm", "4", "--nprocs", "1", "--omp-nthreads", "1"]
        seconds, gib = command([*words, "--participant-label", *labels[:count]], threads)
        rows.append({"n": count, "seconds": seconds, "gib": gib})
    return rows


def measure(folder: Path, threads: int) -> list[dict[str, float]]:
    """By pairs of images of 91 x 109 x 91 voxels."""
    rows, random = [], np.random.default_rng(0)
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    for count in PAIRS:
        for kind in ("reference", "synthetic"):
            (folder / f"{kind}{count}").mkdir()
            for number in range(count):
                data = random.random((91, 109, 91), dtype=np.float32) + 1
                name = folder / f"{kind}{count}" / f"sub-{number:03}_pet.nii.gz"
                nib.save(nib.Nifti1Image(data, affine), name)
        words = ["measure", str(folder / f"reference{count}"), str(folder / f"synthetic{count}")]
        seconds, gib = command([*words, "--out", str(folder / f"measured{count}")], threads)
        rows.append({"n": count, "seconds": seconds, "gib": gib})
    return rows


def exponent(rows: list[dict[str, float]], key: str) -> float:
    """Return the power of n by which the last two points grow."""
    before, last = rows[-2:]
    return round(float(np.log(last[key] / before[key]) / np.log(last["n"] / before["n"])), 2)


def draw(found: dict[str, Any], path: Path) -> None:
    """Draw seconds and memory of everything against what it grows with."""
    titles = {
        "predict": ("predict", "million voxels"),
        "train": ("a training step", "million voxels"),
        "prepare": ("prepare", "subjects"),
        "measure": ("measure", "pairs"),
    }
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    axes_RC = figure.subplots(2, len(titles))
    for column, (name, (title, unit)) in enumerate(titles.items()):
        points = found[name]["points"]
        n = [each["n"] / (1e6 if unit == "million voxels" else 1) for each in points]
        for row, (key, what) in enumerate((("seconds", "seconds"), ("gib", "GiB"))):
            axes = axes_RC[row, column]
            values = [each[key] for each in points]
            axes.plot(n, values, "o-", color="#0072b2")
            axes.set(xlabel=unit, ylabel=what if column == 0 else "")
            axes.set(xlim=(0, 1.08 * max(n)), ylim=(0, 1.08 * max(values)))
            power = f"exponent {found[name][f'exponent_{key}']}"
            axes.set_title(power if row else f"{title}\n{power}", size=9)
            axes.spines[["top", "right"]].set_visible(False)
    save_png(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    found: dict[str, Any] = {"threads": options.threads}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        bids = simulate_cohort(folder / "bids", subjects=max(SUBJECTS), t1_voxel_mm=2.0, seed=0)
        parts = {
            "predict": predict(folder, bids, options.threads),
            "train": train(folder, options.threads),
            "prepare": prepare(folder, bids, options.threads),
            "measure": measure(folder, options.threads),
        }
    for name, rows in parts.items():
        points = [{key: round(value, 3) for key, value in row.items()} for row in rows]
        found[name] = {"points": points}
        for key in ("seconds", "gib"):
            found[name][f"exponent_{key}"] = exponent(rows, key)
    if options.figure is not None:
        draw(found, options.figure)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
