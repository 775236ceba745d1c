"""Several processes that train one model, each on its own part of every batch.

Every process holds all networks and takes the same steps (`petsynth.systems.optimisation`).
lightning-fabric starts the processes, or joins those that torchrun or
Slurm started (decision record 0057).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor

from petsynth.errors import PetsynthError, PetsynthWarning, TrainingError

CPUINFO = Path("/proc/cpuinfo")
_FLAGS = ("flags", "Features")
"""What Linux calls them on x86 and on ARM."""
_BF16 = {"avx512_bf16", "amx_bf16", "bf16"}
Precision = Literal["32-true", "bf16-mixed"]
Result = TypeVar("Result")


def launch_fabric(
    device: str = "auto", devices: int = 1, nodes: int = 1, precision: str = "32-true"
) -> Fabric:
    """Start or join the processes of a training.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        Where to compute.
    devices, nodes : int
        Devices (on a CPU: processes) on each machine, and machines.
    precision : {"auto", "32-true", "bf16-mixed"}
        ``"auto"`` takes bf16-mixed on a GPU or processor that has it.

    Raises
    ------
    TrainingError
        If there is no such device, or not as many; or if torchrun or Slurm started another number
        of processes.
    """
    gpus = torch.cuda.device_count()
    if device == "cuda" and not gpus:
        raise TrainingError("torch finds no CUDA device here; use --device cpu")
    on_gpu = gpus > 0 and device != "cpu"
    if devices < 1 or nodes < 1:
        raise TrainingError(f"--devices {devices} --nodes {nodes}: both must be 1 or more")
    if on_gpu and devices > gpus:
        raise TrainingError(f"--devices {devices}: torch finds {gpus} GPUs here")
    started = _started_processes()
    if started not in (1, devices * nodes):
        raise TrainingError(
            f"torchrun or srun started {started} processes, but --devices {devices} "
            f"--nodes {nodes} make {devices * nodes}; let them agree"
        )
    fabric = Fabric(
        accelerator="cuda" if on_gpu else "cpu",
        devices=devices,
        num_nodes=nodes,
        strategy="ddp" if devices * nodes > 1 else "auto",
        precision=choose_precision(precision, on_gpu=on_gpu),
    )
    fabric.launch()
    return fabric


def _started_processes() -> int:
    """Return how many processes torchrun or srun started; 1 if neither did."""
    counts = (os.environ.get(name, "") for name in ("WORLD_SIZE", "SLURM_STEP_NUM_TASKS"))
    return max((int(count) for count in counts if count.isdecimal()), default=1)


def choose_precision(wanted: str, *, on_gpu: bool) -> Precision:
    """Return the arithmetic: what is wanted, or with ``"auto"`` what the hardware has.

    A processor without bfloat16 arithmetic is warned of: it imitates it, about ten times as slowly
    as float32 (22.7 s against 2.5 s for a step of the pretrained models on AVX2).

    Examples
    --------
    >>> choose_precision("32-true", on_gpu=False)
    '32-true'
    """
    if wanted == "bf16-mixed" and not on_gpu and not cpu_has_bf16():
        warnings.warn(
            "training.precision bf16-mixed: this processor has no bfloat16 arithmetic, which makes "
            'training about ten times slower; use precision = "32-true"',
            PetsynthWarning,
            stacklevel=2,
        )
    if wanted == "auto":
        has_bf16 = torch.cuda.is_bf16_supported() if on_gpu else cpu_has_bf16()
        return "bf16-mixed" if has_bf16 else "32-true"
    return cast("Precision", wanted)


def cpu_has_bf16() -> bool:
    """Whether the processor multiplies in bfloat16: AVX512-BF16, AMX, or ARM's extension.

    torch computes in bfloat16 on any processor; without these it is an imitation.
    """
    return bool(_BF16 & _cpu_flags())


def _cpu_flags() -> set[str]:
    """Return what Linux says that the processor can do; nothing where there is no such file."""
    try:
        text = CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    lines = (line.partition(":") for line in text.splitlines())
    of_first = next((flags for name, _, flags in lines if name.strip() in _FLAGS), "")
    return set(of_first.split())


def on_first(fabric: Fabric, action: Callable[[], Result]) -> Result:
    """Do something in the first process only, and return its result, or its error, in all.

    Raises
    ------
    PetsynthError
        Whatever the first process raised.
    """
    result: Result | None = None
    error: PetsynthError | None = None
    if fabric.is_global_zero:
        try:
            result = action()
        except PetsynthError as caught:
            error = caught
    result, error = fabric.broadcast((result, error))
    if error is not None:
        raise error
    return cast("Result", result)


def average_terms(fabric: Fabric, terms: dict[str, Tensor]) -> dict[str, float]:
    """Return the means of named figures over all processes, the same in each."""
    together = torch.stack([term.detach().float() for term in terms.values()])
    if fabric.world_size > 1:
        means = fabric.all_reduce(together, reduce_op="mean")
        assert isinstance(means, Tensor)
        together = means
    return dict(zip(terms, together.tolist(), strict=True))
