"""The norm and the starting weights that both networks of pix2pix share.

Sources
-------
- The Keras notebook that paper A names (github.com/tjwei/GANotebooks, pix2pix-keras.ipynb):
  batch norm with epsilon 1.01e-5 and always batch statistics; kernels N(0, 0.02),
  gammas N(1, 0.02).
- Decision record 0030: at the paper's batch size of 1 that norm is an instance norm.
"""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import nn

NORM_EPSILON = 1.01e-5
"""Added to the variance (the notebook's figure)."""


def instance_norm(channels: int) -> nn.GroupNorm:
    """Return a norm of each channel of each image by its own mean and variance, with affine.

    A group norm with one channel per group is an instance norm; torch computes it without
    copying where tensors lie channels-last.
    """
    return nn.GroupNorm(channels, channels, eps=NORM_EPSILON, affine=True)


def initialise_weights(network: nn.Module) -> None:
    """Draw the notebook's starting weights from torch's global generator, in place."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Conv3d):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.GroupNorm):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)


def lay_channels_last(network: nn.Module) -> None:
    """Store kernels with channels innermost, in place: the layout of the fastest convolutions.

    Values stay the same. Images of one channel fit both layouts, and what the first
    convolution returns follows its kernel's.
    """
    layouts = {4: torch.channels_last, 5: torch.channels_last_3d}
    for weight in network.parameters():
        if weight.ndim in layouts:
            weight.data = weight.data.contiguous(memory_format=layouts[weight.ndim])


def count_parameters(network: nn.Module) -> int:
    """Return how many trainable numbers a network has."""
    return sum(weight.numel() for weight in network.parameters() if weight.requires_grad)


def full_precision(device: str) -> contextlib.AbstractContextManager[Any]:
    """Suspend bf16 on a type of device; nothing is done on torch's meta device, which has none."""
    if not torch.amp.is_autocast_available(device):
        return contextlib.nullcontext()
    return torch.autocast(device, enabled=False)
