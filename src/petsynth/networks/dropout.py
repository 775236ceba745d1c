"""Dropout that is always on and whose mask is chosen by an integer.

Sources
-------
- Isola et al. 2017, "Image-to-image translation with conditional adversarial networks",
  section 3.1: dropout in training and in prediction is the generator's only noise.
- Ours: the mask belongs to an image, not to a batch. An image's key decides its mask whatever
  stands beside it in the batch and whatever device computes, so that batches agree with single
  images and a resumed training with an undisturbed one.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor, nn


class KeyedDropout(nn.Module):
    """Zero a fraction of the values of each image, and scale up the others.

    Parameters
    ----------
    rate : float
        Probability of being zeroed, in [0, 1).
    layer : int
        Number of this layer; layers of one network have independent masks.

    Examples
    --------
    >>> dropout = KeyedDropout(0.5, layer=0)
    >>> pair = dropout(torch.ones(2, 8, 4, 4), torch.tensor([7, 8]))
    >>> alone = dropout(torch.ones(1, 8, 4, 4), torch.tensor([8]))
    >>> torch.equal(pair[1], alone[0])
    True
    """

    def __init__(self, rate: float, layer: int):
        super().__init__()
        self.rate = rate
        self.layer = layer

    def forward(self, features_BCHW: Tensor, keys_B: Tensor) -> Tensor:
        """Drop values; ``keys_B`` holds one key, a non-negative integer, per image."""
        if self.rate == 0:
            return features_BCHW
        keys = keys_B.tolist()
        shape = tuple(features_BCHW.shape[1:])
        distinct = {key: self._mask(key, shape) for key in keys}
        # One mask serves all slices of a volume; broadcasting spares the copies.
        masks = list(distinct.values()) if len(distinct) == 1 else [distinct[key] for key in keys]
        mask_BCHW = torch.from_numpy(np.stack(masks)).to(features_BCHW)
        return features_BCHW * mask_BCHW

    def _mask(self, key: int, shape: tuple[int, ...]) -> np.ndarray:
        return _sample_mask(key, self.layer, shape, self.rate)

    def extra_repr(self) -> str:
        """Show the rate in the printed network."""
        return f"rate={self.rate}, layer={self.layer}"


@functools.lru_cache(maxsize=64)
def _sample_mask(key: int, layer: int, shape: tuple[int, ...], rate: float) -> np.ndarray:
    # The same few masks serve all batches of a volume, hence the small cache.
    kept = np.random.default_rng((key, layer)).random(shape, dtype=np.float32) >= rate
    return kept.astype(np.float32) / np.float32(1 - rate)


def sample_keys(seed: int, step: int, count: int, first: int = 0) -> Tensor:
    """Derive the dropout keys of one training step.

    Parameters
    ----------
    seed : int
        The run's seed.
    step : int
        Number of the training step.
    count : int
        How many images the batch has.
    first : int
        Place of its first image in the batch of all processes together.

    Returns
    -------
    (count,) int64 tensor
        The image at a place has the key of (seed, step, place).

    Examples
    --------
    >>> torch.equal(sample_keys(0, step=5, count=4)[:2], sample_keys(0, step=5, count=2))
    True
    """
    keys = [
        np.random.SeedSequence((seed, step, place)).generate_state(1, np.uint64)[0] >> np.uint64(1)
        for place in range(first, first + count)
    ]
    return torch.from_numpy(np.array(keys, dtype=np.int64))
