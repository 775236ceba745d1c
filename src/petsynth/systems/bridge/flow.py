"""The mathematics of the flow: the path from a noisy T1 to a PET, and how to walk it in few steps.

A sample starts at the T1 with normal noise, ``x(0) = t1 + noise * z``, and moves to the PET on a
straight line, ``x(t) = (1 - t) x(0) + t pet``. The network learns the mean PET given ``x(t)``, t
and the T1. Its velocity ``(mean - x) / (1 - t)`` is the mean velocity of all lines through x(t), so
that walking along it turns the distribution of x(0) into that of PETs of this T1 [1, 2]. At t = 0
nothing of the PET is in x(0), so that the network's first answer is the mean of all PETs of this
T1: one evaluation gives the point estimate.

References
----------
.. [1] Liu, Gong and Liu, "Flow straight and fast: learning to generate and transfer data with
   rectified flow", ICLR 2023.
.. [2] Albergo, Boffi and Vanden-Eijnden, "Stochastic interpolants: a unifying framework for flows
   and diffusions", 2023: any start that is coupled with the condition, here the T1.
.. [3] Hairer, Norsett and Wanner, "Solving ordinary differential equations I", section III.1:
   the method of Adams and Bashforth.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

Denoiser = Callable[[Tensor, float], Tensor]
"""From x(t) and t to the mean PET given x(t)."""


def start(t1: Tensor, z: Tensor, noise: float) -> Tensor:
    """Return x(0), where a sample starts; all in the network's units.

    Parameters
    ----------
    t1, z : tensors of one shape
        The T1, and standard normal numbers.
    noise : float
        Standard deviation of the noise.
    """
    return t1 + noise * z


def interpolate(x0: Tensor, pet: Tensor, t_B: Tensor) -> Tensor:
    """Return x(t), the point of the line from x(0) to the PET.

    Parameters
    ----------
    x0, pet : (B, ...) tensors
        Ends of the line.
    t_B : (B,) tensor
        Time of each, 0 to 1.

    Examples
    --------
    >>> import torch
    >>> interpolate(torch.zeros(3, 1), torch.ones(3, 1), torch.tensor([0.0, 0.5, 1.0])).flatten()
    tensor([0.0000, 0.5000, 1.0000])
    """
    t = t_B.view(-1, *[1] * (x0.ndim - 1))
    return (1 - t) * x0 + t * pet


def walk(mean_pet: Denoiser, x0: Tensor, evaluations: int) -> Tensor:
    """Return a sample: where the flow takes x(0).

    Steps of equal length by the method of Adams and Bashforth of second order, which costs one
    evaluation a step as Euler's; its first step is Euler's.

    Parameters
    ----------
    mean_pet : function from Tensor and float to Tensor
        The mean PET given x(t) and t.
    x0 : tensor
        From `start`.
    evaluations : int
        Number of steps; with one the result is the mean of all PETs, whatever the noise.

    Raises
    ------
    ValueError
        If there is no step.
    """
    if evaluations < 1:
        raise ValueError(f"{evaluations} evaluations: at least one is needed")
    x, before = x0, None
    length = 1 / evaluations
    for step in range(evaluations):
        t = step * length
        velocity = (mean_pet(x, t) - x) / (1 - t)
        slope = velocity if before is None else 1.5 * velocity - 0.5 * before
        x, before = x + length * slope, velocity
    return x
