"""How fast is this machine at what a network is made of?

    python benchmarks/roofline.py [--threads 2]

Floating-point operations a second of a large matrix product and of a 3 x 3 convolution of 256
channels, in float32 and in bfloat16, and bytes a second of a copy; the best of several tries.
Prints one JSON object as its last line.
"""

from __future__ import annotations

import argparse
import functools
import json
import time
from collections.abc import Callable

import torch
from torch.nn import functional

TRIES = 7


@functools.cache
def product_flops(kind: torch.dtype) -> float:
    """Return operations a second of a 2048 x 2048 matrix product."""
    side = 2048
    matrix = torch.randn(side, side).to(kind)
    return 2 * side**3 / _best(lambda: matrix @ matrix)


@functools.cache
def convolution_flops(kind: torch.dtype) -> float:
    """Return operations a second of a 3 x 3 convolution of eight images, channels innermost."""
    images, channels, side = 8, 256, 64
    layout = torch.channels_last
    image = torch.randn(images, channels, side, side).to(kind).contiguous(memory_format=layout)
    kernel = torch.randn(channels, channels, 3, 3).to(kind).contiguous(memory_format=layout)
    operations = 2 * images * channels**2 * 9 * side**2
    return operations / _best(lambda: functional.conv2d(image, kernel, padding=1))


def flops_per_second(kind: torch.dtype) -> float:
    """Return the faster of both."""
    return max(product_flops(kind), convolution_flops(kind))


@functools.cache
def bytes_per_second() -> float:
    """Return bytes read and written a second by a copy of 512 MiB."""
    source = torch.randn(1 << 27)
    target = source.clone()
    return 2 * 4 * source.numel() / _best(lambda: target.copy_(source))


def _best(work: Callable[[], object]) -> float:
    """Return the seconds of the fastest of several tries."""
    seconds = []
    for _ in range(TRIES):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    torch.set_num_threads(parser.parse_args().threads)
    kinds = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    result = {
        "threads": torch.get_num_threads(),
        "product_gflops": {name: round(product_flops(kind) / 1e9) for name, kind in kinds.items()},
        "convolution_gflops": {
            name: round(convolution_flops(kind) / 1e9) for name, kind in kinds.items()
        },
        "copy_gb_per_s": round(bytes_per_second() / 1e9, 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
