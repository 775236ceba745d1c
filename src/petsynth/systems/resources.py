"""How large a training is, told without training: networks on torch's meta device, which knows
shapes but holds no numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Resources:
    """What ``petsynth describe`` shows.

    Parameters
    ----------
    content : dict
        Plain values, ready for JSON.
    rows : list of (str, str)
        The same as a table: name and text.
    """

    content: dict[str, Any]
    rows: list[tuple[str, str]]


def run_and_measure(network: nn.Module, *inputs: Any, **more: Any) -> tuple[Any, int]:
    """Return a network's result, and the bytes that autograd keeps for its backward pass."""
    weights = {id(weight.untyped_storage()) for weight in network.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if id(storage) not in weights:
            kept[id(storage)] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = network(*inputs, **more)
    return result, sum(storage.nbytes() for storage in kept.values())


def training_memory(parameters: int, activations_bytes: int, definition: str) -> dict[str, Any]:
    """Return the memory of a training in all, and what it consists of.

    Parameters
    ----------
    parameters : int
        Of all networks.
    activations_bytes : int
        What autograd keeps.
    definition : str
        What is counted and what is not, for the reader.
    """
    weights = 4 * parameters
    total = 4 * weights + activations_bytes
    return {
        "weights_bytes": weights,
        "gradients_bytes": weights,
        "optimiser_bytes": 2 * weights,
        "activations_bytes": activations_bytes,
        "total_bytes": total,
        "total_gib": round(total / 2**30, 3),
        "definition": definition,
    }


def memory_rows(memory: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the rows that tell `training_memory`."""
    return [
        ("memory", f"about {memory['total_gib']} GiB to train"),
        ("", str(memory["definition"])),
    ]


def shape_text(sizes: list[int]) -> str:
    """Return a shape as it is written.

    Examples
    --------
    >>> shape_text([1, 256, 256])
    '1 x 256 x 256'
    """
    return " x ".join(map(str, sizes))
