"""How long does `petsynth predict` take for one T1, from file to file, and how much memory?

Predicts a T1 with the boxed model in a process of its own, as a user would on the command line,
and again inside this process to time the network alone. Prints one JSON object as its last line:
seconds (whole command), network_seconds (both passes of all slices), peak_gib (largest resident
memory of the command).

    python benchmarks/predict.py --t1 ../shared/data/brainweb06/brainweb06_T1w.nii.gz --threads 2
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

import numpy as np
import torch

from petsynth.inference.box import load_model
from petsynth.inference.predict import synthesise


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
        synthesise(run, mri)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--t1", type=Path, required=True)
    parser.add_argument("--model", default="petsynth-fdg")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    seconds, peak_gib = time_command(args.t1, args.model, args.threads)
    result = {
        "seconds": round(seconds, 1),
        "network_seconds": round(time_network(args.model, args.threads), 2),
        "peak_gib": round(peak_gib, 2),
        "threads": args.threads,
        "load_average": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
