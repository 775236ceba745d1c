"""Where to compute, and with how many threads."""

from __future__ import annotations

import os

import torch

from petsynth.errors import ArgumentError


def choose_device(name: str = "auto", threads: int | None = None) -> torch.device:
    """Return the device to predict on, and set the number of CPU threads.

    Parameters
    ----------
    name : str
        ``"auto"`` (the GPU if there is one), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...
    threads : int, optional
        CPU threads; all cores if left out, and never more.

    Raises
    ------
    ArgumentError
        If there is no such device here, or the number of threads is not positive.
    """
    cores = os.cpu_count() or 1
    if threads is not None and threads < 1:
        raise ArgumentError(f"--threads {threads}: must be 1 or more")
    torch.set_num_threads(min(threads or cores, cores))
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ArgumentError(f"--device {name}: unknown; use auto, cpu or cuda") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ArgumentError(f"--device {name}: torch finds no such GPU here; use --device cpu")
    if device.type not in ("cpu", "cuda"):
        raise ArgumentError(f"--device {name}: not supported; use auto, cpu or cuda")
    return device
