"""Whether BERT is shown a sample's real or its generated PET.

Sources
-------
- Paper B (Shin et al., GANBERT), section 4.2, "Next sentence prediction": real and generated
  images are selected half of the time each.
- Ours: exactly half of every two neighbours in the global batch, so that even the paper's small
  batches show both; keyed by seed and step (decision record 0031).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def draw_real(seed: int, step: int, count: int, first: int = 0) -> Tensor:
    """Choose for each sample of a batch.

    Parameters
    ----------
    seed : int
        The run's seed.
    step : int
        Number of the step.
    count : int
        Samples of this process.
    first : int
        Place of the first of them in the global batch.

    Returns
    -------
    (count,) bool tensor
        True for the real PET.

    Examples
    --------
    >>> int(draw_real(0, 5, 4).sum())
    2
    >>> torch.equal(draw_real(0, 5, 4)[2:], draw_real(0, 5, 2, first=2))
    True
    """
    coin = int(np.random.default_rng((seed, step)).integers(2))
    return (torch.arange(first, first + count) + coin) % 2 == 0
