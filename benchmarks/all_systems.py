"""How long do a training step and a prediction of every system take at full size, on one device?

    python benchmarks/all_systems.py [--device cuda] [--seconds 480] [--systems pix2pix-axial ...]

Made for a GPU that is lent for minutes: phantoms of the papers' sizes are written first, then each
system takes steps in float32 and in bfloat16 for an equal part of the time, through the same
training as `petsynth train`, reading included. Prints one JSON object as its last line, and each
system's part as soon as it is known: for each system and arithmetic the median seconds of a step
after the first `WARM_UP`, how many were taken, samples in a step, the largest memory of the
device's tensors (GPUs only), and the seconds of a prediction (after one that is not counted).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch

from petsynth.config import parse_config, read_toml
from petsynth.data.prepared import PreparedData
from petsynth.systems.phantoms import write_phantoms
from petsynth.systems.registry import build_system
from petsynth.training.distributed import launch_fabric

WARM_UP = 3
SPLIT = {"train": 6, "test": 1}
DATA: dict[str, dict[str, Any]] = {
    "paper-a": {"voxel_mm": 1.5},
    "paper-b": {"voxel_mm": 2.0, "frames": 2, "is_conformed": True},
    "2 mm": {"voxel_mm": 2.0},
    "4 mm": {"voxel_mm": 4.0},
}
SYSTEMS = {
    "pix2pix-axial": "paper-a",
    "medgan-axial": "paper-a",
    "petsynth-fdg": "2 mm",
    "pet-bridge": "4 mm",
    "pix2pix3d-tanhshrink": "paper-b",
    "ganbert": "paper-b",
}
"""Configurations, and what they are trained on."""
PRECISIONS = ("32-true", "bf16-mixed")


def measure(
    name: str, data: PreparedData, precision: str, device: str, seconds: float
) -> dict[str, object]:
    """Take steps of one system for some seconds, then predict."""
    config: Any = parse_config(read_toml(f"{name}.toml"))
    fabric = launch_fabric(device, precision=precision)
    on_gpu = fabric.device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()

    def now() -> float:
        if on_gpu:
            torch.cuda.synchronize()
        return time.perf_counter()

    training = build_system(config).start_training(data, fabric)
    times: list[float] = []
    end, epoch, step = time.perf_counter() + seconds, 0, 0
    while len(times) <= WARM_UP or time.perf_counter() < end:
        for batch in training.batches(epoch):
            start = now()
            training.train_step(batch, step, measure=False)
            times.append(now() - start)
            step += 1
            if len(times) > WARM_UP and time.perf_counter() > end:
                break
        epoch += 1
    found: dict[str, object] = {
        "step_s": round(median(times[WARM_UP:]), 4),
        "steps": len(times),
        "samples": config.training.batch_size,
    }
    if on_gpu:
        found["peak_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
    (subject,) = data.participants("test")
    with torch.no_grad():
        training.infer_pet(subject)
        start = now()
        training.infer_pet(subject)
    return found | {"prediction_s": round(now() - start, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seconds", type=float, default=480)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    options = parser.parse_args()
    device = launch_fabric(options.device).device
    found: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        kinds = sorted({SYSTEMS[name] for name in options.systems})
        data = {
            kind: PreparedData(write_phantoms(Path(folder) / kind, SPLIT, **DATA[kind]))
            for kind in kinds
        }
        left = options.seconds - (time.perf_counter() - start)
        part = left / (len(options.systems) * len(options.precisions))
        for name in options.systems:
            for precision in options.precisions:
                key = f"{name}, {precision}"
                found[key] = measure(
                    name, data[SYSTEMS[name]], precision, options.device, 0.8 * part
                )
                print(key, json.dumps(found[key]), flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
