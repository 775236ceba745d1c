"""Is a training step faster than the same networks written the plain way?

    python benchmarks/train_step.py [--systems pix2pix unet25d ...] [--steps 5] [--threads 2]

The plain way is eager float32, kernels as torch lays them, torch's group norm as the instance norm,
torch's Adam as it comes, and memory as the C library handles it. Both take the same step with the
same weights and inputs, in turns, so that a busy machine slows both. Sizes are those of the papers
(pix2pix: 256 x 256 slices, paper A; pix2pix3d and ganbert: a T1 of 256^3 and two frames, paper B,
batch 1 without accumulation) and that of the pretrained models (unet25d: 16 slabs).

Ratios are the plain way's seconds over ours, medians over the steps after the first two; ``spread``
is the lowest and the highest ratio of two steps that followed each other. ``limit_s`` is the least
that the machine needs: the step's convolutions and products at the rate of the fastest of
`roofline.py`'s, and one reading and writing of weights, gradients and moments; ``share_of_limit``
is that over what the step took. Prints one JSON object as its last line.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from statistics import median
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import Adam
from torch.utils.flop_counter import FlopCounterMode

from petsynth.config import parse_config, read_toml
from petsynth.data.volumes import BatchPartition
from petsynth.networks import halving, layers, unet3d
from petsynth.preprocessing.grids import conformed_grid, grid_in_paper_order, pet_grid
from petsynth.systems.ganbert import training as ganbert
from petsynth.systems.optimisation import Networks
from petsynth.systems.pix2pix import training as pix2pix
from petsynth.systems.pix2pix3d import system as pix2pix3d
from petsynth.systems.unet25d import training as unet25d
from petsynth.systems.unet25d.slabs import Slab
from petsynth.training.distributed import launch_fabric
from petsynth.training.memory import keep_freed_memory
from roofline import bytes_per_second, flops_per_second

WARM_UP = 2
"""Steps that are not counted: they make moments, and fill memory and caches."""
ADAM_PASSES = 7
"""Readings of weight, gradient and two moments, writings of weight and moments."""


@dataclass
class Step:
    """A training step that can be repeated.

    Parameters
    ----------
    networks : Networks
        What it improves.
    take : function
        Takes it.
    samples : int
        That it sees.
    """

    networks: Networks
    take: Callable[[], object]
    samples: int


def pix2pix_step(precision: str, batch: int = 1) -> Step:
    """Return paper A's step."""
    config: Any = parse_config(read_toml("pix2pix-axial.toml"))
    fabric = launch_fabric("cpu", precision=precision)
    networks = pix2pix.build_networks(config, fabric)
    pair = fixed(batch, 1, 256, 256), fixed(batch, 1, 256, 256)
    keys = torch.arange(batch)
    return Step(networks, lambda: pix2pix.train_step(networks, fabric, config, pair, keys), batch)


def unet25d_step(precision: str) -> Step:
    """Return the pretrained models' step."""
    config: Any = parse_config(read_toml("petsynth-fdg.toml"))
    fabric = launch_fabric("cpu", precision=precision)
    networks = unet25d.build_networks(config, fabric)
    batch, side = config.training.batch_size, config.data.padded_size
    slab = Slab(
        fixed(batch, config.data.slices, side, side),
        fixed(batch, 2, side, side),
        torch.eye(3, 4).expand(batch, 3, 4),
        torch.zeros(batch, 2 * len(config.data.covariates)),
    )
    return Step(networks, lambda: unet25d.train_step(networks, fabric, config.loss, slab), batch)


def paper_b_pair(config: Any) -> tuple[Tensor, Tensor]:
    """Return a T1 and a PET of paper B's size."""
    mri = conformed_grid(config.data.voxel_mm).shape
    pet = grid_in_paper_order(pet_grid(config.data.voxel_mm)).shape
    return fixed(1, 1, *mri), 20 * fixed(1, config.data.frames, *pet).abs()


def pix2pix3d_step(precision: str) -> Step:
    """Return the step of paper B's baseline."""
    config: Any = parse_config(read_toml("pix2pix3d-tanhshrink.toml"))
    fabric = launch_fabric("cpu", precision=precision)
    networks = pix2pix3d.build_networks(config, fabric)
    pair = paper_b_pair(config)
    return Step(networks, lambda: pix2pix3d.train_step(networks, fabric, config, [pair]), 1)


def ganbert_step(precision: str) -> Step:
    """Return paper B's step."""
    config: Any = parse_config(read_toml("ganbert.toml"))
    fabric = launch_fabric("cpu", precision=precision)
    networks = ganbert.build_networks(config, fabric)
    pair = paper_b_pair(config)

    def take() -> object:
        batch = ganbert.make_micro_batch(config, networks, pair, BatchPartition(1), 0, 0)
        return ganbert.train_step(networks, fabric, config, [batch])

    return Step(networks, take, 1)


STEPS: dict[str, Callable[[str], Step]] = {
    "pix2pix": pix2pix_step,
    "pix2pix_batch8": lambda precision: pix2pix_step(precision, 8),
    "unet25d": unet25d_step,
    "pix2pix3d": pix2pix3d_step,
    "ganbert": ganbert_step,
}


def fixed(*shape: int) -> Tensor:
    """Return the same random numbers in [-1, 1] at each call."""
    return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(0)) - 1


def lay_plainly(networks: Networks) -> None:
    """Give networks torch's own layout of kernels, and optimisers torch's own step, in place."""
    for network in networks.modules():
        for weight in network.parameters():
            weight.data = weight.data.contiguous()
    for name, part in vars(networks).items():
        if isinstance(part, Adam):
            group = part.param_groups[0]
            plain = Adam(group["params"], lr=group["lr"], betas=group["betas"])
            setattr(networks, name, plain)


@contextlib.contextmanager
def plain_layers() -> Iterator[None]:
    """Compute norms by torch's group norm, and convolutions of few pixels as all others."""

    def norm(image: Tensor, gammas: Tensor, betas: Tensor) -> Tensor:
        return functional.group_norm(image, len(gammas), gammas, betas, layers.NORM_EPSILON)

    with (
        mock.patch.object(layers, "instance_norm", norm),
        mock.patch.object(unet3d, "instance_norm", norm),
        mock.patch.object(halving, "_MOST_PIXELS", 0),
    ):
        yield


class Way:
    """One way to take a step, in a process of its own: the C library's memory is one for all.

    Parameters
    ----------
    name : str
        Of the step.
    precision : str or None
        Ours, in this arithmetic; None: the plain way.
    threads : int
        Of the process.
    """

    def __init__(self, name: str, precision: str | None, threads: int):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, name, precision, threads))
        self._process.start()

    def seconds(self) -> float:
        """Take a step, and return how long a sample took."""
        return self._ask("step")

    def end(self) -> float:
        """Return the least that the machine needs for a sample, and end the process."""
        least = self._ask("end")
        self._process.join()
        return least

    def _ask(self, what: str) -> float:
        self._pipe.send(what)
        return float(self._pipe.recv())


def _serve(pipe: Connection, name: str, precision: str | None, threads: int) -> None:
    torch.set_num_threads(threads)
    step = STEPS[name](precision or "32-true")
    if precision is None:
        lay_plainly(step.networks)
    with plain_layers() if precision is None else keep_freed_memory():
        while pipe.recv() == "step":
            start = time.perf_counter()
            step.take()
            pipe.send((time.perf_counter() - start) / step.samples)
        pipe.send(least_seconds(step, precision) if precision else 0.0)


def least_seconds(step: Step, precision: str) -> float:
    """Return the least that the machine needs for a sample of the step."""
    with FlopCounterMode(display=False) as counter:
        step.take()
    weights = sum(
        each.numel() for network in step.networks.modules() for each in network.parameters()
    )
    arithmetic = torch.bfloat16 if precision == "bf16-mixed" else torch.float32
    computing = counter.get_total_flops() / flops_per_second(arithmetic)
    moving = ADAM_PASSES * 4 * weights / bytes_per_second()
    return (computing + moving) / step.samples


def compare(name: str, precision: str, steps: int, threads: int) -> dict[str, object]:
    """Return the ratios of a system."""
    ours, plain = Way(name, precision, threads), Way(name, None, threads)
    pairs = [(plain.seconds(), ours.seconds()) for _ in range(WARM_UP + steps)][WARM_UP:]
    plain_s, ours_s = (median(each) for each in zip(*pairs, strict=True))
    limit_s = ours.end()
    plain.end()
    ratios = [slow / fast for slow, fast in pairs]
    return {
        "ratio": round(plain_s / ours_s, 2),
        "spread": [round(min(ratios), 2), round(max(ratios), 2)],
        "share_of_limit": round(limit_s / ours_s, 2),
        "seconds_a_sample": round(ours_s, 3),
        "plain_seconds_a_sample": round(plain_s, 3),
        "limit_s": round(limit_s, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=("auto", "32-true", "bf16-mixed"), default="auto")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    precision = launch_fabric("cpu", precision=options.precision)._precision.precision
    results: dict[str, object] = {"precision": precision, "threads": options.threads}
    for name in options.systems:
        steps = min(options.steps, 2) if name in ("pix2pix3d", "ganbert") else options.steps
        system, _, batch = name.partition("_")
        for key, value in compare(name, precision, steps, options.threads).items():
            results["_".join(filter(None, (system, key, batch)))] = value
    print(json.dumps(results))


if __name__ == "__main__":
    main()
