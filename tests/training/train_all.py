"""Train a little of every system; `test_data_parallel` runs it with torchrun.

torchrun --nproc-per-node 2 train_all.py SLICES VOLUMES OUT BATCH_SIZE PROCESSES
"""

import sys
import warnings
from pathlib import Path

from petsynth.config import parse_config
from petsynth.data.prepared import PreparedData
from petsynth.systems.registry import build_system, system_names
from petsynth.training.trainer import train

SLICES = {
    "data": {"padded_size": 32, "intensity": "float"},
    "generator": {"filters": 4, "levels": 2, "dropout_levels": 1},
    "discriminator": {"filters": 4, "layers": 1},
    "training": {"epochs": 2},
}
SLABS = {
    "data": {"padded_size": 32, "slices": 3, "slabs_per_volume": 21, "shuffled_volumes": 2},
    "generator": {"filters": 8, "max_filters": 8, "levels": 2},
    "training": {"epochs": 2, "workers": 0},
}
VOLUMES = {
    "data": {"voxel_mm": 13.0},
    "generator": {"filters": 4, "levels": 2, "checkpointing": False},
    "cnn": {"filters": 4, "layers": 2},
    "training": {"epochs": 9, "max_steps": 3, "accumulate": 2},
}
BERT = {"layers": 1, "hidden": 16, "heads": 2, "inner": 32, "checkpointing": False}
SLICES_PER_SAMPLE = 10
"""84 slices, or slabs, in batches of 40 leave 4 for an epoch's last step."""


def content_of(system: str, batch_size: int) -> dict:
    on_slices = {"pix2pix-axial": SLICES, "pix2pix-augmented": SLICES, "unet25d": SLABS}
    content = dict(on_slices.get(system, VOLUMES))
    size = batch_size * SLICES_PER_SAMPLE if "padded_size" in content["data"] else batch_size
    content |= {"system": system, "training": content["training"] | {"batch_size": size}}
    if system.startswith("ganbert"):
        content["bert"] = BERT
    if system == "pix2pix3d-tanh":
        content["generator"] = content["generator"] | {"activation": "tanh"}
    return content


def main(slices: str, volumes: str, out: str, batch_size: str, processes: str) -> None:
    for system in system_names():
        config = parse_config(content_of(system, int(batch_size)))
        data = PreparedData(volumes if build_system(config).conformed_t1 else slices)
        folder = Path(out) / system
        train(config, data, folder, threads=1, device="cpu", devices=int(processes))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(*sys.argv[1:])
