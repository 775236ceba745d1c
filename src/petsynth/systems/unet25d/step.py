"""One training step of a pretrained model: absolute error, edges, and how large the error will be.

Sources
-------
- Ours. The expected error is learnt by absolute deviation from the measured PET's own, so that it
  becomes the median of what remains unknown; `petsynth.inference.run.Run.error_to_std` makes a
  standard deviation of it.
"""

from __future__ import annotations

import math

from lightning_fabric import Fabric
from torch import Tensor
from torch.nn import functional

from petsynth.systems.optimisation import Players
from petsynth.training.distributed import learn

TERMS = ("l1", "edges", "error", "generator")
"""Loss terms in the order in which they are logged; generator is the weighted sum it learns by."""


def train_step(
    players: Players,
    fabric: Fabric,
    batch: tuple[Tensor, Tensor],
    *,
    weights: tuple[float, float, float],
    weight: float = 1.0,
) -> dict[str, Tensor]:
    """Improve the generator on one batch.

    Parameters
    ----------
    players : Players
        Changed in place.
    fabric : Fabric
        Arithmetic and other processes.
    batch : pair of (B, S, H, W) and (B, 2, H, W) float tensors
        MRI stacks; the PET to be learnt, and the PET as it was measured.
    weights : tuple of 3 float
        Of the terms, in order.
    weight : float
        Of this process's batch in the mean over processes, if their batches differ in size.

    Returns
    -------
    dict of scalar tensors
        `TERMS`, before the step.
    """
    mri, pets = batch
    learnt, measured = pets.split(1, dim=1)
    with fabric.autocast():
        synthetic_pet, error = players.generator(mri)
    synthetic_pet, error = synthetic_pet.float(), error.float()
    l1 = functional.l1_loss(synthetic_pet, learnt)
    edges = edge_loss(synthetic_pet, learnt)
    remaining = functional.l1_loss(error, (synthetic_pet.detach() - measured).abs())
    total = weights[0] * l1 + weights[1] * edges + weights[2] * remaining
    players.generator_optimiser.zero_grad()
    (weight * total).backward()
    learn(fabric, players.generator, players.generator_optimiser)
    terms = (l1, edges, remaining, total)
    return {name: weight * term.detach() for name, term in zip(TERMS, terms, strict=True)}


def edge_loss(synthetic_pet: Tensor, pet: Tensor) -> Tensor:
    """Return the mean absolute error of the differences between neighbours along both axes."""
    difference = synthetic_pet - pet
    return difference.diff(dim=2).abs().mean() + difference.diff(dim=3).abs().mean()


def step_size(step: int, steps: int, warm_up: float) -> float:
    """Return the share of the learning rate at a step: a linear rise, then half a cosine to zero.

    Examples
    --------
    >>> [round(step_size(step, 100, 0.1), 3) for step in (0, 9, 10, 55, 99)]
    [0.1, 1.0, 1.0, 0.5, 0.0]
    """
    rising = math.ceil(warm_up * steps)
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(steps - rising, 1)))
