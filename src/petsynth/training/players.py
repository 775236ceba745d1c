"""The networks that train against each other, and their optimisers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from lightning_fabric import Fabric
from torch import nn
from torch.optim import Adam

Network = TypeVar("Network", bound=nn.Module)


@dataclass
class Players:
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

    def state_dict(self) -> dict[str, dict]:
        """Return everything that training changes, as tensors and plain values."""
        return {name: part.state_dict() for name, part in self._parts()}

    def load_state_dict(self, state: dict[str, dict]) -> None:
        """Take over what `state_dict` returned."""
        for name, part in self._parts():
            part.load_state_dict(state[name])

    def networks(self) -> list[nn.Module]:
        """Return the networks, generator first."""
        return [part for _, part in self._parts() if isinstance(part, nn.Module)]

    def set_learning_rate(self, rate: float) -> None:
        """Set the step size of all optimisers."""
        for _, part in self._parts():
            if isinstance(part, Adam):
                for group in part.param_groups:
                    group["lr"] = rate

    def _parts(self) -> Iterator[tuple[str, nn.Module | Adam]]:
        for field in dataclasses.fields(self):
            part = getattr(self, field.name)
            if part is not None:
                yield field.name, part


def place(
    fabric: Fabric, network: Network, learning_rate: float, betas: tuple[float, float]
) -> tuple[Network, Adam]:
    """Move a network to the device, and make its optimiser."""
    network.to(fabric.device)
    return network, Adam(network.parameters(), lr=learning_rate, betas=betas, fused=True)


def warm_up(step: int, steps: int) -> float:
    """Return the share of the learning rate at a step: linear from zero, then 1.

    Parameters
    ----------
    step : int
        Counted from 0.
    steps : int
        How many steps the warm-up takes.

    Examples
    --------
    >>> [warm_up(step, 4) for step in (0, 1, 3, 4, 100)]
    [0.25, 0.5, 1.0, 1.0, 1.0]
    """
    return min(1.0, (step + 1) / max(steps, 1))
