"""A full-size prediction with GANBERT's generator: T1 256^3 in, PET 2 x 93 x 76 x 76 out.

    python benchmarks/ganbert_predict.py [CONFIG] [THREADS]

From a conformed T1 in memory to a PET in its own units. Prints one JSON object; the peak is that
of the whole process.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import numpy as np
import torch

from petsynth.config import load_config
from petsynth.preprocessing.grids import conformed_grid
from petsynth.systems.base import PredictionSettings, SubjectInfo, TrainedGenerator
from petsynth.systems.ganbert.config import GanbertConfig
from petsynth.systems.registry import build_system


def main(name: str = "ganbert.toml", threads: str = "2") -> None:
    torch.set_num_threads(int(threads))
    config = load_config(name)
    assert isinstance(config, GanbertConfig)
    system = build_system(config)
    model = TrainedGenerator(system.build_generator().eval(), torch.device("cpu"), pet_scale=1.0)
    shape = conformed_grid(config.data.voxel_mm).shape
    t1 = np.random.default_rng(0).random(shape, dtype=np.float32) * 255
    start = time.perf_counter()
    pet = system.predict(model, t1, PredictionSettings(), SubjectInfo()).mean
    seconds = time.perf_counter() - start
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    result = {
        "configuration": name,
        "threads": int(threads),
        "shapes": {"t1": list(shape), "pet": list(pet.shape)},
        "seconds": round(seconds, 2),
        "peak_gib": round(int(peak) / 2**20, 2),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
