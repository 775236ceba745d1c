"""One full-size training step of GANBERT: time by part, peak memory, what checkpointing saves.

    python benchmarks/ganbert_step.py [CONFIG] [--threads N] [--device cuda]

Paper size by default: T1 256^3, PET 2 x 93 x 76 x 76, BERT-base, batch 1, no accumulation. The
step runs twice, each time in a process of its own: with and without gradient checkpointing.
Prints one JSON object; the gradients of both are compared. On a processor the peak is that of the
process; on a GPU that of torch's allocator, and the step timed is the third.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from petsynth.config import load_config
from petsynth.data.volumes import BatchPartition
from petsynth.preprocessing.grids import conformed_grid, grid_in_paper_order, pet_grid
from petsynth.systems.ganbert.config import GanbertConfig
from petsynth.systems.ganbert.training import (
    GanbertNetworks,
    build_networks,
    make_micro_batch,
    train_step,
)
from petsynth.training.distributed import launch_fabric


class Stopwatch:
    """Seconds spent in the forward passes of networks and in the steps of their optimisers."""

    def __init__(self, networks: GanbertNetworks):
        self.seconds: dict[str, float] = defaultdict(float)
        self._start = 0.0
        for name in ("generator", "bert"):
            network: nn.Module = getattr(networks, name)
            network.register_forward_pre_hook(self._begin)
            network.register_forward_hook(self._end(f"{name}_forward"))
            optimiser = getattr(networks, f"{name}_optimiser")
            optimiser.register_step_pre_hook(self._begin)
            optimiser.register_step_post_hook(self._end("optimisers"))

    def _begin(self, *_: object) -> None:
        self._start = time.perf_counter()

    def _end(self, name: str) -> Callable[..., None]:
        def end(*_: object) -> None:
            self.seconds[name] += time.perf_counter() - self._start

        return end


def take_step(config: GanbertConfig, device: str, gradients: Path) -> dict[str, object]:
    """Take one step and save the generator's gradients; return seconds and peak memory."""
    fabric = launch_fabric(device, 1, 1, config.training.precision)
    networks = build_networks(config, fabric)
    random = torch.Generator().manual_seed(0)
    mri_shape = conformed_grid(config.data.voxel_mm).shape
    pet_shape = grid_in_paper_order(pet_grid(config.data.voxel_mm)).shape
    mri = torch.randn(1, 1, *mri_shape, generator=random)
    pet = 20 * torch.rand(1, config.data.frames, *pet_shape, generator=random)
    batch = fabric.to_device((mri, pet))
    for step in range(3 if device == "cuda" else 1):
        watch = Stopwatch(networks)
        start = time.perf_counter()
        train_step(
            networks,
            fabric,
            config,
            [make_micro_batch(config, networks, batch, BatchPartition(1), step, 0)],
        )
        if device == "cuda":
            torch.cuda.synchronize()
        whole = time.perf_counter() - start
        if step == 0:
            found = [weight.grad for weight in networks.generator.parameters()]
            whole_gradient = torch.cat([each.flatten() for each in found if each is not None])
            torch.save(whole_gradient.cpu(), gradients)
    if device == "cuda":  # kernels run on after their calls return, so only the whole is timed
        return {"peak_gib": torch.cuda.max_memory_allocated() / 2**30, "seconds": {"step": whole}}
    seconds = {name: round(value, 2) for name, value in watch.seconds.items()}
    seconds["backward_and_losses"] = round(whole - sum(watch.seconds.values()), 2)
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return {"peak_gib": int(peak) / 2**20, "seconds": seconds | {"step": round(whole, 2)}}


def with_checkpointing(config: GanbertConfig, is_on: bool) -> GanbertConfig:
    return dataclasses.replace(
        config,
        generator=dataclasses.replace(config.generator, checkpointing=is_on),
        bert=dataclasses.replace(config.bert, checkpointing=is_on),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", nargs="?", default="ganbert.toml")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--checkpointing", choices=("on", "off"), help="this one only")
    parser.add_argument("--gradients", type=Path, help="where its gradients are saved")
    args = parser.parse_args()
    if args.checkpointing:
        torch.set_num_threads(args.threads)
        config = load_config(args.config)
        assert isinstance(config, GanbertConfig)
        config = with_checkpointing(config, args.checkpointing == "on")
        print(json.dumps(take_step(config, args.device, args.gradients)))
    else:
        compare(args)


def compare(args: argparse.Namespace) -> None:
    results, gradients = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for word in ("on", "off"):
            file = f"{folder}/{word}.pt"
            own = [sys.executable, __file__, *sys.argv[1:]]
            command = [*own, "--checkpointing", word, "--gradients", file]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
            results[word] = json.loads(done.stdout)
            gradients[word] = torch.load(file, weights_only=True)
    difference = (gradients["on"] - gradients["off"]).norm() / gradients["off"].norm()
    peak, peak_without = results["on"]["peak_gib"], results["off"]["peak_gib"]
    print(
        json.dumps(
            {
                "configuration": args.config,
                "device": args.device,
                "threads": args.threads,
                "peak_gib": round(peak, 2),
                "peak_gib_no_checkpoint": round(peak_without, 2),
                "saved_fraction": round(1 - peak / peak_without, 3),
                "gradient_difference": float(difference),
                "seconds": results["on"]["seconds"],
                "seconds_no_checkpoint": results["off"]["seconds"],
            }
        )
    )


if __name__ == "__main__":
    main()
