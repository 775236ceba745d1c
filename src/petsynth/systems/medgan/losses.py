"""The losses of MedGAN beside the adversarial one, on lists of features.

Sources
-------
- Armanious et al. 2020, MedGAN: perceptual loss of the discriminator's layers, style and content
  loss of a feature extractor's.
- Gatys, Ecker and Bethge 2016, Image style transfer using convolutional neural networks, section
  2: Gram matrices.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def perceptual_loss(synthetic: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Return the mean absolute difference of features, summed over layers.

    Parameters
    ----------
    synthetic, real : sequence of (B, C, H, W) tensors
        Features of the synthetic and of the measured PET, layer by layer.

    Examples
    --------
    >>> zeros, ones = torch.zeros(1, 2, 3, 3), torch.ones(1, 2, 3, 3)
    >>> perceptual_loss([zeros, zeros], [ones, 2 * ones]).item()
    3.0
    """
    terms = [functional.l1_loss(*pair) for pair in zip(synthetic, real, strict=True)]
    return torch.stack(terms).sum()


def gram_matrix(features_BCHW: Tensor) -> Tensor:
    """Return how much the channels occur together, whatever the place.

    Parameters
    ----------
    features_BCHW : (B, C, H, W) tensor
        Features.

    Returns
    -------
    (B, C, C) tensor
        Sums over places of the products of two channels, divided by C H W.

    Examples
    --------
    >>> gram_matrix(torch.tensor([[[[1.0, 2.0]], [[0.0, 3.0]]]])).tolist()
    [[[1.25, 1.5], [1.5, 2.25]]]
    """
    flat_BCN = features_BCHW.flatten(2)
    return flat_BCN @ flat_BCN.mT / features_BCHW[0].numel()


def style_loss(synthetic: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Return the squared difference of Gram matrices over 4 C^2, summed over layers.

    Parameters
    ----------
    synthetic, real : sequence of (B, C, H, W) tensors
        Features, layer by layer; a layer's term is the mean over the batch.
    """
    terms = [
        functional.mse_loss(gram_matrix(one), gram_matrix(other)) / 4
        for one, other in zip(synthetic, real, strict=True)
    ]
    return torch.stack(terms).sum()


def content_loss(synthetic: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Return the mean squared difference of features, summed over layers.

    Parameters
    ----------
    synthetic, real : sequence of (B, C, H, W) tensors
        Features, layer by layer.
    """
    terms = [functional.mse_loss(*pair) for pair in zip(synthetic, real, strict=True)]
    return torch.stack(terms).sum()
