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


def rate_share(step: int, steps: int, *, warm_up: float, decay: float) -> float:
    """Return the share of the learning rate at a step: up linearly, 1, down linearly.

    Parameters
    ----------
    step : int
        Counted from 0.
    steps : int
        Of the whole training.
    warm_up : float
        Share of the steps, the first ones, over which it grows from zero.
    decay : float
        Share of the steps, the last ones, over which it falls to zero; the step after the last
        would have none.

    Examples
    --------
    >>> [rate_share(step, 8, warm_up=0.25, decay=0.5) for step in range(8)]
    [0.5, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    rising, falling = round(warm_up * steps), round(decay * steps)
    return min(1.0, (step + 1) / max(rising, 1), (steps - step) / max(falling, 1))
