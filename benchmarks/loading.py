"""Are slices read faster than the networks consume them, and does memory stay level?

For the small and the paper's axial configuration: slices per second that one process reads
from prepared arrays (memory-mapped, shuffled, flipped, through JPEG where configured), and
slices per second that the training step consumes on this machine. Then, for 10, 100 and 3,000
subjects, how much of a step of the small configuration its reading takes, the seconds until the
first batch is there, and the peak memory of a process that reads all slices once. The arrays are
random numbers, which no cache compresses; beyond 100 subjects they repeat (as links to the same
files), and all lie in the page cache. Prints one JSON object as its last line.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader

from petsynth.config import load_config
from petsynth.data.prepared import PreparedData, array_path
from petsynth.io.atomic import write_text
from petsynth.networks.layers import sample_keys
from petsynth.prepare.output_folder import write_description
from petsynth.prepare.records import write_array
from petsynth.preprocessing.grids import model_grid
from petsynth.systems.pix2pix.config import Pix2pixConfig
from petsynth.systems.pix2pix.training import build_networks, train_step
from petsynth.systems.slices.dataset import EpochBatches, SliceDataset
from petsynth.training.distributed import launch_fabric

CONFIGS = {"small": ("small/pix2pix-axial.toml", 3.0), "paper": ("pix2pix-axial.toml", 1.5)}
SECONDS = 8.0
"""How long each speed is measured."""
SUBJECTS = (10, 100, 3000)
DIFFERENT = 100
"""Subjects with arrays of their own."""


def read_config(name: str) -> Pix2pixConfig:
    """Return a configuration of paper A."""
    config = load_config(name)
    assert isinstance(config, Pix2pixConfig)
    return config


def write_random(folder: Path, voxel_mm: float, subjects: int) -> PreparedData:
    """Write prepared data of random numbers."""
    random, grid = np.random.default_rng(0), model_grid(voxel_mm)
    names = [f"sub-{number:04}" for number in range(1, subjects + 1)]
    for name in names[:DIFFERENT]:
        write_array(folder, name, "mri", random.random(grid.shape, dtype=np.float32) * 2 - 1)
        write_array(folder, name, "pet", random.random(grid.shape, dtype=np.float32) * 2)
        write_array(folder, name, "mask", np.ones(grid.shape, bool))
    for number, name in enumerate(names[DIFFERENT:]):
        for kind in ("mri", "pet", "mask"):
            link = array_path(folder, name, kind)
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(array_path(folder, names[number % DIFFERENT], kind), link)
    rows = [f"{name}\ttrain\tCN\n" for name in names]
    write_text(folder / "split.tsv", "participant_id\tsplit\tdiagnosis\n" + "".join(rows))
    write_description(
        folder, grid, tracer="FDG", unit="SUVR", frames=1, pet_scale=2.0, simulated=True
    )
    return PreparedData(folder)


def loader(config: Pix2pixConfig, data: PreparedData, steps: int) -> DataLoader:
    """Return what training reads from, without worker processes."""
    slices = SliceDataset(
        data,
        data.participants("train"),
        planes=config.data.planes,
        padded_size=config.data.padded_size,
        intensity=config.data.intensity,
        flip=config.data.flip,
    )
    order = EpochBatches(len(slices), config.training.batch_size, seed=0, start=0, stop=steps)
    return DataLoader(slices, batch_sampler=order)


def read_speed(config: Pix2pixConfig, data: PreparedData) -> float:
    """Return slices per second, read by one process."""
    count, start = 0, time.perf_counter()
    for mri, _ in loader(config, data, steps=10**9):
        count += len(mri)
        if time.perf_counter() - start > SECONDS:
            break
    return count / (time.perf_counter() - start)


def first_batch_s(config: Pix2pixConfig, folder: Path) -> float:
    """Return the seconds from nothing to the first batch."""
    start = time.perf_counter()
    next(iter(loader(config, PreparedData(folder), steps=1)))
    return time.perf_counter() - start


def training_speed(config: Pix2pixConfig) -> float:
    """Return slices per second that the training step consumes."""
    fabric = launch_fabric("cpu", precision="auto")
    networks = build_networks(config, fabric)
    batch, side = config.training.batch_size, config.data.padded_size
    pair = (torch.rand(batch, 1, side, side) * 2 - 1, torch.rand(batch, 1, side, side) * 2 - 1)
    train_step(networks, fabric, config, pair, sample_keys(0, 0, batch))
    steps, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        steps += 1
        train_step(networks, fabric, config, pair, sample_keys(0, steps, batch))
    return steps * batch / (time.perf_counter() - start)


def peak_mib(folder: Path) -> float:
    """Return the peak memory of a process of its own that reads all slices once."""
    command = [sys.executable, __file__, str(folder)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def read_all(folder: Path) -> None:
    """Read all slices of prepared data, and print this process's peak memory in MiB."""
    config, data = read_config(CONFIGS["small"][0]), PreparedData(folder)
    slices = len(data.participants("train")) * data.grid.shape[2]
    for _ in loader(config, data, steps=slices // config.training.batch_size):
        pass
    # getrusage would count what the parent had in memory when it started this process.
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print(int(peak) / 1024)


def main() -> None:
    result: dict[str, object] = {"threads": torch.get_num_threads()}
    with tempfile.TemporaryDirectory() as temporary:
        speeds: dict[str, float] = {}
        for name, (file, voxel_mm) in CONFIGS.items():
            config = read_config(file)
            data = write_random(Path(temporary) / name, voxel_mm, subjects=12)
            read, consumed = read_speed(config, data), training_speed(config)
            speeds[name] = consumed
            result[f"{name}_slices_read_per_second"] = round(read, 1)
            result[f"{name}_slices_consumed_per_second"] = round(consumed, 2)
            result[f"{name}_read_over_consumed"] = round(read / consumed, 1)
        config = read_config(CONFIGS["small"][0])
        for subjects in SUBJECTS:
            folder = Path(temporary) / str(subjects)
            data = write_random(folder, CONFIGS["small"][1], subjects)
            result[f"{subjects}_subjects"] = {
                "reading_over_step": round(speeds["small"] / read_speed(config, data), 4),
                "first_batch_s": round(first_batch_s(config, folder), 2),
                "peak_mib": round(peak_mib(folder), 1),
            }
    print(json.dumps(result))


if __name__ == "__main__":
    read_all(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
