"""What every training step needs: networks with their optimisers, and one step of them.

Several processes train one model, each on its own part of every batch. Every process holds all
networks and takes the same steps: gradients are averaged before each step of an optimiser
(`petsynth.training.distributed` starts the processes).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Network = TypeVar("Network", bound=nn.Module)


@dataclass
class Networks:
    """All networks of a system and their optimisers; subclasses add the discriminators.

    Parameters
    ----------
    generator : torch.nn.Module
        The network that is kept.
    generator_optimiser : Adam
        Its optimiser.
    """

    generator: nn.Module
    generator_optimiser: Adam

    def state_dict(self) -> dict[str, dict[str, Any]]:
        """Return everything that training changes, as tensors and plain values."""
        return {name: part.state_dict() for name, part in self._parts()}

    def load_state_dict(self, state: dict[str, dict[str, Any]]) -> None:
        """Take over what `state_dict` returned."""
        for name, part in self._parts():
            part.load_state_dict(state[name])

    def modules(self) -> list[nn.Module]:
        """Return the networks, generator first."""
        return [part for _, part in self._parts() if isinstance(part, nn.Module)]

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate of all optimisers."""
        for _, part in self._parts():
            if isinstance(part, Adam):
                for group in part.param_groups:
                    group["lr"] = rate

    def _parts(self) -> Iterator[tuple[str, nn.Module | Adam]]:
        for field in dataclasses.fields(self):
            part = getattr(self, field.name)
            if part is not None:
                yield field.name, part


class InnermostAdam(Adam):
    """Adam, fused, that reads every kernel in the order in which it lies in memory.

    torch's fused step makes copies of weights, gradients and both moments where channels lie
    innermost, and copies three of them back. It is told the same memory with its axes in order, so
    that it has nothing to copy.
    """

    def _init_group(self, group: dict[str, Any], *lists: list[Tensor]) -> Any:
        found = super()._init_group(group, *lists)  # type: ignore[no-untyped-call]
        weights, gradients, means, squares = lists[:4]
        orders = [_memory_order(weight) for weight in weights]
        for tensors in (weights, gradients, means, squares):
            tensors[:] = [each.permute(order) for each, order in zip(tensors, orders, strict=True)]
        return found


def _memory_order(weight: Tensor) -> list[int]:
    """Return a tensor's axes from the one of the longest stride to that of the shortest."""
    strides = weight.stride()
    return sorted(range(weight.ndim), key=lambda axis: (-strides[axis], axis))


def with_adam(
    fabric: Fabric, network: Network, learning_rate: float, betas: tuple[float, float]
) -> tuple[Network, Adam]:
    """Move a network to the device, and make its optimiser."""
    network.to(fabric.device)
    weights = network.parameters()
    return network, InnermostAdam(weights, lr=learning_rate, betas=betas, fused=True)


@dataclass(frozen=True)
class LearningRateSchedule:
    """The fraction of the learning rate at each step: linear warm-up, then constant, then decay.

    Parameters
    ----------
    steps : int
        Of the whole training.
    warm_up : int
        Steps, the first ones, over which it grows from zero.
    decay : int
        Steps, the last ones, over which it falls to zero.
    shape : {"linear", "cosine"}
        How it falls.

    Examples
    --------
    >>> schedule = LearningRateSchedule(8, warm_up=2, decay=4)
    >>> [schedule(step) for step in range(8)]
    [0.5, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
    >>> schedule = LearningRateSchedule(100, warm_up=10, decay=90, shape="cosine")
    >>> [round(schedule(step), 3) for step in (0, 9, 10, 55, 99)]
    [0.1, 1.0, 1.0, 0.5, 0.0]
    """

    steps: int
    warm_up: int = 0
    decay: int = 0
    shape: Literal["linear", "cosine"] = "linear"

    def __call__(self, step: int) -> float:
        """Return the fraction at a step, counted from 0."""
        rising = (step + 1) / max(self.warm_up, 1)
        if self.shape == "linear":
            return min(1.0, rising, (self.steps - step) / max(self.decay, 1))
        if step < self.warm_up:
            return rising
        passed = max(step - (self.steps - self.decay), 0)
        return 0.5 * (1 + math.cos(math.pi * passed / max(self.decay, 1)))


def run_network(fabric: Fabric, network: nn.Module, *inputs: Tensor) -> Tensor:
    """Return a network's result in float32, computed in the training's arithmetic."""
    with fabric.autocast():
        result: Tensor = network(*inputs)
    return result.float()


def take_step(fabric: Fabric, network: nn.Module, optimiser: Optimizer) -> None:
    """Take one step along the accumulated gradients, averaged over all processes."""
    average_gradients(fabric, network)
    optimiser.step()


def average_gradients(fabric: Fabric, network: nn.Module) -> None:
    """Replace a network's gradients by their means over all processes, in place."""
    if fabric.world_size == 1:
        return
    gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
    if not gradients:
        return
    together = fabric.all_reduce(
        torch.cat([each.flatten() for each in gradients]), reduce_op="mean"
    )
    assert isinstance(together, Tensor)
    parts = together.split([each.numel() for each in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))
