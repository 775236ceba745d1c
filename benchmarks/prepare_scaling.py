"""Does ``petsynth prepare`` scale: memory with the number of subjects, time with workers.

Simulates a cohort and prepares 10 subjects and then all of them in two processes, for memory; and
20 subjects in one process and in two, for time. Masks are given, so that deepbet's share is left
out.

    python benchmarks/prepare_scaling.py [--only memory|time]

The last line is a JSON object; definitions are in it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from petsynth.simulation.cohort import simulate_cohort

SUBJECTS = 200
FEW = 10
TIMED = 20
EVERY_S = 0.2

DEFINITIONS = {
    "peak_mib_few": f"largest resident memory of the command and its two processes, {FEW} subjects",
    "peak_mib_all": "the same with all subjects",
    "memory_ratio": "the second over the first",
    "speedup_two_processes": f"wall time with one process over that with two, {TIMED} subjects; "
    "only meaningful on an idle machine",
}


def prepare(bids: Path, out: Path, *options: str) -> tuple[float, float]:
    """Return wall seconds and peak memory in MiB of one run."""
    command = [sys.executable, "-m", "petsynth", "prepare", str(bids), str(out)]
    command += ["--voxel-mm", "3", "--skip-bids-validation", "--test", "1", *options]
    command += ["--masks", str(bids / "derivatives" / "truth")]
    start = time.perf_counter()
    process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})
    peak = 0.0
    watched = psutil.Process(process.pid)

    def watch() -> None:
        nonlocal peak
        while process.poll() is None:
            try:
                family = [watched, *watched.children(recursive=True)]
                peak = max(peak, sum(each.memory_info().rss for each in family) / 2**20)
            except psutil.NoSuchProcess:
                pass
            time.sleep(EVERY_S)

    watcher = threading.Thread(target=watch)
    watcher.start()
    status = process.wait()
    watcher.join()
    if status:
        raise SystemExit(f"prepare failed: {command}")
    return time.perf_counter() - start, peak


def measure_memory(folder: Path) -> dict[str, float]:
    bids, labels = simulate(folder / "bids", SUBJECTS)
    two = ["--nprocs", "2"]
    _, few_mib = prepare(bids, folder / "few", "--participant-label", *labels[:FEW], *two)
    _, all_mib = prepare(bids, folder / "all", *two)
    return {
        "subjects": SUBJECTS,
        "peak_mib_few": round(few_mib),
        "peak_mib_all": round(all_mib),
        "memory_ratio": round(all_mib / few_mib, 3),
    }


def measure_time(folder: Path) -> dict[str, float]:
    bids, _ = simulate(folder / "bids", TIMED)
    one_s, _ = prepare(bids, folder / "one")
    two_s, _ = prepare(bids, folder / "two", "--nprocs", "2")
    return {
        "seconds_one_process": round(one_s, 1),
        "seconds_two_processes": round(two_s, 1),
        "speedup_two_processes": round(one_s / two_s, 2),
    }


def simulate(bids: Path, subjects: int) -> tuple[Path, list[str]]:
    """Return a cohort and its participants."""
    simulate_cohort(bids, subjects=subjects, t1_voxel_mm=3.0, pet_voxel_mm=3.0, seed=0)
    return bids, [path.name for path in sorted(bids.glob("sub-*"))]


PARTS = {"memory": measure_memory, "time": measure_time}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="one half of it")
    only = parser.parse_args().only
    figures: dict[str, object] = {}
    for name in [only] if only else PARTS:
        with tempfile.TemporaryDirectory() as folder:
            figures |= PARTS[name](Path(folder))
    print(json.dumps(figures | {"definitions": DEFINITIONS}))


if __name__ == "__main__":
    main()
