"""One full-size training step of GANBERT: time by part, peak memory, what checkpointing saves.

    python benchmarks/ganbert_step.py [CONFIG] [THREADS]

Paper size by default: T1 256^3, PET 2 x 93 x 76 x 76, BERT-base, batch 1, no accumulation. The
step runs twice, each time in a process of its own: with and without gradient checkpointing.
Prints one JSON object; the gradients of both are compared.
"""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import nn

from petsynth.config import GanbertConfig, load_config
from petsynth.data.volumes import Portion
from petsynth.preprocessing.paper_b_grids import conformed_grid, grid_in_paper_order, pet_grid
from petsynth.training.ganbert import GanbertPlayers, build_players, make_part, train_step


class Stopwatch:
    """Seconds spent in the forward passes of networks and in the steps of their optimisers."""

    def __init__(self, players: GanbertPlayers):
        self.seconds: dict[str, float] = defaultdict(float)
        self._start = 0.0
        for name in ("generator", "bert"):
            network: nn.Module = getattr(players, name)
            network.register_forward_pre_hook(self._begin)
            network.register_forward_hook(self._end(f"{name}_forward"))
            optimiser = getattr(players, f"{name}_optimiser")
            optimiser.register_step_pre_hook(self._begin)
            optimiser.register_step_post_hook(self._end("optimisers"))

    def _begin(self, *_: object) -> None:
        self._start = time.perf_counter()

    def _end(self, name: str):
        def end(*_: object) -> None:
            self.seconds[name] += time.perf_counter() - self._start

        return end


def take_step(config: GanbertConfig, gradients: Path) -> dict[str, object]:
    """Take one step and save the generator's gradients; return seconds and peak memory."""
    fabric = Fabric(accelerator="cpu", devices=1)
    players = build_players(config, fabric)
    watch = Stopwatch(players)
    draw = torch.Generator().manual_seed(0)
    mri_shape = conformed_grid(config.data.voxel_mm).shape
    pet_shape = grid_in_paper_order(pet_grid(config.data.voxel_mm)).shape
    mri = torch.randn(1, 1, *mri_shape, generator=draw)
    pet = 20 * torch.rand(1, config.data.frames, *pet_shape, generator=draw)
    part = make_part(config, players, (mri, pet), Portion(1), 0, 0)
    start = time.perf_counter()
    train_step(players, fabric, config, [part])
    whole = time.perf_counter() - start
    seconds = {name: round(value, 2) for name, value in watch.seconds.items()}
    seconds["backward_and_losses"] = round(whole - sum(watch.seconds.values()), 2)
    flat = torch.cat([weight.grad.flatten() for weight in players.generator.parameters()])
    torch.save(flat, gradients)
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return {"peak_gib": int(peak) / 2**20, "seconds": seconds | {"step": round(whole, 2)}}


def with_checkpointing(config: GanbertConfig, is_on: bool) -> GanbertConfig:
    return dataclasses.replace(
        config,
        generator=dataclasses.replace(config.generator, checkpointing=is_on),
        bert=dataclasses.replace(config.bert, checkpointing=is_on),
    )


def main(name: str = "ganbert.toml", threads: str = "2") -> None:
    results, gradients = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for word in ("on", "off"):
            file = Path(folder) / f"{word}.pt"
            command = [sys.executable, __file__, name, threads, word, file]
            done = subprocess.run([str(each) for each in command], check=True, capture_output=True)
            results[word] = json.loads(done.stdout)
            gradients[word] = torch.load(file, weights_only=True)
    difference = (gradients["on"] - gradients["off"]).norm() / gradients["off"].norm()
    peak, peak_without = results["on"]["peak_gib"], results["off"]["peak_gib"]
    print(
        json.dumps(
            {
                "configuration": name,
                "threads": int(threads),
                "peak_gib": round(peak, 2),
                "peak_gib_no_checkpoint": round(peak_without, 2),
                "saved_share": round(1 - peak / peak_without, 3),
                "gradient_difference": float(difference),
                "seconds": results["on"]["seconds"],
                "seconds_no_checkpoint": results["off"]["seconds"],
            }
        )
    )


if __name__ == "__main__":
    if len(sys.argv) > 3:
        torch.set_num_threads(int(sys.argv[2]))
        config = load_config(sys.argv[1])
        print(
            json.dumps(
                take_step(with_checkpointing(config, sys.argv[3] == "on"), Path(sys.argv[4]))
            )
        )
    else:
        main(*sys.argv[1:])
