"""Is pix2pix's prediction faster than the same network run the plain way, slice by slice?

    python benchmarks/predict_slices.py [--slices 40] [--rounds 3] [--threads 2]

Paper A's generator on axial slices of 121 x 145 pixels, padded to 256 x 256. The plain way is eager
float32, a slice at a time, kernels as torch lays them and torch's group norm. Ours is what
`petsynth predict` does, in float32 and, where the processor has it, in bfloat16. All ways have the
same weights and slices, and take turns. ``ratio`` is that of the faster arithmetic, in medians;
differences are the largest, as fractions of the output's range of 2. Prints one JSON object as its
last line.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from petsynth.networks.layers import lay_channels_last
from petsynth.networks.unet2d import UNet2d
from petsynth.slicing import AIR, crop_padding, pad_slices, stack_slices, take_slices
from petsynth.systems.slices.volume import predict_volume
from petsynth.training.distributed import cpu_has_bf16
from train_step import plain_layers

SHAPE = (121, 145)
KEY = 7


@torch.no_grad()
def predict_plainly(generator: nn.Module, mri: NDArray[np.float32]) -> NDArray[np.float32]:
    """Infer a volume a slice at a time."""
    slices = torch.from_numpy(pad_slices(take_slices(mri, "axial"), 256, AIR))
    with plain_layers():
        made = [generator(each[None, None], torch.tensor([KEY]))[0, 0].numpy() for each in slices]
    return stack_slices(crop_padding(np.stack(made), SHAPE[::-1]), "axial")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    plain = UNet2d().eval()
    ours = copy.deepcopy(plain)
    lay_channels_last(ours)
    random = np.random.default_rng(0)
    mri = random.uniform(-1, 1, (*SHAPE, options.slices)).astype(np.float32)
    ways: dict[str, Callable[[], NDArray[np.float32]]] = {
        "plain": lambda: predict_plainly(plain, mri),
        "float32": lambda: predict_volume(ours, mri, dropout_key=KEY),
    }

    def in_bfloat16() -> NDArray[np.float32]:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return predict_volume(ours, mri, dropout_key=KEY)

    if cpu_has_bf16():
        ways["bfloat16"] = in_bfloat16
    made, seconds = {}, {name: [] for name in ways}
    for _ in range(options.rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            made[name] = way()
            seconds[name].append((time.perf_counter() - start) / options.slices)
    medians = {name: median(each[1:]) for name, each in seconds.items()}
    fastest = min((name for name in ways if name != "plain"), key=medians.__getitem__)
    difference = {
        name: float(np.abs(made[name] - made["plain"]).max()) / 2
        for name in ways
        if name != "plain"
    }
    print(
        json.dumps(
            {
                "ratio": round(medians["plain"] / medians[fastest], 2),
                "ratio_float32": round(medians["plain"] / medians["float32"], 2),
                "arithmetic": fastest,
                "max_difference": difference[fastest],
                "max_difference_float32": difference["float32"],
                "seconds_a_slice": {name: round(each, 4) for name, each in medians.items()},
                "threads": options.threads,
            }
        )
    )


if __name__ == "__main__":
    main()
