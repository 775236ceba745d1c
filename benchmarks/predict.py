"""How long does `petsynth predict` take, from file to file, where, and with how much memory?

Predicts a T1 with a pretrained model in a process of its own, as a user would on the command
line: once as it is, and once with a clock around its parts. Then two T1s, by one process and by two
with half of the threads each. Prints one JSON object as its last line: ``seconds`` (whole command),
``peak_gib`` (largest resident memory of the command), ``parts`` (seconds of the import of modules,
reading and checking, brain mask, registration, network, picture and images; ``rest`` is the start
of Python, the other files and what no part is), ``two_t1s_ratio`` (one process's seconds over
those of two).

    python benchmarks/predict.py [--t1 FILE] [--model MODEL] [--threads N] [--repeats N]

Without a file, a simulated T1 of 256^3 voxels of 1 mm. Times are medians over the repeats.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from unittest import mock

PARTS = {
    "reading": [("petsynth.inference.scan", "read_t1"), ("petsynth.inference.scan", "check_input")],
    "brain_mask": [("petsynth.preprocessing.t1.alignment", "find_brain")],
    "registration": [("petsynth.preprocessing.t1.alignment", "register_rigid")],
    "network": [("petsynth.inference.run", "Run.predict")],
    "picture": [
        ("petsynth.inference.outputs", "draw_prediction"),
        ("petsynth.inference.outputs", "save_png"),
    ],
    "images": [("petsynth.inference.outputs", "_write_image")],
}
"""Functions whose seconds are a part."""


def simulated_t1(folder: Path) -> Path:
    """Write a simulated T1 of 256^3 voxels of 1 mm and return its path."""
    import nibabel as nib
    from nibabel.processing import conform

    from petsynth.simulation.cohort import simulate_cohort

    bids = simulate_cohort(
        folder / "bids", subjects=2, t1_voxel_mm=1.0, participants=["sub-001"], seed=0
    )
    t1 = next(bids.glob("sub-001/anat/*_T1w.nii.gz"))
    nib.save(conform(nib.load(t1), (256, 256, 256), (1, 1, 1)), t1)
    return t1


def run_command(
    words: list[str], options: argparse.Namespace, prefix: tuple[str, ...] = ("-m", "petsynth")
) -> tuple[float, float, str]:
    """Run a command; return its seconds, its peak memory in GiB and what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, *prefix, "predict", *words, "--out", folder]
        command += ["--model", options.model]
        environment = os.environ | {"OMP_NUM_THREADS": str(options.threads)}
        start = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(command)}: status {status}")
    return seconds, usage.ru_maxrss / 2**20, printed


def time_parts(words: list[str]) -> None:
    """Run a command in this process with a clock around its parts, and print their seconds."""
    seconds: dict[str, float] = defaultdict(float)

    def clocked(part: str, function):
        @functools.wraps(function)
        def call(*arguments, **named):
            start = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                seconds[part] += time.perf_counter() - start

        return call

    start = time.perf_counter()
    from petsynth.cli.main import run

    with contextlib.ExitStack() as stack:
        for part, functions in PARTS.items():
            for module, name in functions:
                owner = importlib.import_module(module)
                *classes, name = name.split(".")
                for each in classes:
                    owner = getattr(owner, each)
                function = clocked(part, getattr(owner, name))
                stack.enter_context(mock.patch.object(owner, name, function))
        seconds["import"] = time.perf_counter() - start
        status = run(words)
    print("PARTS", json.dumps(seconds))
    raise SystemExit(status)


def measure(t1: Path, options: argparse.Namespace) -> dict[str, object]:
    """Return everything about a T1."""
    threads = ["--threads", str(options.threads)]
    wholes, peaks, parts, ratios = [], [], defaultdict(list), []
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "sub-other_T1w.nii.gz"
        shutil.copy(t1, other) if t1.name.endswith(".gz") else other.symlink_to(t1.resolve())
        for _ in range(options.repeats):
            seconds, peak, _ = run_command([str(t1), *threads], options)
            wholes.append(seconds)
            peaks.append(peak)
            inside, _, printed = run_command([str(t1), *threads], options, (__file__, "--inside"))
            (found,) = re.findall(r"^PARTS (.*)$", printed, flags=re.MULTILINE)
            of_parts = json.loads(found)
            for part, value in of_parts.items():
                parts[part].append(value)
            parts["rest"].append(inside - sum(of_parts.values()))
            half = ["--nprocs", "2", "--threads", str(max(options.threads // 2, 1))]
            both = [str(t1), str(other)]
            one = run_command([*both, *threads], options)[0]
            ratios.append(one / run_command([*both, *half], options)[0])
    return {
        "t1": t1.name if options.t1 else "simulated",
        "seconds": round(median(wholes), 1),
        "seconds_range": [round(min(wholes), 1), round(max(wholes), 1)],
        "peak_gib": round(max(peaks), 2),
        "parts": {part: round(median(values), 2) for part, values in parts.items()},
        "two_t1s_ratio": round(median(ratios), 2),
        "threads": options.threads,
        "load_average": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    if sys.argv[1:2] == ["--inside"]:
        time_parts(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--t1", type=Path, help="T1; default: a simulated one")
    parser.add_argument("--model", default="petsynth-fdg")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(options.t1 or simulated_t1(Path(folder)), options)))


if __name__ == "__main__":
    main()
