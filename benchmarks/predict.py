"""How long does `petsynth predict` take for one T1, from file to file, and how much memory?

Predicts a T1 with a pretrained model in a process of its own, as a user would on the command
line, and again inside this process to time the network alone. Prints one JSON object as its last
line: seconds (whole command), network_seconds (all slices and their flipped images), peak_gib
(largest resident memory of the command).

    python benchmarks/predict.py [--t1 FILE] [--model MODEL] [--threads N]

Without a file, a simulated T1 of 256^3 voxels of 1 mm.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from nibabel.processing import conform

from petsynth.inference.pretrained import load_model
from petsynth.simulation.cohort import simulate_cohort
from petsynth.systems.base import PredictionSettings, SubjectInfo


def simulated_t1(folder: Path) -> Path:
    """Write a simulated T1 of 256^3 voxels of 1 mm and return its path."""
    bids = simulate_cohort(
        folder / "bids", subjects=2, t1_voxel_mm=1.0, participants=["sub-001"], seed=0
    )
    t1 = next(bids.glob("sub-001/anat/*_T1w.nii.gz"))
    nib.save(conform(nib.load(t1), (256, 256, 256), (1, 1, 1)), t1)
    return t1


def time_command(t1: Path, model: str, threads: int) -> tuple[float, float]:
    """Return seconds and peak memory in GiB of the whole command."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["predict", str(t1), "--out", folder, "--model", model, "--threads", str(threads)]
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "petsynth", *words], check=True, env=environment)
        seconds = time.perf_counter() - start
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20


def time_network(model: str, threads: int) -> float:
    """Return the seconds of the network on a volume of its grid, the best of three."""
    torch.set_num_threads(threads)
    run = load_model(model)
    mri = np.random.default_rng(0).uniform(-1, 1, run.grid.shape).astype(np.float32)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        run.predict(mri, PredictionSettings(), SubjectInfo(np.ones(mri.shape, dtype=bool)))
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--t1", type=Path, help="T1; default: a simulated one")
    parser.add_argument("--model", default="petsynth-fdg")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        t1 = args.t1 or simulated_t1(Path(folder))
        seconds, peak_gib = time_command(t1, args.model, args.threads)
    result = {
        "t1": args.t1.name if args.t1 else "simulated",
        "seconds": round(seconds, 1),
        "network_seconds": round(time_network(args.model, args.threads), 2),
        "peak_gib": round(peak_gib, 2),
        "threads": args.threads,
        "load_average": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
